"""Lists on the terminal: made, published, and shown for one customer."""

import json

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.cli.tables import print_lists
from retention_ml.recommendations.snapshots.explain import lists_of
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop


def test_lists_are_made_published_and_shown_for_a_customer(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    assert lists_of(warehouse, "c00001")["as_of"] is None
    print_lists(lists_of(warehouse, "c00001"))
    assert "No lists are published" in capsys.readouterr().out
    random_shop(warehouse, customers=60, days=400)
    shown = CliRunner().invoke(app, ["recommend", "--as-of", "2024-12-01"])
    assert shown.exit_code == 0, shown.output
    for words in (
        "recommend of 2024-12-01",
        "publish_lists of",
        "pair_products of",
        "Rows by list",
        "There is no ranker",
    ):
        assert words in shown.stdout
    again = CliRunner().invoke(app, ["recommend", "--as-of", "2024-12-01", "--json"])
    document = json.loads(again.stdout)
    assert document["recommend"]["is_repeat"]
    assert document["fit"] is None
    assert document["pair_products"]["is_new"] is False
    rows = warehouse.read("SELECT customer_id FROM reports.recommendations LIMIT 1").to_pylist()
    recommended = lists_of(warehouse, rows[0]["customer_id"])
    assert [row["rank"] for row in recommended["lists"] if row["list"] == "mixed"][:2] == [1, 2]
    print_lists(recommended)
    printed = capsys.readouterr().out
    for words in ("Most probable, 2024-12-01", "To buy again", "New to try", " p0", "you "):
        assert words in printed
    nobody = lists_of(warehouse, "nobody")
    assert (str(nobody["as_of"]), nobody["lists"]) == ("2024-12-01", [])
