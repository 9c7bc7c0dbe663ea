"""What a source description makes of a file, without a database: for writing a description."""

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
from retention_ml.deliveries.readers.chunks import without_rows
from retention_ml.deliveries.reasons import meaning
from retention_ml.deliveries.sources import Source, load_source
from retention_ml.settings import Settings

EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Rows set aside for one reason: how many, what it means, the first line numbers."""

    reason: str
    meaning: str
    count: int
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What became of the first rows of a file; `remark` says so where there are none."""

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
    described = load_source(settings.sources, source)
    feed_name = feed_of(described, path)
    feed = described.feeds[feed_name]
    next(archive.read_guarded(path, archive.shown_name(path)))
    delivered = readers.open_file(path, feed)

    def chunks() -> Any:
        rows = 0
        for chunk in delivered.chunks:
            yield chunk
            rows += chunk.rows.num_rows + len(chunk.rejects)
            if rows >= rows_max:
                return

    given = pipeline.Input(1, clock.now(), chunks)
    counts: Counter[str] = Counter()
    lines: dict[str, list[int]] = {}
    rows, kinds = 0, Counter[str]()
    with Engine(settings.compute.threads) as engine:
        try:
            for group in pipeline.cast(
                engine, described, feed_name, [given], _lookup(path, described, feed_name)
            ):
                rows += sum(group.delivered.values())
                for _, reject in group.rejects:
                    counts[str(reject.reason)] += 1
                    lines.setdefault(str(reject.reason), []).append(reject.line_number)
                for table in group.accepted:
                    if "kind" in table.column_names:
                        kinds.update(table["kind"].to_pylist())
        except pipeline.Unreadable as unreadable:
            raise unreadable.error from unreadable
    declared = described.declared_reasons()
    return Inspection(
        source=source,
        feed=feed_name,
        table=feed.table,
        columns=delivered.columns,
        columns_not_read=delivered.unread,
        rows=rows,
        accepted=rows - sum(counts.values()),
        kinds=dict(kinds.most_common()),
        findings=tuple(
            Finding(
                reason=code,
                meaning=meaning(code, declared),
                count=count,
                lines=tuple(sorted(lines[code])[:EXAMPLES_MAX]),
            )
            for code, count in counts.most_common()
        ),
        remark=None if rows else without_rows(archive.shown_name(path), feed),
    )


def _lookup(path: Path, source: Source, feed_name: str) -> pa.Table | None:
    lookup = source.feeds[feed_name].lookup
    if lookup is None:
        return None
    beside = path.parent / lookup.file
    if not beside.is_file():
        raise missing_lookup(path.name, lookup.file)
    return lookups.read_lookup(beside, lookup)
