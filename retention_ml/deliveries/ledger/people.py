"""Who the customers of a warehouse are: whether it holds pseudonyms, and with which keys.

Writes `privacy.keyrings` and `privacy.people`. A warehouse keeps to what it was begun with; only
`people pseudonymise` changes it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from retention_ml import clock, tables
from retention_ml.errors import SettingsError
from retention_ml.keys import Key, Keyring
from retention_ml.privacy import numbers
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

_LOCK = "privacy.keyrings"
_FILLED_BY = tuple(
    name
    for name, entry in tables.CANONICAL.items()
    if "customer_id" in {column.name for column in entry}
)


def ring_id(transaction: Transaction) -> str | None:
    """Which keys the pseudonyms of the warehouse are made with; None where it holds numbers."""
    [[ring]] = transaction.execute("SELECT privacy.ring_id()")
    return None if ring is None else str(ring)


def keyring_of(transaction: Transaction, settings: Settings) -> Keyring | None:
    """The keys of a warehouse with pseudonyms; None where it holds customer numbers.

    Raises
    ------
    SettingsError
        The keys are missing, damaged, or those of another warehouse.
    """
    expected = ring_id(transaction)
    return None if expected is None else keyring(settings, expected)


def keyring(settings: Settings, expected: str) -> Keyring:
    """The keys of that id.

    Raises
    ------
    SettingsError
        They are missing, damaged, or others.
    """
    ring = Keyring.of(settings, may_create=False)
    ring.require_id(expected)
    return ring


def keyring_for_staging(transaction: Transaction, settings: Settings) -> Keyring | None:
    """The keys for the rows of a batch; None where the warehouse holds customer numbers.

    An empty warehouse becomes what the settings say, and keeps to it. Nobody can replace numbers by
    pseudonyms before the transaction has ended.

    Raises
    ------
    SettingsError
        The settings disagree with a filled warehouse, or there are not the keys of this one.
    """
    transaction.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(:key, 0))", key=_LOCK)
    ring = keyring_of(transaction, settings)
    is_wanted = settings.privacy.pseudonyms
    if ring is not None and not is_wanted:
        raise SettingsError(
            "privacy.pseudonyms is false, but this warehouse holds pseudonyms, and nothing turns "
            "them back. Nothing was read. Set it to true; a warehouse with customer numbers "
            "begins in another home."
        )
    if ring is not None or not is_wanted:
        return ring
    if is_filled(transaction):
        raise SettingsError(
            "privacy.pseudonyms is true, but this warehouse holds the shop's customer numbers. "
            "Nothing was read. Run `retention people pseudonymise`, which replaces them all in one "
            "transaction, or set it to false."
        )
    begin(transaction, Keyring.of(settings), run_id=settings.run_id)
    return keyring_of(transaction, settings)  # of two first batches at once one was first


def lock_exclusively(transaction: Transaction) -> None:
    """Wait until no batch is being staged, and let none begin before the transaction ends."""
    transaction.lock(_LOCK)


def is_filled(transaction: Transaction) -> bool:
    """Whether there are rows of customers, accepted or waiting for it."""
    return any(
        transaction.execute(f"SELECT 1 FROM {schema}.{name} LIMIT 1")
        for schema in ("staging", "curated")
        for name in _FILLED_BY
    )


def begin(transaction: Transaction, keyring: Keyring, *, run_id: str) -> None:
    """Write down that the warehouse holds pseudonyms made with these keys from now on."""
    transaction.insert_row(
        "privacy.keyrings",
        {"ring_id": keyring.id, "since": clock.now(), "run_id": run_id},
        on_conflict="DO NOTHING",
    )


def keys_in_use(keyring: Keyring) -> tuple[Key, Key]:
    """The keys for lookups and for numbers that new rows are made with.

    Both have the same version; while a rotation is not finished, that is the older one.
    """
    version = min(keyring.current("lookup").version, keyring.current("number").version)
    return keyring.of_version("lookup", version), keyring.of_version("number", version)


def remember(
    transaction: Transaction,
    keyring: Keyring,
    pseudonyms: Mapping[str, str],
    *,
    seen_at: datetime,
) -> int:
    """Add the people who are new to `privacy.people`; how many there were.

    Parameters
    ----------
    pseudonyms : mapping of str to str
        By number.
    """
    rows = transaction.execute(
        "SELECT customer_id FROM privacy.people WHERE customer_id = ANY(:ids)",
        ids=list(pseudonyms.values()),
    )
    older = {row.customer_id for row in rows}
    new = sorted(
        (customer_id, number)
        for number, customer_id in pseudonyms.items()
        if customer_id not in older
    )
    if not new:
        return 0
    transaction.execute("DROP TABLE IF EXISTS new_people")
    transaction.execute("CREATE TEMP TABLE new_people (LIKE privacy.people) ON COMMIT DROP")
    first_seen = pa.array([seen_at] * len(new), pa.timestamp("us", tz="UTC"))
    new_rows = people_table(keyring, new).append_column("first_seen_at", first_seen)
    transaction.copy("new_people", new_rows)
    return transaction.change(
        "INSERT INTO privacy.people SELECT * FROM new_people ORDER BY customer_id "
        "ON CONFLICT DO NOTHING"
    )


def people_table(keyring: Keyring, people: Sequence[tuple[str, str]]) -> pa.Table:
    """Lookups and sealed numbers as `privacy.people` holds them, of pairs of pseudonym and number."""
    for_lookups, for_numbers = keys_in_use(keyring)
    lookups = [numbers.lookup(for_lookups.secret, number) for _, number in people]
    sealed = [numbers.seal(for_numbers.secret, number, who) for who, number in people]
    return pa.table(
        {
            "customer_id": pa.array([customer_id for customer_id, _ in people], pa.string()),
            "lookup": pa.array(lookups, pa.binary()),
            "key_version": pa.array([for_lookups.version] * len(people), pa.int32()),
            "number_sealed": pa.array(sealed, pa.binary()),
        }
    )
