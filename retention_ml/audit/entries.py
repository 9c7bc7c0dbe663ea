"""Entries of the audit log, chained: each holds an HMAC of its content and of the entry before it.

Whoever lacks the audit key can neither change an entry nor make one that fits.
"""

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from retention_ml.keys import Key

ORIGIN = bytes(32)
"""What the first entry has as the digest of the one before it."""

Detail = str | int | bool | None | list[str] | list[int]


class Event(StrEnum):
    """What an entry says happened: a number was opened, or people's data shown, changed or copied."""

    CUSTOMER_EXPLAINED = "customer_explained"
    CUSTOMER_DECIDED = "customer_decided"
    NUMBERS_OPENED = "numbers_opened"
    CONTACT_LIST_FILLED = "contact_list_filled"
    CONSENT_RECORDED = "consent_recorded"
    PSEUDONYMISED = "pseudonymised"
    KEYS_CHANGED = "keys_changed"
    DELIVERY_SHOWN = "delivery_shown"
    QUARANTINE_SHOWN = "quarantine_shown"
    BACKED_UP = "backed_up"
    RESTORED = "restored"
    EXPIRED = "expired"
    PERSON_EXPORTED = "person_exported"
    PERSON_SUPPRESSED = "person_suppressed"
    PERSON_FORGOTTEN = "person_forgotten"
    PERSON_HELD = "person_held"
    PERSON_PROVED = "person_proved"
    ANCHORED = "anchored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry, as `audit.log` holds it."""

    entry_id: int
    recorded_at: datetime
    event: str
    person: bytes | None
    subject: str
    details: Mapping[str, Detail]
    database_role: str
    os_user: str
    run_id: str
    key_version: int
    previous: bytes
    digest: bytes = b""

    def with_digest(self, key: Key) -> "Entry":
        """The entry with the HMAC of its content under the key of its version."""
        return replace(self, digest=_mac(key, "entry", self._content()))

    def is_genuine(self, key: Key) -> bool:
        """Whether its digest is the HMAC of its content under this key."""
        return hmac.compare_digest(self.digest, _mac(key, "entry", self._content()))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; bytes in hexadecimal."""
        return {
            name: value.hex()
            if isinstance(value, bytes)
            else value.astimezone(UTC).isoformat(timespec="microseconds")
            if isinstance(value, datetime)
            else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Entry":
        """The entry of `to_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is none.
        """
        person = values["person"]
        return cls(
            **{
                **values,
                "recorded_at": datetime.fromisoformat(values["recorded_at"]),
                "person": None if person is None else bytes.fromhex(person),
                "previous": bytes.fromhex(values["previous"]),
                "digest": bytes.fromhex(values["digest"]),
            }
        )

    def _content(self) -> bytes:
        content = {name: value for name, value in self.to_dict().items() if name != "digest"}
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def person_of(key: Key, customer_id: str) -> bytes:
    """The 32 bytes that stand for a customer in entries under this key.

    Examples
    --------
    >>> person_of(Key(1, b"k" * 32), "C0000803").hex()[:16]
    '53d4eb61102e83b2'
    """
    return _mac(key, "person", customer_id.encode())


def signature_of(key: Key, content: Mapping[str, Any]) -> str:
    """The HMAC of what lies outside the warehouse, in hexadecimal."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return _mac(key, "head", text.encode()).hex()


def _mac(key: Key, purpose: str, content: bytes) -> bytes:
    return hmac.digest(key.secret, f"{purpose}\0".encode() + content, "sha256")


def chain_faults(
    entries: Iterable[Entry], keys: Mapping[int, Key]
) -> tuple[list[str], Entry | None]:
    """What is wrong with a chain that begins at its first entry, and the last entry.

    Parameters
    ----------
    entries : iterable of Entry
        By number.
    keys : mapping of int to Key
        The audit keys by version.

    Returns
    -------
    (list of str, Entry or None)
        A sentence for each fault; of an entry that was changed, removed, moved, put in.
    """
    faults: list[str] = []
    last: Entry | None = None
    for entry in entries:
        expected_id = last.entry_id + 1 if last else 1
        previous = last.digest if last else ORIGIN
        key = keys.get(entry.key_version)
        if entry.entry_id != expected_id:
            faults.append(_missing(expected_id, entry.entry_id - 1))
        elif entry.previous != previous:
            faults.append(f"entry {entry.entry_id} does not follow the one before it")
        if key is None:
            faults.append(
                f"entry {entry.entry_id} is of version {entry.key_version} of the audit key, "
                "which the keys do not have"
            )
        elif not entry.is_genuine(key):
            faults.append(f"entry {entry.entry_id} is not what was written")
        last = entry
    return faults, last


def _missing(first: int, last: int) -> str:
    if first >= last:
        return f"entry {first} is missing"
    return f"entries {first} to {last} are missing"
