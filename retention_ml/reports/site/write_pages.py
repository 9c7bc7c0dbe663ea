"""The door to the pages as files: a folder that a browser opens, without a server or a network."""

import os
import shutil
from dataclasses import replace
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from urllib.parse import quote

from retention_ml.atomic_files import replacing, write_text
from retention_ml.pages.links import PAGES, FileLinks
from retention_ml.reports.site.answer import EXPORT, MAKERS
from retention_ml.reports.site.customer import customer_page
from retention_ml.reports.site.customers import export, most_at_stake
from retention_ml.reports.site.look import Look, looking
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

ASSETS = (
    "echarts.min.js", "pages.js", "echarts.LICENSE", "echarts.LICENSE-d3", "echarts.NOTICE",
)  # fmt: skip


CUSTOMERS_WITH_PAGE = 50
"""Customers with most value at risk who get a page of their own: all of Today's are among them."""


def write_pages(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date | None = None,
    folder: Path | None = None,
) -> Path:
    """Write the six pages of a published day; the path of the first.

    They replace those of an earlier call in the same folder. They hold customers' numbers, reasons
    and values, so who may read the folder is who may read the shop's customers.

    Parameters
    ----------
    as_of : date, optional
        The published day; the newest by default.
    folder : Path, optional
        Where to; `reports/pages` in the home by default.

    Raises
    ------
    NotThere
        The day has no scores.
    """
    folder = folder or settings.home / "reports" / "pages"
    with looking(warehouse, settings, as_of=as_of, links=FileLinks()) as look:
        pages = _pages(replace(look, links=_links(look, settings, folder)))
        if look.day:
            with replacing(folder / EXPORT) as new, new.open("x", encoding="utf-8") as file:
                file.writelines(export(look))
    for asset in ASSETS:
        with (
            as_file(files("retention_ml.pages") / "assets" / asset) as source,
            replacing(folder / "assets" / asset) as new,
        ):
            shutil.copyfile(source, new)
    for name, text in pages.items():
        write_text(folder / name, text)
    for stale in folder.glob("customer_*.html"):
        if stale.name not in pages:
            stale.unlink()
    return folder / "today.html"


def _links(look: Look, settings: Settings, folder: Path) -> FileLinks:
    """Pages of the customers with most at stake, and the quality reports that exist."""
    stake = most_at_stake(look, look.day, limit=CUSTOMERS_WITH_PAGE) if look.day else []
    reports = sorted((settings.home / "reports" / "quality").glob("batch_*.html"))
    return FileLinks(
        customers={
            row["customer_id"]: f"customer_{number:03d}.html" for number, row in enumerate(stake, 1)
        },
        batches={
            int(path.stem.removeprefix("batch_")): quote(os.path.relpath(path, folder))
            for path in reports
        },
    )


def _pages(look: Look) -> dict[str, str]:
    """Text by file name."""
    pages = {f"{name}.html": MAKERS[name](look) for name in PAGES}
    assert isinstance(look.links, FileLinks)
    for customer_id, name in look.links.customers.items():
        pages[name] = customer_page(replace(look, asked={"id": customer_id}))
    return pages
