"""The customers of a snapshot who stand first in the orders in which people read it.

A list of a million customers is sorted whole to show its first hundred. Who stands first is known
when the scores are in memory, and a snapshot never changes, so it is written with it.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LEADING_MAX = 1_000
"""Customers of each tier that are kept in each order."""

_ORDERS = {
    "value": ("expected_value_at_risk_cents", "churn_probability"),
    "probability": ("churn_probability", "expected_value_at_risk_cents"),
}


def leading_customers(rows: pa.Table, limit: int = LEADING_MAX) -> pa.Table:
    """The first customers of each tier, by value at risk and by probability.

    Parameters
    ----------
    rows : pa.Table
        `customer_id`, `risk_tier`, `expected_value_at_risk_cents`, `churn_probability` of
        `scores.customer_daily`, shape (n,).
    limit : int
        So many of each tier in each order, or all where it has fewer.

    Returns
    -------
    pa.Table
        `ordered_by` (`value` or `probability`; where equal, by the other), `risk_tier`, `place` (1 is
        the first), `customer_id`. Where both are equal, the number of the customer decides.

    Examples
    --------
    >>> rows = pa.table({"customer_id": ["a", "b"], "risk_tier": ["low", "low"],
    ...     "expected_value_at_risk_cents": [100, 900], "churn_probability": [0.2, 0.1]})
    >>> leading_customers(rows, limit=1).to_pylist()[0]
    {'ordered_by': 'value', 'risk_tier': 'low', 'place': 1, 'customer_id': 'b'}
    """
    tiers = rows["risk_tier"].combine_chunks().dictionary_encode()
    codes = np.asarray(tiers.indices)
    names = tiers.dictionary.to_pylist()
    parts = [
        _part(rows, np.flatnonzero(codes == code), ordered_by, names[code], limit)
        for ordered_by in _ORDERS
        for code in np.argsort(np.asarray(names, dtype=np.str_))
    ]
    return pa.concat_tables(parts) if parts else _table("", "", rows["customer_id"])


def _part(
    rows: pa.Table, of_tier: npt.NDArray[np.int64], ordered_by: str, tier: str, limit: int
) -> pa.Table:
    """The first of one tier in one order."""
    first, second = (np.asarray(rows[name])[of_tier] for name in _ORDERS[ordered_by])
    if len(of_tier) > limit:
        # All that are no less than the last who can be among them, so that ties are decided below.
        least = np.partition(first, len(first) - limit)[len(first) - limit]
        near = first >= least
        of_tier, first, second = of_tier[near], first[near], second[near]
    chosen = rows["customer_id"].take(pa.array(of_tier))
    by_number = np.asarray(chosen.to_numpy(), dtype=np.str_)
    order = np.lexsort((by_number, -second, -first))[:limit]
    return _table(ordered_by, tier, chosen.take(pa.array(order)))


def _table(ordered_by: str, tier: str, customer_ids: pa.ChunkedArray) -> pa.Table:
    n = len(customer_ids)
    return pa.table(
        {
            "ordered_by": pa.repeat(pa.scalar(ordered_by), n),
            "risk_tier": pa.repeat(pa.scalar(tier), n),
            "place": pa.array(np.arange(1, n + 1), pa.int32()),
            "customer_id": customer_ids,
        }
    )
