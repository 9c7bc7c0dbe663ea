"""The door `assign`: who is left out and why, what is kept, what is released, and what never is."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from retention_ml.actions.assignment.inputs import load_inputs
from retention_ml.actions.holdout.membership import in_holdout
from retention_ml.errors import AssignmentRefused, NotReady, UsageError
from retention_ml.features.roll_up import roll_up
from retention_ml.profiles.read_stages import read_stages
from tests.worlds.decisions import DAY, DecisionShop

_OUTBOX = "SELECT customer_id, action_id, channel, address, state FROM actions.outbox"
_CONTENT = (
    "SELECT * FROM actions.assignments WHERE as_of = DATE '{day}' ORDER BY customer_id",
    "SELECT * FROM actions.exclusions WHERE as_of = DATE '{day}' ORDER BY reason, tier",
)


def _content(shop: DecisionShop) -> list[object]:
    return [
        [{name: value for name, value in row.items() if name != "run_id"} for row in rows]
        for sql in _CONTENT
        for rows in [shop.rows(sql.format(day=DAY))]
    ]


def test_everybody_is_assigned_or_excluded_with_a_reason(shop: DecisionShop) -> None:
    receipt = shop.assign()
    assert receipt.read == 600 == receipt.written + receipt.left_out
    excluded = receipt.details["excluded"]
    assert excluded["outside_rules"] > 50
    assert excluded["recent_order"] > 10
    assert sum(excluded.values()) == receipt.left_out
    actions = receipt.details["actions"]
    assert set(actions) == {"none", "mail", "coupon", "list"}
    assert actions["coupon"] <= 40
    assert receipt.details["cost_cents"] <= 10_000


def test_an_action_for_some_lifecycle_stages_reaches_no_others(shop: DecisionShop) -> None:
    roll_up(shop.warehouse, settings=shop.settings)
    stages = read_stages(shop.warehouse, settings=shop.settings, as_of=DAY).to_pylist()
    stage_of = {row["customer_id"]: row["lifecycle_stage"] for row in stages}
    some = max(
        {"slipping", "new", "one_time", "repeat", "loyal"}, key=list(stage_of.values()).count
    )
    everybody = shop.assign().details["excluded"]["outside_rules"]
    with shop.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM actions.outbox")
        for table in ("days", "assignments", "exclusions"):
            transaction.execute(f"DELETE FROM actions.{table} WHERE as_of = :day", day=DAY)
    for path in shop.folder.glob("*.toml"):
        path.write_text(path.read_text() + f'stages = ["{some}"]\n')
    receipt = shop.assign()
    assert receipt.details["excluded"]["outside_rules"] > everybody
    assert receipt.details["contacts_count"] > 0
    rows = shop.rows(f"SELECT customer_id FROM actions.assignments WHERE as_of = DATE '{DAY}'")
    assert {stage_of[row["customer_id"]] for row in rows} == {some}


def test_until_a_save_rate_is_measured_actions_are_drawn_by_lot(shop: DecisionShop) -> None:
    receipt = shop.assign()
    rows = shop.rows(f"SELECT * FROM actions.assignments WHERE as_of = DATE '{DAY}'")
    contacted = [row for row in rows if row["action_id"] != "none"]
    assert len(contacted) == receipt.details["contacts_count"] > 10
    assert all(row["is_explored"] and row["propensity"] < 0.2 for row in contacted)
    for row in rows:
        assert sum(json.loads(row["propensities"]).values()) == pytest.approx(1)


def test_a_released_day_puts_one_message_each_into_the_outbox(shop: DecisionShop) -> None:
    receipt = shop.assign()
    assert receipt.details["status"] == "released"
    rows = shop.rows(_OUTBOX)
    assert len(rows) == receipt.details["messages"]["enqueued"] == receipt.details["contacts_count"]
    assert all(row["state"] == "pending" for row in rows)
    assert all(row["address"] == f"{row['customer_id']}@shop.test" for row in rows)
    coupons = [row for row in rows if row["action_id"] == "coupon"]
    codes = shop.rows("SELECT code FROM actions.coupons WHERE message_id IS NOT NULL")
    assert len({row["code"] for row in codes}) == len(coupons) > 0


def test_run_again_nothing_changes_and_no_message_is_added(shop: DecisionShop) -> None:
    shop.assign()
    before, messages = _content(shop), shop.rows(_OUTBOX)
    shop.permit(shop.shop.names[:300], kind="withdrawn", when=shop.shop.moment(50))
    again = shop.assign()
    assert again.duplicates == 600
    assert again.written == 0
    assert again.details["messages"] == {"enqueued": 0}
    assert _content(shop) == before
    assert shop.rows(_OUTBOX) == messages


@pytest.mark.parametrize("days", [-3, 3])
def test_another_day_than_today_is_decided_and_never_sent(shop: DecisionShop, days: int) -> None:
    receipt = shop.assign(today=DAY + timedelta(days=days))
    assert receipt.details["status"] == "shadow"
    assert ("future" if days < 0 else "past") in receipt.details["reason"]
    assert receipt.details["contacts_count"] > 10
    assert shop.rows(_OUTBOX) == []


def test_a_backfilled_day_is_decided_as_it_was_on_its_day(shop: DecisionShop) -> None:
    shop.assign(today=DAY + timedelta(days=30))
    late = _content(shop)
    with shop.warehouse.transaction() as transaction:
        for table in ("days", "assignments", "exclusions"):
            transaction.execute(f"DELETE FROM actions.{table} WHERE as_of = :day", day=DAY)
    shop.assign()
    assert _content(shop) == late


def test_a_clock_that_goes_back_sends_nothing(shop: DecisionShop) -> None:
    shop.publish(DAY + timedelta(days=1))
    assert shop.assign(DAY + timedelta(days=1)).details["status"] == "released"
    count = len(shop.rows(_OUTBOX))
    receipt = shop.assign(DAY)
    assert receipt.details["status"] == "shadow"
    assert "the clock went back" in receipt.details["reason"]
    assert len(shop.rows(_OUTBOX)) == count


def test_disabled_it_writes_a_shadow_and_sends_nothing(shop: DecisionShop) -> None:
    shop.set(actions={"enabled": False})
    receipt = shop.assign()
    assert receipt.details["status"] == "shadow"
    assert receipt.details["contacts_count"] > 10
    assert shop.rows(_OUTBOX) == []
    shop.set(actions={"enabled": True})
    before = _content(shop)
    assert shop.assign().details["status"] == "released"
    assert _content(shop) == before
    assert len(shop.rows(_OUTBOX)) == receipt.details["contacts_count"]


def test_the_holdout_gets_nothing_for_its_whole_period(shop: DecisionShop) -> None:
    days = [DAY + timedelta(days=number) for number in range(0, 90, 30)]
    for day in days:
        shop.publish(day)
        assert shop.assign(day).details["status"] == "released"
    member = in_holdout(shop.shop.names, "holdout:h1", 0.1)
    names = {name for name, inside in zip(shop.shop.names, member, strict=True) if inside}
    assert 30 < len(names) < 95
    assert not names & {row["customer_id"] for row in shop.rows(_OUTBOX)}
    drawn = shop.rows("SELECT DISTINCT customer_id FROM actions.assignments WHERE is_holdout")
    assert {row["customer_id"] for row in drawn} <= names
    assert len(drawn) > 10


def test_the_first_day_has_no_holdout_and_sends_nothing(shop: DecisionShop) -> None:
    [day] = shop.rows("SELECT as_of, status, reason, holdout_id FROM actions.days")
    assert day["holdout_id"] is None
    assert day["status"] == "shadow"
    assert "No holdout has begun" in day["reason"]
    [period] = shop.rows("SELECT * FROM actions.holdouts")
    assert (period["began_on"], period["ends_on"]) == (DAY, DAY + timedelta(weeks=26))


@pytest.mark.parametrize("keys", [{"share": 0.2}, {"salt": "other"}, {"share": 0.0}])
def test_a_holdout_changed_in_the_middle_is_refused(
    shop: DecisionShop, keys: dict[str, object]
) -> None:
    shop.set(holdout=keys)
    with pytest.raises(UsageError, match="holdout renew"):
        shop.assign()
    assert shop.rows(f"SELECT 1 AS one FROM actions.days WHERE as_of = DATE '{DAY}'") == []


def test_nobody_is_contacted_twice_within_the_days_of_fatigue(shop: DecisionShop) -> None:
    shop.assign()
    first = {row["customer_id"] for row in shop.rows(_OUTBOX)}
    for later in (1, 27, 28):
        day = DAY + timedelta(days=later)
        shop.publish(day)
        receipt = shop.assign(day)
        second = {
            row["customer_id"]
            for row in shop.rows(f"{_OUTBOX} WHERE as_of = DATE '{day.isoformat()}'")
        }
        assert second
        if later < 28:
            assert not second & first
            assert receipt.details["excluded"]["fatigue"] >= 1


def test_campaigns_of_others_count_as_contacts(shop: DecisionShop) -> None:
    shop.shop.contact(shop.shop.names[:400], shop.shop.moment(90))
    receipt = shop.assign()
    assert receipt.details["excluded"]["fatigue"] > 100
    assert not set(shop.shop.names[:400]) & {row["customer_id"] for row in shop.rows(_OUTBOX)}


def test_a_campaign_loaded_after_the_day_is_not_known_on_it(shop: DecisionShop) -> None:
    shop.shop.contact(
        shop.shop.names[:400], shop.shop.moment(90), available_at=shop.shop.moment(101)
    )
    assert "fatigue" not in shop.assign().details["excluded"]


def test_messages_that_certainly_never_arrived_are_no_contacts(shop: DecisionShop) -> None:
    shop.assign()
    alone = shop.rows(
        "SELECT 1 AS one FROM actions.assignments WHERE is_explored AND action_id = 'none' "
        f"AND as_of = DATE '{DAY}'"
    )
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE actions.outbox SET state = 'failed'")
    shop.publish(DAY + timedelta(days=1))
    excluded = shop.assign(DAY + timedelta(days=1)).details["excluded"]
    assert excluded["fatigue"] == len(alone) > 20  # those left alone by lot rest


def test_without_permission_address_or_after_a_complaint_nobody_is_contacted(
    shop: DecisionShop,
) -> None:
    names, moment = shop.shop.names, shop.shop.moment
    shop.permit(names[:100], kind="withdrawn", when=moment(50))
    shop.permit(names[100:200], kind="complained", when=moment(50))
    receipt = shop.assign()
    assert receipt.details["excluded"]["no_permission"] > 20
    assert receipt.details["excluded"]["suppressed"] > 20
    assert not set(names[:200]) & {row["customer_id"] for row in shop.rows(_OUTBOX)}


def test_scores_of_another_day_do_not_serve(shop: DecisionShop) -> None:
    with pytest.raises(NotReady, match="No scores are published"):
        shop.assign(DAY + timedelta(days=5))


def test_a_waiting_day_whose_action_files_changed_is_decided_again(shop: DecisionShop) -> None:
    shop.set(actions={"approval": "always"})
    assert shop.assign().details["status"] == "waiting"
    (shop.folder / "templates" / "come_back.txt").write_text("Bye!\n{{ unsubscribe_url }}\n")
    shop.set(actions={"approval": "never"})
    stopped = shop.assign()
    assert stopped.details["status"] == "shadow"
    assert f"`retention assign --as-of {DAY}` decides it again" in stopped.details["reason"]
    assert shop.rows(_OUTBOX) == []
    assert shop.assign().details["status"] == "released"
    [mail, *_] = shop.rows("SELECT payload FROM actions.outbox WHERE action_id = 'mail'")
    assert "Bye!" in mail["payload"]


def test_an_empty_pool_of_coupons_takes_the_action_away_that_day(shop: DecisionShop) -> None:
    with shop.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM actions.coupons")
    (shop.folder / "coupons" / "ten.txt").write_text("ONLY-ONE\n")
    receipt = shop.assign()
    assert receipt.details["actions"].get("coupon", 0) <= 1
    assert receipt.details["actions"]["mail"] > 5


def test_a_dry_run_says_the_same_and_keeps_nothing(shop: DecisionShop) -> None:
    tables = ("days", "assignments", "exclusions", "outbox", "coupons", "policies", "holdouts")
    lines = "".join(f"NEW{number:05d}\n" for number in range(1_000))
    (shop.folder / "coupons" / "ten.txt").write_text(lines)
    with shop.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM actions.coupons")
    counts = [shop.rows(f"SELECT count(*) AS n FROM actions.{name}") for name in tables]
    dry = shop.assign(dry_run=True)
    assert [shop.rows(f"SELECT count(*) AS n FROM actions.{name}") for name in tables] == counts
    wet = shop.assign()
    assert wet.details["actions"]["coupon"] > 0
    same = ("assignments_digest", "actions", "excluded", "status", "cost_cents", "messages")
    assert {name: dry.details[name] for name in same} == {name: wet.details[name] for name in same}


def test_a_measured_save_rate_chooses_those_whom_it_pays_for(shop: DecisionShop) -> None:
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO actions.policies (policy_id, kind, version, in_force_from, parameters, "
            "evidence, reason, decided_by, decided_at, run_id) VALUES ('rule-2', 'rule', 2, :day, "
            "'{\"save_rate\": 0.05, \"is_measured\": true}', '{}', 'r', 'test', now(), 't')",
            day=DAY,
        )
    receipt = shop.assign()
    assert receipt.details["policy_id"] == "rule-2"
    chosen = shop.rows(
        "SELECT expected_margin_cents, is_explored FROM actions.assignments "
        f"WHERE as_of = DATE '{DAY}' AND action_id <> 'none'"
    )
    assert sum(not row["is_explored"] for row in chosen) > 100
    assert all(row["expected_margin_cents"] > 0 for row in chosen if not row["is_explored"])


def test_a_failed_audit_keeps_nothing(shop: DecisionShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted defect: fatigue is forgotten in the decision, and the audit notices."""
    from retention_ml.actions.assignment import inputs as module

    shop.shop.contact(shop.shop.names[:400], shop.shop.moment(90))
    eligible = module.eligible
    monkeypatch.setattr(
        module,
        "eligible",
        lambda customers, *others: eligible(
            replace(customers, recent_contacts=np.zeros(600, dtype=np.int64)), *others
        ),
    )
    with pytest.raises(AssignmentRefused, match="fatigue_is_kept"):
        shop.assign()
    assert shop.rows(f"SELECT 1 AS one FROM actions.days WHERE as_of = DATE '{DAY}'") == []
    assert shop.rows(_OUTBOX) == []


def test_who_is_left_out_changes_the_digest_where_all_figures_are_equal(shop: DecisionShop) -> None:
    inputs = load_inputs(shop.warehouse, shop.settings, DAY, is_kept=False)
    population = inputs.population
    names = population.customers.customer_ids
    others = replace(population.customers, customer_ids=["someone else", *names[1:]])
    digests = {
        replace(inputs, population=each).digest(shop.settings)
        for each in (
            population,
            replace(population, customers=others),
            replace(population, abnormal_count=population.abnormal_count + 1),
        )
    }
    assert len(digests) == 3
