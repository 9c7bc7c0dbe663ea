"""Which tier policy is served with a version."""

from retention_ml.models.promotion.decisions import policy_served
from retention_ml.models.promotion.policy import configured_policy
from tests.worlds.registered import Shelf


def test_a_version_nobody_approved_has_the_policy_of_the_settings(shelf: Shelf) -> None:
    assert policy_served(shelf.warehouse, shelf.settings, "1") == {
        "medium": 0.35, "high": 0.60, "critical": 0.80, "hysteresis": 0.03,
    }  # fmt: skip


def test_the_policy_is_the_one_approved_with_the_version(shelf: Shelf) -> None:
    shelf.promote("1")
    assert policy_served(shelf.warehouse, shelf.settings, "1") == configured_policy(shelf.settings)


def test_tiers_edited_since_the_decision_win(shelf: Shelf) -> None:
    shelf.promote("1")
    tiers = shelf.settings.tiers.model_copy(update={"high": 0.7})
    edited = shelf.settings.model_copy(update={"tiers": tiers})
    assert policy_served(shelf.warehouse, edited, "1")["high"] == 0.7
    assert policy_served(shelf.warehouse, shelf.settings, "1")["high"] == 0.6


def test_a_decision_without_a_policy_has_that_of_the_settings(shelf: Shelf) -> None:
    shelf.promote("1")
    with shelf.warehouse.transaction() as transaction:
        transaction.execute("UPDATE models.promotions SET policy = NULL, policy_of_settings = NULL")
    assert policy_served(shelf.warehouse, shelf.settings, "1") == configured_policy(shelf.settings)


def test_decisions_that_approve_nothing_carry_no_policy(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.make_challenger("2")
    shelf.promote("2")
    rows = shelf.rows("SELECT verdict, policy IS NULL AS is_without FROM models.promotions")
    assert {row["verdict"]: row["is_without"] for row in rows} == {"promote": False, "retire": True}
