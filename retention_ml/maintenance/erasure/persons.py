"""Who in the warehouse was forgotten, found by tombstones: a number need not be known for it."""

from collections.abc import Collection, Mapping

import pyarrow as pa

from retention_ml import clock
from retention_ml.deliveries.ledger import people
from retention_ml.keys import Keyring
from retention_ml.privacy.register import Kind, columns_of
from retention_ml.privacy.tombstones import Tombstones, tombstone_of_number
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

TABLES = tuple(
    (column.table, column.column)
    for column in columns_of(Kind.ID)
    if column.table != "privacy.people"
)
"""Where a customer is known by id: table and column."""
_EVERYBODY = ("curated.orders", "customer_id")  # nearly all of them are found here


def keyring_of(transaction: Transaction, settings: Settings) -> Keyring:
    """The keys that tombstones are made with: those of the pseudonyms, or of the archive.

    Raises
    ------
    SettingsError
        They are missing, damaged or others.
    """
    ring = people.ring_id(transaction)
    if ring is None:
        rows = transaction.execute("SELECT ring_id FROM privacy.tombstones LIMIT 1")
        ring = rows[0].ring_id if rows else None
    return Keyring.of(settings) if ring is None else people.keyring(settings, ring)


def marks_of(keyring: Keyring, numbers: Collection[str]) -> dict[str, str]:
    """The tombstone of each number."""
    secret = keyring.current("pseudonym").secret
    return {number: tombstone_of_number(secret, number) for number in numbers}


def customer_ids(transaction: Transaction) -> set[str]:
    """Everybody whom a table knows by id."""
    sql = " UNION ".join(
        f"SELECT {column} AS customer_id FROM {table} WHERE {column} IS NOT NULL"
        for table, column in (*TABLES, ("privacy.people", "customer_id"))
    )
    return {row.customer_id for row in transaction.execute(sql)}


def known_ids(transaction: Transaction, ids: Collection[str]) -> set[str]:
    """Those of these ids that a table knows; tables are asked until all were found."""
    missing, present_ids = set(ids), set[str]()
    for table, column in (_EVERYBODY, ("privacy.people", "customer_id"), *TABLES):
        if missing:
            rows = transaction.execute(
                f"SELECT DISTINCT {column} AS customer_id FROM {table} WHERE {column} = ANY(:ids)",
                ids=sorted(missing),
            )
            here = {row.customer_id for row in rows}
            missing, present_ids = missing - here, present_ids | here
    return present_ids


def every_mark(transaction: Transaction) -> list[str]:
    """The tombstones of everybody who was forgotten."""
    return [
        row.tombstone for row in transaction.execute("SELECT tombstone FROM privacy.tombstones")
    ]


def covered_ids(transaction: Transaction, forgotten: Tombstones) -> list[str]:
    """The ids in the warehouse that are of somebody forgotten."""
    is_pseudonymous = people.ring_id(transaction) is not None
    covers = forgotten.covers_pseudonym if is_pseudonymous else forgotten.covers
    return sorted(each for each in customer_ids(transaction) if covers(each))


def erase_listed(transaction: Transaction, forgotten: Tombstones) -> int:
    """Take forgotten persons off the list for the CRM; how many."""
    rows = transaction.execute("SELECT customer_number FROM privacy.contact_list")
    numbers = [row.customer_number for row in rows if forgotten.covers(row.customer_number)]
    return transaction.change(
        "DELETE FROM privacy.contact_list WHERE customer_number = ANY(:numbers)", numbers=numbers
    )


def note_erased(transaction: Transaction, counts: Mapping[str, int]) -> None:
    """Note in which tables rows went or changed: their storage is to be written anew."""
    for table, count in counts.items():
        if count:
            transaction.execute(
                "INSERT INTO privacy.erased_rows (table_name, rows_count, erased_at) "
                "VALUES (:table, :count, :now) ON CONFLICT (table_name) DO UPDATE SET rows_count = "
                "erased_rows.rows_count + excluded.rows_count, erased_at = :now, rewritten_at = NULL",
                table=table,
                count=count,
                now=clock.now(),
            )


def rows_by_table(transaction: Transaction, ids: Collection[str]) -> Mapping[str, int]:
    """How many rows each table has of these customers, where it has any."""
    create_forgotten(transaction, ids)
    counts = {}
    for table, column in TABLES:
        [[count]] = transaction.execute(
            f"SELECT count(*) FROM {table} WHERE {column} IN (SELECT customer_id FROM forgotten)"
        )
        if count:
            counts[table] = count
    return counts


def create_forgotten(transaction: Transaction, ids: Collection[str]) -> None:
    """A temporary table `forgotten` of these customers, until the transaction ends."""
    transaction.execute("DROP TABLE IF EXISTS forgotten")
    transaction.execute("CREATE TEMP TABLE forgotten (customer_id text PRIMARY KEY) ON COMMIT DROP")
    transaction.copy("forgotten", pa.table({"customer_id": pa.array(sorted(ids), pa.string())}))
    transaction.execute("ANALYZE forgotten")
