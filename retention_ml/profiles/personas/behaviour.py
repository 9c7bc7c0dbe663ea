"""How each buyer buys, in seven figures, and the words for much and little of each."""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from retention_ml.profiles.histories import Histories
from retention_ml.profiles.stages import interval_days
from retention_ml.statistics.arrays import Floats, Ints

LATELY_DAYS, MONTH_DAYS = 90, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One figure of behaviour: its words, and which traits tell the same story (`theme`)."""

    name: str
    high: str
    low: str
    theme: str


TRAITS = (
    Trait(name="silent_days", high="silent", low="recent", theme="recency"),
    Trait(name="purchase_days", high="frequent", low="few orders", theme="orders"),
    Trait(name="revenue_cents", high="big-spending", low="small-spending", theme="money"),
    Trait(name="day_revenue_cents", high="big baskets", low="small baskets", theme="basket"),
    Trait(name="interval_days", high="slow rhythm", low="quick rhythm", theme="rhythm"),
    Trait(name="tenure_days", high="long-standing", low="young", theme="tenure"),
    Trait(name="purchase_days_90d", high="busy lately", low="quiet lately", theme="recency"),
)


def behaviour(histories: Histories, *, lapsed_days: int) -> Floats:
    """The traits of every buyer, none below zero, shape (b, 7), columns as `TRAITS`.

    Days without an order so far; purchase days; what they brought, refunds taken off; that per
    purchase day; the interval that stages use (`stages.interval_days`); days since the first
    order; purchase days of the last `LATELY_DAYS`.
    """
    purchase_days = histories.number[histories.last_place]
    revenue = np.maximum(histories.total_cents()[histories.buyers], 0)
    is_late = histories.day >= histories.today - LATELY_DAYS
    return np.column_stack(
        [
            histories.today - histories.last,
            purchase_days,
            revenue,
            revenue / purchase_days,
            interval_days(histories, lapsed_days)[histories.last_place],
            histories.today - histories.first,
            np.bincount(histories.buyer, weights=is_late, minlength=len(purchase_days)),
        ]
    ).astype(np.float64)


def behaviour_a_month_ago(histories: Histories, *, lapsed_days: int) -> tuple[Ints, Floats]:
    """Buyers who had ordered a month ago, and their traits then.

    Returns
    -------
    buyers : array of int64, shape (m,)
        Places among the buyers of the day.
    traits : array of float64, shape (m, 7)
        By purchase days before that day, as they are known now.
    """
    then = histories.today - MONTH_DAYS
    ordered, money = histories.day < then, histories.money_day < then
    earlier = replace(
        histories,
        as_of=histories.as_of - timedelta(days=MONTH_DAYS),
        customer=histories.customer[ordered],
        day=histories.day[ordered],
        orders_count=histories.orders_count[ordered],
        money_customer=histories.money_customer[money],
        money_day=histories.money_day[money],
        money_cents=histories.money_cents[money],
    )
    if len(earlier.day) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros((0, len(TRAITS)))
    buyers = np.searchsorted(histories.buyers, earlier.buyers)
    return buyers.astype(np.int64), behaviour(earlier, lapsed_days=lapsed_days)
