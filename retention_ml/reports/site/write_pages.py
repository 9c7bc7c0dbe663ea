"""The door to the pages as files: a folder that a browser opens, without a server or a network."""

import shutil
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path

from retention_ml.atomic_files import replacing, write_text
from retention_ml.pages.links import PAGES, FileLinks
from retention_ml.reports.site.answer import MAKERS
from retention_ml.reports.site.look import looking
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

ASSETS = (
    "echarts.min.js", "pages.js", "echarts.LICENSE", "echarts.LICENSE-d3", "echarts.NOTICE",
)  # fmt: skip


def write_pages(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date | None = None,
    folder: Path | None = None,
) -> Path:
    """Write the five pages of a published day; the path of the first.

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
        pages = {name: MAKERS[name](look) for name in PAGES if name in MAKERS}
    for asset in ASSETS:
        with (
            as_file(files("retention_ml.pages") / "assets" / asset) as source,
            replacing(folder / "assets" / asset) as new,
        ):
            shutil.copyfile(source, new)
    for name, text in pages.items():
        write_text(folder / f"{name}.html", text)
    return folder / "today.html"
