"""Abnormal customers on the terminal: detected, listed with evidence, confirmed and cleared."""

import json

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.warehouse import Warehouse
from tests.worlds.abnormal_shop import BOT, DAY, RESELLER, abnormal_shop


def test_abnormal_customers_are_detected_listed_and_decided_about(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("COLUMNS", "250")
    abnormal_shop(warehouse)
    made = CliRunner().invoke(app, ["abnormal", "detect", "--as-of", f"{DAY}"])
    assert made.exit_code == 0, made.output
    assert f"Abnormal customers of {DAY}" in " ".join(made.stdout.split())
    assert "3 of them are excluded" in made.output
    shown = CliRunner().invoke(app, ["abnormal", "list"])
    for words in (BOT, "brusher", "Looked at 480 products in 12 visits", "flagged"):
        assert words in shown.stdout
    cleared = CliRunner().invoke(
        app, ["abnormal", "clear", BOT, "--reason", "our own test", "--by", "Ada", "--as-of", f"{DAY}"]
    )  # fmt: skip
    assert "counts as one again" in cleared.stdout
    confirmed = CliRunner().invoke(
        app, ["abnormal", "confirm", RESELLER, "--reason", "known", "--as-of", f"{DAY}", "--json"]
    )
    assert json.loads(confirmed.stdout)["decision"] == "confirmed"
    CliRunner().invoke(app, ["abnormal", "detect", "--as-of", f"{DAY}"])
    rows = json.loads(CliRunner().invoke(app, ["abnormal", "list", "--json"]).stdout)
    by_customer = {row["customer_id"]: row for row in rows}
    assert (by_customer[BOT]["status"], by_customer[BOT]["decided_by"]) == ("cleared", "Ada")
    assert by_customer[RESELLER]["status"] == "confirmed"
    assert not by_customer[RESELLER]["is_excluded"]


def test_a_customer_who_was_never_flagged_needs_a_kind(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    shown = CliRunner().invoke(app, ["abnormal", "confirm", "c001", "--reason", "odd"])
    assert shown.exit_code == 2
    assert "Name what they are with --kind" in shown.output
