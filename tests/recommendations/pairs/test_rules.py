"""Rules against scipy, in shops where products are independent, and where two go together."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import false_discovery_control, hypergeom

from retention_ml.clock import day_number
from retention_ml.errors import NotReady
from retention_ml.recommendations.pairs.rules import ProductRules, product_rules
from retention_ml.recommendations.purchases import Purchases
from tests.worlds.purchases import log_of

D = date(2026, 3, 1)
PRODUCTS = 60


def shop(
    *,
    seed: int,
    baskets: int = 12_000,
    customers: int = 800,
    days: int = 280,
    is_uneven: bool = False,
    is_seasonal: bool = False,
    together: tuple[int, int] | None = None,
    until: int | None = None,
) -> Purchases:
    """Baskets of products chosen independently; `together`: the second follows the first.

    `is_uneven`: sizes differ by far. `is_seasonal`: what sells changes over the year. `until`:
    the two go together for so many days only.
    """  # fmt: skip
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, PRODUCTS + 1) ** 0.7
    size = rng.gamma(0.5, 2.0, baskets) if is_uneven else np.ones(baskets)
    day = rng.integers(0, days, baskets)
    chance = np.minimum(0.9, 4 * popularity / popularity.sum() * size[:, None])
    if is_seasonal:
        phase = rng.random(PRODUCTS) * 2 * np.pi
        chance *= 1 + 0.9 * np.sin(2 * np.pi * day[:, None] / 280 + phase)
    is_bought = rng.random((baskets, PRODUCTS)) < chance
    if together is not None:
        first, second = together
        now = is_bought[:, first] & (day < (until or days))
        is_bought[now, second] |= rng.random(int(now.sum())) < 0.5
    basket, product = np.nonzero(is_bought)
    customer = rng.integers(0, customers, baskets)
    rows = pa.table(
        {
            "customer_id": [f"c{customer[b]:04d}" for b in basket],
            "product_id": [f"p{p:02d}" for p in product],
            "event_day": pa.array(day_number(D) - days + day[basket], pa.int32()),
        }
    ).group_by(["customer_id", "product_id", "event_day"]).aggregate([])  # fmt: skip
    count = rows.num_rows
    rows = rows.append_column("known_from_day", pa.array(np.full(count, 1), pa.int32()))
    for name in ("lines_count", "pieces_count"):
        rows = rows.append_column(name, pa.array(np.ones(count), pa.int64()))
    return log_of(rows).known_at(D)


def rules_of(purchases: Purchases, **changes: float) -> ProductRules:
    options = {"together_min": 10, "customers_min": 5, "error_rate": 0.05} | changes
    return product_rules(purchases, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_seasonal", [False, True])
@pytest.mark.parametrize("is_uneven", [False, True])
def test_where_products_are_independent_hardly_anything_is_a_rule(
    is_uneven: bool, is_seasonal: bool
) -> None:
    counts = []
    for seed in range(4):
        rules = rules_of(shop(seed=seed, is_uneven=is_uneven, is_seasonal=is_seasonal))
        assert rules.counted_count > 500
        counts.append(len(rules) / rules.counted_count)
    assert np.mean(counts) <= 0.01  # of the pairs that were looked at; 0.05 are promised


def test_whoever_forgets_that_baskets_differ_in_size_makes_rules_of_chance() -> None:
    """Negative control: the plain test, all baskets taken to be alike."""
    rules = rules_of(shop(seed=1, is_uneven=True), error_rate=1.0)
    plain = hypergeom.sf(
        rules.earlier.together - 1, rules.baskets_count, rules.earlier.first, rules.earlier.second
    )
    assert (false_discovery_control(plain) <= 0.05).mean() > 0.5


def test_figures_are_those_of_scipy() -> None:
    rules = rules_of(shop(seed=2, is_uneven=True, together=(4, 30)), error_rate=1.0)
    earlier, size = rules.earlier, rules.baskets_count
    assert len(rules) > 100
    population = np.rint(np.minimum(size, earlier.first * earlier.second / earlier.expected))
    expected = hypergeom.sf(earlier.together - 1, population, earlier.first, earlier.second)
    np.testing.assert_allclose(earlier.p_value, expected, rtol=1e-7, atol=1e-300)
    np.testing.assert_allclose(
        earlier.lift,
        (earlier.together / size) / ((earlier.first / size) * (earlier.second / size)),
    )
    assert rules.tested_count == PRODUCTS * (PRODUCTS - 1) // 2


def test_two_that_go_together_are_the_first_rule_and_later_weeks_confirm_it() -> None:
    rules = rules_of(shop(seed=3, together=(5, 40)))
    best = int(np.argmax(rules.evidence))
    assert (rules.first[best], rules.second[best]) == (5, 40)
    assert rules.is_confirmed[best]
    assert rules.earlier.lift[best] > 2
    assert rules.q_value[best] < 1e-6
    assert abs(rules.later.lift[best] / rules.earlier.lift[best] - 1) < 0.3
    assert rules.later_baskets_count / rules.baskets_count == pytest.approx(1 / 3, rel=0.1)


def test_what_later_weeks_do_not_show_is_not_confirmed() -> None:
    rules = rules_of(shop(seed=3, together=(5, 40), until=200))
    best = int(np.argmax(rules.evidence))
    assert (rules.first[best], rules.second[best]) == (5, 40)
    assert rules.is_measurable[best]
    assert not rules.is_confirmed[best]


def test_the_habit_of_one_customer_is_no_rule() -> None:
    rows = [(f"c{n % 200:03d}", f"p{n % 17}", date.fromordinal(D.toordinal() - 1 - n % 90))
            for n in range(4_000)]  # fmt: skip
    for back in range(10, 90, 3):
        habit = date.fromordinal(D.toordinal() - back)
        rows += [("one", "x", habit), ("one", "y", habit)]
    purchases = log_of(rows).known_at(D)
    names = purchases.product_ids.to_pylist()
    both = (names.index("x"), names.index("y"))
    assert both in _pairs(rules_of(purchases, customers_min=1))
    assert both not in _pairs(rules_of(purchases, customers_min=2))


def test_a_few_weeks_are_not_enough() -> None:
    with pytest.raises(NotReady, match="purchases of 7 whole weeks are known; expected at least 8"):
        rules_of(log_of([("c", "a", date(2026, 1, 10))]).known_at(D))


def test_one_product_makes_no_pair() -> None:
    rows = [
        (f"c{n % 50}", "only", date.fromordinal(D.toordinal() - 1 - n % 80)) for n in range(900)
    ]
    rules = rules_of(log_of(rows).known_at(D))
    assert (len(rules), rules.products_count, rules.tested_count) == (0, 1, 0)


def _pairs(rules: ProductRules) -> list[tuple[int, int]]:
    return list(zip(rules.first.tolist(), rules.second.tolist(), strict=True))
