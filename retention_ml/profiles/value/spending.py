"""Buying process × spending: what each customer is expected to bring, in closed form and by draws."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from retention_ml.models.btyd import gamma_gamma
from retention_ml.models.btyd.gamma_gamma import SpendModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.profiles.cadence import purchase_counts
from retention_ml.profiles.histories import Histories
from retention_ml.statistics.arrays import Floats

_CUSTOMERS_AT_ONCE = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The buyers of a day under MBG/NBD × Gamma-Gamma; arrays have shape (b,).

    Parameters
    ----------
    process : BetaGeoNBD
    spend : SpendModel
    frequency, recency, T : array of float64
        As in `PurchaseSummary`.
    day_cents : array of float64
        Mean of what a purchase day brought, refunds taken off; at least 0.
    """

    process: BetaGeoNBD
    spend: SpendModel
    frequency: Floats
    recency: Floats
    T: Floats
    day_cents: Floats

    @classmethod
    def of(cls, histories: Histories, process: BetaGeoNBD) -> Self:
        """The process with the spending of those who ordered on two days or more."""
        frequency, recency, T = purchase_counts(histories)
        total = histories.total_cents()[histories.buyers].astype(np.float64)
        # Who sent back more than they bought brought nothing: the model knows no negative payment.
        day_cents = np.maximum(total, 0.0) / (frequency + 1.0)
        is_repeat = frequency > 0
        spend = gamma_gamma.fit(np.where(is_repeat, frequency + 1.0, 0.0), day_cents)
        return cls(
            process=process,
            spend=spend,
            frequency=frequency,
            recency=recency,
            T=T,
            day_cents=day_cents,
        )

    @property
    def expected_day_cents(self) -> Floats:
        """What a purchase day to come is expected to bring."""
        return self.spend.expected_value(self.frequency + 1.0, self.day_cents)

    def expected_orders(self, horizon_days: float) -> Floats:
        """Purchase days expected in the horizon."""
        return self.process.expected_orders(self.frequency, self.recency, self.T, horizon_days)

    def expected_cents(self, horizon_days: float) -> Floats:
        """What each is expected to bring in the horizon."""
        return self.expected_orders(horizon_days) * self.expected_day_cents

    def draws(self, horizon_days: float, count: int, seed: int) -> Floats:
        """What each may bring in the horizon, shape (b, count), from the posterior.

        Of customers who have not left, rate and dropout probability are independent: with x
        repeats in T days Gamma(r + x, alpha + T), and Beta(a, b + chances to leave). Purchases of
        the horizon are Poisson until the one after which they leave. What they pay is
        Gamma(p · purchases) at a rate that is Gamma(q + p·n, v + n·mean) after n payments: the sum
        of the payments counts, not p times it.
        """
        parts = [
            self._draws(slice(first, first + _CUSTOMERS_AT_ONCE), horizon_days, count, seed + first)
            for first in range(0, len(self.T), _CUSTOMERS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, count))

    def _draws(self, part: slice, horizon_days: float, count: int, seed: int) -> Floats:
        random = np.random.default_rng(seed)
        process, spend = self.process, self.spend
        x, T = self.frequency[part, None], self.T[part, None]
        shape = (len(x), count)
        alive = process.p_alive(self.frequency[part], self.recency[part], self.T[part])
        stays = random.random(shape) < alive[:, None]
        rate = random.gamma(process.r + x, size=shape) / (process.alpha + T)
        purchases = random.poisson(rate * horizon_days)
        chances = x + float(process.modified)
        leaves = np.clip(random.beta(process.a, process.b + chances, shape), 1e-12, 1 - 1e-12)
        until_left = np.ceil(np.log1p(-random.random(shape)) / np.log1p(-leaves))
        purchases = np.where(stays, np.minimum(purchases, np.maximum(until_left, 1.0)), 0.0)
        payments, paid = x + 1.0, (x + 1.0) * self.day_cents[part, None]
        per_cent = random.gamma(spend.q + spend.p * payments, size=shape) / (spend.v + paid)
        units = random.gamma(np.maximum(spend.p * purchases, 1e-12))
        return np.where(purchases > 0, units / per_cent, 0.0)
