"""The door through which everything goes into the audit log, just before it happens.

An entry is first in the home (`head`), then in the warehouse. A process that dies in between leaves
it in the home, where the next one takes it from. Writers take turns, so the chain never forks.
"""

import json
import os
import pwd
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from retention_ml import clock
from retention_ml.audit import head as heads
from retention_ml.audit.entries import ORIGIN, Detail, Entry, Event, person_of
from retention_ml.audit.head import EMPTY, Head
from retention_ml.errors import AuditLogBroken
from retention_ml.failpoints import failpoint
from retention_ml.keys import Keyring
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

LOCK = "audit.log"
_ADVICE = (
    "Nothing was opened or changed. Run `retention audit verify`, and find out who changed the log "
    "(docs/privacy.md#audit-log)."
)


def record_event(
    warehouse: Warehouse,
    event: Event,
    *,
    settings: Settings,
    subject: str,
    customer_id: str | None = None,
    details: Mapping[str, Detail] | None = None,
) -> Entry:
    """Add an entry to the audit log; it is kept when this returns.

    Called before numbers are shown or data are changed, so nothing happens unrecorded. An entry
    whose deed was interrupted stays: somebody was about to do it.

    Parameters
    ----------
    warehouse : Warehouse
    event : Event
    settings : Settings
    subject : str
        What is opened or changed; never a customer.
    customer_id : str, optional
        Whom it is about, as the warehouse knows them. Their HMAC is stored.
    details : mapping of str to str, int, bool, None or list, optional
        Counts and reasons; never a customer.

    Raises
    ------
    AuditLogBroken
        The log does not end where the home says that it does.
    SettingsError
        The keys are missing or others.
    """
    with warehouse.exclusive(LOCK):
        with warehouse.transaction() as transaction:
            last_id, last_digest = last_entry(transaction)
            [[role]] = transaction.execute("SELECT session_user")
        # Keys made anew would hide that those of the log are lost.
        keyring = Keyring.of(settings, may_create=last_id == 0)
        path = heads.path_of(settings, warehouse)
        make = partial(make_entry, keyring=keyring, role=str(role), settings=settings)
        backup = heads.restored_from(settings)
        if backup is None:
            head = _ready(warehouse, path, keyring, last_id, last_digest)
        else:
            # The log of a backup ends where it does; that of the home it was made of went on.
            restored = make(
                Event.RESTORED, after=Head(entry_id=last_id, digest=last_digest), subject=backup
            )
            head = write_entry(warehouse, path, keyring, restored)
        entry = make(
            event, after=head, subject=subject, customer_id=customer_id, details=details or {}
        )
        write_entry(warehouse, path, keyring, entry)
    return entry


def last_entry(transaction: Transaction) -> tuple[int, bytes]:
    """Number and digest of the last entry of the warehouse; 0 and `ORIGIN` where there is none."""
    [row] = transaction.execute("SELECT entry_id, digest FROM audit.last_entry()")
    return (0, ORIGIN) if row.entry_id is None else (int(row.entry_id), bytes(row.digest))


def make_entry(
    event: Event,
    *,
    keyring: Keyring,
    after: Head,
    role: str,
    settings: Settings,
    subject: str,
    customer_id: str | None = None,
    details: Mapping[str, Detail] | None = None,
) -> Entry:
    """The entry that follows a head, with its digest."""
    key = keyring.current("audit")
    return Entry(
        entry_id=after.entry_id + 1,
        recorded_at=clock.now(),
        event=str(event),
        person=None if customer_id is None else person_of(key, customer_id),
        subject=subject,
        details=dict(details or {}),
        database_role=role,
        os_user=_os_user(),
        run_id=settings.run_id,
        key_version=key.version,
        previous=after.digest,
    ).with_digest(key)


def write_entry(warehouse: Warehouse, path: Path, keyring: Keyring, entry: Entry) -> Head:
    """Write the entry that is next to the home, then to the warehouse; the head after it."""
    before = Head(entry_id=entry.entry_id - 1, digest=entry.previous, pending=entry)
    heads.write(path, keyring, before)
    failpoint("record_event.after_head")
    with warehouse.transaction() as transaction:
        append(transaction, entry)
        failpoint("record_event.before_commit")
    failpoint("record_event.after_commit")
    after = Head(entry_id=entry.entry_id, digest=entry.digest)
    heads.write(path, keyring, after)
    return after


def append(transaction: Transaction, entry: Entry) -> None:
    """Insert an entry."""
    values = asdict(entry)
    transaction.execute(
        "SELECT audit.append(:entry_id, :recorded_at, :event, :person, :subject, "
        "CAST(:details AS jsonb), :database_role, :os_user, :run_id, :key_version, :previous, :digest)",
        **{**values, "details": json.dumps(values["details"])},
    )


def _ready(
    warehouse: Warehouse, path: Path, keyring: Keyring, last_id: int, last_digest: bytes
) -> Head:
    """The head that the warehouse has, after an entry that an interrupted writer left is written."""
    head = heads.read(path, keyring)
    if head is None and last_id:
        raise AuditLogBroken(
            f"The audit log has {last_id:,} entries, but {path}, which says where "
            f"it ends, is not there. {_ADVICE} If the home is new, `retention audit anchor`."
        )
    head = head or EMPTY
    pending = head.pending
    if pending and (pending.entry_id, pending.digest) == (last_id, last_digest):
        return Head(entry_id=last_id, digest=last_digest)
    if (head.entry_id, head.digest) != (last_id, last_digest):
        raise AuditLogBroken(
            f"The audit log ends with entry {last_id:,}, but its head in the home says "
            f"{head.entry_id:,}, or another content: entries were cut off, changed or put in. {_ADVICE}"
        )
    if pending is None:
        return head
    with warehouse.transaction() as transaction:
        append(transaction, pending)
    return Head(entry_id=pending.entry_id, digest=pending.digest)


def _os_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user of a container without a name
        return str(os.getuid())
