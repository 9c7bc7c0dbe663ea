"""Read files as their source describes them, without a database, and say what was understood."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from retention_ml import clock
from retention_ml.deliveries import archive, pipeline
from retention_ml.deliveries.arrivals import feed_of, missing_lookup
from retention_ml.deliveries.casting import lookups
from retention_ml.deliveries.casting.currency import NO_RATES, Rates, rates_of
from retention_ml.deliveries.casting.lookups import Reference
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.lookup import Lookup
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.inspect import values
from retention_ml.deliveries.inspect.inspection import Inspection, Report
from retention_ml.deliveries.inspect.summary import Collector, inspection
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.readers.chunks import Chunk, OpenedFile
from retention_ml.errors import FileRefused
from retention_ml.limits import limits_in_memory
from retention_ml.settings import Settings

_NOTHING_ELSE: dict[str, Any] = {
    "rules": (), "where": {}, "unless": {}, "also": {}, "lookup": (), "currency": None,
    "per_order": (), "fill_down": None, "each": None,
}  # fmt: skip


def check_files(
    paths: Sequence[Path], *, settings: Settings, source: str, rows_max: int = 100_000
) -> Report:
    """Read the first rows of files as their source describes them.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Each is read by every feed it fits; reference files among or beside them are joined.
    settings : Settings
    source : str
        Name of a description.
    rows_max : int
        Reading a file stops after the chunk in which this many rows are reached.

    Raises
    ------
    UnknownSource, SettingsError
        The source is not described or the description cannot be read.
    FileRefused
        The only file cannot be read.
    """
    description = load_source(settings.sources, source)
    references = {one.file for feed in description.feeds.values() for one in feed.lookup}
    fits = {path: description.matches(path) for path in dict.fromkeys(paths)}
    refused: dict[str, str] = {}
    for path, feeds in fits.items():
        try:
            if not feeds and path.name not in references:
                feed_of(description, path)
            archive.require_file(path)
        except FileRefused as error:
            if len(fits) == 1:
                raise
            refused[str(path)] = str(error)
    inspections = []
    with Engine(limits_in_memory(settings)) as engine:
        work = _Check(engine, description, list(fits), rows_max)
        for feed_name in description.feeds:
            of_feed = [
                p for p, feeds in fits.items() if feed_name in feeds and str(p) not in refused
            ]
            while of_feed:  # anew without the file that turned out to be unreadable
                try:
                    inspections.append(work.feed(feed_name, of_feed))
                    break
                except FileRefused as error:
                    if len(fits) == 1:
                        raise
                    refused[str(work.path)] = str(error)
                    of_feed = [path for path in of_feed if path != work.path]
    return Report(
        source=source,
        feeds=tuple(inspections),
        lookups=tuple(path.name for path in fits if path.name in references),
        remarks=_differences(description, settings),
        refused=refused,
    )


def _differences(source: Source, settings: Settings) -> tuple[str, ...]:
    """A sentence where the source's days or money are not those of the settings."""
    pairs = {
        "timezone": (source.timezone, settings.calendar.timezone),
        "currency": (source.currency, settings.calendar.currency),
    }
    odd = [
        f"{key} is {of_source!r}, calendar.{key} of the settings {of_settings!r}"
        for key, (of_source, of_settings) in pairs.items()
        if of_source != of_settings
    ]
    if not odd:
        return ()
    return (f"{source.name}.toml: {'; '.join(odd)}. Scores use the settings' calendar.",)


