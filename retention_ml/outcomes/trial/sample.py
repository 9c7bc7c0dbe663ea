"""Which forecasts of a trial are counted: one per customer and outcome window, none overlapping.

Days scored one after another ask about nearly the same weeks of the same customers. A customer
counts on the first scored day, and again only when the window that was counted last has closed.
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

    The order of customers within a day then has nothing to do with what is known about them.
    """
    sha256, before = hashlib.sha256, f"order\0{salt}\0".encode()
    heads = b"".join(sha256(before + one.encode()).digest()[:8] for one in customer_ids.to_pylist())
    return np.frombuffer(heads, dtype=">u8").astype(np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Counted forecasts, in the order in which they count.

    Parameters
    ----------
    days : array of int64, shape (n,)
        The scored day, as days since 0001-01-01 (`date.toordinal`), rising.
    codes : array of uint64, shape (n,)
        The customer; rising within a day.
    champion, challenger, churned : array of float64, shape (n,)
    is_challenged : array of bool, shape (n,)
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
    is_challenged: Bools
    revenue_cents: Floats
    segments: Mapping[str, Bools]
    whole_days: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.churned)

    def windows_count(self, window_days: int) -> int:
        """Spans of a window's length from the first day on, one after the other, that say enough.

        In each at least half as many customers counted as in the fullest: somebody may be left
        out again and again, or come back on another day of the span.
        """
        if len(self) == 0:
            return 0
        counts = np.bincount((self.days - self.days[0]) // window_days)
        return int((2 * counts >= counts.max()).sum())


@dataclass(slots=True, kw_only=True)
class Counter:
    """Takes the days of a trial, oldest first, and keeps what counts.

    Parameters
    ----------
    window_days : int
        Days from a scored day to the end of its outcome window.
    salt : str
        Of the order within a day.
    may_count : callable
        Which forecasts of a day may count, shape (n,).
    """

    window_days: int
    salt: str
    may_count: Callable[[Forecasts], Bools]
    _codes: Codes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    _free_from: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _parts: list[Units] = field(default_factory=list)

    def add(self, of: Forecasts) -> None:
        """Count what counts of a day; later than all days before."""
        day = of.scored.as_of.toordinal()
        codes = codes_of(of.customer_ids, self.salt)
        may = np.flatnonzero(self.may_count(of))
        may = may[np.argsort(codes[may], kind="stable")]
        chosen = may[self._free(codes[may], day)]
        self._parts.append(
            Units(
                days=np.full(len(chosen), day, dtype=np.int64),
                codes=codes[chosen],
                champion=of.champion[chosen],
                challenger=of.challenger[chosen],
                churned=of.churned[chosen],
                is_challenged=of.is_challenged[chosen],
                revenue_cents=of.revenue_cents[chosen],
                segments={name: inside[chosen] for name, inside in of.segments.items()},
                whole_days=(day,) if 2 * len(chosen) >= len(may) > 0 else (),
            )
        )

    def units(self) -> Units:
        """Everything counted so far."""
        parts = self._parts
        names = list(parts[0].segments) if parts else []

        def joined(of: Callable[[Units], npt.NDArray[np.generic]], kind: type) -> np.ndarray:
            return np.concatenate([np.empty(0, dtype=kind), *(of(part) for part in parts)])

        return Units(
            days=joined(lambda part: part.days, np.int64),
            codes=joined(lambda part: part.codes, np.uint64),
            champion=joined(lambda part: part.champion, np.float64),
            challenger=joined(lambda part: part.challenger, np.float64),
            churned=joined(lambda part: part.churned, np.float64),
            is_challenged=joined(lambda part: part.is_challenged, np.bool_),
            revenue_cents=joined(lambda part: part.revenue_cents, np.float64),
            segments={
                name: np.concatenate([part.segments[name] for part in parts]) for name in names
            },
            whole_days=tuple(day for part in parts for day in part.whole_days),
        )

    def _free(self, codes: Codes, day: int) -> Bools:
        """Who of some customers, codes rising, has no open window; they are now counted."""
        at = np.searchsorted(self._codes, codes)
        inside = np.minimum(at, max(0, len(self._codes) - 1))
        is_known = (
            self._codes[inside] == codes if len(self._codes) else np.zeros(len(codes), np.bool_)
        )
        free = np.ones(len(codes), dtype=np.bool_)
        free[is_known] = self._free_from[at[is_known]] <= day
        until = day + self.window_days
        self._free_from[at[is_known & free]] = until
        new = codes[~is_known]
        both = np.concatenate([self._codes, new])
        order = np.argsort(both, kind="stable")
        self._codes = both[order]
        self._free_from = np.concatenate(
            [self._free_from, np.full(len(new), until, dtype=np.int64)]
        )[order]
        return free
