"""When customers bought, in the three numbers that a buy-till-you-die model reads."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from retention_ml.errors import UsageError
from retention_ml.statistics.arrays import Floats

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """Customers' purchase histories, those that are equal counted together; each shape (m,).

    What they paid stands beside, shape (k,), of those who bought on two days or more.

    Parameters
    ----------
    repeats : array of float64
        x: purchase days after the first.
    last_at : array of float64
        t_x: days from the first to the last purchase day; 0 without repeats.
    observed : array of float64
        T: days from the first purchase day to the day looked from.
    counts : array of float64
        Customers with these three numbers.
    payments : array of float64, shape (k,)
        Purchase days of a customer with repeats.
    day_values : array of float64, shape (k,)
        The mean paid on one of them, in cents.
    """

    repeats: Floats
    last_at: Floats
    observed: Floats
    counts: Floats
    payments: Floats = field(default_factory=lambda: np.empty(0))
    day_values: Floats = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def customers(self) -> int:
        """How many customers they are."""
        return int(self.counts.sum())

    @classmethod
    def of(
        cls,
        repeats: Floats,
        last_at: Floats,
        observed: Floats,
        day_values: Floats | None = None,
    ) -> Self:
        """The histories of customers, shape (n,) each, in one order whatever theirs was.

        `day_values` is the mean that each paid on a purchase day, where it is known.

        Raises
        ------
        UsageError
            A history is not possible: it must hold 0 <= t_x <= T and x >= 0, all finite.

        Examples
        --------
        >>> Histories.of(np.array([1, 0, 1]), np.array([5, 0, 5]), np.array([9, 9, 9])).counts
        array([1., 2.])
        """
        rows = np.column_stack([repeats, last_at, observed]).astype(np.float64)
        x, t_x, observed_days = rows.T
        possible = np.isfinite(rows).all(axis=1) & (x >= 0) & (t_x >= 0) & (t_x <= observed_days)
        if not possible.all():
            raise UsageError(
                f"{int((~possible).sum()):,} of {len(rows):,} purchase histories are not possible; "
                "expected at least 0 repeats and 0 <= days to the last purchase <= days observed. "
                "Take them from features.customer_day."
            )
        payments, values = _paid(x, day_values)
        # Lexicographic order by columns: faster than np.unique over rows.
        rows = rows[np.lexsort(rows.T[::-1])]
        first = np.flatnonzero(
            np.append(True, (np.diff(rows, axis=0) != 0).any(axis=1))[: len(rows)]
        )
        return cls(
            repeats=rows[first, 0],
            last_at=rows[first, 1],
            observed=rows[first, 2],
            counts=np.diff(np.append(first, len(rows))).astype(np.float64),
            payments=payments,
            day_values=values,
        )

    @classmethod
    def of_table(cls, table: "pa.Table") -> Self:
        """The histories in a table as `purchase_histories` describes it."""
        names = ("repeats_count", "last_at_days", "tenure_days", "day_value_cents")
        return cls.of(*(table[name].to_numpy() for name in names))


def _paid(repeats: Floats, day_values: Floats | None) -> tuple[Floats, Floats]:
    """Purchase days and mean payments of customers with repeats who paid, in one order."""
    if day_values is None:
        return np.empty(0), np.empty(0)
    values = np.asarray(day_values, dtype=np.float64)
    told = (repeats > 0) & np.isfinite(values) & (values > 0)
    payments, values = repeats[told] + 1.0, values[told]
    order = np.lexsort((values, payments))
    return payments[order], values[order]
