"""Who was forgotten, as `privacy.tombstones` has it and as it is kept outside the warehouse.

A warehouse that was restored from before a person was forgotten knows nothing of it. So tombstones
are kept beside the keys and beside the backups too, and nothing is taken in while some are missing.
"""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from retention_ml import atomic_files, clock
from retention_ml.deliveries.ledger import people
from retention_ml.errors import SettingsError
from retention_ml.keys import Keyring
from retention_ml.privacy.tombstones import Tombstones
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

FILE = "forgotten.json"


def find_tombstones(transaction: Transaction, settings: Settings) -> Tombstones | None:
    """The tombstones of the warehouse, None where nobody was forgotten.

    Raises
    ------
    SettingsError
        The keys are missing or others, or persons were forgotten of whom this warehouse knows nothing.
    """
    rows = transaction.execute("SELECT tombstone, ring_id FROM privacy.tombstones")
    marks = {row.tombstone for row in rows}
    if missing := kept_outside(settings).keys() - marks:
        raise SettingsError(
            f"{len(missing)} persons were forgotten of whom this warehouse knows nothing: it was "
            "restored from before that. Nothing was read. Run `retention people forget --again`, "
            "which forgets them here too."
        )
    if not marks:
        return None
    return Tombstones(people.keyring(settings, rows[0].ring_id).current("pseudonym").secret, marks)


def kept_outside(settings: Settings) -> Mapping[str, str]:
    """The tombstones that are kept outside the warehouse, with when each was asked for."""
    of_rings: dict[str, dict[str, str]] = {}
    for path in places(settings):
        for ring, marks in _read(path).items():
            of_rings.setdefault(ring, {}).update(marks)
    if not of_rings:
        return {}
    return of_rings.get(Keyring.of(settings, may_create=False).id, {})


def keep_outside(settings: Settings, ring_id: str, marks: Mapping[str, datetime]) -> None:
    """Write tombstones to every place outside the warehouse; there before it knows of them."""
    for path in places(settings):
        content = _read(path)
        of_ring = content.setdefault(ring_id, {})
        for mark, at in marks.items():
            of_ring.setdefault(mark, at.isoformat(timespec="seconds"))
        _write(path, content)


def places(settings: Settings) -> list[Path]:
    """Where tombstones are kept: in the home, beside the keys, beside the backups."""
    folders = [settings.home]
    stated = (settings.privacy_keys or "").strip()
    if stated and not stated.startswith("{"):
        folders.append(Path(stated).parent)
    if settings.backups.folder:
        folders.append(Path(settings.backups.folder).expanduser().absolute())
    unique = {folder.absolute(): None for folder in folders if folder.is_dir()}
    return [folder / FILE for folder in unique]


def bring(shelf: Path, home: Path) -> int:
    """Copy the tombstones beside backups into a home restored from one; how many it has then."""
    content = _read(home / FILE)
    for ring, marks in _read(shelf / FILE).items():
        content.setdefault(ring, {}).update(marks)
    if content:
        _write(home / FILE, content)
    return sum(map(len, content.values()))


def _write(path: Path, content: Mapping[str, Mapping[str, str]]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    atomic_files.write_durable(path, text.encode(), mode=0o600)


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
        return {str(ring): dict(marks) for ring, marks in content.items()}
    except (ValueError, AttributeError, TypeError):
        raise SettingsError(
            f"{path} holds no tombstones: it was cut off or edited. Expected is the JSON as it was "
            "written. Nothing was read. Copy it from the folder of backups or of the keys."
        ) from None


def emptied_deliveries(transaction: Transaction, batch_id: int) -> set[int]:
    """The deliveries of a batch in whose archived files lines of forgotten persons are empty."""
    rows = transaction.execute(
        "SELECT delivery_id FROM raw.deliveries JOIN privacy.erased_files USING (file_sha256) "
        "WHERE batch_id = :b AND state = 'emptied'",
        b=batch_id,
    )
    return {row.delivery_id for row in rows}


def record_erased_file(transaction: Transaction, sha256: str, lines: int, *, state: str) -> None:
    """Note that lines of an archived file were emptied, or that the whole copy has to go."""
    transaction.execute(
        "INSERT INTO privacy.erased_files (file_sha256, state, lines_count, erased_at) "
        "VALUES (:sha256, :state, :lines, :now) ON CONFLICT (file_sha256) DO UPDATE "
        "SET lines_count = greatest(erased_files.lines_count, excluded.lines_count), "
        "state = excluded.state, erased_at = excluded.erased_at",
        sha256=sha256,
        state=state,
        lines=lines,
        now=clock.now(),
    )


def due_files(transaction: Transaction, *, removed: Collection[str] = ()) -> list[str]:
    """The files whose copies have to go and whose batches are closed; and those `removed` before.

    One that is gone was perhaps delivered again, and archived.
    """
    rows = transaction.execute(
        "SELECT file_sha256 FROM privacy.erased_files AS file WHERE (state = 'due' OR "
        "(state = 'removed' AND file_sha256 = ANY(:removed))) AND NOT EXISTS (SELECT FROM "
        "raw.deliveries AS delivery WHERE delivery.file_sha256 = file.file_sha256 "
        "AND delivery.status IN ('landed', 'staged'))",
        removed=list(removed),
    )
    return [row.file_sha256 for row in rows]


def mark_removed(transaction: Transaction, sha256: str) -> None:
    """Note that a copy is gone."""
    transaction.change(
        "UPDATE privacy.erased_files SET state = 'removed', erased_at = :now "
        "WHERE file_sha256 = :sha256",
        sha256=sha256,
        now=clock.now(),
    )


def record_suppressed(transaction: Transaction, delivery_id: int, rows: int) -> None:
    """Note how many of the rows that a staged delivery leaves out are of forgotten persons."""
    transaction.change(
        "UPDATE raw.deliveries SET suppressed_count = least(:rows, left_out_count) "
        "WHERE delivery_id = :d",
        rows=rows,
        d=delivery_id,
    )
