"""The main job through Airflow: the real local stack, one day of a small shop, two past days again."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from retention_ml.settings import Settings, load
from retention_ml.simulate import simulate
from retention_ml.stack import address, databases, demo, local
from retention_ml.stack.airflow_api import AirflowApi
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse

pytestmark = pytest.mark.slow

_FIRST_DAY = date(2024, 1, 1)
_SHOP_DAYS = 430
_DAY = _FIRST_DAY + timedelta(days=_SHOP_DAYS)
_PAST = (_DAY - timedelta(days=9), _DAY - timedelta(days=8))
_QUICK = {
    "RETENTION_TRAINING__CANDIDATES": "recency,rfm_logistic",
    "RETENTION_TRAINING__TUNING_TRIALS": "1",
    "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "100",
    "RETENTION_READINESS__CUSTOMERS_MIN": "50",
}
_LATEST = "SELECT * FROM reports.customer_risk ORDER BY customer_id"
_HISTORY = "SELECT DISTINCT as_of FROM reports.customer_risk_history ORDER BY 1"


@dataclass(frozen=True)
class _Stack:
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
        rows = self.warehouse.read(_LATEST).to_pylist()
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    def days(self) -> list[date]:
        """The days whose scores BI can read."""
        return list(self.warehouse.read(_HISTORY)["as_of"].to_pylist())

    def states(self, day: date) -> dict[str, str]:
        """The state of the day's last run of each DAG."""
        return {
            dag_id: str(runs[-1]["state"])
            for dag_id in demo.CHAIN
            if (runs := self.airflow.runs(dag_id, day))
        }


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Stack]:
    home = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RETENTION_")]:
            patch.delenv(name)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name, value in _QUICK.items():
            patch.setenv(name, value)
        patch.setenv("RETENTION_HOME", str(home))
        settings = load()
        _choose_free_ports(home)
        warehouse: Warehouse | None = None
        try:
            local.up(settings)
            airflow = demo.connect(settings)
            demo.wait_for_dags(airflow)
            warehouse = address.warehouse(settings)
            yield _Stack(settings, airflow, warehouse, [])
        finally:
            if warehouse is not None:
                warehouse.close()
            try:
                local.down(settings)
            finally:
                databases.server(home).stop("immediate")


@pytest.fixture(scope="module")
def published(stack: _Stack, tmp_path_factory: pytest.TempPathFactory) -> _Stack:
    """The stack after a shop's whole history was dropped and its day ran."""
    shop = tmp_path_factory.mktemp("drop") / "shop"
    simulate(customers=900, days=_SHOP_DAYS, seed=7, out=shop, first_day=_FIRST_DAY)
    files = sorted(str(path) for path in shop.glob("*.csv"))
    conf = {"source": "simulated", "files": files, "history": True}
    stack.airflow.start(demo.CHAIN[0], f"test__{_DAY}", _DAY, conf)
    stack.follow(_DAY)
    return stack


def test_a_dropped_shop_goes_through_the_whole_chain_and_is_published(published: _Stack) -> None:
    assert published.states(_DAY) == dict.fromkeys(demo.CHAIN, "success")
    assert published.days() == [_DAY], published.lines
    rows = published.warehouse.read(_LATEST).to_pylist()
    assert len(rows) > 50
    assert {row["risk_tier"] for row in rows} <= {"critical", "high", "medium", "low"}
    assert {row["model_name"] for row in rows} == {"rfm_logistic"}


def test_a_backfill_makes_exactly_its_days_and_leaves_the_latest_view_alone(
    published: _Stack,
) -> None:
    before = published.latest()
    assert published.states(_PAST[0]) == {}
    published.airflow.backfill(demo.CHAIN[0], *_PAST)
    for day in _PAST:
        published.follow(day)
        assert published.states(day) == dict.fromkeys(demo.CHAIN, "success")
    assert published.days() == [*_PAST, _DAY]
    assert published.latest() == before


def test_down_leaves_no_process(stack: _Stack) -> None:
    stack.warehouse.close()
    assert len(_processes_of(stack.settings.home)) >= 6
    parts = local.down(stack.settings)
    assert {part["state"] for part in parts} == {"stopped"}
    assert _processes_of(stack.settings.home) == []


def _choose_free_ports(home: Path) -> None:
    chosen = {"airflow": free_port(), "mlflow": free_port()}
    (home / "run").mkdir()
    (home / "run" / "ports.json").write_text(json.dumps(chosen), encoding="utf-8")


def _processes_of(home: Path) -> list[int]:
    """Every other living process whose command or environment names the home."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in text:
            pids.append(int(folder.name))
    return pids
