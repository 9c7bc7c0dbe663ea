"""Files that arrive: archived, matched with their feed, their headers read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retention_ml.deliveries import archive
from retention_ml.deliveries.archive import ArchivedFile
from retention_ml.deliveries.casting import lookups
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.sources import Source
from retention_ml.errors import FileRefused

_LOOKUP = ".lookup"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that can be read: its path, its feed, its copy and its columns."""

    path: Path
    feed: str
    archived: ArchivedFile
    columns: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that cannot, and why."""

    path: Path
    feed: str
    error: FileRefused


def receive(
    source: Source, files: list[Path], home: Path, has_lookup: Callable[[str], bool]
) -> tuple[list[Arrival], list[Refusal]]:
    """Archive the files and read their headers; which can be read, and which are refused.

    Parameters
    ----------
    has_lookup : callable
        Whether a reference file of that name was delivered before.
    """
    arrivals: list[Arrival] = []
    refusals: list[Refusal] = []
    needed = {feed.lookup.file: feed.lookup for feed in source.feeds.values() if feed.lookup}
    for lookup_file in needed:
        siblings = [path.parent / lookup_file for path in files if path.name != lookup_file]
        if not any(path.name == lookup_file for path in files):
            files += [path for path in dict.fromkeys(siblings) if path.is_file()][:1]
    names = {path.name for path in files}
    for path in files:
        feed_name = ""
        try:
            if path.name in needed:
                feed_name = lookup_feed(path.name)
                archived = archive.store(path, home)
                table = lookups.read_lookup(archived.path, needed[path.name])
                arrivals.append(Arrival(path, feed_name, archived, tuple(table.column_names)))
                continue
            feed_name = feed_of(source, path)
            feed = source.feeds[feed_name]
            archived = archive.store(path, home)
            lookup_file = feed.lookup.file if feed.lookup else ""
            if lookup_file and lookup_file not in names and not has_lookup(lookup_file):
                raise missing_lookup(archived.name, lookup_file)
            opened = readers.open_file(archived.path, feed, name=archived.name)
            arrivals.append(Arrival(path, feed_name, archived, opened.columns, opened.unread))
        except FileRefused as error:
            refusals.append(Refusal(path, feed_name, error))
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
    """The error of a file whose reference file never came."""
    return FileRefused(
        f"{name} needs {lookup_file}, which is not in the same folder and was never delivered. "
        "Deliver both together.",
        "missing_lookup",
    )


def lookup_feed(file_name: str) -> str:
    """The name under which the ledger enters a reference file; no feed of a source has a dot."""
    return file_name + _LOOKUP


def is_lookup(feed: str) -> bool:
    """Whether a feed name in the ledger is that of a reference file."""
    return feed.endswith(_LOOKUP)
