"""Decisions of an experiment whose outcomes are known, in the order in which they matured."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """One entry for each decision counted; a decision counts when its window has closed and settled.

    Parameters
    ----------
    days : list of date
        Decision days, oldest first; one look each.
    day : array of int64, shape (n,)
        Position in `days`; must not fall.
    arms : tuple of str
        Names of the arms.
    arm : array of int64, shape (n,)
        The arm assigned, whatever was then sent or received.
    tiers : tuple of str
        Names of the tiers.
    tier : array of int64, shape (n,)
    retained, unsubscribed, returned : array of float64, shape (n,)
        1.0 where the customer ordered, withdrew a permission or complained, sent something back in
        the window; else 0.0.
    margin : array of float64, shape (n,)
        In the window, after discount and contact cost, in units of money.
    retention_forecast : array of float64, shape (n,)
        Published before the decision.
    margin_forecast : array of float64, shape (n,)
        Something from before the decision that foretells the margin; 0 where there is nothing.
    assigned : array of int64, shape (days, arms)
        How many were drawn on each day, whether or not an outcome ever came.
    abnormal_count : int
        Decisions counted about customers who were found out to be abnormal since they were drawn.
        They stay where the lot put them.
    """

    days: list[date]
    day: Ints
    arms: tuple[str, ...]
    arm: Ints
    tiers: tuple[str, ...]
    tier: Ints
    retained: Floats
    unsubscribed: Floats
    returned: Floats
    margin: Floats
    retention_forecast: Floats
    margin_forecast: Floats
    assigned: Ints
    abnormal_count: int = 0

    def __len__(self) -> int:
        return len(self.day)

    @property
    def counts(self) -> Ints:
        """Decisions counted by the end of each day, shape (days,)."""
        positions = np.arange(len(self.days))
        return np.searchsorted(self.day, positions, side="right").astype(np.int64)

    @property
    def counted(self) -> Ints:
        """Decisions counted by the end of each day, by arm, shape (days, arms)."""
        shape = (len(self.days), len(self.arms))
        cells = self.day * shape[1] + self.arm
        daily = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        return np.asarray(np.cumsum(daily, axis=0), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The decisions of one action and the control; `counts` are looks."""

    rows: Ints
    counts: Ints
    is_treated: Bools


def pair(decisions: Decisions, arm: str, control: str, *, within: Bools | None = None) -> Pair:
    """An action against the control.

    Given that a customer got one of the two, which one was still drawn by lot.
    """
    treated, alone = decisions.arms.index(arm), decisions.arms.index(control)
    mask = (decisions.arm == treated) | (decisions.arm == alone)
    if within is not None:
        mask &= within
    rows = np.flatnonzero(mask).astype(np.int64)
    positions = np.arange(len(decisions.days))
    return Pair(
        rows=rows,
        counts=np.searchsorted(decisions.day[rows], positions, side="right").astype(np.int64),
        is_treated=decisions.arm[rows] == treated,
    )
