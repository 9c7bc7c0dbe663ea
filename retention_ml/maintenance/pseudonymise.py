"""The door that replaces the customer numbers of a filled warehouse by pseudonyms."""

import shutil
import time

import pyarrow as pa

from retention_ml import clock, tables
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.ledger import people
from retention_ml.errors import AccountingError, UnknownSource, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.keys import Keyring
from retention_ml.maintenance.row_keys import content_hash_sql, row_key_sql
from retention_ml.privacy.pseudonyms import Pseudonyms
from retention_ml.privacy.register import Kind, columns_of
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_NUMBERS = "SELECT {column} AS number FROM {table} WHERE {column} IS NOT NULL"
# What was drawn by lot from customers' numbers, and still counts; in words for the message.
_LOTS = {
    "a trial of champion and challenger is open": (
        "SELECT 1 FROM outcomes.trials WHERE status = 'open'"
    ),
    "an experiment is planned or open": (
        "SELECT 1 FROM experiments.experiments AS planned WHERE NOT EXISTS (SELECT FROM "
        "experiments.states AS state WHERE state.experiment_id = planned.experiment_id "
        "AND state.state <> 'open')"
    ),
    "actions of a day were released, or wait for it": (
        "SELECT 1 FROM actions.days WHERE status <> 'shadow' LIMIT 1"
    ),
}
# Drawn from numbers without any consequence: nothing left the house. They are decided or drawn anew.
_DRAWN_ANEW = (
    "DELETE FROM actions.assignments", "DELETE FROM actions.exclusions",
    "DELETE FROM actions.days", "DELETE FROM experiments.holdout_looks",
    "DELETE FROM actions.holdouts",
    "DELETE FROM features.customer_sampled", "DELETE FROM features.sample_builds",
)  # fmt: skip


def pseudonymise(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Replace every customer number of the warehouse by its pseudonym, in one transaction.

    Keys and hashes of rows are computed anew, so the same files delivered again are recognised.
    Files of the cache are removed and made anew when they are needed. Doors that run meanwhile wait;
    one that read numbers before and writes after would mix both, so nothing else may run: stop
    the scheduler before. A warehouse that holds pseudonyms stays as it is.

    Returns
    -------
    Receipt
        Counts people: written; details: tables (rows changed by table), is_repeat.

    Raises
    ------
    UsageError
        Lots that still count were drawn from the numbers.
    AccountingError
        A row's key is not what it would be computed as; nothing was changed.
    """
    started = time.monotonic()
    changed: dict[str, int] = {}
    with warehouse.transaction() as transaction:
        people.lock_exclusively(transaction)
        is_repeat = people.keyring_of(transaction, settings) is not None
        if not is_repeat:
            _require_no_lots(transaction)
            _require_own_order_numbers(transaction, settings)
            _lock_tables(transaction)
            count = _begin(transaction, settings)
            failpoint("pseudonymise.after_people")
            for statement in _DRAWN_ANEW:
                transaction.execute(statement)
            changed = _replace_numbers(transaction)
            record_event(
                warehouse,
                Event.PSEUDONYMISED,
                settings=settings,
                subject="privacy.people",
                details={"customers_count": count},
            )
        else:
            count = 0
        failpoint("pseudonymise.before_commit")
    shutil.rmtree(settings.home / "cache", ignore_errors=True)
    return warehouse.record(
        Receipt(
            door="pseudonymise",
            read=count,
            written=count,
            seconds=time.monotonic() - started,
            details={"tables": changed, "is_repeat": is_repeat},
        ),
        settings.run_id,
    )


def _require_no_lots(transaction: Transaction) -> None:
    reasons = [words for words, sql in _LOTS.items() if transaction.execute(sql)]
    if reasons:
        raise UsageError(
            f"The numbers cannot be replaced now: {', and '.join(reasons)}. Lots are drawn from what "
            "a customer is known by; with pseudonyms they would be drawn anew in the middle, and "
            "nothing could be shown by them. Let it end first, or begin a new home and take the "
            "shop's files in again (docs/privacy.md)."
        )


def _require_own_order_numbers(transaction: Transaction, settings: Settings) -> None:
    for row in transaction.execute("SELECT DISTINCT source FROM raw.batches ORDER BY source"):
        try:
            source = load_source(settings.sources, row.source)
        except UnknownSource:
            continue
        if any(feed.names_customers_in for feed in source.feeds.values()):
            raise UsageError(
                f"The source {row.source} composes order numbers of customers' numbers, so these "
                "stand in other columns too. Begin a new home and take the shop's files in again: "
                "there both become pseudonyms (docs/privacy.md). Nothing was changed."
            )


def _lock_tables(transaction: Transaction) -> None:
    names = sorted({column.table for column in columns_of(Kind.ID)})
    transaction.execute(f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE")


def _begin(transaction: Transaction, settings: Settings) -> int:
    """Write down who there is, and a temporary table `renamed` of numbers and pseudonyms."""
    sql = " UNION ".join(
        _NUMBERS.format(column=column.column, table=column.table) for column in columns_of(Kind.ID)
    )
    numbers = [row.number for row in transaction.execute(sql)]
    keyring = Keyring.of(settings)
    pseudonyms = Pseudonyms(keyring.current("pseudonym").secret)
    column = pa.chunked_array([pa.array(numbers, pa.string())])
    people.begin(transaction, keyring, run_id=settings.run_id)
    renamed = pa.table({"number": column, "customer_id": pseudonyms.of(column)})
    people.remember(transaction, keyring, pseudonyms.by_number, seen_at=clock.now())
    transaction.execute(
        "CREATE TEMP TABLE renamed (number text PRIMARY KEY, customer_id text NOT NULL) "
        "ON COMMIT DROP"
    )
    transaction.copy("renamed", renamed)
    transaction.execute("ANALYZE renamed")
    return len(numbers)


def _replace_numbers(transaction: Transaction) -> dict[str, int]:
    changed: dict[str, int] = {}
    for column in columns_of(Kind.ID):
        schema, _, name = column.table.partition(".")
        if column.table == "privacy.people":
            continue
        further = ""
        if schema in ("staging", "curated"):
            entry = tables.CANONICAL[name]
            _require_computed(transaction, column.table, entry)
            further = (
                f", row_key = {row_key_sql(entry, 'renamed.customer_id')}"
                f", content_hash = {content_hash_sql(entry, 'renamed.customer_id')}"
            )
        changed[column.table] = transaction.change(
            f"UPDATE {column.table} AS stored SET {column.column} = renamed.customer_id{further} "
            f"FROM renamed WHERE renamed.number = stored.{column.column}"
        )
    return {table: count for table, count in changed.items() if count}


def _require_computed(transaction: Transaction, table: str, entry: tables.Table) -> None:
    """Fail unless the keys and hashes of all rows are those that would be computed here."""
    [[others]] = transaction.execute(
        f"SELECT count(*) FROM {table} AS stored WHERE stored.row_key <> "
        f"{row_key_sql(entry, 'stored.customer_id')} OR stored.content_hash <> "
        f"{content_hash_sql(entry, 'stored.customer_id')}"
    )
    if others:
        raise AccountingError(
            f"{others:,} rows of {table} have a key or hash that is not made of their values, so it "
            "cannot be made anew and nothing was changed. Somebody may have changed the table by "
            "hand; a new home with the shop's files holds pseudonyms from the start."
        )
