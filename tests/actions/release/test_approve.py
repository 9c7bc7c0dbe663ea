"""What a day waits for, and what an answer does."""

from datetime import timedelta

import pytest

from retention_ml import clock
from retention_ml.actions.release.approve import approve
from retention_ml.errors import UsageError
from tests.worlds.decisions import DAY, DecisionShop

_MESSAGES = "SELECT customer_id FROM actions.outbox"


def _answer(shop: DecisionShop, **answer: object) -> None:
    approve(shop.warehouse, settings=shop.settings, as_of=DAY, by="ann", **answer)  # type: ignore[arg-type]


def test_first_asks_once_for_each_action_and_policy(shop: DecisionShop) -> None:
    shop.set(actions={"approval": "first"})
    receipt = shop.assign()
    assert receipt.details["status"] == "waiting"
    _answer(shop)
    assert shop.assign().details["status"] == "released"
    assert len(shop.rows(_MESSAGES)) == receipt.details["contacts_count"]
    day = DAY + timedelta(days=1)
    shop.publish(day)
    assert shop.assign(day).details["status"] == "released"


def test_a_changed_template_is_asked_for_again(shop: DecisionShop) -> None:
    shop.set(actions={"approval": "first"})
    shop.assign()
    _answer(shop)
    shop.assign()
    (shop.folder / "templates" / "come_back.txt").write_text("Bye!\n{{ unsubscribe_url }}\n")
    day = DAY + timedelta(days=1)
    shop.publish(day)
    receipt = shop.assign(day)
    assert [each["subject_id"] for each in receipt.details["questions"]] == ["mail"]


def test_always_asks_for_each_day(shop: DecisionShop) -> None:
    shop.set(actions={"approval": "always"})
    assert [each["subject"] for each in shop.assign().details["questions"]] == ["day"]
    _answer(shop)
    assert shop.assign().details["status"] == "released"
    day = DAY + timedelta(days=1)
    shop.publish(day)
    assert shop.assign(day).details["status"] == "waiting"


def test_a_no_sends_nothing_and_a_later_yes_does(shop: DecisionShop) -> None:
    shop.set(actions={"approval": "always"})
    shop.assign()
    _answer(shop, is_rejected=True, reason="wrong offer")
    assert shop.assign().details["status"] == "waiting"
    assert shop.rows(_MESSAGES) == []
    _answer(shop)
    assert shop.assign().details["status"] == "released"


def test_a_yes_that_is_recorded_late_does_not_replace_a_later_no(shop: DecisionShop) -> None:
    shop.set(actions={"approval": "always"})
    shop.assign()
    before = clock.now()
    _answer(shop, is_rejected=True)
    receipt = approve(
        shop.warehouse, settings=shop.settings, as_of=DAY, by="bob", answered_at=before
    )
    assert receipt.sentence == f"The answer of bob is older than another one to day {DAY}."
    assert shop.assign().details["status"] == "waiting"
    assert shop.rows(_MESSAGES) == []


def test_an_approved_day_that_is_over_is_not_sent(shop: DecisionShop) -> None:
    shop.set(actions={"approval": "always"})
    shop.assign()
    _answer(shop)
    receipt = shop.assign(today=DAY + timedelta(days=1))
    assert receipt.details["status"] == "shadow"
    assert shop.rows(_MESSAGES) == []


def test_a_day_that_waits_for_nobody_cannot_be_approved(shop: DecisionShop) -> None:
    shop.assign()
    with pytest.raises(UsageError, match="wait for nobody"):
        _answer(shop)
