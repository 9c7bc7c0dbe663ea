"""Which staged rows are new versions, and from when each of them is available."""

from typing import Any

import ibis

from retention_ml import tables

ALWAYS_AVAILABLE = "1970-01-01T00:00:00+00:00"

BATCH_DELIVERIES = {
    "delivery_id": "int64",
    "delivery_order": "int64",
    "is_history": "boolean",
    "delay_seconds": "int64",
    "loaded_at": "timestamp('UTC')",
}
"""One row per delivery of the batch; `delivery_order` is its own id, or that of the delivery whose
rows it replays, `loaded_at` the instant of this load. What differs from batch to batch stands in
rows, not in expressions: so these are compiled once."""

EXISTING_VERSIONS = {
    "row_key": "binary",
    "content_hash": "binary",
    "available_at": "timestamp('UTC')",
    "delivery_order": "int64",
    "kind": "string",
    "customer_id": "string",
}
"""One row per key in the batch that had a version before, with the current one.

Kind and customer only for orders. A line that its order no longer has is no version: without
content, from the time when that became known.
"""


def new_versions(
    entry: tables.Table,
    *,
    rows: ibis.Table,
    batch_deliveries: ibis.Table,
    existing_versions: ibis.Table,
    orders_follow_lines: bool = False,
) -> ibis.Table:
    """The rows to insert into `curated.<entry>`; every other staged row is a duplicate.

    The rows of one key are ordered as they were delivered: by delivery, then by line; a
    replayed row keeps its place in the file it first came in, so that it never replaces
    something delivered later. A row is a new version when its content differs from the one
    before it. A derived row counts only where its key does not exist yet; a derived order also
    where the kind or the customer changed.

    From when a version is available (`available_at`), so that an old `as_of` keeps its result:

    - a live row, and any row that replaces a version curated by an earlier batch, from
      `loaded_at`: somebody may have used that version until now;
    - a row of a history from its `event_at` (a customer's `registered_at`) plus the delay
      the source declares; a description without any date is always available;
    - each version of a key at least one microsecond later than the one before it, whose
      `superseded_at` is exactly that instant: one version of a key is known at an instant.

    Parameters
    ----------
    entry : tables.Table
        The canonical table.
    rows : ibis.Table
        Of `staging.<entry>`; those of other batches are left out, as their deliveries are.
    batch_deliveries, existing_versions : ibis.Table
        As described by `BATCH_DELIVERIES` and `EXISTING_VERSIONS`.
    orders_follow_lines : bool
        Whether derived orders are what their current lines make of them, so that they hold
        whenever those lines were delivered.

    Returns
    -------
    ibis.Table
        Business columns followed by `tables.LINEAGE`.
    """
    candidates = _candidates(entry, rows, batch_deliveries, existing_versions)
    candidates = candidates.filter(
        ~candidates.is_existing
        | (candidates.delivery_order >= candidates.existing_delivery_order)
        | (candidates.is_derived & ibis.literal(orders_follow_lines and entry.name == "orders"))
    )
    new = _changed(entry, candidates)
    new = new.mutate(available_from=_available_from(entry, new))
    place = ibis.row_number().over(_in_delivery_order(new))
    microsecond = ibis.interval(microseconds=1)
    new = new.mutate(
        available_at=ibis.greatest(
            new.available_from.max().over(_up_to_row(new)) + microsecond * place,
            new.existing_available_at + microsecond * (place + 1),
        )
    )
    return new.select(
        *(new[column.name] for column in entry),
        *(new[n] for n in ("source", "row_key", "content_hash", "delivery_id", "line_number")),
        loaded_at=new.loaded_at,
        available_at=new.available_at,
        superseded_at=new.available_at.lead().over(_in_delivery_order(new)),
        superseded_by=new.delivery_id.lead().over(_in_delivery_order(new)),
    )


