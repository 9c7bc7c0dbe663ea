"""Files that arrive: archived, matched with their feeds, their headers read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from retention_ml.deliveries import archive
from retention_ml.deliveries.archive import ArchivedFile
from retention_ml.deliveries.casting import lookups
from retention_ml.deliveries.description.lookup import Lookup
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.readers import readers
from retention_ml.errors import FileRefused
from retention_ml.settings import Settings

_LOOKUP = ".lookup"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that a feed can read: its path, its feed, its copy and its columns."""

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
    source: Source, files: list[Path], settings: Settings, has_lookup: Callable[[str], bool]
) -> tuple[list[Arrival], list[Refusal]]:
    """Archive the files and read their headers; which can be read, and which are refused.

    A file arrives once for each feed that reads it, and once more if it is a reference file.

    Parameters
    ----------
    files : list of pathlib.Path
        Reference files beside them are added.
    has_lookup : callable
        Whether a reference file of that name was delivered before.
    """
    arrivals: list[Arrival] = []
    refusals: list[Refusal] = []
    references = _references(source)
    for name in references:
        siblings = [path.parent / name for path in files if path.name != name]
        if not any(path.name == name for path in files):
            files += [path for path in dict.fromkeys(siblings) if path.is_file()][:1]
    names = {path.name for path in files}

    @cache  # all feeds of a file read the same bytes
    def store(path: Path) -> ArchivedFile:
        return archive.store(path, settings)

    def arrive(path: Path, feed_name: str) -> Arrival:
        archived = store(path)
        if is_lookup(feed_name):
            columns = lookups.file_columns(archived.content, references[path.name])
            return Arrival(path, feed_name, archived, columns)
        feed = source.feeds[feed_name]
        for file in feed.lookup_files:
            if file not in names and not has_lookup(file):
                raise missing_lookup(archived.name, file)
        opened = readers.open_file(archived.content, feed, name=archived.name)
        return Arrival(path, feed_name, archived, opened.columns, opened.unread)

    for path in files:
        feeds = list(source.matches(path))
        if path.name in references:
            feeds.append(lookup_feed(path.name))
        for feed_name in feeds or [""]:
            try:
                arrivals.append(arrive(path, feed_name or feed_of(source, path)))
            except FileRefused as error:
                refusals.append(Refusal(path, feed_name, error))
    return arrivals, refusals


def _references(source: Source) -> dict[str, list[Lookup]]:
    """The lookups of a source by the name of their reference file."""
    by_file: dict[str, list[Lookup]] = {}
    for feed in source.feeds.values():
        for lookup in feed.lookup:
            if lookup.file:
                by_file.setdefault(lookup.file, []).append(lookup)
    return by_file


def feed_of(source: Source, path: Path) -> str:
    """The name of the first feed that reads a file, by its file name.

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
