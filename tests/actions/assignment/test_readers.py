"""What people see of a day: the views, the explanation of a customer, the commands."""

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from retention_ml.actions.explain import explain
from retention_ml.actions.holdout.membership import in_holdout
from retention_ml.cli import app
from tests.worlds.decisions import DAY, DecisionShop


def test_next_action_has_every_scored_customer_with_action_and_why(shop: DecisionShop) -> None:
    receipt = shop.assign()
    rows = shop.rows("SELECT * FROM reports.next_action")
    assert len(rows) == 600
    contacted = [row for row in rows if row["action_id"] != "none"]
    assert len(contacted) == receipt.details["contacts_count"]
    assert all(row["why"].startswith("drawn by lot") for row in contacted)
    held_back = [row for row in rows if row["why"].startswith("in the holdout")]
    assert len(held_back) == receipt.details["holdout_count"] > 5
    impossible = [row for row in rows if row["why"].startswith("no action is possible")]
    assert len(impossible) == receipt.left_out
    assert {row["status"] for row in rows} == {"released"}


def test_next_action_names_the_experiment_that_drew(shop: DecisionShop) -> None:
    shop.assign()
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE actions.assignments SET experiment_id = 'spring' WHERE is_explored"
        )
    rows = shop.rows(
        "SELECT DISTINCT action_id, why FROM reports.next_action WHERE why LIKE 'drawn%'"
    )
    assert {row["why"] for row in rows} == {"drawn by the experiment spring"}
    assert "none" in {row["action_id"] for row in rows}


def test_before_a_day_is_decided_next_action_says_so(shop: DecisionShop) -> None:
    rows = shop.rows("SELECT DISTINCT why, action_id FROM reports.next_action")
    assert rows == [{"why": "nothing was decided for this day yet", "action_id": "none"}]


def test_exclusions_account_for_everybody_without_an_action(shop: DecisionShop) -> None:
    receipt = shop.assign()
    rows = shop.rows(f"SELECT * FROM reports.exclusions WHERE as_of = DATE '{DAY}'")
    total = sum(row["customers_count"] for row in rows)
    assert total == receipt.left_out + receipt.details["holdout_count"]
    assert {row["reason"] for row in rows} >= {"outside_rules", "recent_order", "holdout"}
    assert all(0 < row["customers_share"] < 1 and row["meaning"] for row in rows)


def test_a_shop_without_permissions_contacts_nobody_and_says_why(shop: DecisionShop) -> None:
    with shop.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM curated.contact_permissions")
    receipt = shop.assign()
    assert receipt.written == 0
    assert set(receipt.details["excluded"]) == {"outside_rules", "no_permission"}


def test_a_customer_is_explained(shop: DecisionShop) -> None:
    shop.assign()
    [row] = shop.rows("SELECT customer_id, action_id FROM actions.outbox LIMIT 1")
    decisions = explain(shop.warehouse, row["customer_id"], settings=shop.settings, as_of=DAY)
    newest = decisions["assignments"][0]
    assert (newest["as_of"], newest["action_id"]) == (DAY, row["action_id"])
    assert newest["message_state"] == "pending"
    assert decisions["holdout"]["is_member"] is False
    member = in_holdout(shop.shop.names, "holdout:h1", 0.1).tolist().index(True)
    held_back = explain(shop.warehouse, shop.shop.names[member], settings=shop.settings, as_of=DAY)
    assert held_back["holdout"]["is_member"] is True


def test_who_got_no_assignment_is_told_the_reason(shop: DecisionShop) -> None:
    shop.shop.contact(shop.shop.names[:400], shop.shop.moment(90))
    shop.assign()
    reasons = [
        explain(shop.warehouse, name, settings=shop.settings, as_of=DAY)["excluded"]
        for name in shop.shop.names[:30]
    ]
    assert {"outside_rules", "fatigue"} <= set(reasons)
    nobody = explain(shop.warehouse, "nobody", settings=shop.settings, as_of=DAY)
    assert nobody["excluded"] == "not active, or without a score"


@pytest.fixture
def command(shop: DecisionShop, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Commands on the shop, with its actions."""
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", shop.warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(shop.settings.home))
    monkeypatch.setenv("RETENTION_ACTIONS_FOLDER", str(shop.folder))
    return CliRunner()


def test_after_the_answer_the_command_says_what_sends_the_messages(
    command: CliRunner, shop: DecisionShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = shop.shop.moment(100) + timedelta(hours=6)
    monkeypatch.setattr("retention_ml.clock.now", lambda: moment)
    monkeypatch.setenv("RETENTION_ACTIONS__ENABLED", "true")
    day = ["--as-of", str(DAY)]
    assert "a person must agree" in command.invoke(app, ["assign", *day]).output
    agreed = command.invoke(app, ["actions", "approve", *day, "--by", "ann"])
    assert agreed.exit_code == 0, agreed.output
    assert "released:" in agreed.output
    assert "`retention dispatch` sends them" in agreed.output
    assert shop.rows("SELECT count(*) AS n FROM actions.outbox")[0]["n"] > 0


def test_the_command_assigns_and_explains(command: CliRunner, shop: DecisionShop) -> None:
    tried = command.invoke(app, ["assign", "--as-of", str(DAY), "--dry-run"])
    assert tried.exit_code == 0, tried.output
    assert "Nothing was kept. shadow: [actions] enabled is false." in tried.output
    done = command.invoke(app, ["assign", "--as-of", str(DAY), "--json"])
    assert json.loads(done.output)["status"] == "shadow"
    shown = command.invoke(app, ["holdout", "show", shop.shop.names[0], "--as-of", str(DAY)])
    assert "in the holdout of 10%" in shown.output
    [row] = shop.rows(
        "SELECT customer_id FROM actions.assignments WHERE action_id = 'mail' "
        f"AND as_of = '{DAY}' AND is_explored ORDER BY 1 LIMIT 1"
    )
    explained = command.invoke(app, ["actions", "explain", row["customer_id"], "--as-of", str(DAY)])
    assert explained.exit_code == 0, explained.output
    [line] = [text for text in explained.output.splitlines() if text.startswith(str(DAY))]
    assert "mail" in line
    assert "drawn by lot" in line
    assert "shadow" in line
    assert f"What was how probable on {DAY}: none 0." in explained.output
    refused = command.invoke(app, ["actions", "approve", "--as-of", str(DAY), "--by", "ann"])
    assert refused.exit_code == 2
    renewed = command.invoke(app, ["holdout", "renew", "--as-of", str(DAY), "--by", "ann"])
    assert "A holdout of 10%" in renewed.output
