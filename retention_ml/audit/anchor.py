"""The door by which an audit log goes on after its end was lost."""

import time
from pathlib import Path

from retention_ml.audit import head as heads
from retention_ml.audit.entries import Detail, Event, chain_faults
from retention_ml.audit.head import Head
from retention_ml.audit.read_log import audit_keys, entries_of
from retention_ml.audit.record_event import LOCK, last_entry, make_entry, write_entry
from retention_ml.errors import AuditLogBroken, SettingsError, UsageError
from retention_ml.keys import Keyring
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def anchor(warehouse: Warehouse, *, settings: Settings, reason: str) -> DecisionReceipt:
    """Go on with the audit log from the last entry that is there, and write down why.

    The entry that says so has the number at which the home said the log would end, so that a reader
    sees how many entries are not there. What is wrong inside the log stays wrong: `verify_chain`
    goes on reporting it.

    Returns
    -------
    DecisionReceipt
        `details`: entry_id, expected_entry_id (None where the home did not say).

    Raises
    ------
    UsageError
        No reason.
    SettingsError
        The keys are missing.
    """
    started = time.monotonic()
    if not reason.strip():
        raise UsageError(
            "An audit log is anchored for a reason; expected words, such as 'new disk'."
        )
    with warehouse.exclusive(LOCK):
        with warehouse.transaction() as transaction:
            last_id, last_digest = last_entry(transaction)
            [[role]] = transaction.execute("SELECT session_user")
            keyring = Keyring.of(settings, may_create=last_id == 0)
            faults, _ = chain_faults(entries_of(transaction), audit_keys(keyring))
        path = heads.path_of(settings, warehouse)
        expected = _expected(path, keyring)
        details: dict[str, Detail] = {
            "reason": reason.strip(),
            "expected_entry_id": expected,
            "faults_count": len(faults),
        }
        entry = make_entry(
            Event.ANCHORED, keyring=keyring, after=Head(entry_id=last_id, digest=last_digest),
            role=str(role), settings=settings, subject="audit.log", details=details,
        )  # fmt: skip
        write_entry(warehouse, path, keyring, entry)
    return warehouse.record(
        DecisionReceipt(
            door="anchor",
            seconds=time.monotonic() - started,
            sentence=f"The audit log goes on with entry {entry.entry_id:,}.",
            details={"entry_id": entry.entry_id, "expected_entry_id": expected},
        ),
        settings.run_id,
    )


def _expected(path: Path, keyring: Keyring) -> int | None:
    """The number of the last entry by the home; None where it says nothing that can be believed."""
    try:
        head = heads.read(path, keyring)
    except (AuditLogBroken, SettingsError):
        return None
    return None if head is None else head.entry_id + bool(head.pending)
