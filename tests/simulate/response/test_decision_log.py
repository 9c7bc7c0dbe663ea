"""What customers did against the closed form, and what was known before each decision."""

import numpy as np
import pytest

from retention_ml.errors import UsageError
from retention_ml.simulate.population import TYPES
from retention_ml.simulate.response.decision_features import RFM, OwnAnswers, rfm
from retention_ml.simulate.response.decision_log import (
    Decisions,
    feature_names,
    lot_decisions,
)
from retention_ml.simulate.response.potential_outcomes import potential_outcomes
from retention_ml.simulate.response.responding_shop import (
    MARGIN_SHARE,
    ORDER_CENTS,
    RespondingShop,
    poisson_quantile,
)
from retention_ml.simulate.response.worlds import FOUR_TYPES, HARM, NO_EFFECT, WORLDS, World
from retention_ml.simulate.seasons import Floats

EVERYTHING = ("none", "email", "coupon", "recommendation")


@pytest.fixture(scope="module")
def decisions() -> Decisions:
    """Three rounds over four actions in the world of four types."""
    return lot_decisions(FOUR_TYPES, customers=12_000, rounds=3, seed=5)


def _z(difference: Floats) -> float:
    """How many standard errors the mean lies from zero."""
    return float(difference.mean() / (difference.std() / np.sqrt(len(difference))))


def _after_lot(world: World, action: int, seed: int = 11) -> tuple[RespondingShop, np.ndarray]:
    """A shop after its history, all of whose active customers are contacted with one action."""
    shop = RespondingShop(world, customers=12_000, days=14, seed=seed)
    customers = np.flatnonzero(shop.is_active())
    shop.contact(customers, np.full(len(customers), action))
    return shop, customers


@pytest.mark.parametrize("action", range(4))
def test_orders_and_margin_are_as_expected_in_closed_form(action: int) -> None:
    shop, customers = _after_lot(FOUR_TYPES, action)
    truth = potential_outcomes(shop, customers, 14)
    shop.advance(14)
    window = slice(shop.today - 14, shop.today)
    orders = shop.orders[window, customers].sum(axis=0)
    margin = shop.margin_cents[window, customers].sum(axis=0)
    for kind in range(len(TYPES)):
        chosen = shop.people.type_index[customers] == kind
        assert chosen.sum() > 400
        for outcome, expected in (
            (orders > 0, truth.purchase_probability),
            (orders, truth.orders),
            (margin, truth.margin_cents),
        ):
            assert abs(_z((outcome - expected[:, action])[chosen])) < 3.5


def test_a_truth_without_the_contact_would_be_caught() -> None:
    shop, customers = _after_lot(FOUR_TYPES, 1)
    truth = potential_outcomes(shop, customers, 14)
    shop.advance(14)
    ordered = shop.orders[-14:, customers].any(axis=0)
    chosen = shop.people.type_index[customers] == 0
    assert abs(_z((ordered - truth.purchase_probability[:, 0])[chosen])) > 5


def test_a_window_longer_than_the_effect_is_followed_by_days_without() -> None:
    shop = RespondingShop(FOUR_TYPES, customers=12_000, days=40, seed=12)
    customers = np.flatnonzero(shop.is_active())
    shop.contact(customers, np.full(len(customers), 2))
    truth = potential_outcomes(shop, customers, 40)
    shop.advance(40)
    margin = shop.margin_cents[-40:, customers].sum(axis=0)
    assert abs(_z(margin - truth.margin_cents[:, 2])) < 3.5


