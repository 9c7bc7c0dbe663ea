"""The end of the audit log, kept in the home: whoever cuts off the last entries does not have it.

An entry stands here before the warehouse has it. A process that dies in between leaves it as
`pending`, and the next one writes it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retention_ml import atomic_files
from retention_ml.audit.entries import ORIGIN, Entry, signature_of
from retention_ml.errors import AuditLogBroken
from retention_ml.keys import Keyring
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_FORMAT = 1
_RESTORED = "restored_from"
_LOOK = "Run `retention audit verify`, and find out who changed it (docs/privacy.md#audit-log)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last entry that the warehouse is known to have, and one that it may not have yet."""

    entry_id: int
    digest: bytes
    pending: Entry | None = None

    def is_behind(self, entry: Entry) -> bool:
        """Whether the entry is the one that was to be written next."""
        return self.pending is not None and self.pending.digest == entry.digest


EMPTY = Head(entry_id=0, digest=ORIGIN)


def path_of(settings: Settings, warehouse: Warehouse) -> Path:
    """`<home>/audit/<12 signs>.json`, a file for each warehouse that is used from this home."""
    with warehouse.transaction() as transaction:
        [(cluster, database)] = transaction.execute(
            "SELECT system_identifier, current_database() FROM pg_control_system()"
        )
    name = hashlib.sha256(f"{cluster}/{database}".encode()).hexdigest()[:12]
    return settings.home / "audit" / f"{name}.json"


def mark_restored(home: Path, backup: str) -> None:
    """Note in a home that it was made from a backup, whose log ends where it does."""
    atomic_files.make_folder(home / "audit", mode=0o700)
    atomic_files.write_text(home / "audit" / _RESTORED, backup, mode=0o600)


def restored_from(settings: Settings) -> str | None:
    """The backup that the home was made from, until the log goes on; None for others."""
    mark = settings.home / "audit" / _RESTORED
    return mark.read_text("utf-8") if mark.exists() else None


def read(path: Path, keyring: Keyring) -> Head | None:
    """The head as it was written; None where there is none.

    Raises
    ------
    AuditLogBroken
        It is not what was written with these keys.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _checked(content, keyring)
    except (ValueError, KeyError, TypeError):
        raise AuditLogBroken(
            f"{path} is not what was written with the keys {keyring.id}: it was changed or cut off, "
            f"or is of another warehouse. Nothing was opened. {_LOOK}"
        ) from None


def write(path: Path, keyring: Keyring, head: Head) -> None:
    """Keep a head; it is on the disk when this returns."""
    key = keyring.current("audit")
    content = {
        "format": _FORMAT,
        "ring_id": keyring.id,
        "key_version": key.version,
        "entry_id": head.entry_id,
        "digest": head.digest.hex(),
        "pending": head.pending.to_dict() if head.pending else None,
    }
    signed = {**content, "signature": signature_of(key, content)}
    text = json.dumps(signed, indent=2) + "\n"
    atomic_files.make_folder(path.parent, mode=0o700)
    atomic_files.write_durable(path, text.encode(), mode=0o600)
    path.with_name(_RESTORED).unlink(missing_ok=True)


def _checked(content: Mapping[str, Any], keyring: Keyring) -> Head:
    unsigned = {name: value for name, value in content.items() if name != "signature"}
    key = keyring.of_version("audit", int(content["key_version"]))
    if content["format"] != _FORMAT or content["signature"] != signature_of(key, unsigned):
        raise ValueError
    pending = content["pending"]
    return Head(
        entry_id=int(content["entry_id"]),
        digest=bytes.fromhex(content["digest"]),
        pending=Entry.from_dict(pending) if pending else None,
    )
