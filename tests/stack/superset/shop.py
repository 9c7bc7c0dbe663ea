"""A simulated shop with all that the dashboards show, in the embedded warehouse of a home."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from retention_ml import clock
from retention_ml.cli import app
from retention_ml.settings import Settings, load
from retention_ml.simulate import simulate
from retention_ml.stack import address
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill

FIRST, DAY = date(2024, 1, 1), "2025-03-03"
MATURED = ("2025-01-13", "2025-01-20")
BEFORE = "2025-02-24"
_VARIABLES = {
    "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "50",
    "RETENTION_TRAINING__CANDIDATES": '["recency", "rfm_logistic"]',
    "RETENTION_TRAINING__CHAMPION_CANDIDATE": "rfm_logistic",
    "RETENTION_TRAINING__CUTOFF_COUNT": "3",
    "RETENTION_READINESS__CUSTOMERS_MIN": "50",
    "RETENTION_READINESS__CHURNED_MIN": "10",
    "RETENTION_READINESS__RETAINED_MIN": "10",
}


@contextmanager
def filled_shop(folder: Path) -> Iterator[Settings]:
    """The settings of a home below `folder` whose Postgres runs, through all steps.

    A file was refused, and an alert was raised.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RETENTION_SETTINGS", "RETENTION_WAREHOUSE_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("RETENTION_HOME", str(folder / "home"))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        for name, value in _VARIABLES.items():
            patch.setenv(name, value)
        simulate(customers=220, days=430, seed=7, out=folder / "shop", first_day=FIRST)
        _run("ingest", "--source", "simulated", "--history", *_files(folder / "shop"))
        settings = load()
        with closing(address.warehouse(settings)) as warehouse:
            _permit(warehouse)
            for day in (*MATURED, BEFORE, DAY):
                _run("score", "--as-of", day)
            for step in ("measure", "profile", "assign", "watch", "train"):
                _run(step, "--as-of", DAY)
            _raise_alert(warehouse)
        _refuse_a_file(folder)
        yield settings


def _files(shop: Path) -> list[str]:
    return sorted(str(path) for path in shop.glob("*.csv"))


def _run(*arguments: str) -> None:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output


def _refuse_a_file(folder: Path) -> None:
    """A later file of orders whose columns nobody expects."""
    path = folder / "orders.csv"
    path.write_text("nobody,expects\n1,2\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["ingest", "--source", "simulated", str(path), "--json"])
    assert done.exit_code != 0, json.loads(done.stdout)


def _permit(warehouse: Warehouse) -> None:
    """Everybody allows mail."""
    people = warehouse.read("SELECT customer_id FROM curated.customers ORDER BY 1")
    rows = [
        {
            "customer_id": name,
            "channel": "email",
            "purpose": "marketing",
            "kind": "granted",
            "event_at": clock.midnight(date(2024, 1, 5), "UTC"),
            "address": f"{name}@example.com",
        }
        for name in people["customer_id"].to_pylist()
    ]
    fill(warehouse, "contact_permissions", pa.Table.from_pylist(rows))


def _raise_alert(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert_row(
            "ops.alerts",
            {
                "as_of": date.fromisoformat(DAY), "kind": "stale_scores", "subject": "scores",
                "severity": "warning", "sentence": "Scores are old.", "runbook": "Stale scores",
                "evidence": {}, "run_id": "test", "raised_at": clock.midnight(date(2025, 3, 4), "UTC"),
            },
        )  # fmt: skip