def test_the_shop_orders_as_the_simulator_does() -> None:
    # Without contacts both are the same Poisson process; expected orders are in closed form.
    shop = RespondingShop(NO_EFFECT, customers=20_000, history_days=90, days=30, seed=2)
    people = shop.people
    customers = np.flatnonzero(people.first_order_at < 90)
    truth = potential_outcomes(shop, customers, 30)
    shop.advance(30)
    assert abs(_z(shop.orders[-30:, customers].sum(axis=0) - truth.orders[:, 0])) < 3.5
    first_orders = shop.orders.sum(axis=0)[people.is_one_time & (people.first_order_at < 120)]
    assert (first_orders == 1).all()
    per_order = shop.margin_cents.sum() / shop.orders.sum()
    assert per_order == pytest.approx(MARGIN_SHARE * ORDER_CENTS, rel=0.02)


def test_equal_seeds_give_equal_luck_whatever_is_decided() -> None:
    left_alone = RespondingShop(FOUR_TYPES, customers=2_000, days=28, seed=3)
    contacted = RespondingShop(FOUR_TYPES, customers=2_000, days=28, seed=3)
    some = np.arange(0, 2_000, 2)
    contacted.contact(some, np.ones(len(some), dtype=np.int64))
    for shop in (left_alone, contacted):
        shop.advance(28)
    others = np.arange(1, 2_000, 2)
    np.testing.assert_array_equal(left_alone.orders[:, others], contacted.orders[:, others])
    kinds = contacted.people.type_index[some]
    more = contacted.orders[:, some] - left_alone.orders[:, some]
    assert (more[:, kinds == 0] >= 0).all()
    assert more[:, kinds == 0].sum() > 0
    assert (more[:, kinds == 3] <= 0).all()
    assert more[:, kinds == 3].sum() < 0
    assert not more[:, (kinds == 1) | (kinds == 2)].any()
    # After the effect everything is as before.
    assert not more[-14:].any()


def test_a_newer_contact_takes_the_place_of_an_older_one() -> None:
    shop = RespondingShop(FOUR_TYPES, customers=500, days=28, seed=3)
    everybody = np.arange(500)
    shop.contact(everybody, np.full(500, 1))
    shop.advance(7)
    shop.contact(everybody[:250], np.full(250, 3))
    assert set(shop.action[:250]) == {3}
    assert set(shop.action[250:]) == {1}
    shop.advance(8)
    assert set(shop.action[:250]) == {3}
    assert set(shop.action[250:]) == {0}


def test_only_contacts_make_customers_withdraw() -> None:
    shop, customers = _after_lot(FOUR_TYPES, 1)
    assert shop.withdrawn[customers].sum() > 20
    withdrawn = shop.people.type_index[shop.withdrawn]
    share = [(withdrawn == kind).sum() / (shop.people.type_index == kind).sum() for kind in (1, 3)]
    assert share[1] > 3 * share[0]
    alone, _ = _after_lot(FOUR_TYPES, 0)
    assert not alone.withdrawn.any()


def test_worlds_do_what_their_names_say() -> None:
    assert set(WORLDS) == {"four_types", "no_effect", "harm", "same_effect"}
    assert all(world.action_ids == EVERYTHING for world in WORLDS.values())
    assert (NO_EFFECT.multipliers == 1).all()
    assert (HARM.multipliers <= 1).all()
    assert (HARM.multipliers[1:] < 1).any(axis=1).all()
    assert FOUR_TYPES.only("email").action_ids == ("none", "email")
    with pytest.raises(UsageError, match="has no action 'sms'; expected one of none, email"):
        FOUR_TYPES.only("sms")


def test_the_mean_effect_is_found_by_weighting_with_propensities(decisions: Decisions) -> None:
    for action in (1, 2, 3):
        weights = (decisions.action == action) / decisions.propensities[:, action]
        weights -= (decisions.action == 0) / decisions.propensities[:, 0]
        for outcome, effect in (
            (decisions.ordered, decisions.purchase_effect),
            (decisions.margin_cents, decisions.margin_effect_cents),
        ):
            assert abs(_z(weights * outcome - effect[:, action])) < 3.5
    assert (decisions.purchase_effect[:, 0] == 0).all()


