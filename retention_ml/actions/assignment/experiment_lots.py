"""Customers of a day whose action an open experiment draws, as its design says.

Who takes part could get every arm, and comes early enough in an order drawn by a salt of its own: each
is counted with their dearest arm, so that budget and quotas suffice whatever is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.actions.assignment.eligibility import Texts
from retention_ml.experiments.allocation import allocate
from retention_ml.experiments.design import Design
from retention_ml.statistics.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentLots:
    """What experiments draw; n rows, those of no experiment with `experiment_id` None.

    Parameters
    ----------
    experiment_id : array of object, shape (n,)
    action : array of int64, shape (n,)
        Place of the action drawn.
    lots : array of float64, shape (n,)
        The numbers that decided.
    shares : mapping of str to mapping
        By experiment the probability of each action.
    """

    experiment_id: Texts
    action: Ints
    lots: Floats
    shares: Mapping[str, Mapping[str, float]]

    @property
    def takes_part(self) -> Bools:
        """Who is in any experiment, shape (n,)."""
        return np.asarray(self.experiment_id != None, dtype=np.bool_)  # noqa: E711


def draw(
    designs: Sequence[Design],
    names: Sequence[str],
    customer_ids: Sequence[str],
    tier: Texts,
    allowed: Bools,
    cost_cents: Floats,
    *,
    places: Floats,
    budget_cents: float,
    quotas: Floats,
    day: str,
) -> ExperimentLots:
    """The lots of the experiments that are open, the first one served first.

    Parameters
    ----------
    designs : sequence of Design
        Those with an arm that is no action today draw nothing.
    names : sequence of str, length k
        The actions; `none` first.
    allowed : array of bool, shape (n, k)
    cost_cents : array of float64, shape (n, k)
    places : array of float64, shape (n,)
        The order in which budget and quotas are used up.
    day : str
        The decision day, YYYY-MM-DD.
    """
    n = len(customer_ids)
    experiment_id = np.full(n, None, dtype=object)
    action, lots = np.zeros(n, dtype=np.int64), np.zeros(n)
    left, left_of = budget_cents, quotas.copy()
    shares: dict[str, Mapping[str, float]] = {}
    for design in designs:
        if not set(design.arms) <= set(names):
            continue
        arms = np.array([names.index(arm) for arm in design.arms])
        free = (experiment_id == None) & np.isin(tier.astype(str), design.tiers)  # noqa: E711
        rows = np.flatnonzero(free & allowed[:, arms].all(axis=1))
        rows = rows[np.argsort(places[rows], kind="stable")]
        dearest = cost_cents[rows][:, arms].max(axis=1)
        rows, dearest = rows[dearest <= left], dearest[dearest <= left]
        payable = int(np.searchsorted(np.cumsum(dearest), left, side="right"))
        count = min(payable, _fewest(left_of, arms))
        rows = np.sort(rows[:count])
        drawn = allocate(
            [customer_ids[row] for row in rows.tolist()], tier[rows].tolist(), design, day=day
        )
        experiment_id[rows] = design.experiment_id
        action[rows], lots[rows] = arms[drawn.arm], drawn.lots
        left -= float(cost_cents[rows, action[rows]].sum())
        left_of = left_of - np.bincount(action[rows], minlength=len(names))
        shares[design.experiment_id] = dict(design.arms)
    return ExperimentLots(experiment_id=experiment_id, action=action, lots=lots, shares=shares)


def _fewest(quotas: Floats, arms: Ints) -> int:
    """How many customers there may be if all of them drew the arm with the smallest quota."""
    least = float(quotas[arms[arms > 0]].min(initial=np.inf))
    return int(least) if np.isfinite(least) else np.iinfo(np.int64).max
