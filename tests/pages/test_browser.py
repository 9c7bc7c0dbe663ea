"""The charts in a real browser without a network; skipped where the machine has none."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from retention_ml.reports.site.write_pages import write_pages
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.published_shop import EVIL, published_shop

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> str:
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip(f"No browser is installed: none of {', '.join(BROWSERS)} is on the PATH")


@pytest.mark.slow
def test_every_chart_is_drawn_and_nothing_of_the_data_is_executed(
    browser: str, warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    published_shop(warehouse, settings)
    write_pages(warehouse, settings=settings, folder=tmp_path / "pages")
    for name in ("today", "customers"):
        done = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
                "--virtual-time-budget=5000", "--dump-dom",
                (tmp_path / "pages" / f"{name}.html").as_uri(),
            ],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        assert 'data-drawn="true"' in done.stdout
        figures = done.stdout.count("<figure data-chart")
        assert figures >= 1
        assert len(re.findall(r'<div class="chart"[^>]*>\s*<div[^>]*><svg', done.stdout)) == figures
        assert EVIL not in done.stdout