@dataclass(slots=True)
class _Check:
    """One call: its files, and the file that is read at the moment."""

    _engine: Engine
    _source: Source
    _paths: Sequence[Path]
    _rows_max: int
    path: Path = field(default=Path())

    def feed(self, feed_name: str, paths: Sequence[Path]) -> Inspection:
        """What becomes of the files of a feed."""
        feed = self._source.feeds[feed_name]
        opened = [self._open(path, feed) for path in paths]
        collector = Collector(self._source, feed_name, [archive.shown_name(path) for path in paths])
        self.path = paths[0]
        references = [self._reference(lookup, feed) for lookup in feed.lookup]
        rates = self._rates(feed)
        inputs = [
            pipeline.Input(n, clock.now(), self._chunks(collector, n, one.chunks), name=name)
            for n, (one, name) in enumerate(zip(opened, collector.files, strict=True))
        ]
        try:
            for group in pipeline.cast(
                self._engine, self._source, feed_name, inputs, references, rates=rates
            ):
                collector.add(group)
        except pipeline.Unreadable as unreadable:
            self.path = paths[unreadable.delivery_id]
            raise unreadable.error from unreadable
        unread = self._unread_texts(feed, opened[0])
        return inspection(self._engine, collector, opened[0], unread)

    def _open(self, path: Path, feed: Feed) -> OpenedFile:
        self.path = path
        name = archive.shown_name(path)
        next(archive.read_guarded(path, name))
        return readers.open_file(path, feed, name=name)

    def _chunks(
        self, collector: Collector, number: int, chunks: Iterator[Chunk]
    ) -> Callable[[], Iterator[Chunk]]:
        """Hands on the chunks until enough rows are read; their texts are looked at meanwhile."""

        def first_chunks() -> Iterator[Chunk]:
            rows = 0
            for chunk in chunks:
                collector.look_at(number, chunk)
                yield chunk
                rows += chunk.rows.num_rows + len(chunk.rejects)
                if rows >= self._rows_max:
                    return

        return first_chunks

    def _unread_texts(self, feed: Feed, opened: OpenedFile) -> pa.Table | None:
        """The first rows of the first file in the columns that the feed does not read."""
        if not opened.unread:
            return None
        names = {name: Column.model_construct(column=name, optional=True) for name in opened.unread}
        reading = feed.model_copy(update={"columns": names, **_NOTHING_ELSE})
        try:
            return next(readers.open_file(self.path, reading).chunks).rows
        except (FileRefused, StopIteration):
            return None

    def _reference(self, lookup: Lookup, feed: Feed) -> Reference:
        """What the rows of a feed are joined to: files of the call, else of the same folder."""
        if lookup.feed is None:
            files = [path for path in self._paths if path.name == lookup.file]
            files = files or [self.path.parent / str(lookup.file)]
        else:
            files = [p for p in self._paths if lookup.feed in self._source.matches(p)]
            siblings = sorted(self.path.parent.iterdir(), reverse=True)
            files += [
                p for p in siblings if p not in files and lookup.feed in self._source.matches(p)
            ]
        files = [file for file in files if file.is_file()]
        if not files:
            needed = lookup.file or f"a file of the feed {lookup.feed}"
            raise missing_lookup(archive.shown_name(self.path), needed)
        if lookup.feed is None:
            return lookups.of_file(files[0], lookup, feed)
        named = [(file, archive.shown_name(file)) for file in files]
        return lookups.of_files(named, lookup, self._source.feeds[lookup.feed], feed)

    def _rates(self, feed: Feed) -> Rates:
        """The exchange rates among the files of the call."""
        if feed.currency is None:
            return NO_RATES
        rows: list[tuple[str, datetime, float]] = []
        for name, rates in self._source.feeds.items():
            files = [path for path in self._paths if name in self._source.matches(path)]
            if rates.table != "exchange_rates" or not files:
                continue
            inputs = [
                pipeline.Input(n, clock.now(), partial(_chunks_of, path, rates))
                for n, path in enumerate(files)
            ]
            for group in pipeline.cast(self._engine, self._source, name, inputs, ()):
                rows += [
                    (row["currency"], values.instant(row["valid_from"]), row["rate"])
                    for table in group.accepted
                    for row in table.select(["currency", "valid_from", "rate"]).to_pylist()
                ]
        return rates_of(rows, self._source.timezone)


def _chunks_of(path: Path, feed: Feed) -> Iterator[Chunk]:
    return readers.open_file(path, feed).chunks
