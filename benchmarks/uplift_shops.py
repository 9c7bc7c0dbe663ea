"""Simulated decisions with known effects, for measurements and tests of uplift.

Customers are of four types: those whom a contact moves, those who buy anyway, those whom nothing
moves, and those who buy less when contacted. What a customer answered to earlier contacts tells
their type, with noise.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from retention_ml.models.uplift.sample import UpliftSample
from retention_ml.statistics.arrays import Floats, sigmoid

World = Literal["types", "none", "harm"]
_TYPES = (0.25, 0.35, 0.25, 0.15)
_LOG_ODDS = np.array([0.55, 0.10, 0.0, -0.40])


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """A sample, and the true effect of the contact on the probability of an order, shape (n,)."""

    sample: UpliftSample
    effect: Floats


def decisions(
    rows: int, seed: int, world: World = "types", *, share: float = 0.5, strength: float = 1.0
) -> Decisions:
    """Decisions drawn by lot; equal seeds, equal decisions.

    Parameters
    ----------
    world : str
        "types": as above. "none": contacts change nothing. "harm": everybody buys less.
    share : float
        Probability of the contact.
    strength : float
        By which the differences in log-odds are multiplied.
    """
    rng = np.random.default_rng(seed)
    traits = rng.normal(size=(rows, 6))
    log_odds = -1.0 + 0.8 * traits[:, 0] + 0.4 * traits[:, 1] - 0.3 * traits[:, 2]
    moved = strength * _LOG_ODDS[rng.choice(4, rows, p=_TYPES)]
    answers = moved / strength + 0.35 * rng.normal(size=rows)
    change = {"types": moved, "none": np.zeros(rows), "harm": np.full(rows, -0.4)}[world]
    effect = sigmoid(log_odds + change) - sigmoid(log_odds)
    treated = rng.random(rows) < share
    orders = rng.random(rows) < sigmoid(log_odds + change * treated)
    values = np.column_stack([traits, np.exp(traits[:, 0]), rng.integers(0, 3, rows), answers])
    sample = UpliftSample(
        features=(*(f"trait_{n}" for n in range(6)), "revenue", "region", "own_answers"),
        values=values,
        treated=treated,
        outcome=orders.astype(np.float64),
        propensity=np.full(rows, share),
        groups=np.arange(rows),
    )
    return Decisions(sample=sample, effect=effect)
