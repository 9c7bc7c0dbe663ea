"""Frequency, recency and T: what a buy-till-you-die model reads of customers' purchases."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from retention_ml.errors import UsageError
from retention_ml.statistics.arrays import Floats

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseSummary:
    """Customers' purchases, equal customers counted together; each shape (m,).

    What they paid has shape (k,): one entry for each customer who bought on two days or more.

    Parameters
    ----------
    frequency : array of float64
        x: purchase days after the first.
    recency : array of float64
        t_x: days from the first to the last purchase day; 0 without repeats. (The feature
        `recency_days` counts from the last purchase day to `as_of`: T - t_x.)
    T : array of float64
        Days from the first purchase day to `as_of`.
    counts : array of float64
        Customers with these three numbers.
    payments : array of float64, shape (k,)
        Purchase days of a customer with repeats.
    day_values : array of float64, shape (k,)
        The mean paid on one of them, in cents.
    """

    frequency: Floats
    recency: Floats
    T: Floats
    counts: Floats
    payments: Floats = field(default_factory=lambda: np.empty(0))
    day_values: Floats = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(
        cls, frequency: Floats, recency: Floats, T: Floats, day_values: Floats | float = np.nan
    ) -> Self:
        """The summary of customers, shape (n,) each; it does not depend on their order.

        `day_values` is the mean that each paid on a purchase day, NaN where it is not known.

        Raises
        ------
        UsageError
            A customer's numbers are impossible: it must hold 0 <= t_x <= T and x >= 0, all finite.

        Examples
        --------
        >>> PurchaseSummary.of(np.array([1, 0, 1]), np.array([5, 0, 5]), np.array([9] * 3)).counts
        array([1., 2.])
        """
        rows = np.column_stack([frequency, recency, T]).astype(np.float64)
        x, t_x, observed = rows.T
        possible = np.isfinite(rows).all(axis=1) & (x >= 0) & (t_x >= 0) & (t_x <= observed)
        if not possible.all():
            raise UsageError(
                f"{int((~possible).sum()):,} of {len(rows):,} purchase histories are impossible; "
                "expected at least 0 repeats and 0 <= days to the last purchase <= days observed. "
                "Take them from features.customer_day."
            )
        values = np.broadcast_to(np.asarray(day_values, dtype=np.float64), x.shape)
        paid = (x > 0) & np.isfinite(values) & (values > 0)
        payments, values = x[paid] + 1.0, values[paid]
        by_payments = np.lexsort((values, payments))
        # Lexicographic order by columns: faster than np.unique over rows.
        rows = rows[np.lexsort(rows.T[::-1])]
        first = np.flatnonzero(
            np.append(True, (np.diff(rows, axis=0) != 0).any(axis=1))[: len(rows)]
        )
        return cls(
            frequency=rows[first, 0],
            recency=rows[first, 1],
            T=rows[first, 2],
            counts=np.diff(np.append(first, len(rows))).astype(np.float64),
            payments=payments[by_payments],
            day_values=values[by_payments],
        )

    @classmethod
    def of_table(cls, table: "pa.Table") -> Self:
        """The summary of a table as `purchase_histories` gives it."""
        names = ("repeats_count", "last_at_days", "tenure_days", "day_value_cents")
        return cls.of(*(table[name].to_numpy() for name in names))
