"""The periods of the holdout: none overlaps, none is changed, no salt draws twice."""

from datetime import timedelta

import pytest

from retention_ml.actions.holdout.periods import renew
from retention_ml.errors import UsageError
from tests.worlds.decisions import DAY, DecisionShop

_PERIODS = "SELECT salt, share, began_on, ends_on, drawn_by FROM actions.holdouts ORDER BY began_on"


def test_the_first_period_is_drawn_before_any_score_of_it(shop: DecisionShop) -> None:
    [period] = shop.rows("SELECT * FROM actions.holdouts")
    assert period["salt"] == "holdout:h1"
    assert period["newest_scored_on"] < period["began_on"] == DAY


def test_the_next_period_follows_the_last_day_without_a_gap(shop: DecisionShop) -> None:
    last = DAY + timedelta(weeks=26, days=-1)
    shop.publish(last)
    shop.assign(last)
    first, second = shop.rows(_PERIODS)
    assert second["began_on"] == first["ends_on"] == last + timedelta(days=1)
    assert second["salt"] == "holdout:h1/2"


def test_renewed_it_ends_after_the_newest_scored_day_and_others_are_drawn(
    shop: DecisionShop,
) -> None:
    shop.set(holdout={"share": 0.2})
    receipt = renew(shop.warehouse, settings=shop.settings, as_of=DAY, by="ann")
    first, second = shop.rows(_PERIODS)
    assert first["ends_on"] == second["began_on"] == DAY + timedelta(days=1)
    assert (second["salt"], second["share"], second["drawn_by"]) == ("holdout:h1/2", 0.2, "ann")
    assert "20%" in receipt.sentence
    shop.publish(DAY + timedelta(days=1))
    assert shop.assign(DAY + timedelta(days=1)).details["holdout_count"] > 20


def test_a_period_that_has_not_begun_is_not_renewed(shop: DecisionShop) -> None:
    renew(shop.warehouse, settings=shop.settings, as_of=DAY, by="ann")
    with pytest.raises(UsageError, match="drawn already"):
        renew(shop.warehouse, settings=shop.settings, as_of=DAY, by="ann")
    assert len(shop.rows(_PERIODS)) == 2


def test_a_salt_that_has_drawn_before_is_refused(shop: DecisionShop) -> None:
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE actions.holdouts SET salt = 'holdout:h2/2'")
        transaction.execute(
            "INSERT INTO actions.holdouts (salt, share, began_on, ends_on, purpose, drawn_at, "
            "drawn_by, run_id) VALUES ('holdout:x', 0.1, '2001-01-01', '2001-02-01', '', now(), "
            "'', '')"
        )
        transaction.execute(
            "UPDATE actions.holdouts SET salt = 'holdout:h3/2' WHERE salt = 'holdout:x'"
        )
    shop.set(holdout={"salt": "h3/2"})
    with pytest.raises(UsageError, match="has drawn a holdout before"):
        renew(shop.warehouse, settings=shop.settings, as_of=DAY, by="ann")
    assert len(shop.rows(_PERIODS)) == 2


def test_with_a_share_of_zero_it_ends(shop: DecisionShop) -> None:
    shop.set(holdout={"share": 0.0})
    receipt = renew(shop.warehouse, settings=shop.settings, as_of=DAY, by="ann")
    assert "no holdout" in receipt.sentence
    day = DAY + timedelta(days=1)
    shop.publish(day)
    assert shop.assign(day).details["status"] == "released"
    assert shop.assign(day).details["holdout_count"] == 0


def test_a_day_before_a_renewal_is_decided_again_with_the_holdout_that_it_had(
    shop: DecisionShop,
) -> None:
    before = shop.assign().details["holdout_count"]
    for share in (0.2, 0.0):
        shop.set(holdout={"share": share})
        with pytest.raises(UsageError, match="holdout renew"):
            shop.assign(DAY - timedelta(days=1))
        as_of = DAY if share else DAY + timedelta(days=1)
        renew(shop.warehouse, settings=shop.settings, as_of=as_of, by="ann")
        shop.publish(DAY + timedelta(days=1))
        with shop.warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE actions.days SET status = 'shadow', released_at = NULL, inputs_digest = ''"
            )
        assert shop.assign(today=DAY + timedelta(days=9)).details["holdout_count"] == before


def test_somebody_has_to_be_named(shop: DecisionShop) -> None:
    with pytest.raises(UsageError, match="--by NAME"):
        renew(shop.warehouse, settings=shop.settings, as_of=DAY, by=" ")
