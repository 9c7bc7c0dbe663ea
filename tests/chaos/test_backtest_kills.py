"""Killed while backtesting: what was finished is kept, nothing is half-written, no process stays."""

import json
import multiprocessing
from datetime import date
from pathlib import Path

import pytest

from retention_ml.errors import RetentionError
from retention_ml.models.backtest.run import Files, backtest
from retention_ml.receipts import Receipt
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop

MODELS = ("recency", "rfm_logistic", "bg_nbd")
DAYS = (date(2024, 9, 1), date(2024, 10, 1))


def _run(warehouse: Warehouse, folder: Path, home: str) -> Receipt:
    settings = load(
        {"RETENTION_HOME": str(folder / home), "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "50"}
    )
    where = Files(report=folder / "R.json", predictions=folder / "P.parquet")
    return backtest(warehouse, settings=settings, days=DAYS, files=where, models=MODELS, workers=2)


@pytest.mark.fault("kill -9 of the processes of a backtest", promises="P2")
@pytest.mark.slow
@pytest.mark.thorough
def test_a_backtest_goes_on_after_its_processes_were_killed(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_shop(warehouse, customers=250, days=310, seed=3)
    with monkeypatch.context() as patch:
        patch.setenv("RETENTION_FAILPOINT", "backtest.after_part")
        with pytest.raises(RetentionError, match="processes of the backtest was killed"):
            _run(warehouse, tmp_path, "home")
    assert multiprocessing.active_children() == []
    assert not list(tmp_path.glob("*.*"))
    finished = list((tmp_path / "home").rglob("*.parquet"))
    assert 1 <= len(finished) <= 2
    resumed = _run(warehouse, tmp_path, "home")
    assert resumed.details["kept"] >= len(finished)
    assert resumed.details["kept"] + resumed.details["fitted"] == len(MODELS) * len(DAYS)
    report = json.loads((tmp_path / "R.json").read_text(encoding="utf-8"))
    # The control: a home without what was kept does all of it, and finds the same.
    anew = _run(warehouse, tmp_path, "another home")
    assert anew.details["kept"] == 0
    again = json.loads((tmp_path / "R.json").read_text(encoding="utf-8"))
    assert again["differences"] == report["differences"]
