"""Try a source description on a file, without a database: for writing a description."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from retention_ml import clock
from retention_ml.deliveries import archive, pipeline
from retention_ml.deliveries.arrivals import feed_of, missing_lookup
from retention_ml.deliveries.casting import lookups
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.readers.chunks import no_rows_message
from retention_ml.deliveries.reasons import meaning
from retention_ml.deliveries.sources import Source, load_source
from retention_ml.settings import Settings

EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Rows rejected for one reason: how many, what it means, the first line numbers."""

    reason: str
    meaning: str
    count: int
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What becomes of the first rows of a file; `remark` is set where there are none."""

    source: str
    feed: str
    table: str
    columns: tuple[str, ...]
    columns_not_read: tuple[str, ...]
    rows: int
    accepted: int
    kinds: Mapping[str, int]
    findings: tuple[Finding, ...]
    remark: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def check(path: Path, *, settings: Settings, source: str, rows_max: int = 100_000) -> Inspection:
    """Read the first rows of a file as its source describes it.

    Parameters
    ----------
    path : pathlib.Path
    settings : Settings
    source : str
        Name of a description.
    rows_max : int
        Reading stops after the chunk in which this many rows are reached.

    Raises
    ------
    UnknownSource, SettingsError
        The source is not described or the description cannot be read.
    FileRefused
        The file as a whole cannot be read.
    """
    description = load_source(settings.sources, source)
    feed_name = feed_of(description, path)
    feed = description.feeds[feed_name]
    next(archive.read_guarded(path, archive.shown_name(path)))
    opened = readers.open_file(path, feed)

    def chunks() -> Any:
        rows = 0
        for chunk in opened.chunks:
            yield chunk
            rows += chunk.rows.num_rows + len(chunk.rejects)
            if rows >= rows_max:
                return

    delivery = pipeline.Input(1, clock.now(), chunks)
    lines: dict[str, list[int]] = {}
    rows, kinds = 0, Counter[str]()
    with Engine(settings.compute.threads) as engine:
        try:
            for group in pipeline.cast(
                engine, description, feed_name, [delivery], _lookup(path, description, feed_name)
            ):
                rows += sum(group.delivered.values())
                for _, reject in group.rejects:
                    lines.setdefault(str(reject.reason), []).append(reject.line_number)
                for table in group.accepted:
                    if "kind" in table.column_names:
                        kinds.update(table["kind"].to_pylist())
        except pipeline.Unreadable as unreadable:
            raise unreadable.error from unreadable
    declared = description.declared_reasons()
    return Inspection(
        source=source,
        feed=feed_name,
        table=feed.table,
        columns=opened.columns,
        columns_not_read=opened.unread,
        rows=rows,
        accepted=rows - sum(map(len, lines.values())),
        kinds=dict(kinds.most_common()),
        findings=tuple(
            Finding(
                reason=code,
                meaning=meaning(code, declared),
                count=len(numbers),
                lines=tuple(sorted(numbers)[:EXAMPLES_MAX]),
            )
            for code, numbers in sorted(lines.items(), key=lambda item: -len(item[1]))
        ),
        remark=None if rows else no_rows_message(archive.shown_name(path), feed),
    )


def _lookup(path: Path, source: Source, feed_name: str) -> pa.Table | None:
    lookup = source.feeds[feed_name].lookup
    if lookup is None:
        return None
    lookup_path = path.parent / lookup.file
    if not lookup_path.is_file():
        raise missing_lookup(path.name, lookup.file)
    return lookups.read_lookup(lookup_path, lookup)
