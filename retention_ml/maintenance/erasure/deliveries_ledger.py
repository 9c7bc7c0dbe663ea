"""What a delivery brought of forgotten persons is counted as left out, as if they had been so then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retention_ml import tables
from retention_ml.warehouse import Transaction

WITH_CUSTOMER = tuple(
    name
    for name, entry in tables.CANONICAL.items()
    if "customer_id" in {column.name for column in entry}
)

_Counts = dict[tuple[str, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Brought:
    """Rows and lines of some deliveries in `curated`, by table and delivery."""

    deliveries: tuple[int, ...]
    counts: _Counts


def brought_now(transaction: Transaction) -> Brought:
    """What the deliveries that brought rows of the persons in `forgotten` have in `curated`."""
    sql = " UNION ".join(
        f"SELECT delivery_id FROM curated.{name} WHERE customer_id IN (SELECT customer_id FROM forgotten)"
        for name in WITH_CUSTOMER
    )
    deliveries = tuple(row.delivery_id for row in transaction.execute(sql))
    return Brought(deliveries, _counts(transaction, deliveries))


def _counts(transaction: Transaction, deliveries: Sequence[int]) -> _Counts:
    counts: _Counts = {}
    for name in tables.CANONICAL:
        rows = transaction.execute(
            f"SELECT delivery_id, count(*) AS rows, count(DISTINCT line_number) AS lines "
            f"FROM curated.{name} WHERE delivery_id = ANY(:ids) GROUP BY 1",
            ids=list(deliveries),
        )
        counts |= {(name, row.delivery_id): (row.rows, row.lines) for row in rows}
    return counts


def count_as_left_out(
    transaction: Transaction, before: Brought, feed_tables: Mapping[tuple[str, str], str]
) -> None:
    """Move what is gone since from the accepted rows of each delivery to those left out.

    A delivery's accepted rows are those of its feed's table or, where a row became several, the
    lines of these. What the feed's table is may no longer be described: then it is the one
    whose rows are as many.

    Parameters
    ----------
    feed_tables : mapping
        The table of each feed, by source and feed, as they are described now.
    """
    after = _counts(transaction, before.deliveries)
    for row in transaction.execute(
        "SELECT delivery_id, source, feed, accepted_count FROM raw.deliveries "
        "WHERE delivery_id = ANY(:ids)",
        ids=list(before.deliveries),
    ):
        table = feed_tables.get((row.source, row.feed))
        ordered = sorted(tables.CANONICAL, key=lambda name: name != table)
        gone = 0
        for name in ordered:
            rows, lines = before.counts.get((name, row.delivery_id), (0, 0))
            rows_now, lines_now = after.get((name, row.delivery_id), (0, 0))
            if row.accepted_count in (rows, lines):
                gone = rows - rows_now if row.accepted_count == rows else lines - lines_now
                break
        if gone:
            transaction.change(
                "UPDATE raw.deliveries SET accepted_count = accepted_count - :gone, "
                "corrected_count = least(corrected_count, accepted_count - :gone), "
                "left_out_count = left_out_count + :gone, "
                "suppressed_count = suppressed_count + :gone WHERE delivery_id = :d",
                gone=gone,
                d=row.delivery_id,
            )


def reopen_batches(transaction: Transaction) -> int:
    """Set batches that wait to be curated back, where they hold rows of the persons in `forgotten`.

    Delivered again, or by the next try of their run, they are staged anew without them.
    """
    sql = " UNION ".join(
        f"SELECT batch_id FROM staging.{name} WHERE customer_id IN (SELECT customer_id FROM forgotten)"
        for name in WITH_CUSTOMER
    )
    batches = [row.batch_id for row in transaction.execute(sql)]
    reopen(transaction, batches)
    return len(batches)


def reopen(transaction: Transaction, batches: Sequence[int]) -> None:
    """Set staged batches back to landed, with nothing in staging."""
    for name in (*tables.CANONICAL, "rejects"):
        transaction.change(
            f"DELETE FROM staging.{name} WHERE batch_id = ANY(:ids)", ids=list(batches)
        )
    transaction.change(
        "UPDATE raw.deliveries SET status = 'landed', delivered_count = 0, quarantined_count = 0, "
        "left_out_count = 0, suppressed_count = 0 "
        "WHERE batch_id = ANY(:ids) AND status = 'staged'",
        ids=list(batches),
    )
    transaction.change(
        "UPDATE raw.batches SET status = 'landed' WHERE batch_id = ANY(:ids) "
        "AND status IN ('staged', 'checked')",
        ids=list(batches),
    )
