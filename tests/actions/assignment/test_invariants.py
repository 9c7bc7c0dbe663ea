"""P8 holds after days of decisions, and sees what is planted against it."""

from datetime import timedelta

import pytest

from retention_ml.maintenance.contacts import CONTACTS
from retention_ml.maintenance.invariants import violations
from tests.worlds.decisions import DAY, DecisionShop

_LATER = DAY + timedelta(days=1)
_PLANTED = {
    "not all assigned or excluded": "DELETE FROM actions.exclusions WHERE reason = 'recent_order'",
    "of the holdout with an action": (
        "UPDATE actions.assignments SET is_holdout = false, action_id = 'mail', "
        "propensities = '{\"mail\": 1}' WHERE is_holdout"
    ),
    "contacted again within the days of fatigue": (
        "UPDATE actions.assignments AS later SET action_id = 'mail', propensity = 1, "
        "propensities = '{\"mail\": 1}' FROM actions.assignments AS earlier WHERE later.as_of = "
        "earlier.as_of + 1 AND later.customer_id = earlier.customer_id AND NOT later.is_holdout"
    ),
    "costs more than its budget": "UPDATE actions.days SET budget_cents = 1",
    "not 1 together": "UPDATE actions.assignments SET propensities = '{\"none\": 0.5}'",
    "a message without a released day": (
        "UPDATE actions.days SET status = 'shadow', released_at = NULL"
    ),
    "perhaps delivered more than once": (
        "INSERT INTO actions.attempts (message_id, attempt, epoch, channel, started_at, ended_at, "
        "result, code, text, run_id) SELECT message_id, attempt, 1, 'email', now(), now(), "
        "'unknown', '', '', 'test' FROM (SELECT message_id FROM actions.outbox LIMIT 1) AS one, "
        "generate_series(1, 2) AS attempt"
    ),
    "counts as sent, and no try and nobody says so": "UPDATE actions.outbox SET state = 'sent'",
}


def test_something_is_planted_against_every_sentence() -> None:
    sentences = [sentence for sentence, _ in CONTACTS]
    assert len(_PLANTED) == len(sentences)
    assert all(any(words in sentence for words in _PLANTED) for sentence in sentences)


def _two_days(shop: DecisionShop) -> None:
    shop.assign()
    shop.publish(_LATER)
    shop.assign(_LATER)


def test_after_days_of_decisions_everything_holds(shop: DecisionShop) -> None:
    _two_days(shop)
    assert violations(shop.warehouse) == []
    assert violations(shop.warehouse, as_of=_LATER) == []


@pytest.mark.parametrize("words", sorted(_PLANTED))
def test_what_is_planted_against_contacts_is_noticed(shop: DecisionShop, words: str) -> None:
    _two_days(shop)
    if "fatigue" in words:
        with shop.warehouse.transaction() as transaction:
            transaction.execute(
                "INSERT INTO actions.assignments SELECT later.* FROM (SELECT :later AS as_of, "
                "customer_id, snapshot_id, policy_id, experiment_id, action_id, propensity, "
                "propensities, lot, is_holdout, is_explored, is_capped, tier, expected_effect, "
                "slope, expected_margin_cents, cost_cents, money_price, run_id "
                "FROM actions.assignments WHERE as_of = :day AND action_id <> 'none' LIMIT 1) "
                "AS later ON CONFLICT DO NOTHING",
                later=_LATER,
                day=DAY,
            )
    with shop.warehouse.transaction() as transaction:
        transaction.execute(_PLANTED[words])
    assert any(words in one.sentence for one in violations(shop.warehouse))
