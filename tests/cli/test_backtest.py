"""The command `backtest`: what it asks for, what it refuses, what it writes."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from retention_ml.cli import app
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop


@pytest.fixture(autouse=True)
def _surroundings(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETENTION_TRAINING__BOOTSTRAP_DRAWS", "50")


def _backtest(folder: Path, *options: str) -> Result:
    where: Sequence[str] = (
        "--report", str(folder / "R.json"), "--predictions", str(folder / "P.parquet"),
    )  # fmt: skip
    return CliRunner().invoke(app, ["backtest", *where, *options, "--json"])


def test_a_backtest_writes_report_predictions_and_page(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    random_shop(warehouse, customers=250, days=300, seed=4)
    asked = ("--models", "recency,rfm_logistic", "--horizon-days", "20", "--active-days", "80")
    done = _backtest(
        tmp_path, "--from", "2024-08-01", "--to", "2024-09-15", "--every", "30d", *asked
    )
    assert done.exit_code == 0, done.output
    receipt = json.loads(done.stdout)
    assert receipt["days"] == ["2024-08-01", "2024-08-31"]
    report = json.loads((tmp_path / "R.json").read_text(encoding="utf-8"))
    assert report["task"]["definition"]["horizon_days"] == 20
    assert report["task"]["definition"]["active_days"] == 80
    table = pq.read_table(tmp_path / "P.parquet")
    assert table.column_names == ["as_of", "customer_id", "churned", "recency", "rfm_logistic"]
    assert table.num_rows == receipt["read"]
    assert (tmp_path / "R.html").is_file()
    with warehouse.transaction() as transaction:
        noted = transaction.execute(
            "SELECT count(*) FROM ops.receipts WHERE door = 'models.backtest'"
        )
    assert noted[0][0] == 1
    late = _backtest(tmp_path, "--as-of", "2024-10-20", *asked)
    assert late.exit_code == 3
    assert "The outcome of 2024-10-20 is not known" in json.loads(late.stdout)["message"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Name days with --as-of"),
        (("--as-of", "2024-08-01", "--to", "2024-09-01"), "Name days with --as-of"),
        (("--as-of", "yesterday"), "'yesterday' is no day"),
        (("--from", "2024-08-01", "--to", "2024-09-01", "--every", "0"), "--every is '0'"),
        (("--from", "2024-09-01", "--to", "2024-08-01"), "--from 2024-09-01 lies after --to"),
        (("--as-of", "2024-08-01", "--horizon-days", "0"), "--horizon-days is 0"),
        (("--as-of", "2024-08-01", "--models", "prophet"), "no model 'prophet'"),
    ],
)
def test_a_wrong_request_is_refused_in_a_sentence(
    options: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    done = _backtest(tmp_path, *options)
    assert done.exit_code == 2, done.output
    assert says in json.loads(done.stdout)["message"]
    assert not list(tmp_path.glob("*.*"))


def test_recommendations_are_backtested_by_the_same_command(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    random_shop(warehouse, customers=200, days=300, seed=4)
    asked = ("--what", "recommendations", "--models", "champion,personal_frequency")
    done = _backtest(tmp_path, "--as-of", "2024-08-01", "--horizon-days", "20", *asked)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["methods"] == ["champion", "personal_frequency"]
    report = json.loads((tmp_path / "R.json").read_text(encoding="utf-8"))
    assert report["task"]["horizon_days"] == 20
    table = pq.read_table(tmp_path / "P.parquet")
    assert table.column_names == ["as_of", "customer_id", "list", "rank", "product_id", "model"]
    unknown = _backtest(
        tmp_path, "--as-of", "2024-08-01", "--what", "recommendations", "--models", "prophet"
    )
    assert "no method 'prophet'" in json.loads(unknown.stdout)["message"]
