"""What every buyer is expected to bring within the horizon, as rows of a day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_of
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.profiles.histories import Histories
from retention_ml.profiles.value.columns import columns
from retention_ml.profiles.value.fit import ValueFit
from retention_ml.profiles.value.intervals import drawn_intervals
from retention_ml.profiles.value.level import interval_of_total, level
from retention_ml.profiles.value.spending import Spending
from retention_ml.statistics.arrays import Floats, Ints

TIERS = ("top", "high", "medium", "low")
_DRAWS = 200
_HUGE_SHARE = 0.1
_REPEAT_CUSTOMERS_MIN = 20
_OLD_FITS = 3
# Of one customer, so that no sum of a shop's customers leaves int64: a hundred billion euros.
_CENTS_MAX = 10**13
_CUSTOMERS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("value_cents", pa.int64()),
        ("value_lower_cents", pa.int64()),
        ("value_upper_cents", pa.int64()),
        ("value_tier", pa.string()),
        ("expected_orders", pa.float64()),
        ("expected_day_cents", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRules:
    """What the settings decide about value.

    Parameters
    ----------
    horizon_days : int
    tier_shares : tuple of float
        Shares of the buyers that reach down to `top`, `high` and `medium`; rising.
    minor_units : int
        Smallest units in one of the currency, for sentences.
    seed, threads : int
    """

    horizon_days: int
    tier_shares: tuple[float, ...]
    minor_units: int
    seed: int
    threads: int


def customer_value(
    histories: Histories, process: BetaGeoNBD, fit: ValueFit | None, rules: ValueRules
) -> dict[str, pa.Table]:
    """Rows of `value` (one per buyer, none where a shop is too young) and of `value_total` (one)."""
    reason = _too_young(histories, rules)
    if reason:
        return {"value": _CUSTOMERS.empty_table(), "value_total": _total(rules, caveat=reason)}
    spending = Spending.of(histories, process)
    horizon_days = rules.horizon_days
    orders = spending.expected_orders(horizon_days)
    day_cents = spending.expected_day_cents
    expected = orders * day_cents
    factor = 1.0
    if fit is None:
        ends = drawn_intervals(spending.draws(horizon_days, _DRAWS, rules.seed))
    else:
        factor = level(
            histories,
            orders=float(orders.sum()),
            horizon_days=horizon_days,
            reference_day=fit.reference_day,
            reference_orders=fit.reference_orders,
            reference_level=fit.reference_level,
        )
        values = columns(histories, spending, horizon_days)
        expected = fit.shares(values, expected, rules.threads) * factor
        ends = fit.like_customers.intervals(expected)
    value = _cents(expected)
    interval, why_none = None, None
    if fit is not None:
        # Around what is stated, which is a sum of whole cents.
        interval, why_none = interval_of_total(float(value.sum()), fit.past_totals, horizon_days)
    names = pa.array(TIERS, pa.string())
    return {
        "value": pa.table(
            [
                histories.customer_ids.take(pa.array(histories.buyers)),
                value,
                *(_cents(end) for end in ends.T),
                names.take(pa.array(tiers(value, rules.tier_shares))),
                orders,
                _cents(day_cents),
            ],
            schema=_CUSTOMERS,
        ),
        "value_total": _total(
            rules,
            fit=fit,
            factor=factor,
            value=value,
            interval=interval,
            caveat=" ".join(filter(None, (why_none, _caveat(histories, fit, rules)))) or None,
        ),
    }


def tiers(value: Ints, shares: Sequence[float]) -> Ints:
    """The tier of each buyer by rank, a place in `TIERS`, shape (b,).

    Equal values have the same tier, the lower one; who is expected to bring nothing is `low`.

    >>> [TIERS[at] for at in tiers(np.array([9, 1, 5, 0]), (0.25, 0.5, 0.75))]
    ['top', 'medium', 'high', 'low']
    """
    if len(value) == 0:
        return np.zeros(0, dtype=np.int64)
    at_least = len(value) - np.searchsorted(np.sort(value), value, side="left")
    place = np.searchsorted(np.asarray(shares), at_least / len(value) - 1e-12)
    return np.where(value > 0, place, len(TIERS) - 1)


def _too_young(histories: Histories, rules: ValueRules) -> str | None:
    first = int(histories.first.min())
    needed = -(-rules.horizon_days // 2)
    if histories.today - first < needed:
        return (
            f"Nobody's value is stated yet: orders are known from {day_of(first)} on, and what "
            f"customers bring in {rules.horizon_days} days needs {needed} days of them. It begins "
            f"on {day_of(first + needed)}."
        )
    repeats = int((histories.number[histories.last_place] > 1).sum())
    if repeats < _REPEAT_CUSTOMERS_MIN:
        return (
            f"Nobody's value is stated: {repeats:,} of {len(histories.buyers):,} customers ordered "
            f"on a second day, and how customers come back needs {_REPEAT_CUSTOMERS_MIN} of them."
        )
    return None


def _caveat(histories: Histories, fit: ValueFit | None, rules: ValueRules) -> str | None:
    """What the values lack, and what they hang on; None where nothing."""
    sentences = []
    if fit is None:
        sentences.append(
            "Nothing learnt from past days is at hand: values come from the process of buying and "
            "spending alone, and their total has no interval."
        )
    elif (histories.as_of - fit.as_of).days > _OLD_FITS * fit.fit_days:
        sentences.append(
            f"What past days taught is of {fit.as_of}, {(histories.as_of - fit.as_of).days:,} days "
            f"ago; it is learnt again after {fit.fit_days} where past days allow it."
        )
    positive = np.maximum(histories.money_cents, 0)
    total = int(positive.sum())
    largest = int(positive.argmax()) if len(positive) else 0
    if total and positive[largest] > _HUGE_SHARE * total:
        sentences.append(
            f"One customer's day, {day_of(int(histories.money_day[largest]))}, brought "
            f"{positive[largest] / rules.minor_units:,.2f}, {positive[largest] / total:.0%} of all "
            "revenue so far. It counts; the total of values hangs on whether it comes again."
        )
    return " ".join(sentences) or None


def _total(
    rules: ValueRules,
    *,
    caveat: str | None,
    fit: ValueFit | None = None,
    factor: float = 1.0,
    value: Ints | None = None,
    interval: tuple[float, float] | None = None,
) -> pa.Table:
    def one(cell: object, kind: pa.DataType) -> pa.Array:
        return pa.array([cell], kind)

    ends = [None, None] if interval is None else [round(end) for end in interval]
    return pa.table(
        {
            "horizon_days": one(rules.horizon_days, pa.int32()),
            "fit_sha256": one(None if fit is None else fit.sha256, pa.string()),
            "learned_share": one(0.0 if fit is None else fit.learned_share, pa.float64()),
            "level_factor": one(factor, pa.float64()),
            "customers_count": one(0 if value is None else len(value), pa.int64()),
            "total_cents": one(None if value is None else int(value.sum()), pa.int64()),
            "total_lower_cents": one(ends[0], pa.int64()),
            "total_upper_cents": one(ends[1], pa.int64()),
            "caveat": one(caveat, pa.string()),
        }
    )


def _cents(values: Floats) -> Ints:
    return np.rint(np.clip(values, -_CENTS_MAX, _CENTS_MAX)).astype(np.int64)
