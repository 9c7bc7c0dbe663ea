"""What is printed of models and scores, also where there is nothing to print."""

from typing import Any

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.cli.tables import print_tiers
from retention_ml.warehouse import Warehouse


def test_a_tier_in_which_nobody_is_has_no_mean_probability(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {
        "risk_tier": "critical", "customers_count": 0, "customers_share": 0.0,
        "mean_churn_probability": None, "expected_value_at_risk": 0.0,
        "entered_count": 0, "left_count": 0,
    }  # fmt: skip
    print_tiers("2026-03-01", [row])
    assert capsys.readouterr().out.splitlines()[-2].split() == [
        "critical", "0", "0.0%", "–", "0.00", "0", "0",
    ]  # fmt: skip


def test_a_score_whose_model_is_gone_is_shown_with_its_note(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    found: dict[str, Any] = {"note": "no longer served", "families": [], "features": []}
    monkeypatch.setattr("retention_ml.scores.explain.explain", lambda *_, **__: found)
    shown = CliRunner().invoke(app, ["explain", "c1"])
    assert shown.exit_code == 0, shown.exception
    assert "no longer served" in shown.stdout
