"""What is printed of measured outcomes, also where there is nothing to print."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.outcomes import measure as measure_module
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.outcomes.world import Shop, weeks

AS_OF = str(weeks(5)[-1] + timedelta(days=29))


@pytest.fixture(autouse=True)
def _own(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path))
    monkeypatch.setenv("RETENTION_TRAINING__BOOTSTRAP_DRAWS", "50")
    monkeypatch.setattr(measure_module, "_report", lambda *_: "trial.html")


@pytest.fixture
def shop(warehouse: Warehouse) -> Shop:
    shop = Shop(warehouse, load(), customers=400, days=80)
    for day in weeks(5):
        shop.publish(day, shop.noisy(1.5), shop.truth)
    return shop


def test_nothing_published_is_said() -> None:
    shown = CliRunner().invoke(app, ["measure", "--as-of", AS_OF])
    assert shown.exit_code == 0, shown.exception
    assert "Nothing was published" in shown.stdout
    assert ": none." in shown.stdout


@pytest.mark.usefixtures("shop")
def test_performance_evidence_and_verdict_are_printed() -> None:
    shown = CliRunner().invoke(app, ["measure", "--as-of", AS_OF])
    assert shown.exit_code == 0, shown.exception
    for words in (str(weeks(5)[0]), "e better", "bought once", "retention rate", "promote:"):
        assert words in shown.stdout
    assert "The trial to read: trial.html" in shown.stdout


@pytest.mark.usefixtures("shop")
def test_json_is_one_document() -> None:
    shown = CliRunner().invoke(app, ["measure", "--as-of", AS_OF, "--json"])
    found = json.loads(shown.stdout)
    assert found["verdict"] == "promote"
    assert found["trial"]["scored_days_count"] == 5
    assert {row["metric"] for row in found["performance"]} >= {"roc_auc", "ece"}
    assert {row["comparison"] for row in found["comparisons"]} == {"paired", "arms"}


def test_without_a_trial_there_is_nothing_to_decide() -> None:
    shown = CliRunner().invoke(app, ["decide", "--as-of", AS_OF])
    assert shown.exit_code == 0, shown.exception
    assert "Nothing was done" in shown.stdout
