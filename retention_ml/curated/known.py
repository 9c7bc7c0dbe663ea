"""What the platform knew at an instant: the filter that every reader of `curated` uses."""

from datetime import datetime

import ibis


def known(table: ibis.Table, instant: datetime) -> ibis.Table:
    """The rows of a curated table as they were known at `instant`.

    A row is known when it happened before the instant, could be used at it, and had not
    been replaced by then: `event_at < instant`, `available_at <= instant`, and
    `superseded_at` is empty or later than `instant`. Tables without `event_at` (customers,
    products) are known from `available_at` on. At most one version of a key is known.

    Parameters
    ----------
    table : ibis.Table
        `curated.*`: business columns followed by `tables.LINEAGE`.
    instant : datetime
        Aware; for a day it is `clock.midnight(as_of, timezone)`.

    Raises
    ------
    ValueError
        If `instant` has no time zone.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from retention_ml import tables
    >>> orders = tables.ORDERS.ibis_table("curated", tables.LINEAGE)
    >>> known(orders, datetime(2026, 3, 1, tzinfo=UTC)).columns == orders.columns
    True
    >>> known(orders, datetime(2026, 3, 1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: The instant 2026-03-01 00:00:00 has no time zone. ...
    """
    if instant.tzinfo is None:
        raise ValueError(
            f"The instant {instant} has no time zone. Expected an aware datetime such as "
            "clock.midnight(as_of, timezone)."
        )
    at = ibis.literal(instant, type="timestamp('UTC')")
    conditions = [
        table.available_at <= at,
        table.superseded_at.isnull() | (table.superseded_at > at),
    ]
    if "event_at" in table.columns:
        conditions.insert(0, table.event_at < at)
    return table.filter(*conditions)
