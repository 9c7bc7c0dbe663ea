"""Which forecasts of a trial are counted: one per customer and outcome window, none overlapping.

Forecasts of consecutive days are about nearly the same weeks of the same customers. A customer
counts on the first scored day, and again only when the window counted last has closed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.outcomes.forecasts import Forecasts
from retention_ml.statistics.arrays import Bools, Floats, Ints

Codes = npt.NDArray[np.uint64]

_OF_FORECASTS: Mapping[str, type] = {
    "champion": np.float64,
    "challenger": np.float64,
    "churned": np.float64,
    "assigned_to_challenger": np.bool_,
    "revenue_cents": np.float64,
}


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
    """

    window_days: int
    _codes: Codes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    _free_from: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _parts: list[TrialSample] = field(default_factory=list)

    def add(
        self, forecasts: Forecasts, codes: Codes, eligible: Bools, counted: Bools | None = None
    ) -> None:
        """Add a day, later than all days before.

        Parameters
        ----------
        codes : array of uint64, shape (n,)
            Those of the customers, see `codes_of`.
        eligible : array of bool, shape (n,)
            Which forecasts may count: the window of their customers opens.
        counted : array of bool, shape (n,), optional
            Which of them do; default all.
        """
        day = forecasts.snapshot.as_of.toordinal()
        candidates = np.flatnonzero(eligible)
        candidates = candidates[np.argsort(codes[candidates], kind="stable")]
        chosen = candidates[self._claim_free(codes[candidates], day)]
        is_whole = 2 * len(chosen) >= len(candidates) > 0
        if counted is not None:
            chosen = chosen[counted[chosen]]
        self._parts.append(
            TrialSample(
                days=np.full(len(chosen), day, dtype=np.int64),
                codes=codes[chosen],
                **{name: getattr(forecasts, name)[chosen] for name in _OF_FORECASTS},
                segments={name: inside[chosen] for name, inside in forecasts.segments.items()},
                whole_days=(day,) if is_whole else (),
            )
        )

    def sample(self) -> TrialSample:
        """Everything counted so far."""
        parts = self._parts
        columns = {
            name: np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in parts)])
            for name, dtype in {"days": np.int64, "codes": np.uint64, **_OF_FORECASTS}.items()
        }
        return TrialSample(
            **columns,
            segments={
                name: np.concatenate([part.segments[name] for part in parts])
                for name in (parts[0].segments if parts else ())
            },
            whole_days=tuple(day for part in parts for day in part.whole_days),
        )

    def _claim_free(self, codes: Codes, day: int) -> Bools:
        """Which customers have no open window; it opens now for them."""
        is_open = self._free_from > day
        open_codes = self._codes[is_open]
        is_free = ~np.isin(codes, open_codes)
        self._codes = np.concatenate([open_codes, codes[is_free]])
        self._free_from = np.concatenate(
            [self._free_from[is_open], np.full(is_free.sum(), day + self.window_days, np.int64)]
        )
        return is_free
