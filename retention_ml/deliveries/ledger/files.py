"""What became of delivered files, and which feeds lack some: what is asked once a run is through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from retention_ml.warehouse import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A delivered file as the ledger has it.

    Parameters
    ----------
    status : str
        landed or staged (nothing is decided yet), accepted, repeated, refused or held.
    reason : str or None
        Why it was not accepted, and what to do.
    reason_code : str or None
        The same as a code.
    is_missing : bool
        Whether its rows are missing now: nothing is decided yet, or `raw.unusable_files` lists it,
        or a later one of its name. A file that was still being written, or was mended since, is not.
    """

    delivery_id: int
    source: str
    feed: str
    file_name: str
    status: str
    reason: str | None
    landed_at: datetime
    is_missing: bool = False
    reason_code: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether its rows are in `curated`."""
        return self.status in ("accepted", "repeated")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteFeed:
    """A feed that lacks rows, because files of it could not be used and were not mended since."""

    source: str
    feed: str
    since: datetime
    files: tuple[str, ...]


def file_states(transaction: Transaction, delivery_ids: Sequence[int]) -> dict[int, FileState]:
    """The entries of the ledger with these ids, by id."""
    rows = transaction.execute(
        "SELECT delivery_id, source, feed, file_name, status, reason, reason_code, landed_at, "
        "status IN ('landed', 'staged') OR EXISTS (SELECT FROM raw.unusable_files AS unusable "
        "WHERE unusable.source = file.source AND unusable.file_name = file.file_name "
        "AND unusable.feed = file.feed AND unusable.delivery_id >= file.delivery_id) AS is_missing "
        "FROM raw.deliveries AS file WHERE delivery_id = ANY(:ids) ORDER BY delivery_id",
        ids=list(delivery_ids),
    )
    return {row.delivery_id: FileState(**row._mapping) for row in rows}


def archived_files(transaction: Transaction) -> dict[str, str]:
    """The name of each file that is in the archive, by the SHA-256 under which it lies there."""
    rows = transaction.execute(
        "SELECT file_sha256, min(file_name) AS file_name FROM raw.deliveries "
        "WHERE file_sha256 IS NOT NULL AND file_sha256 <> '' AND archive_expired_at IS NULL "
        "GROUP BY file_sha256 "
        "ORDER BY min(file_name)"
    )
    return {row.file_sha256: row.file_name for row in rows}


def decisive(states: Sequence[FileState]) -> FileState:
    """The entry of a file that decides where it goes, of those that its feeds have.

    One that nothing is decided about yet, else one that was refused or held, else any.
    """
    order = ("landed", "staged", "refused", "held", "accepted", "repeated")
    return min(states, key=lambda state: order.index(state.status))


def files_of_run(transaction: Transaction, run_id: str) -> list[FileState]:
    """The files that the receipts of a run say it has landed."""
    rows = transaction.execute(
        "SELECT DISTINCT CAST(id AS bigint) AS delivery_id FROM ops.receipts, "
        "jsonb_array_elements_text(details -> 'delivery_ids') AS id "
        "WHERE door = 'land' AND run_id = :run_id",
        run_id=run_id,
    )
    return list(file_states(transaction, [row.delivery_id for row in rows]).values())


def incomplete_feeds(transaction: Transaction) -> list[IncompleteFeed]:
    """The feeds of all sources that lack rows now."""
    rows = transaction.execute(
        "SELECT source, feed, min(unusable_since) AS since, "
        "array_agg(file_name ORDER BY file_name) AS files FROM raw.unusable_files "
        "WHERE feed <> '' GROUP BY source, feed ORDER BY 1, 2"
    )
    return [
        IncompleteFeed(source=row.source, feed=row.feed, since=row.since, files=tuple(row.files))
        for row in rows
    ]
