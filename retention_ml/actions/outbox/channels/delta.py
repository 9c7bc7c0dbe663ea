"""Messages as a file for a CRM: rows, and a manifest that says when they are complete.

A file counts once its manifest is there, and never changes: written again it is equal byte for
byte, so that a CRM that takes each name once takes each message once.
"""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from retention_ml import atomic_files, failpoints
from retention_ml.actions.outbox.message import ClaimedMessage

_FIXED = ("message_id", "as_of", "customer_id", "action_id", "address")
_NESTED = "variables"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A file of messages: its name, its bytes, and those of its manifest."""

    as_of: date
    sequence: int
    messages_count: int
    content: bytes

    @property
    def file_name(self) -> str:
        """Day and number, such as `contacts_2026-03-01_0001.csv`."""
        return f"contacts_{self.as_of}_{self.sequence:04}.csv"

    @property
    def sha256(self) -> str:
        """Digest of the file."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def manifest(self) -> bytes:
        """What a reader needs to know that the file is whole, as JSON."""
        document = {
            "file": self.file_name,
            "as_of": self.as_of.isoformat(),
            "sequence": self.sequence,
            "rows": self.messages_count,
            "bytes": len(self.content),
            "sha256": self.sha256,
        }
        return (json.dumps(document, indent=2) + "\n").encode()


def delta_of(messages: Sequence[ClaimedMessage], *, as_of: date, sequence: int) -> Delta:
    """The file of messages, equal whatever their order.

    Returns
    -------
    Delta
        UTF-8, a header, commas, one row per message by `message_id`. After five fixed columns come
        the fields of the payloads by name; what is nested deeper is JSON, what is missing is empty.
    """
    fields = {message.message_id: _fields(message.payload) for message in messages}
    names = sorted({name for row in fields.values() for name in row}.difference(_FIXED))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_FIXED, *names])
    for message in sorted(messages, key=lambda message: message.message_id):
        row = fields[message.message_id]
        writer.writerow(
            [
                message.message_id,
                message.as_of.isoformat(),
                message.number,
                message.action_id,
                message.address or "",
                *(row.get(name, "") for name in names),
            ]
        )
    return Delta(
        as_of=as_of,
        sequence=sequence,
        messages_count=len(messages),
        content=text.getvalue().encode(),
    )


def write(delta: Delta, folder: Path) -> None:
    """Put file and manifest into the folder, the manifest last."""
    path = folder / delta.file_name
    atomic_files.write_durable(path, delta.content)
    failpoints.failpoint("dispatch.after_file")
    atomic_files.write_durable(path.with_suffix(".json"), delta.manifest)


def _fields(payload: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a payload as text, those of `variables` beside the others."""
    plain = {name: value for name, value in payload.items() if name != _NESTED}
    nested = payload.get(_NESTED)
    values = {**(nested if isinstance(nested, Mapping) else {}), **plain}
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    )
