"""A ranker of the same making against simple lists, on the newest day whose outcome is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.recommendations.backtest.day import LISTS, MIXED, evaluate_day, in_codes_of
from retention_ml.recommendations.backtest.methods import CHAMPION, Choice
from retention_ml.recommendations.baselines.popularity import most_bought, personal_frequency
from retention_ml.recommendations.fit_ranker import Learning
from retention_ml.recommendations.metrics import METRICS
from retention_ml.recommendations.purchases import PurchaseLog
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval, customer_weights, percentile_interval

BASELINE = "personal_frequency"
_CHOICES = (
    Choice(name="best_sellers", method=most_bought),
    Choice(name=BASELINE, method=personal_frequency),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of the lists of a past day.

    Parameters
    ----------
    day : date
    customers_count : int
        Active customers who bought something in the window.
    figures : mapping of str to mapping of str to mapping of str to float
        By method, list and metric, the mean over customers.
    difference : Interval
        In NDCG@10 of the mixed list, ranker minus personal frequency, customer by customer.
    """

    day: date
    customers_count: int
    figures: Mapping[str, Mapping[str, Mapping[str, float]]]
    difference: Interval

    @property
    def evidence(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "day": str(self.day),
            "customers_count": self.customers_count,
            "methods": {name: dict(lists) for name, lists in self.figures.items()},
            "difference": dict(zip(("value", "lower", "upper"), self.difference, strict=True)),
        }


def prove(
    log: PurchaseLog,
    day: date,
    learning: Learning,
    *,
    descriptions: pa.Table,
    draws: int,
    seed: int,
) -> Proof:
    """Fit on what was known at the start of a past day, and look at what was bought after it.

    Parameters
    ----------
    descriptions : pa.Table
        Of products, as known at the start of that day.

    Raises
    ------
    NotReady
        Too little was known then.
    """
    before = log.upto(day, descriptions)
    outcome = in_codes_of(before, log, log.outcome(day, learning.horizon_days))
    evaluated = evaluate_day(
        before,
        outcome,
        day,
        methods=(CHAMPION, *(choice.name for choice in _CHOICES)),
        choices=_CHOICES,
        learning=learning,
    )
    figures = {
        name: {
            kind: {
                metric: _mean(evaluated.metrics[name, kind][metric][evaluated.counted[kind]])
                for metric in METRICS
            }
            for kind in LISTS
        }
        for name in (CHAMPION, *(choice.name for choice in _CHOICES))
    }
    gain = evaluated.metrics[CHAMPION, MIXED]["ndcg"] - evaluated.metrics[BASELINE, MIXED]["ndcg"]
    return Proof(
        day=day,
        customers_count=len(gain),
        figures=figures,
        difference=_interval(gain, draws, seed),
    )


def _interval(gain: Floats, draws: int, seed: int) -> Interval:
    if len(gain) == 0:
        return Interval(0.0, 0.0, 0.0)
    weights = customer_weights(np.arange(len(gain)), draws, seed)
    return percentile_interval(float(gain.mean()), weights @ gain / weights.sum(axis=1))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def decision(proof: Proof, *, is_renewal: bool) -> tuple[bool, str]:
    """Whether a ranker may serve, and why.

    The first one must be better than personal frequency beyond chance; while one is in force, its
    successor may stand on trial against it unless it is worse beyond chance.

    Examples
    --------
    >>> proof = Proof(
    ...     day=date(2026, 3, 1), customers_count=400, figures={},
    ...     difference=Interval(0.01, -0.002, 0.02),
    ... )
    >>> decision(proof, is_renewal=False)[0], decision(proof, is_renewal=True)[0]
    (False, True)
    """
    value, lower, upper = proof.difference
    shown = (
        f"NDCG@10 of the mixed list {value:+.4f} [{lower:+.4f}, {upper:+.4f}] against personal "
        f"frequency, {proof.customers_count:,} customers, {proof.day}"
    )
    if lower > 0:
        return True, f"Better than personal frequency: {shown}."
    if is_renewal and upper >= 0:
        return True, f"Not worse than personal frequency beyond chance: {shown}."
    verb = "Worse than" if upper < 0 else "Not better beyond chance than"
    return False, f"{verb} personal frequency: {shown}."
