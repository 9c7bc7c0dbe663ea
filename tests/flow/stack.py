"""A running local stack of its own, with what tests of the flow ask of it."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.settings import Settings, load
from retention_ml.stack import address, databases, demo, local
from retention_ml.stack.airflow_api import AirflowApi
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse

QUICK = {
    "RETENTION_TRAINING__CANDIDATES": "recency,rfm_logistic",
    "RETENTION_TRAINING__TUNING_TRIALS": "1",
    "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "100",
    "RETENTION_READINESS__CUSTOMERS_MIN": "50",
}
"""Settings with which a small shop's day takes a minute or two."""
LATEST = "SELECT * FROM reports.customer_risk ORDER BY customer_id"
_HISTORY = "SELECT DISTINCT as_of FROM reports.customer_risk_history ORDER BY 1"


@dataclass(frozen=True)
class Stack:
    """A running stack of its own, with what tests ask of it."""

    settings: Settings
    airflow: AirflowApi
    warehouse: Warehouse
    lines: list[str]

    def follow(self, day: date) -> None:
        """Wait until the day went through all four DAGs; fails with the words of a failed task."""
        demo.follow(self.airflow, day, self.lines.append)

    def latest(self) -> str:
        """A digest of what BI reads as the latest day."""
        rows = self.warehouse.read(LATEST).to_pylist()
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    def days(self) -> list[date]:
        """The days whose scores BI can read."""
        return list(self.warehouse.read(_HISTORY)["as_of"].to_pylist())

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        return list(self.warehouse.read(query).to_pylist())

    def inbox(self) -> list[str]:
        """Every file below the folder of the shop in the inbox."""
        folder = self.settings.home / "inbox" / "simulated"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def task_state(self, day: date, task_id: str) -> str | None:
        """The state of a task of the day's last ingestion."""
        runs = self.airflow.runs(demo.CHAIN[0], day)
        tasks = self.airflow.tasks(demo.CHAIN[0], runs[-1]["dag_run_id"]) if runs else []
        return next((task["state"] for task in tasks if task["task_id"] == task_id), None)

    def states(self, day: date) -> dict[str, str]:
        """The state of the day's last run of each DAG."""
        return {
            dag_id: str(runs[-1]["state"])
            for dag_id in demo.CHAIN
            if (runs := self.airflow.runs(dag_id, day))
        }


@contextmanager
def running_stack(home: Path, variables: Mapping[str, str]) -> Iterator[Stack]:
    """A stack in a new home, with these variables beside those of `QUICK`; stopped in the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RETENTION_")]:
            patch.delenv(name)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name, value in {**QUICK, "RETENTION_HOME": str(home), **variables}.items():
            patch.setenv(name, value)
        settings = load()
        _choose_free_ports(home)
        warehouse: Warehouse | None = None
        try:
            local.up(settings)
            airflow = demo.connect(settings)
            demo.wait_for_dags(airflow)
            warehouse = address.warehouse(settings)
            yield Stack(settings, airflow, warehouse, [])
        finally:
            if warehouse is not None:
                warehouse.close()
            try:
                local.down(settings)
            finally:
                databases.server(home).stop("immediate")


def wait_until(is_done: Callable[[], bool], seconds: float = 240) -> None:
    """Wait until something is done."""
    started = time.monotonic()
    while not is_done():
        assert time.monotonic() - started < seconds
        time.sleep(1)


def _choose_free_ports(home: Path) -> None:
    chosen = {"airflow": free_port(), "mlflow": free_port()}
    (home / "run").mkdir()
    (home / "run" / "ports.json").write_text(json.dumps(chosen), encoding="utf-8")