def first_versions(
    entry: tables.Table,
    *,
    rows: ibis.Table,
    batch_deliveries: ibis.Table,
) -> ibis.Table:
    """What `new_versions` returns for rows whose key nothing else has, in the batch or before it.

    Each of them is the first version of its key and the only one: no row is compared with another,
    so that nothing is sorted.
    """
    joined = rows.join(batch_deliveries, "delivery_id")
    new = joined.select(
        *(rows[column.name] for column in (*entry, *tables.STAGED)),
        batch_deliveries.is_history,
        batch_deliveries.delay_seconds,
        batch_deliveries.loaded_at,
        is_existing=ibis.literal(False),
    )
    return new.select(
        *(new[column.name] for column in entry),
        *(new[n] for n in ("source", "row_key", "content_hash", "delivery_id", "line_number")),
        loaded_at=new.loaded_at,
        available_at=_available_from(entry, new),
        superseded_at=ibis.null("timestamp('UTC')"),
        superseded_by=ibis.null("int64"),
    )


def _in_delivery_order(table: ibis.Table) -> Any:
    """A window over the rows of a key, in the order in which they were delivered."""
    return ibis.window(group_by=table.row_key, order_by=[table.delivery_order, table.line_number])


def _up_to_row(table: ibis.Table) -> Any:
    """A window over the rows of a key up to the current one."""
    return ibis.cumulative_window(
        group_by=table.row_key, order_by=[table.delivery_order, table.line_number]
    )


def _candidates(
    entry: tables.Table,
    rows: ibis.Table,
    batch_deliveries: ibis.Table,
    existing_versions: ibis.Table,
) -> ibis.Table:
    """The staged rows, each joined with its delivery and the existing version of its key."""
    joined = rows.join(batch_deliveries, "delivery_id").left_join(
        existing_versions, rows.row_key == existing_versions.row_key
    )
    return joined.select(
        *(rows[column.name] for column in (*entry, *tables.STAGED)),
        *(batch_deliveries[name] for name in BATCH_DELIVERIES if name != "delivery_id"),
        is_existing=existing_versions.row_key.notnull(),
        **{
            f"existing_{name}": existing_versions[name]
            for name in EXISTING_VERSIONS
            if name != "row_key"
        },
    )


def _changed(entry: tables.Table, rows: ibis.Table) -> ibis.Table:
    """The rows that differ from the version before them."""
    compared = (
        ("content_hash", "kind", "customer_id") if entry.name == "orders" else ("content_hash",)
    )
    if entry.name != "orders":
        is_first = ibis.row_number().over(_in_delivery_order(rows)) == 0
        rows = rows.mutate(is_first=is_first)
        rows = rows.filter(~rows.is_derived | (rows.is_first & ~rows.is_existing))
    rows = rows.mutate(
        is_first=ibis.row_number().over(_in_delivery_order(rows)) == 0,
        **{f"before_{name}": rows[name].lag().over(_in_delivery_order(rows)) for name in compared},
    )
    changed = {
        name: ~rows[name].identical_to(
            ibis.ifelse(rows.is_first, rows[f"existing_{name}"], rows[f"before_{name}"])
        )
        for name in compared
    }
    is_changed = changed["content_hash"]
    if entry.name == "orders":
        is_reassigned = changed["kind"] | changed["customer_id"]
        is_changed = ibis.ifelse(rows.is_derived, is_reassigned, is_changed)
    return rows.filter((rows.is_first & ~rows.is_existing) | is_changed)


def _available_from(entry: tables.Table, new: ibis.Table) -> ibis.Value:
    """From when a row is available if its key has no other version."""
    from_history = ibis.literal(ALWAYS_AVAILABLE, type="timestamp('UTC')")
    names = {column.name for column in entry}
    for date in ("event_at", "registered_at"):
        if date in names:
            dated = new[date] + ibis.interval(seconds=1) * new.delay_seconds
            from_history = ibis.coalesce(dated, from_history)
    return ibis.ifelse(new.is_history & ~new.is_existing, from_history, new.loaded_at)
