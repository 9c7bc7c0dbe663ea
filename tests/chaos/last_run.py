"""What the last `make chaos` came to, kept in `last_run.json`; a plugin of pytest for it.

`make chaos` deletes the file first and loads this module in both of its parts. Each adds, test by
test, how many cases passed, failed and were skipped, and writes docs/faults.md anew.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from retention_ml import clock
from tests.chaos.marked import TESTS, faults

FILE = Path(__file__).with_name("last_run.json")
Run = Mapping[str, Any]


def read() -> Run | None:
    """Date, version, seconds, and per `path::test` its counts; None before the first full run."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else None


class _Recorder:
    def __init__(self) -> None:
        self._began = clock.now()
        self._counts: dict[str, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a case by its call, or by what kept it from being called."""
        if report.when == "call" or not report.passed:
            path, _, rest = report.nodeid.partition("::")
            name = f"{path}::{rest.partition('[')[0]}"
            self._counts.setdefault(name, Counter())[report.outcome] += 1

    def pytest_sessionfinish(self) -> None:
        """Add the marked tests to the file, and write the page."""
        marked = {f"{fault.path}::{fault.test}" for fault in faults()}
        counts = {name: dict(count) for name, count in self._counts.items() if name in marked}
        before = read() or {"date": f"{self._began:%Y-%m-%d}", "version": _version(), "seconds": 0}
        seconds = before["seconds"] + round((clock.now() - self._began).total_seconds())
        run = before | {"seconds": seconds, "tests": before.get("tests", {}) | counts}
        FILE.write_text(json.dumps(run, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        from tests.chaos import write_faults_page

        write_faults_page.main()


def _version() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    described = subprocess.run(asked, cwd=TESTS, capture_output=True, text=True, check=False)
    return described.stdout.strip()


def pytest_configure(config: pytest.Config) -> None:
    """Record where the results come together: not in workers of xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(), "last_run")
