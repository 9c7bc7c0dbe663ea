"""Who of some days is left out because a contact came first, and how well others stand for them."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.left_alone import SENT, rows_in_time
from retention_ml.statistics.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What own contacts do to the rows of some days, one row a customer and day.

    Parameters
    ----------
    rows_count : int
        All rows.
    contacted_count : int
        Left out: the platform contacted the customer before their next order.
    unrepresented_count : int
        Of them in campaigns that left nobody alone by lot: nobody stands for them.
    by_lot_count : int
        Left alone by lot, so that they stand for more than themselves.
    weight_max : float
        Most customers that one row stands for.
    effective_count : float
        So many rows of equal weight say as much as those that are not left out (Kish 1965).
    """

    rows_count: int
    contacted_count: int
    unrepresented_count: int
    by_lot_count: int
    weight_max: float
    effective_count: float

    @classmethod
    def of(cls, weights: Floats, unrepresented_count: int) -> Self:
        """That of the weights of `left_alone_weights`.

        Examples
        --------
        >>> Representation.of(np.array([0.0, 0.0, 3.0, 1.0]), 0).effective_count
        1.6
        """
        squares = float((weights**2).sum())
        return cls(
            rows_count=len(weights),
            contacted_count=int((weights == 0).sum()),
            unrepresented_count=unrepresented_count,
            by_lot_count=int((weights > 1).sum()),
            weight_max=float(weights.max(initial=0.0)),
            effective_count=float(weights.sum() ** 2 / squares) if squares else 0.0,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """For a card or a page: who is left out, and who stands for them."""
        left = self.rows_count - self.contacted_count
        text = (
            f"Of {self.rows_count:,} rows {self.contacted_count:,} are left out because the platform "
            f"contacted the customer before their next order. The other {left:,} count, "
            f"{self.by_lot_count:,} of them, left alone by lot, with the inverse of the probability "
            f"of being left alone (at most {self.weight_max:.3g}); they say as much as "
            f"{self.effective_count:,.0f} rows of equal weight."
        )
        if self.unrepresented_count:
            text += (
                f" {self.unrepresented_count:,} of those left out were contacted where nobody was "
                "left alone by lot: nobody stands for them."
            )
        return text


def unrepresented_count(
    definition: ChurnDefinition,
    days: np.ndarray,
    customers: pa.Array,
    time_to_next_order: Floats,
    contacts: pa.Table,
) -> int:
    """How many rows were contacted only in campaigns that left nobody alone by lot.

    Parameters
    ----------
    days : array of datetime64[D], shape (n_contacted,)
    customers : pa.Array of string, length n_contacted
        Those whose weight is 0, see `left_alone_weights`.
    time_to_next_order : array of float64, shape (n_contacted,)
    contacts : pa.Table
        Rows of `own_contacts`.
    """
    is_sent = pc.equal(contacts["kind"], SENT)
    lots = contacts.filter(pc.invert(is_sent))["campaign_id"].combine_chunks().unique()
    sent = contacts.filter(is_sent)
    has_lot = pc.is_in(sent["campaign_id"], value_set=lots).to_numpy(zero_copy_only=False)
    count = 0
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        row, counts = rows_in_time(
            definition,
            day.astype(date),
            customers.take(pa.array(rows)),
            time_to_next_order[rows],
            sent,
        )
        is_represented = np.zeros(len(rows), dtype=np.bool_)
        is_represented[row[counts & has_lot]] = True
        count += int((~is_represented).sum())
    return count
