"""What is printed of measured outcomes, also where there is nothing to print."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.outcomes import measure as measure_module
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.worlds.outcomes import Shop, weeks

AS_OF = str(weeks(5)[-1] + timedelta(days=29))


@pytest.fixture(autouse=True)
def _environment(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    document = json.loads(shown.stdout)
    assert document["verdict"] == "promote"
    assert document["trial"]["scored_days_count"] == 5
    assert {row["metric"] for row in document["performance"]} >= {"roc_auc", "ece"}
    assert {row["comparison"] for row in document["comparisons"]} == {"paired", "arms"}


def test_who_decides_and_what_they_say_reaches_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def door(warehouse: Warehouse, **options: Any) -> DecisionReceipt:
        asked.update(options)
        details = {"acted": True, "verdict": "keep", "reason": "Turned down by bob: sale week."}
        return DecisionReceipt(door="decide", sentence="keep", seconds=0.1, details=details)

    monkeypatch.setattr("retention_ml.outcomes.trial.decide.decide", door)
    options = ["--refused-by", "bob", "--remark", "sale week"]
    shown = CliRunner().invoke(app, ["decide", "--as-of", AS_OF, *options])
    assert shown.exit_code == 0, shown.exception
    assert (asked["approved_by"], asked["refused_by"], asked["remark"]) == (
        None, "bob", "sale week",
    )  # fmt: skip
    assert shown.stdout == "Done (keep): Turned down by bob: sale week.\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--approved-by", "ann", "--refused-by", "bob"], "expected one of them"),
        (["--refused-by", " "], "person who approves or refuses"),
    ],
)
def test_two_answers_or_one_without_a_name_decide_nothing(options: list[str], words: str) -> None:
    shown = CliRunner().invoke(app, ["decide", "--as-of", AS_OF, "--json", *options])
    assert shown.exit_code == 2
    document = json.loads(shown.stdout)
    assert document["error"] == "UsageError"
    assert words in document["message"]


def test_without_a_trial_there_is_nothing_to_decide() -> None:
    shown = CliRunner().invoke(app, ["decide", "--as-of", AS_OF])
    assert shown.exit_code == 0, shown.exception
    assert "Nothing was done" in shown.stdout


def _publish_one_day(warehouse: Warehouse) -> str:
    shop = Shop(warehouse, load(), customers=400, days=80)
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    return str(day + timedelta(days=10))


def test_new_alerts_are_printed_and_told_once(warehouse: Warehouse) -> None:
    late = _publish_one_day(warehouse)
    shown = CliRunner().invoke(app, ["watch", "--as-of", late])
    assert shown.exit_code == 0, shown.exception
    assert "critical: The newest published scores are of" in shown.stdout
    assert "docs/runbook.md#stale-scores" in shown.stdout
    next_day = str(weeks(1)[0] + timedelta(days=11))
    shown = CliRunner().invoke(app, ["watch", "--as-of", next_day])
    assert "There are no new alerts." in shown.stdout


def test_alerts_as_json_are_one_document(warehouse: Warehouse) -> None:
    shown = CliRunner().invoke(app, ["watch", "--as-of", _publish_one_day(warehouse), "--json"])
    document = json.loads(shown.stdout)
    assert [alert["kind"] for alert in document["alerts"]] == ["stale_scores"]


def test_an_empty_warehouse_has_no_alerts() -> None:
    shown = CliRunner().invoke(app, ["watch", "--as-of", AS_OF])
    assert shown.exit_code == 0, shown.exception
    assert "There are no new alerts." in shown.stdout
