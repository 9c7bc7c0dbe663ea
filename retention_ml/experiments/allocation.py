"""Lots of an experiment, drawn within strata: every stratum gets its shares, to within one customer.

Within a stratum customers stand in the order of their places, a salted hash; the first is put at a
random point of [0, 1), each next one 1 / n farther around the circle, and the point says the arm.
Every customer has exactly the arms' shares as probabilities; the counts cannot go astray as
independent lots would. Sums over lots dealt without replacement vary less than over independent
ones (Hoeffding 1963, Probability inequalities for sums of bounded random variables, section 6), so
tests that assume independent lots err on the safe side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.experiments.design import Design
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.lots import places


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Who got which arm.

    Parameters
    ----------
    arms : tuple of str
        Names of the arms, as in the design.
    arm : array of int64, shape (n,)
        Position of each customer's arm in `arms`.
    lots : array of float64, shape (n,)
        The number that decided, in [0, 1): the arm in whose part of the interval it lies.
    """

    arms: tuple[str, ...]
    arm: Ints
    lots: Floats


def allocate(
    customer_ids: Sequence[str], strata: Sequence[str], design: Design, *, day: str
) -> Allocation:
    """The arms of the customers of a decision day.

    Parameters
    ----------
    customer_ids : sequence of str, length n
        Everybody who takes part on this day.
    strata : sequence of str, length n
        What the lots are balanced over, the tier for example. Customers who are drawn once
        (`unit` customer) are not balanced: their arm may not depend on who else is there.
    day : str
        The decision day, YYYY-MM-DD; part of the salt.
    """
    shares = np.array(list(design.arms.values()))
    borders = np.cumsum(shares)[:-1]
    salt = design.salt(day)
    place = places(customer_ids, salt)
    lots = place if design.unit == "customer" else _systematic(place, strata, salt)
    return Allocation(
        arms=tuple(design.arms),
        arm=np.searchsorted(borders, lots, side="right").astype(np.int64),
        lots=lots,
    )


def _systematic(place: Floats, strata: Sequence[str], salt: str) -> Floats:
    lots = np.empty(len(place))
    names = np.asarray(strata, dtype=object)
    for name in sorted(set(strata)):
        rows = np.flatnonzero(names == name)
        [start] = places([name], f"{salt}:start")
        rank = np.argsort(np.argsort(place[rows], kind="stable"), kind="stable")
        lots[rows] = (start + rank / len(rows)) % 1.0
    return lots
