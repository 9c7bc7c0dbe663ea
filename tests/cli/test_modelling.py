"""What is printed of models and scores, also where there is nothing to print."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.cli.frame import with_registry
from retention_ml.cli.tables import print_tiers
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def test_a_tier_in_which_nobody_is_is_told_in_words(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "risk_tier": "critical", "customers_count": 0, "customers_share": 0.0,
        "mean_churn_probability": None, "expected_value_at_risk": 0.0, "value_share": None,
        "tiers_by": "probability", "entered_count": 0, "left_count": 4,
    }  # fmt: skip
    print_tiers("2026-03-01", [row], settings)
    printed = capsys.readouterr().out
    assert "Risk tiers of 2026-03-01, by probability" in printed
    assert "value at risk (USD, next 90 days)" in printed
    assert "critical  nobody" in printed
    assert "Nobody is in tier critical: no customer's probability reaches it." in printed


def test_a_score_whose_model_is_gone_is_shown_with_its_note(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    explanation: dict[str, Any] = {
        "risk_percentile": 1.0, "note": "no longer served", "families": [], "features": [],
        "expected_value_at_risk": 12.5,
    }  # fmt: skip
    monkeypatch.setattr("retention_ml.scores.explain.explain", lambda *_, **__: explanation)
    monkeypatch.setattr(
        "retention_ml.reports.profiles.value_of",
        lambda *_, **__: {"horizon_days": 180, "value": 99.5, "value_tier": "high"},
    )
    shown = CliRunner().invoke(app, ["explain", "c1"])
    assert shown.exit_code == 0, shown.exception
    assert "no longer served" in shown.stdout
    assert "at the greatest risk of all customers" in shown.stdout
    assert "Score (amounts in USD)" in shown.stdout
    assert "value at risk (USD, next 90 days) 12.5" in " ".join(shown.stdout.split())
    assert "Value (amounts in USD)" in " ".join(shown.stdout.split())
    assert "value tier high" in " ".join(shown.stdout.split())


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A ledger with two champions one after the other and a trial; no registry answers."""
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with warehouse.transaction() as transaction:
        for version in ("1", "2"):
            transaction.execute(
                "INSERT INTO models.promotions (alias, model_name, model_version, bundle_sha256, "
                "verdict, decided_by, reason, evidence, decided_at) VALUES ('champion', 'ensemble', "
                ":version, :sha, 'promote', 'gate', 'better', '{}', '2026-03-01')",
                version=version,
                sha=version * 64,
            )
        transaction.execute(
            "INSERT INTO outcomes.trials (champion_version, champion_sha256, challenger_version, "
            "challenger_sha256, definition_hash, began_on, plan, status, run_id) VALUES "
            "('1', 'a', '2', 'b', 'd', '2026-02-01', '{}', 'won', 'r')"
        )
        transaction.execute(
            "INSERT INTO outcomes.trial_looks VALUES (1, '2026-03-01', 4, 1200, 0, 0.01, 0.002, "
            "0.018, 25, 0.1, 'promote', 'better', '{}', 'r', '2026-03-01')"
        )
    return warehouse


@pytest.mark.usefixtures("shop")
def test_the_versions_are_listed_from_the_ledger_where_no_registry_answers() -> None:
    shown = CliRunner().invoke(app, ["models", "--json"])
    assert shown.exit_code == 0, shown.exception
    listed = json.loads(shown.stdout)
    assert listed["registry"].startswith("This is from the ledger")
    two, one = listed["versions"]
    assert (two["version"], two["alias"], two["model"]) == ("2", "champion", "ensemble")
    assert two["last_decision"] == "promote as champion by gate, 2026-03-01"
    assert two["trial"].startswith(
        "won against version 1: Brier score improved by +0.0100 [+0.0020"
    )
    assert (one["alias"], one["trial"]) == (None, None)
    assert [row["model_version"] for row in listed["decisions"]] == ["2", "1"]
    people = CliRunner().invoke(app, ["models"])
    assert "Versions" in people.stdout
    assert "Decisions" in people.stdout


def test_without_any_version_the_lists_say_none(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shown = CliRunner().invoke(app, ["models"])
    assert "Versions: none." in shown.stdout
    assert "Decisions: none." in shown.stdout


def _receipt(door: str, **more: Any) -> DecisionReceipt:
    sentence = "Version 2 is champion."
    details = {"changed": True, "alias": "It stands.", **more}
    return DecisionReceipt(door=door, sentence=sentence, seconds=0.1, details=details)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("command", "version"),
    [
        (["promote", "2"], "2"),
        (["rollback", "--to", "1"], "1"),
        (["rollback"], None),
    ],
)
def test_who_decides_and_why_reaches_the_door(
    command: list[str], version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def door(warehouse: Warehouse, **options: Any) -> DecisionReceipt:
        assert warehouse
        asked.update(options)
        return _receipt(f"models.{command[0]}", passed_over={"1": "it is gone"})

    monkeypatch.setattr(f"retention_ml.models.promotion.{command[0]}.{command[0]}", door)
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    shown = CliRunner().invoke(app, [*command, "--reason", "better"])
    assert shown.exit_code == 0, shown.exception
    assert (asked["version"], asked["decided_by"], asked["reason"]) == (version, "ann", "better")
    assert shown.stdout.splitlines() == [
        "Version 2 is champion.",
        "Version 1 was passed over: it is gone.",
        "The alias in MLflow: It stands.",
    ]
    CliRunner().invoke(app, [*command, "--reason", "better", "--by", "bea"])
    assert asked["decided_by"] == "bea"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("command", [["promote", "2"], ["rollback"]])
def test_a_decision_without_a_reason_is_a_usage_error(command: list[str]) -> None:
    assert CliRunner().invoke(app, command).exit_code == 2


@pytest.mark.usefixtures("shop")
def test_a_rollback_to_a_version_that_never_was_champion_is_explained() -> None:
    shown = CliRunner().invoke(app, ["rollback", "--to", "7", "--reason", "x", "--json"])
    assert shown.exit_code == 2
    assert "never was champion" in json.loads(shown.stdout)["message"]


def test_the_stack_s_registry_is_asked_where_there_is_a_stack(settings: Settings) -> None:
    assert with_registry(settings).tracking_uri is None
    (settings.home / "run").mkdir(parents=True)
    (settings.home / "run" / "ports.json").write_text('{"airflow": 8080, "mlflow": 5055}')
    assert with_registry(settings).tracking_uri == "http://127.0.0.1:5055"
    elsewhere = settings.model_copy(update={"tracking_uri": "http://mlflow.invalid"})
    assert with_registry(elsewhere).tracking_uri == "http://mlflow.invalid"
