"""Pairs of products bought together more often than chance makes them, and whether it stays so.

References
----------
Hahsler and Hornik, "New probabilistic interest measures for association rules", Intelligent Data
Analysis 11 (2007): the hypergeometric distribution as the null model. Webb, "Discovering
significant patterns", Machine Learning 68 (2007): every pair that might have been tested counts,
and a holdout confirms.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.errors import NotReady
from retention_ml.recommendations.pairs.baskets import (
    Baskets,
    expected_together,
    pairs_in_baskets,
    together_of,
)
from retention_ml.recommendations.pairs.false_discovery import q_values
from retention_ml.recommendations.pairs.hypergeometric import upper_tail
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import Bools, Floats, Ints

WINDOW_DAYS = 364
WEEKS_MIN = 8
_LATER_SHARE = 0.25
_LATER_EXPECTED_MIN = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted of some pairs in a span of days, shape (m,) each.

    Parameters
    ----------
    first, second : array of int64
        Baskets with each product.
    together : array of int64
        Baskets with both.
    customers : array of int64
        Whose baskets these are.
    expected : array of float64
        Baskets with both, if products were chosen independently of each other.
    lift : array of float64
        `together` to what the shares of all baskets make: 1 where products are independent and
        all baskets alike.
    p_value : array of float64
        Probability of at least so many by chance: hypergeometric, in as many baskets, but never
        more than there are, as make `expected` the mean.
    """

    first: Ints
    second: Ints
    together: Ints
    customers: Ints
    expected: Floats
    lift: Floats
    p_value: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRules:
    """Pairs that are no chance in the earlier weeks, and the same pairs in the later ones.

    Parameters
    ----------
    begins, splits, ends : int
        Days counted from 1970-01-01: earlier weeks are from the first to the second, later ones
        from there to before the third.
    baskets_count, later_baskets_count, left_out_count : int
        Baskets of both spans, and those too large to be shopping.
    products_count, tested_count : int
        Products in enough baskets, and the pairs these make: all of them count as tested.
    counted_count : int
        Pairs that are together in enough baskets.
    first, second : array of int32, shape (m,)
        Product codes of the rules, the first below the second, ordered by both.
    earlier, later : Counts
    q_value, later_q_value : array of float64, shape (m,)
    is_measurable : array of bool, shape (m,)
        Enough would be seen in the later weeks, were it as in the earlier ones.
    is_confirmed : array of bool, shape (m,)
        It is no chance in the later weeks either.
    """

    begins: int
    splits: int
    ends: int
    baskets_count: int
    later_baskets_count: int
    left_out_count: int
    products_count: int
    tested_count: int
    counted_count: int
    first: Codes
    second: Codes
    earlier: Counts
    later: Counts
    q_value: Floats
    later_q_value: Floats
    is_measurable: Bools
    is_confirmed: Bools

    def __len__(self) -> int:
        return len(self.first)

    @property
    def evidence(self) -> Floats:
        """How much more than chance, in baskets and in times: what makes one pair matter more."""
        times = self.earlier.together / np.maximum(self.earlier.expected, 1e-9)
        return np.asarray(self.earlier.together * np.log(times), dtype=np.float64)


def product_rules(
    purchases: Purchases, *, together_min: int, customers_min: int, error_rate: float
) -> ProductRules:
    """The rules of the last 364 days, or as many as there are; the newest quarter confirms them.

    Parameters
    ----------
    together_min : int
        Baskets with both products, so that a pair is looked at.
    customers_min : int
        Customers with such a basket, so that one customer's habit makes no rule.
    error_rate : float
        Share of rules that may be chance: Benjamini and Hochberg, over all pairs that could have
        been looked at.

    Raises
    ------
    NotReady
        Purchases of fewer than eight weeks.
    """
    begins, splits, ends = _spans(purchases)
    earlier = Baskets.of(purchases, begins, splits)
    later = Baskets.of(purchases, splits, ends)
    products_count = int((earlier.of_product >= together_min).sum())
    tested_count = products_count * (products_count - 1) // 2
    first, second, _ = pairs_in_baskets(earlier, together_min)
    counts = counted(earlier, first, second)
    q = q_values(counts.p_value, tested_count)
    # In no more than is expected lies no discovery, whatever the number of baskets.
    is_rule = (q <= error_rate) & (counts.together > counts.expected)
    is_rule &= counts.customers >= customers_min
    first, second, q = first[is_rule], second[is_rule], q[is_rule]
    earlier_counts = _some(counts, is_rule)
    later_counts = counted(later, first, second)
    times = earlier_counts.together / np.maximum(earlier_counts.expected, 1e-9)
    is_measurable = times * later_counts.expected >= _LATER_EXPECTED_MIN
    later_q = np.ones(len(first))
    later_q[is_measurable] = q_values(later_counts.p_value[is_measurable])
    return ProductRules(
        begins=begins,
        splits=splits,
        ends=ends,
        baskets_count=len(earlier),
        later_baskets_count=len(later),
        left_out_count=earlier.left_out_count + later.left_out_count,
        products_count=products_count,
        tested_count=tested_count,
        counted_count=len(is_rule),
        first=first,
        second=second,
        earlier=earlier_counts,
        later=later_counts,
        q_value=q,
        later_q_value=later_q,
        is_measurable=is_measurable,
        is_confirmed=is_measurable & (later_q <= error_rate),
    )


def counted(baskets: Baskets, first: Codes, second: Codes) -> Counts:
    """Everything that is counted of some pairs in baskets."""
    of_product, size = baskets.of_product, float(len(baskets))
    one, other = of_product[first], of_product[second]
    together, customers = together_of(baskets, first, second)
    expected = expected_together(baskets, first, second)
    product = one.astype(np.float64) * other
    with np.errstate(invalid="ignore", divide="ignore"):
        lift = np.where(product > 0, together * size / product, 0.0)
        population = np.minimum(size, np.where(expected > 0, product / expected, size))
    return Counts(
        first=one,
        second=other,
        together=together,
        customers=customers,
        expected=expected,
        lift=lift,
        p_value=upper_tail(together, np.rint(population), one, other),
    )


def _spans(purchases: Purchases) -> tuple[int, int, int]:
    """Where the earlier weeks begin, the later ones begin, and all end."""
    ends = purchases.day
    begins = int(purchases.event_day.min()) if len(purchases) else ends
    weeks = min(WINDOW_DAYS, ends - begins) // 7
    if weeks < WEEKS_MIN:
        raise NotReady(
            f"No pairs of products can be shown at {purchases.as_of}: purchases of {weeks} whole "
            f"weeks are known; expected at least {WEEKS_MIN}, of which the newest quarter confirms "
            "what the others show. Ingest more history, or wait."
        )
    return ends - 7 * weeks, ends - 7 * max(1, round(_LATER_SHARE * weeks)), ends


def _some(counts: Counts, mask: Bools) -> Counts:
    return Counts(**{name: getattr(counts, name)[mask] for name in Counts.__dataclass_fields__})
