"""The door that reads the whole audit log and says whether it is what was written."""

import time

from retention_ml.audit import head as heads
from retention_ml.audit.entries import Entry, chain_faults
from retention_ml.audit.head import Head
from retention_ml.audit.read_log import audit_keys, entries_of
from retention_ml.audit.record_event import LOCK, last_entry
from retention_ml.errors import AuditLogBroken
from retention_ml.keys import Keyring
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_SHOWN = 5


def verify_chain(warehouse: Warehouse, *, settings: Settings) -> DecisionReceipt:
    """Read the audit log whole: each entry, the order, and that it ends where the home says.

    An entry that an interrupted writer left in the home is no fault; the next writer adds it.

    Returns
    -------
    DecisionReceipt
        `details`: entries_count, last_entry_id, pending_count, and the faults (none).

    Raises
    ------
    AuditLogBroken
        Something is not what was written; the receipt, with all faults, is stored.
    SettingsError
        The keys are missing.
    """
    started = time.monotonic()
    with warehouse.exclusive(LOCK), warehouse.transaction() as transaction:
        last_id, _ = last_entry(transaction)
        keyring = Keyring.of(settings, may_create=last_id == 0)
        faults, last = chain_faults(entries_of(transaction), audit_keys(keyring))
        try:
            head = heads.read(heads.path_of(settings, warehouse), keyring)
            if heads.restored_from(settings) is None:
                faults += _faults_at_the_end(head, last)
        except AuditLogBroken as error:
            head = None
            faults.append(str(error).split(":")[0])
    is_pending = bool(head and head.pending and not _is_same(head.pending, last))
    sentence = (
        f"The audit log has {last.entry_id if last else 0:,} entries, and is what was written."
        if not faults
        else f"The audit log is not what was written: {_list(faults)}."
    )
    receipt = warehouse.record(
        DecisionReceipt(
            door="verify_chain",
            seconds=time.monotonic() - started,
            sentence=sentence,
            details={
                "last_entry_id": last.entry_id if last else 0,
                "pending_count": int(is_pending),
                "faults": faults,
            },
        ),
        settings.run_id,
    )
    if faults:
        raise AuditLogBroken(
            f"{sentence} Find out who changed it, and compare it with the newest backup; afterwards "
            "`retention audit anchor` goes on from what is there (docs/privacy.md#audit-log)."
        )
    return receipt


def _faults_at_the_end(head: Head | None, last: Entry | None) -> list[str]:
    """What is wrong between the log's last entry and the head in the home."""
    if head is None:
        return ["the file in the home that says where it ends is not there"] if last else []
    last_id = last.entry_id if last else 0
    if head.pending is not None and _is_same(head.pending, last):
        return []
    if last_id < head.entry_id:
        return [f"entries {last_id + 1} to {head.entry_id} were cut off its end"]
    if last_id > head.entry_id:
        return [f"entries {head.entry_id + 1} to {last_id} were put in at its end"]
    if last is not None and last.digest != head.digest:
        return [f"entry {last_id} is another one than the home says"]
    return []


def _is_same(entry: Entry, other: Entry | None) -> bool:
    return other is not None and entry.digest == other.digest


def _list(faults: list[str]) -> str:
    more = f", and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
    return "; ".join(faults[:_SHOWN]) + more
