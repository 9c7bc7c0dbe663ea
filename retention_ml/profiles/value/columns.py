"""What value is learnt from: one row of numbers per buyer, from histories alone."""

import numpy as np

from retention_ml.profiles.histories import Histories
from retention_ml.profiles.value.spending import Spending
from retention_ml.statistics.arrays import Floats

WINDOWS = (30, 60, 90, 180, 365)
_HALF_LIVES = (60, 180)
COLUMNS: tuple[str, ...] = (
    "purchase_days", "recency_days", "tenure_days", "span_days",
    *(f"net_cents_{days}d" for days in WINDOWS),
    *(f"purchase_days_{days}d" for days in WINDOWS),
    *(f"purchase_days_half_life_{days}d" for days in _HALF_LIVES),
    *(f"net_cents_half_life_{days}d" for days in _HALF_LIVES),
    "day_cents", "first_day_cents", "last_day_cents", "refund_day_cents",
    "pause_mean_days", "pause_spread_days", "last_pause_days", "silent_pauses",
    "still_customer_probability", "expected_orders", "expected_day_cents", "expected_cents",
)  # fmt: skip


def columns(histories: Histories, spending: Spending, horizon_days: int) -> Floats:
    """The values of `COLUMNS` of every buyer, shape (b, k); NaN where there is nothing to say."""
    today, b = histories.today, len(histories.buyers)
    place = np.full(len(histories.customer_ids), -1, dtype=np.int64)
    place[histories.buyers] = np.arange(b)
    payer = place[histories.money_customer]
    is_buyer = payer >= 0
    payer, paid_on = payer[is_buyer], histories.money_day[is_buyer]
    cents = histories.money_cents[is_buyer].astype(np.float64)
    purchase_age = (today - histories.day).astype(np.float64)
    money_age = (today - paid_on).astype(np.float64)

    def paid(weights: Floats) -> Floats:
        return np.asarray(np.bincount(payer, weights, minlength=b), dtype=np.float64)

    def bought(weights: Floats) -> Floats:
        return np.asarray(np.bincount(histories.buyer, weights, minlength=b), dtype=np.float64)

    x, silent = spending.frequency, (today - histories.last).astype(np.float64)
    pause = _mean(spending.recency, x)
    spread = np.sqrt(
        np.maximum(_mean(bought(histories.pause.astype(np.float64) ** 2), x) - pause**2, 0.0)
    )
    orders = spending.expected_orders(horizon_days)
    values = [
        x + 1.0, silent, spending.T, spending.recency,
        *(paid(cents * (money_age <= days)) for days in WINDOWS),
        *(bought((purchase_age <= days).astype(np.float64)) for days in WINDOWS),
        *(bought(np.exp2(-purchase_age / float(days))) for days in _HALF_LIVES),
        *(paid(cents * np.exp2(-money_age / days)) for days in _HALF_LIVES),
        paid(cents) / (x + 1.0),
        paid(cents * (paid_on == histories.first[payer])),
        paid(cents * (paid_on == histories.last[payer])),
        paid(np.minimum(cents, 0.0)),
        pause, np.where(x > 1, spread, np.nan),
        np.where(x > 0, histories.pause[histories.last_place], np.nan),
        silent / np.maximum(pause, 1.0),
        spending.process.p_alive(x, spending.recency, spending.T),
        orders, spending.expected_day_cents, orders * spending.expected_day_cents,
    ]  # fmt: skip
    return np.column_stack(values)


def _mean(total: Floats, count: Floats) -> Floats:
    """NaN where nothing is counted."""
    return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
