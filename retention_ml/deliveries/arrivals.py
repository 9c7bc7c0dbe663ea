"""Files that arrive: archived, matched with their feed, their headers looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retention_ml.deliveries import archive
from retention_ml.deliveries.archive import Archived
from retention_ml.deliveries.casting import lookups
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.sources import Source
from retention_ml.errors import FileRefused
from retention_ml.warehouse import Transaction

LOOKUP = ".lookup"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that can be read: its feed, its copy and its columns."""

    feed: str
    kept: Archived
    columns: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that cannot, and why."""

    name: str
    feed: str
    error: FileRefused


def receive(
    source: Source, files: list[Path], home: Path, has_lookup: Callable[[str], bool]
) -> tuple[list[Arrival], list[Refusal]]:
    """Archive the files and look at their headers.

    Parameters
    ----------
    has_lookup : callable
        Whether a reference file of that name was delivered before.
    """
    arrivals: list[Arrival] = []
    refusals: list[Refusal] = []
    needed = {feed.lookup.file: feed.lookup for feed in source.feeds.values() if feed.lookup}
    for lookup_file in needed:
        beside = [path.parent / lookup_file for path in files if path.name != lookup_file]
        if not any(path.name == lookup_file for path in files):
            files += [path for path in dict.fromkeys(beside) if path.is_file()][:1]
    given = {path.name for path in files}
    for path in files:
        feed_name = ""
        try:
            if path.name in needed:
                feed_name = path.name + LOOKUP
                kept = archive.keep(path, home)
                read = lookups.read_lookup(kept.path, needed[path.name])
                arrivals.append(Arrival(feed_name, kept, tuple(read.column_names)))
                continue
            feed_name = feed_of(source, path)
            feed = source.feeds[feed_name]
            kept = archive.keep(path, home)
            needs = feed.lookup.file if feed.lookup else None
            if needs and needs not in given and not has_lookup(needs):
                raise missing_lookup(kept.name, needs)
            opened = readers.open_file(kept.path, feed, name=kept.name)
            arrivals.append(Arrival(feed_name, kept, opened.columns, opened.unread))
        except FileRefused as error:
            refusals.append(Refusal(archive.shown_name(path), feed_name, error))
    return arrivals, refusals


def feed_of(source: Source, path: Path) -> str:
    """The name of the feed a file belongs to, by its file name.

    Raises
    ------
    FileRefused
        No feed expects a file of that name; or there is no file, whatever its name should be.
    """
    try:
        return source.match(path)
    except FileRefused:
        archive.require_file(path)
        raise


def missing_lookup(name: str, lookup_file: str) -> FileRefused:
    """The refusal of a file whose reference file never came."""
    return FileRefused(
        f"{name} needs {lookup_file}, which lies neither beside it nor was delivered before. "
        "Deliver both together.",
        "missing_lookup",
    )


def newest_lookup(transaction: Transaction, source: str, lookup_file: str) -> str | None:
    """SHA-256 of the reference file of that name that came last, None if none came."""
    rows = transaction.execute(
        "SELECT file_sha256 FROM raw.deliveries WHERE source = :source AND feed = :feed "
        "AND status <> 'refused' ORDER BY delivery_id DESC LIMIT 1",
        source=source,
        feed=lookup_file + LOOKUP,
    )
    return str(rows[0][0]) if rows else None