def test_shares_of_the_lot_are_the_logged_propensities() -> None:
    decisions = lot_decisions(
        FOUR_TYPES, customers=6_000, rounds=1, shares=(0.7, 0.2, 0.1, 0), seed=2
    )
    counts = np.bincount(decisions.action, minlength=4) / len(decisions)
    np.testing.assert_allclose(counts, (0.7, 0.2, 0.1, 0), atol=0.03)
    assert set(decisions.propensity.tolist()) == {0.7, 0.2, 0.1}


def test_features_are_counted_from_the_days_before_today() -> None:
    shop = RespondingShop(FOUR_TYPES, customers=3_000, days=28, seed=4)
    shop.advance(14)
    customers = np.flatnonzero(shop.is_active())
    past = shop.orders[: shop.today, customers]
    features = rfm(shop, customers)
    recency = shop.today - np.array([np.flatnonzero(days)[-1] for days in past.T])
    np.testing.assert_allclose(np.expm1(features[:, 0]), recency)
    assert (recency >= 1).all()
    np.testing.assert_allclose(np.expm1(features[:, 2]), past[-28:].sum(axis=0))
    np.testing.assert_allclose(np.expm1(features[:, 4]), past.sum(axis=0))
    mean_margin = shop.margin_cents[: shop.today, customers].sum(axis=0) / past.sum(axis=0)
    np.testing.assert_allclose(np.exp(features[:, 7]), np.maximum(mean_margin, 1))
    assert set(customers) == set(np.flatnonzero(shop.orders[shop.today - 90 :].any(axis=0)))


def test_an_open_window_is_no_answer() -> None:
    shop, customers = _after_lot(FOUR_TYPES, 1)
    answers = OwnAnswers(shop)
    assert not answers.features(customers).any()
    shop.advance(13)
    actions = np.ones(len(customers), dtype=np.int64)
    with pytest.raises(ValueError, match="expected a window that has closed"):
        answers.close(customers, actions, shop.today - 13, 14)
    shop.advance(1)
    answers.close(customers, actions, shop.today - 14, 14)
    ratio = answers.features(customers)[:, 1]
    ordered = shop.orders[-14:, customers].any(axis=0)
    assert (ratio[~ordered] < 0).all()
    assert ratio[ordered].mean() > 0.1


def test_own_answers_say_more_about_the_effect_than_rfm() -> None:
    world = FOUR_TYPES.only("email")
    log = lot_decisions(world, customers=12_000, rounds=5, seed=6)
    names = feature_names(world)
    assert names[: len(RFM)] == RFM
    assert log.features.shape[1] == len(names) == 13
    last = log.rows(log.round_number == 4)
    effect = last.purchase_effect[:, 1]
    correlation = [abs(np.corrcoef(column, effect)[0, 1]) for column in last.features.T[:-2]]
    assert names[int(np.argmax(correlation))].startswith("answer_email")


def test_equal_seeds_give_equal_decisions() -> None:
    one, two, other = (
        lot_decisions(FOUR_TYPES, customers=1_000, rounds=2, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.features, two.features)
    np.testing.assert_array_equal(one.margin_cents, two.margin_cents)
    assert len(one) != len(other) or (one.margin_cents != other.margin_cents).any()
    some = one.sample(np.random.default_rng(0), 100)
    assert len(some) == 100
    assert some.propensities.shape == (100, 4)


def test_poisson_quantiles_have_the_right_law_and_never_fall_with_the_rate() -> None:
    chance = np.random.default_rng(1).random(20_000)
    small, large = (poisson_quantile(chance, np.full(20_000, rate)) for rate in (0.3, 0.9))
    assert (small <= large).all()
    for count, rate in ((small, 0.3), (large, 0.9)):
        assert abs(_z(count - rate)) < 3.5
        assert count.var() == pytest.approx(rate, rel=0.05)
    assert poisson_quantile(np.array([1 - 1e-16]), np.array([0.0])).tolist() == [0]
