"""Profiles on the terminal: made, published, and shown with the heat map."""

import json

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop


def test_profiles_are_made_published_and_shown(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("COLUMNS", "150")
    random_shop(warehouse, customers=60, days=400)
    shown = CliRunner().invoke(app, ["profile", "--as-of", "2024-12-01"])
    assert shown.exit_code == 0, shown.output
    for words in (
        "profile of 2024-12-01", "publish_profiles of", "Stages on 2024-12-01", "slipping",
        "first order (?: not over for all", "2024-01*", "2024-05 ", "?",
        "Nothing can be learnt about value", "expected to bring", "value tier", "medium",
    ):  # fmt: skip
        assert words in shown.stdout
    assert "Expected in the 28 days from 2024-12-01 on" in shown.stdout
    assert "There are no personas" in shown.stdout  # of 60 customers
    asked = CliRunner().invoke(app, ["profile", "--as-of", "2024-12-01", "--refit-personas"])
    assert asked.exit_code != 0
    assert "--by NAME --reason TEXT" in asked.output
    for command in (["profile"], ["abnormal", "detect"]):
        ahead = CliRunner().invoke(app, [*command, "--as-of", "2062-12-01"])
        assert ahead.exit_code != 0
        assert "2062-12-01 lies ahead; expected a day up to tomorrow" in ahead.output
    again = CliRunner().invoke(app, ["profile", "--as-of", "2024-12-01", "--json"])
    document = json.loads(again.stdout)
    assert document["profile"]["is_repeat"]
    assert document["publish_profiles"]["is_repeat"]
    assert document["fit_value"]["sentence"].startswith("Nothing can be learnt about value")


def test_a_shop_without_orders_is_a_sentence(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    shown = CliRunner().invoke(app, ["profile", "--as-of", "2024-12-01"])
    assert shown.exit_code == 3
    assert "No order of a customer is known before 2024-12-01" in shown.output
