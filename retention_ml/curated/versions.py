"""Which staged rows are new versions, and from when each of them counts."""

from typing import Any

import ibis

from retention_ml import tables

ALWAYS_KNOWN = "1970-01-01T00:00:00+00:00"

INCOMING = {
    "delivery_id": "int64",
    "told_order": "int64",
    "is_history": "boolean",
    "delay_seconds": "int64",
}
"""One row per delivery of the batch; `told_order` is its own id, or that of the delivery it replays."""

MET = {
    "row_key": "binary",
    "content_hash": "binary",
    "available_at": "timestamp('UTC')",
    "told_order": "int64",
    "kind": "string",
    "customer_id": "string",
}
"""One row per current version whose key the batch names; kind and customer only of orders."""


def new_versions(
    entry: tables.Table,
    *,
    rows: ibis.Table,
    incoming: ibis.Table,
    met: ibis.Table,
    loaded_at: ibis.Value,
) -> ibis.Table:
    """The rows to insert into `curated.<entry>`; every other staged row is a duplicate.

    The rows of one key are taken in the order in which they were told: by delivery, then by
    line; a replayed row stands where it stood in the file it first came in, so that it never
    replaces something told later. A row is a new version when its content differs from the
    one before it. A derived row counts only where its key is not known at all; a derived
    order also where the kind or the customer changed. An order that was a purchase stays one:
    goods that come back under its number make lines of their own, no other order.

    From when a version counts (`available_at`), so that an old `as_of` keeps its old answer:

    - a live row, and any row that replaces a version curated by an earlier batch, from
      `loaded_at`: somebody may have used that version until now;
    - a row of a history from its `event_at` (a customer's `registered_at`) plus the delay
      the source declares; a description without any date counts as always known;
    - and each version of a key at least one microsecond later than the one before it, whose
      `superseded_at` is exactly that instant. So one version of a key is known at an instant.

    Parameters
    ----------
    entry : tables.Table
        The canonical table.
    rows : ibis.Table
        The batch's part of `staging.<entry>`.
    incoming, met : ibis.Table
        As described by `INCOMING` and `MET`.
    loaded_at : ibis.Value
        The instant of this load, a timestamp.

    Returns
    -------
    ibis.Table
        Business columns followed by `tables.LINEAGE`.
    """
    told = _told(entry, rows, incoming, met)
    told = told.filter(~told.is_met | (told.told_order >= told.met_told_order))
    fresh = _fresh(entry, told)
    fresh = fresh.mutate(known_from=_known_from(entry, fresh, loaded_at))
    place = ibis.row_number().over(_in_order(fresh))
    microsecond = ibis.interval(microseconds=1)
    fresh = fresh.mutate(
        available_at=ibis.greatest(
            fresh.known_from.max().over(_so_far(fresh)) + microsecond * place,
            fresh.met_available_at + microsecond * (place + 1),
        )
    )
    return fresh.select(
        *(fresh[column.name] for column in entry),
        fresh.source,
        fresh.row_key,
        fresh.content_hash,
        fresh.delivery_id,
        fresh.line_number,
        loaded_at=loaded_at,
        available_at=fresh.available_at,
        superseded_at=fresh.available_at.lead().over(_in_order(fresh)),
        superseded_by=fresh.delivery_id.lead().over(_in_order(fresh)),
    )


def _in_order(table: ibis.Table) -> Any:
    """The versions of a key in the order in which they were told."""
    return ibis.window(group_by=table.row_key, order_by=[table.told_order, table.line_number])


def _so_far(table: ibis.Table) -> Any:
    return ibis.cumulative_window(
        group_by=table.row_key, order_by=[table.told_order, table.line_number]
    )


def _told(
    entry: tables.Table, rows: ibis.Table, incoming: ibis.Table, met: ibis.Table
) -> ibis.Table:
    """The staged rows, each beside its delivery and the current version of its key."""
    joined = rows.join(incoming, "delivery_id").left_join(met, rows.row_key == met.row_key)
    return joined.select(
        *(rows[column.name] for column in (*entry, *tables.STAGED)),
        incoming.told_order,
        incoming.is_history,
        incoming.delay_seconds,
        is_met=met.row_key.notnull(),
        **{f"met_{name}": met[name] for name in MET if name != "row_key"},
    )


def _fresh(entry: tables.Table, told: ibis.Table) -> ibis.Table:
    """The rows that are unlike the version before them."""
    compared = (
        ("content_hash", "kind", "customer_id") if entry.name == "orders" else ("content_hash",)
    )
    if entry.name != "orders":
        is_first = ibis.row_number().over(_in_order(told)) == 0
        told = told.mutate(is_first=is_first)
        told = told.filter(~told.is_derived | (told.is_first & ~told.is_met))
    else:
        is_purchase = told.kind == "purchase"
        was_purchase = (told.met_kind == "purchase").fill_null(False) | is_purchase.any().over(
            _so_far(told)
        )
        told = told.mutate(was_purchase=was_purchase)
        told = told.filter(~told.is_derived | is_purchase | ~told.was_purchase)
    told = told.mutate(
        is_first=ibis.row_number().over(_in_order(told)) == 0,
        **{f"before_{name}": told[name].lag().over(_in_order(told)) for name in compared},
    )
    unlike = {
        name: ~told[name].identical_to(
            ibis.ifelse(told.is_first, told[f"met_{name}"], told[f"before_{name}"])
        )
        for name in compared
    }
    differs = unlike["content_hash"]
    if entry.name == "orders":
        moved = unlike["kind"] | unlike["customer_id"]
        differs = ibis.ifelse(told.is_derived, moved, differs)
    return told.filter((told.is_first & ~told.is_met) | differs)


def _known_from(entry: tables.Table, fresh: ibis.Table, loaded_at: ibis.Value) -> ibis.Value:
    """From when a row counts if no other version of its key stands in the way."""
    by_history = ibis.literal(ALWAYS_KNOWN, type="timestamp('UTC')")
    names = {column.name for column in entry}
    for happened in ("event_at", "registered_at"):
        if happened in names:
            dated = fresh[happened] + ibis.interval(seconds=1) * fresh.delay_seconds
            by_history = ibis.coalesce(dated, by_history)
    return ibis.ifelse(fresh.is_history & ~fresh.is_met, by_history, loaded_at)
