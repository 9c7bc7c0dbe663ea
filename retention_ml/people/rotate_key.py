"""The door that gives lookups and sealed numbers new keys; no pseudonym changes."""

import time

from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.deliveries.ledger import people
from retention_ml.errors import UsageError
from retention_ml.failpoints import failpoint
from retention_ml.keys import Keyring
from retention_ml.people.lookup import numbers_of
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_BATCH_ROWS = 50_000


def rotate_key(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Make new keys and everybody's lookup and sealed number anew with them, in one transaction.

    Pseudonyms stay, and so do arms, samples, models and digests. Where an earlier run made keys and
    was stopped before the rows had them, it is finished first and no further keys are made. The
    old keys stay in the ring: backups of the warehouse need them.

    Returns
    -------
    Receipt
        Counts people: written, and left out (erased); details: version, the new one.

    Raises
    ------
    UsageError
        The warehouse holds customer numbers, or the keys cannot be written.
    SettingsError
        The keys are missing or others.
    """
    started = time.monotonic()
    with warehouse.transaction() as transaction:
        people.lock_exclusively(transaction)
        keyring = people.keyring_of(transaction, settings)
        if keyring is None:
            raise UsageError(
                "This warehouse holds the shop's customer numbers, so there are no keys to rotate. "
                "`retention people pseudonymise` replaces the numbers by pseudonyms."
            )
        keyring = _with_new_keys(transaction, keyring)
        failpoint("rotate_key.after_keys")
        version = keyring.current("number").version
        written = 0
        while count := _rekey_some(transaction, settings, keyring, version):
            written += count
        [[erased]] = transaction.execute(
            "SELECT count(*) FROM privacy.people WHERE key_version < :version", version=version
        )
        record_event(
            warehouse,
            Event.KEYS_CHANGED,
            settings=settings,
            subject="privacy.people",
            details={"version": version, "customers_count": written},
        )
        failpoint("rotate_key.before_commit")
    return warehouse.record(
        Receipt(
            door="rotate_key",
            read=written + erased,
            written=written,
            left_out=erased,
            seconds=time.monotonic() - started,
            details={"version": version},
        ),
        settings.run_id,
    )


def _with_new_keys(transaction: Transaction, keyring: Keyring) -> Keyring:
    """The ring with keys newer than some row's, of the same version for both purposes."""
    [[oldest_used]] = transaction.execute(
        "SELECT coalesce(min(key_version), 1) FROM privacy.people WHERE number_sealed IS NOT NULL"
    )
    target = max(keyring.current("lookup").version, oldest_used + 1)
    while keyring.current("lookup").version < target:
        keyring = keyring.rotate("lookup")
        failpoint("rotate_key.between_keys")
    while keyring.current("number").version < target:
        keyring = keyring.rotate("number")
    return keyring


def _rekey_some(
    transaction: Transaction, settings: Settings, keyring: Keyring, version: int
) -> int:
    """Give some people the new keys; how many, 0 where all have them."""
    rows = transaction.execute(
        "SELECT customer_id FROM privacy.people WHERE key_version < :version "
        "AND number_sealed IS NOT NULL ORDER BY customer_id LIMIT :rows",
        version=version,
        rows=_BATCH_ROWS,
    )
    if not rows:
        return 0
    by_id = numbers_of(transaction, settings, [row.customer_id for row in rows])
    transaction.execute("DROP TABLE IF EXISTS rekeyed")
    transaction.execute(
        "CREATE TEMP TABLE rekeyed (customer_id text, lookup bytea, key_version integer, "
        "number_sealed bytea) ON COMMIT DROP"
    )
    transaction.copy("rekeyed", people.people_table(keyring, sorted(by_id.items())))
    return transaction.change(
        "UPDATE privacy.people AS person SET lookup = new.lookup, key_version = new.key_version, "
        "number_sealed = new.number_sealed FROM rekeyed AS new "
        "WHERE new.customer_id = person.customer_id"
    )
