"""Which forecasts of a trial are counted: one per customer and outcome window, none overlapping.

Forecasts of consecutive days are about nearly the same weeks of the same customers. A customer
counts on the first scored day, and again only when the window counted last has closed.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.outcomes.forecasts import Forecasts
from retention_ml.statistics.arrays import Bools, Floats, Ints

Codes = npt.NDArray[np.uint64]


def codes_of(customer_ids: pa.Array, salt: str) -> Codes:
    """A number for each customer by which they are ordered, shape (n,): 64 bits of a salted hash.

    The order of customers within a day is then independent of everything known about them.
    """
    sha256, before = hashlib.sha256, f"order\0{salt}\0".encode()
    heads = b"".join(sha256(before + one.encode()).digest()[:8] for one in customer_ids.to_pylist())
    return np.frombuffer(heads, dtype=">u8").astype(np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSample:
    """Counted forecasts, in the order in which they count.

    Parameters
    ----------
    days : array of int64, shape (n,)
        The scored day, as days since 0001-01-01 (`date.toordinal`), rising.
    codes : array of uint64, shape (n,)
        The customer; rising within a day.
    champion, challenger, churned : array of float64, shape (n,)
    assigned_to_challenger : array of bool, shape (n,)
        Served by the challenger.
    revenue_cents : array of float64, shape (n,)
    segments : mapping of str to array of bool, shape (n,)
    whole_days : tuple of int
        Days on which most customers counted, not only newcomers.
    """

    days: Ints
    codes: Codes
    champion: Floats
    challenger: Floats
    churned: Floats
    assigned_to_challenger: Bools
    revenue_cents: Floats
    segments: Mapping[str, Bools]
    whole_days: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.churned)

    def windows_count(self, window_days: int) -> int:
        """How many consecutive spans of a window's length, from the first day on, count.

        In each at least half as many customers counted as in the fullest: some customers are left
        out repeatedly, or come back on another day of the span.
        """
        if len(self) == 0:
            return 0
        counts = np.bincount((self.days - self.days[0]) // window_days)
        return int((2 * counts >= counts.max()).sum())


@dataclass(slots=True, kw_only=True)
class NonOverlappingSampler:
    """Selects the forecasts that count from the days of a trial, oldest first.

    Parameters
    ----------
    window_days : int
        Days from a scored day to the end of its outcome window.
    salt : str
        Of the order within a day.
    eligible : callable
        Which forecasts of a day may count, shape (n,).
    """

    window_days: int
    salt: str
    eligible: Callable[[Forecasts], Bools]
    _codes: Codes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    _free_from: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _parts: list[TrialSample] = field(default_factory=list)

    def add(self, forecasts: Forecasts) -> None:
        """Add a day, later than all days before."""
        day = forecasts.snapshot.as_of.toordinal()
        codes = codes_of(forecasts.customer_ids, self.salt)
        candidates = np.flatnonzero(self.eligible(forecasts))
        candidates = candidates[np.argsort(codes[candidates], kind="stable")]
        chosen = candidates[self._claim_free(codes[candidates], day)]
        self._parts.append(
            TrialSample(
                days=np.full(len(chosen), day, dtype=np.int64),
                codes=codes[chosen],
                champion=forecasts.champion[chosen],
                challenger=forecasts.challenger[chosen],
                churned=forecasts.churned[chosen],
                assigned_to_challenger=forecasts.assigned_to_challenger[chosen],
                revenue_cents=forecasts.revenue_cents[chosen],
                segments={name: inside[chosen] for name, inside in forecasts.segments.items()},
                whole_days=(day,) if 2 * len(chosen) >= len(candidates) > 0 else (),
            )
        )

    def sample(self) -> TrialSample:
        """Everything counted so far."""
        parts = self._parts
        names = list(parts[0].segments) if parts else []

        def concatenate(name: str, dtype: type) -> np.ndarray:
            return np.concatenate(
                [np.empty(0, dtype=dtype), *(getattr(part, name) for part in parts)]
            )

        return TrialSample(
            days=concatenate("days", np.int64),
            codes=concatenate("codes", np.uint64),
            champion=concatenate("champion", np.float64),
            challenger=concatenate("challenger", np.float64),
            churned=concatenate("churned", np.float64),
            assigned_to_challenger=concatenate("assigned_to_challenger", np.bool_),
            revenue_cents=concatenate("revenue_cents", np.float64),
            segments={
                name: np.concatenate([part.segments[name] for part in parts]) for name in names
            },
            whole_days=tuple(day for part in parts for day in part.whole_days),
        )

    def _claim_free(self, codes: Codes, day: int) -> Bools:
        """Which customers, codes rising, have no open window; it opens now for them."""
        at = np.searchsorted(self._codes, codes)
        inside = np.minimum(at, max(0, len(self._codes) - 1))
        is_counted = (
            self._codes[inside] == codes if len(self._codes) else np.zeros(len(codes), np.bool_)
        )
        is_free = np.ones(len(codes), dtype=np.bool_)
        is_free[is_counted] = self._free_from[at[is_counted]] <= day
        until = day + self.window_days
        self._free_from[at[is_counted & is_free]] = until
        new = codes[~is_counted]
        merged = np.concatenate([self._codes, new])
        order = np.argsort(merged, kind="stable")
        self._codes = merged[order]
        self._free_from = np.concatenate(
            [self._free_from, np.full(len(new), until, dtype=np.int64)]
        )[order]
        return is_free
