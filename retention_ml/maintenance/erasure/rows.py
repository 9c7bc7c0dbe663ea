"""Rows of forgotten persons leave all tables, and what counted them is made right, in one transaction."""

from collections.abc import Collection, Mapping

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.ledger import people
from retention_ml.errors import RetentionError
from retention_ml.maintenance.erasure import comparisons, deliveries_ledger, persons, summaries
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

# What hangs on a row of theirs by its key, and goes before it.
_BY_KEY = (
    (
        "feedback.messages",
        "DELETE FROM feedback.messages WHERE (delivery_id, line_number) IN (SELECT delivery_id, "
        "line_number FROM curated.feedback JOIN forgotten USING (customer_id))",
    ),
    (
        "actions.attempts",
        "DELETE FROM actions.attempts WHERE message_id IN (SELECT message_id FROM actions.outbox "
        "JOIN forgotten USING (customer_id))",
    ),
    # Lines of a feed that names no customer, of orders that were theirs alone.
    (
        "curated.order_lines",
        "DELETE FROM curated.order_lines WHERE customer_id IS NULL AND (source, order_id) IN "
        "(SELECT source, order_id FROM curated.orders JOIN forgotten USING (customer_id)) "
        "AND (source, order_id) NOT IN (SELECT source, order_id FROM curated.orders "
        "WHERE customer_id IS NULL OR customer_id NOT IN (SELECT customer_id FROM forgotten))",
    ),
)


def erase_rows(
    transaction: Transaction, settings: Settings, ids: Collection[str]
) -> Mapping[str, int]:
    """Delete every row of these customers, also of persons; how many by table.

    No batch is staged or curated meanwhile. What was counted with them is counted anew: deliveries,
    snapshots, sums, decided days; the digests of days are made by `summaries.digest_anew` afterwards.
    """
    people.lock_exclusively(transaction)
    transaction.lock("curated", minutes_max=10)
    persons.create_forgotten(transaction, ids)
    before = deliveries_ledger.brought_now(transaction)
    deliveries_ledger.reopen_batches(transaction)
    summaries.count_down(transaction)
    comparisons.note_in_comparisons(transaction)
    erased: dict[str, int] = {}
    for table, sql in _BY_KEY:
        erased[table] = transaction.change(sql)
    for table, column in persons.TABLES:
        erased[table] = erased.get(table, 0) + transaction.change(
            f"DELETE FROM {table} WHERE {column} IN (SELECT customer_id FROM forgotten)"
        )
    summaries.sum_anew(transaction)
    deliveries_ledger.count_as_left_out(transaction, before, _feed_tables(transaction, settings))
    erased["privacy.people"] = transaction.change(
        "DELETE FROM privacy.people WHERE customer_id IN (SELECT customer_id FROM forgotten)"
    )
    return {table: count for table, count in erased.items() if count}


def _feed_tables(transaction: Transaction, settings: Settings) -> dict[tuple[str, str], str]:
    """The table of each feed, of the sources that are still described."""
    described: dict[tuple[str, str], str] = {}
    for row in transaction.execute("SELECT DISTINCT source FROM raw.deliveries"):
        try:
            source = load_source(settings.sources, row.source)
        except RetentionError:
            continue
        described |= {(source.name, name): feed.table for name, feed in source.feeds.items()}
    return described
