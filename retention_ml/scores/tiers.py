"""Risk tiers, with hysteresis: by a level of probability, or by rank.

A policy gives each customer a position in [0, 1]: the calibrated probability itself, or the rank
among the day's customers by probability or by value at risk. A tier begins at its lower bound
(included) and ends at the next tier's (excluded). A customer who already has a tier keeps it while
the position is not far enough past the bound it crossed, and only in favour of a neighbouring tier:
a small wobble moves nobody, a jump over a whole tier always counts.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.statistics.ranks import rank_position

TIERS = ("low", "medium", "high", "critical")
NO_TIER = -1
_ROUNDING = 1e-6
TiersBy = Literal["probability", "share", "value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPolicy:
    """Lower bounds of the tiers above `low`, and how far past a bound a customer must be to leave.

    Parameters
    ----------
    by : {"probability", "share", "value"}
        What a position is: the calibrated churn probability, the rank by it, or the rank by
        expected value at risk.
    medium, high, critical : float
        Positions in [0, 1], rising.
    hysteresis : float
        At least 0. By probability a difference of positions; by rank a share of the smaller of the
        two tiers at a bound, in whole customers. Up to a third, no tier is empty by rank that has
        a customer without hysteresis.

    Raises
    ------
    ValueError
        If the bounds do not rise or the hysteresis is negative.

    Examples
    --------
    >>> policy = TierPolicy(medium=0.35, high=0.6, critical=0.8, hysteresis=0.03)
    >>> policy.tier_of(np.array([0.1, 0.62, 0.9])).tolist()
    [0, 2, 3]
    >>> medium = np.array([1, 1])
    >>> policy.tier_of(np.array([0.62, 0.63]), medium).tolist()
    [1, 2]
    """

    medium: float
    high: float
    critical: float
    hysteresis: float
    by: TiersBy = "probability"

    def __post_init__(self) -> None:
        bounds = (0.0, self.medium, self.high, self.critical)
        if any(lower >= upper for lower, upper in pairwise(bounds)) or self.critical > 1:
            raise ValueError(
                f"The tier bounds are {bounds}; expected 0 = low < medium < high < critical <= 1."
            )
        if self.hysteresis < 0:
            raise ValueError(f"hysteresis is {self.hysteresis}; expected a number >= 0.")

    def __str__(self) -> str:
        if self.by == "probability":
            return (
                f"medium from {self.medium:g}, high from {self.high:g}, critical from "
                f"{self.critical:g}, hysteresis {self.hysteresis:g}"
            )
        top = "the riskiest" if self.by == "share" else "those with most value at risk,"
        return (
            f"critical {top} {_percent(1 - self.critical)} of the customers, high the next "
            f"{_percent(self.critical - self.high)}, medium the next "
            f"{_percent(self.high - self.medium)}, hysteresis {_percent(self.hysteresis)} of the "
            "smaller tier"
        )

    @property
    def sha256(self) -> str:
        """The digest of the policy: equal policies, equal digests."""
        policy: dict[str, object] = {
            "tiers": TIERS,
            "bounds": self._bounds().tolist(),
            "hysteresis": self.hysteresis,
        }
        if self.by != "probability":
            policy["by"] = self.by
        return hashlib.sha256(json.dumps(policy).encode()).hexdigest()

    def _bounds(self) -> npt.NDArray[np.float64]:
        return np.array([self.medium, self.high, self.critical], dtype=np.float64)

    def position(
        self, probability: npt.NDArray[np.float64], value_at_risk_cents: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """What the bounds are compared with, of all customers of a day, shape (n,).

        In the order of the customers' ids the result depends on nothing else: ties go by the
        other of the two, then by that order.
        """
        value = value_at_risk_cents.astype(np.float64)
        match self.by:
            case "probability":
                return probability
            case "share":
                return rank_position(probability, value)
            case "value":
                return rank_position(value, probability)

    def tier_of(
        self, position: npt.NDArray[np.float64], previous: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.int64]:
        """Places in `TIERS` by position in [0, 1], shape (n,).

        `previous` are the places of the tiers that customers have now, `NO_TIER` for none. By rank
        it has to be the positions of all customers of the day.
        """
        bounds = self._bounds()
        plain = np.searchsorted(bounds, position, side="right").astype(np.int64)
        if previous is None:
            return plain
        # The one bound between the two tiers, where they are neighbours.
        between = np.clip(np.minimum(plain, previous), 0, len(bounds) - 1)
        distance = np.abs(position - bounds[between])
        keeps = (
            (previous != NO_TIER)
            & (np.abs(plain - previous) == 1)
            & (distance < self._distances(len(position))[between])
        )
        return np.where(keeps, previous, plain)

    def _distances(self, customers_count: int) -> npt.NDArray[np.float64]:
        """How far past each bound a customer leaves a tier, as positions, shape (3,)."""
        if self.by == "probability":
            return np.full(3, self.hysteresis)
        shares = np.diff(self._bounds(), prepend=0.0, append=1.0)
        customers = self.hysteresis * np.minimum(shares[:-1], shares[1:]) * customers_count
        # Less than one place would hold nobody back, or one customer by chance.
        return np.floor(customers + _ROUNDING) / max(customers_count, 1)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def tier_since(
    tier: npt.NDArray[np.int64],
    previous: npt.NDArray[np.int64],
    previous_since: npt.NDArray[np.datetime64],
    as_of: date,
) -> npt.NDArray[np.datetime64]:
    """The day from which each customer has had the tier, without a break, up to `as_of`.

    All of shape (n,), days as `datetime64[D]`; NaT where a customer had no tier.
    """
    is_same = (tier == previous) & (previous != NO_TIER) & ~np.isnat(previous_since)
    return np.where(is_same, previous_since, np.datetime64(as_of, "D"))


def places(names: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Places in `TIERS` of tier names; `NO_TIER` for null and for names no longer in use."""
    place = pc.index_in(names, value_set=pa.array(TIERS))
    return np.asarray(pc.fill_null(place, NO_TIER), dtype=np.int64)
