"""The audit log as it is read: entries in order, with the keys and the head that they are held to."""

import json
from collections.abc import Iterator
from typing import Any

from retention_ml.audit.entries import Entry, person_of
from retention_ml.keys import Key, Keyring
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_COLUMNS = (
    "entry_id, recorded_at, event, person, subject, details, database_role, os_user, run_id, "
    "key_version, previous, digest"
)


def entries_of(transaction: Transaction) -> Iterator[Entry]:
    """All entries by number, a thousand of them in memory."""
    for row in transaction.stream(f"SELECT {_COLUMNS} FROM audit.log ORDER BY entry_id"):
        yield _entry(row)


def newest_entries(
    warehouse: Warehouse, settings: Settings, *, limit: int, customer_id: str | None = None
) -> list[Entry]:
    """The newest entries, the newest first; of one customer where one is named.

    Raises
    ------
    SettingsError
        The keys that find a customer are missing or others.
    """
    people = None
    if customer_id is not None:
        keys = audit_keys(Keyring.of(settings, may_create=False)).values()
        people = [person_of(key, customer_id) for key in keys]
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            f"SELECT {_COLUMNS} FROM audit.log WHERE CAST(:people AS bytea[]) IS NULL "
            "OR person = ANY(CAST(:people AS bytea[])) ORDER BY entry_id DESC LIMIT :limit",
            people=people,
            limit=limit,
        )
    return [_entry(row) for row in rows]


def audit_keys(keyring: Keyring) -> dict[int, Key]:
    """The audit keys by version."""
    versions = keyring.versions("audit")
    return {version: keyring.of_version("audit", version) for version in versions}


def _entry(row: Any) -> Entry:
    values = dict(row._mapping)
    details = values["details"]
    return Entry(
        **{
            **values,
            "details": json.loads(details) if isinstance(details, str) else details,
            "person": None if values["person"] is None else bytes(values["person"]),
            "previous": bytes(values["previous"]),
            "digest": bytes(values["digest"]),
        }
    )
