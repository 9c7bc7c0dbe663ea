"""The rollups as files that DuckDB reads: those of Postgres, with numbers in place of ids.

Customers and products are numbered as they come, and each pass adds rows: so a day's pass, with all
its late and corrected rows, is a part of its own, and the parts before it stay as they are.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.atomic_files import make_folder
from retention_ml.failpoints import failpoint
from retention_ml.features.cache.manifest import (
    Manifest,
    UnusableCacheError,
    read_manifest,
    write_manifest,
)
from retention_ml.features.cache.origin import Origin, Passes, Select, read_origin, read_passes
from retention_ml.features.cache.parts import Part, parts_to_merge, read_parts, write_part
from retention_ml.features.rollups import COUNTERS
from retention_ml.settings import Settings

logger = logging.getLogger(__name__)

_STAMPS = ("event_day", "known_from_day", "rollup_id")
NEWEST_EVENT = "newest_event_us"
ROLLUPS: Mapping[str, tuple[str, ...]] = {
    "customer_day": ("customer_id", *_STAMPS, NEWEST_EVENT, *COUNTERS),
    "customer_product_day": ("customer_id", "product_id", *_STAMPS, "lines_count", "pieces_count"),
    "product_category": ("product_id", "category", "known_from_day", "rollup_id", "versions_count"),
}
_IDS = ("customer_id", "product_id")
_KEPT_SECONDS = 3_600  # of a file that a process may still be reading


def rollup_folder(home: Path) -> Path:
    """Where the files are, below the home of the installation."""
    return home / "cache" / "rollups"


def rollup_folder_of(settings: Settings) -> Path | None:
    """Where the files are if the engine that computes in this process uses them, else None."""
    return rollup_folder(settings.home) if settings.features.engine == "duckdb" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedRollups:
    """The rollups up to a pass, and what the numbers of customers and products stand for.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
    """

    folder: Path
    manifest: Manifest

    def files(self, table: str) -> list[str]:
        """Paths of the parts of a table."""
        return [str(self.folder / part.file) for part in self.manifest.of(table)]

    def ids(self, name: str) -> pa.StringArray:
        """The `customer_id` or `product_id` behind each number."""
        parts = self.manifest.of(name)
        return read_parts(self.folder, parts)["id"].combine_chunks().cast(pa.string())


def open_rollups(select: Select, folder: Path) -> CachedRollups | None:
    """The cached rollups with all passes that a snapshot of the warehouse knows.

    What is missing is read from Postgres and kept; what is torn, or of another warehouse or pass,
    is made anew, with one line in the log. None where the folder cannot be written: the rollups
    are read from Postgres then.
    """
    origin, passes = read_origin(select, "rollups"), read_passes(select)
    try:
        make_folder(folder, mode=0o700)
        manifest = _usable(folder, origin, passes)
        if manifest.newest_rollup_id < passes.newest or not manifest.parts:
            manifest = _with_new_passes(select, folder, manifest, passes)
            write_manifest(folder, manifest)
            failpoint("cache.after_manifest")
        _remove_others(folder, manifest)
    except OSError as error:
        logger.warning(
            "The cache of the rollups in %s cannot be written (%s); expected a folder with room that "
            "belongs to this user. Features are computed from Postgres, which takes longer.",
            folder,
            error.strerror or error,
        )
        return None
    return CachedRollups(folder=folder, manifest=manifest)


def _usable(folder: Path, origin: Origin, passes: Passes) -> Manifest:
    """The manifest of the folder if it can be gone on with, else one of an empty cache."""
    try:
        manifest = read_manifest(folder)
        if manifest.origin.warehouse_id != origin.warehouse_id:
            raise UnusableCacheError("it is of another warehouse")
        if manifest.origin != origin:
            raise UnusableCacheError("rows of the rollups were changed by hand")
        if manifest.passes_sha256 != passes.sha256(manifest.newest_rollup_id):
            raise UnusableCacheError("the rollups were rebuilt, or restored from a backup")
        if manifest.columns != _columns():
            raise UnusableCacheError("the rollups have other columns now")
    except UnusableCacheError as why:
        logger.info("The cache of the rollups is made anew from Postgres: %s.", why)
        return Manifest(
            origin=origin,
            newest_rollup_id=0,
            passes_sha256=passes.sha256(0),
            columns=_columns(),
            parts=(),
        )
    return manifest


def _with_new_passes(select: Select, folder: Path, manifest: Manifest, passes: Passes) -> Manifest:
    """The manifest with the passes that it does not have yet, whose parts are written."""
    standing = {
        name: CachedRollups(folder=folder, manifest=manifest).ids(name)
        if manifest.of(name)
        else pa.array([], pa.string())
        for name in _IDS
    }
    numbered = dict(standing)
    parts: list[Part] = []
    for table in ROLLUPS:
        rows = select(_new_rows(table, manifest.newest_rollup_id, passes.newest))
        rows = _with_microseconds(rows)
        for name in _IDS:
            if name in rows.column_names:
                rows, numbered[name] = _number(rows, name, numbered[name])
        rows = rows.select(ROLLUPS[table])
        if "event_day" in rows.column_names:
            rows = rows.sort_by([("event_day", "ascending")])
        parts += _with_rows(folder, manifest.of(table), table, rows, passes.newest)
    for name in _IDS:
        rows = pa.table({"id": numbered[name].slice(len(standing[name]))})
        parts += _with_rows(folder, manifest.of(name), name, rows, passes.newest)
    failpoint("cache.after_parts")
    return replace(
        manifest,
        newest_rollup_id=passes.newest,
        passes_sha256=passes.sha256(passes.newest),
        parts=tuple(parts),
    )


def _with_rows(
    folder: Path, parts: Sequence[Part], table: str, rows: pa.Table, newest_rollup_id: int
) -> list[Part]:
    """The parts of a table after some rows have come; those that are large stay as they are."""
    if parts and not rows.num_rows:
        return list(parts)
    incoming = Part(
        table=table,
        file="",
        rows_count=rows.num_rows,
        sha256="",
        newest_rollup_id=newest_rollup_id,
    )
    merged = parts_to_merge([*parts, incoming]) - 1
    apart, before = parts[: len(parts) - merged], parts[len(parts) - merged :]
    if before:
        rows = pa.concat_tables([read_parts(folder, before), rows])
        if "event_day" in rows.column_names:
            rows = rows.sort_by([("event_day", "ascending")])
    return [*apart, write_part(folder, table, rows, newest_rollup_id)]


def _new_rows(table: str, since: int, newest: int) -> ibis.Table:
    """Rows of a rollup after a pass, up to another, as they are cached but with their ids."""
    columns = {
        name: "string" if name in (*_IDS, "category") else "int64" for name in ROLLUPS[table]
    }
    if columns.pop(NEWEST_EVENT, None):
        columns["newest_event_at"] = "timestamp('UTC')"
    rows = ibis.table(columns, name=table, database="features")
    rows = rows.filter(rows.rollup_id > since, rows.rollup_id <= newest)
    # As stored, days are narrower; one type for all, so that parts go together.
    days = {name: rows[name].cast("int64") for name in _STAMPS if name in columns}
    return rows.mutate(**days)


def _with_microseconds(rows: pa.Table) -> pa.Table:
    """Rows whose newest event, if they have one, is a number like all else."""
    if "newest_event_at" not in rows.column_names:
        return rows
    instants = rows["newest_event_at"].cast(pa.timestamp("us", tz="UTC"))
    return rows.append_column(NEWEST_EVENT, instants.cast(pa.int64()))


def _number(rows: pa.Table, name: str, standing: pa.StringArray) -> tuple[pa.Table, pa.StringArray]:
    """Rows with numbers in place of ids, and the ids behind all numbers."""
    ids = rows[name].combine_chunks().cast(pa.string())
    unknown = pc.unique(ids.filter(pc.invert(pc.is_in(ids, value_set=standing))))
    everybody = pa.concat_arrays([standing, unknown])
    numbers = pc.index_in(ids, value_set=everybody).cast(pa.int64())
    return rows.set_column(rows.column_names.index(name), name, numbers), everybody


def _remove_others(folder: Path, manifest: Manifest) -> None:
    """Delete files of former manifests that no process reads any more."""
    current = {part.file for part in manifest.parts}
    before = clock.now().timestamp() - _KEPT_SECONDS
    for path in folder.glob("*.parquet*"):
        with suppress(FileNotFoundError):
            if path.name not in current and path.stat().st_mtime < before:
                path.unlink()


def _columns() -> dict[str, list[str]]:
    return {table: list(columns) for table, columns in ROLLUPS.items()}
