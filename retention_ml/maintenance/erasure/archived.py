"""Archived files without the rows of forgotten persons, each under a new key."""

from contextlib import suppress
from dataclasses import dataclass

from retention_ml.deliveries import unpacking
from retention_ml.deliveries.archive import path_of
from retention_ml.deliveries.arrivals import is_lookup
from retention_ml.deliveries.ledger import personal_lines, tombstones
from retention_ml.deliveries.ledger.staging import Delivery
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.errors import FileRefused
from retention_ml.keys import Keyring
from retention_ml.maintenance.erasure.quarantined import source_of
from retention_ml.privacy.tombstones import Tombstones
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_FILES = (
    "SELECT DISTINCT ON (file_sha256, feed) delivery_id, feed, file_name, file_sha256, replay_of, "
    "reason_code, columns_found, landed_at, batch_id, source FROM raw.deliveries "
    "WHERE file_sha256 <> '' AND replay_of IS NULL ORDER BY file_sha256, feed, delivery_id"
)


@dataclass(frozen=True, slots=True)
class _File:
    delivery: Delivery
    batch_id: int
    source: str


def erase_archived(
    warehouse: Warehouse, settings: Settings, forgotten: Tombstones
) -> dict[str, int]:
    """Empty their rows in all archived files; how many files were written anew or have to go.

    Files that no ledger knows, because they were refused or their process died, are removed where
    somebody forgotten stands in them.
    """
    files = _files(warehouse)
    counts = {"emptied": 0, "due": 0, "orphans": 0}
    for file in files:
        if path_of(settings.home, file.delivery.file_sha256).is_file():
            state = _erase(warehouse, settings, file, forgotten)
            if state is not None:
                counts[state] += 1
    in_ledger = {file.delivery.file_sha256 for file in files}
    keyring = Keyring.of(settings)
    for path in sorted((settings.home / "landing").glob("??/*")):
        is_draft = path.name.startswith(".")
        if not is_draft and path.name not in in_ledger:
            content = StoredFile(path, path.name, keyring)
            if _stands_in(content, forgotten):
                path.unlink()
                counts["orphans"] += 1
    counts["removed"] = personal_lines.remove_due(warehouse, settings)
    return counts


def rows_by_file(warehouse: Warehouse, settings: Settings, forgotten: Tombstones) -> dict[str, int]:
    """How many rows of theirs archived files hold by the column that is the customer's, by place.

    Files that cannot be read as they are described now are not among them.
    """
    counts = {}
    for file in _files(warehouse):
        delivery, source = file.delivery, source_of(settings, file.source)
        path = path_of(settings.home, delivery.file_sha256)
        if source is None or delivery.feed not in source.feeds or not path.is_file():
            continue
        with warehouse.transaction() as transaction, suppress(FileRefused):
            if lines := personal_lines.lines_in_file(
                transaction, settings, source, delivery, file.batch_id, forgotten
            ):
                counts[path.relative_to(settings.home).as_posix()] = len(lines)
    return counts


def _files(warehouse: Warehouse) -> list[_File]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(_FILES)
    return [_File(Delivery(*row[:8]), row.batch_id, row.source) for row in rows]


def _erase(
    warehouse: Warehouse, settings: Settings, file: _File, forgotten: Tombstones
) -> str | None:
    delivery, source = file.delivery, source_of(settings, file.source)
    with warehouse.transaction() as transaction:
        if is_lookup(delivery.feed):
            return None
        if source is not None and delivery.feed in source.feeds:
            try:
                lines = personal_lines.lines_in_file(
                    transaction, settings, source, delivery, file.batch_id, forgotten
                )
                if not lines:
                    return None
                return personal_lines.take_out(transaction, settings, source, delivery, lines)
            except FileRefused:
                pass  # as it is described now it cannot be read: what stands in it decides
        content = StoredFile(
            path_of(settings.home, delivery.file_sha256), delivery.file_sha256, Keyring.of(settings)
        )
        if not _stands_in(content, forgotten):
            return None
        tombstones.record_erased_file(transaction, delivery.file_sha256, 1, state="due")
        return "due"


def _stands_in(content: StoredFile, forgotten: Tombstones) -> bool:
    """Whether the number of somebody forgotten stands in a file, as a cell or word of its text."""
    rest = b""
    try:
        for piece in unpacking.pieces(content, content.name):
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            if any(_is_in(line, forgotten) for line in lines):
                return True
    except FileRefused:
        return False
    return _is_in(rest, forgotten)


def _is_in(line: bytes, forgotten: Tombstones) -> bool:
    return forgotten.are_in(line.decode("utf-8", "replace"))
