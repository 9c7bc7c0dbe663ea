"""Wall-clock microseconds of a shop to instants in UTC, with a reason where that cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.deliveries.casting import zones
from retention_ml.deliveries.casting.casts import DELIVERY, IS_UTC, ZONE
from retention_ml.deliveries.casting.rules import REASON
from retention_ml.deliveries.description.columns import TimeFormat
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.reasons import Reason

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000


# What is wrong with a time, and the reason code of each fault.
_NO_FAULT, _UNKNOWN_ZONE, _IN_DST_GAP, _OUT_OF_RANGE, _IN_FUTURE = range(5)
_CODES = pa.array(
    [
        None,
        Reason.BAD_TIMESTAMP,
        Reason.TIME_IN_DST_GAP,
        Reason.TIME_OUT_OF_RANGE,
        Reason.EVENT_IN_FUTURE,
    ],
    pa.string(),
)


def to_utc(
    rows: pa.Table, source: Source, feed: Feed, loaded_at: Mapping[int, datetime]
) -> pa.Table:
    """The typed rows with times in UTC, without the columns of `casts.HELPERS`, and with final reasons.

    Parameters
    ----------
    rows : pyarrow.Table
        Rows of `casts.typed_rows`.
    loaded_at : mapping of int to datetime
        When each delivery was landed: events more than a day later are refused.
    """
    reasons = rows[REASON].combine_chunks()
    latest = _latest(rows[DELIVERY], loaded_at)
    delivered = {column.name for column in tables.CANONICAL[feed.table]}
    for flag in [name for name in rows.column_names if name.startswith(IS_UTC)]:
        name = flag.removeprefix(IS_UTC)
        table, _, column = name.rpartition(".")
        spec = (feed.also[table].columns if table else feed.columns).get(column)
        written = _Times(
            local=rows[name].fill_null(0).to_numpy(),
            is_utc=rows[flag].fill_null(True).to_numpy(),
            home=(spec.timezone if spec else None) or source.timezone,
            may_be_dates=spec is not None and any(map(_may_be_a_date, spec.time_formats)),
        )
        if ZONE + name in rows.column_names:
            moments, faults = _by_zone(written, rows[ZONE + name], spec.timezones if spec else {})
            rows = rows.drop_columns([ZONE + name])
        else:
            moments, faults = _instants(written, written.home)
        faults[(moments < clock.microseconds(EARLIEST)) & (faults == _NO_FAULT)] = _OUT_OF_RANGE
        faults[(moments > latest) & (faults == _NO_FAULT)] = _IN_FUTURE
        is_missing = ~rows[name].is_valid().to_numpy()
        is_wrong = faults != _NO_FAULT
        if (name in delivered or table == "orders") and (~is_missing & is_wrong).any():
            codes = _CODES.take(pa.array(faults, mask=is_missing | ~is_wrong))
            reasons = pc.coalesce(reasons, codes)
        values = pa.array(moments, pa.int64(), mask=is_missing | is_wrong)
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        rows = rows.drop_columns([flag])
    return rows.set_column(rows.schema.get_field_index(REASON), REASON, reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """The times of one column, each array of shape (n,).

    `may_be_dates`: midnight may stand for a date without a time of day.
    """

    local: npt.NDArray[np.int64]
    is_utc: npt.NDArray[np.bool_]
    home: str
    may_be_dates: bool


def _by_zone(
    written: _Times, zones_of_rows: pa.ChunkedArray, words: Mapping[str, str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """As `_instants`, with the zone that each row names; `home` where it names none."""
    moments, faults = written.local.copy(), np.zeros(len(written.local), dtype=np.int8)
    coded = zones_of_rows.combine_chunks().dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy()
    for code, name in enumerate([*coded.dictionary.to_pylist(), None], start=0):
        mask = codes == (code if name is not None else -1)
        part = replace(written, local=written.local[mask], is_utc=written.is_utc[mask])
        zone = _zone(name, written.home, words)
        if zone is None:
            faults[mask] = np.where(part.is_utc, _NO_FAULT, _UNKNOWN_ZONE)
        elif isinstance(zone, int):
            moments[mask] -= np.where(part.is_utc, 0, zone * 1_000_000)
        else:
            moments[mask], faults[mask] = _instants(part, zone)
    return moments, faults


def _zone(name: str | None, home: str, words: Mapping[str, str]) -> str | int | None:
    if name is None:
        return home
    return words[name] if name in words else zones.resolve(name, home)


def _instants(written: _Times, timezone: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """UTC microseconds and the fault of each, both of shape (n,)."""
    local, is_utc = written.local, written.is_utc
    faults = np.zeros(len(local), dtype=np.int8)
    if is_utc.all():
        return local, faults
    seconds, rest = np.divmod(local, 1_000_000)
    utc, in_gap = clock.to_utc(seconds, timezone)
    if written.may_be_dates:  # a date alone is the first moment of its day, which exists
        in_gap = in_gap & (seconds % 86_400 != 0)
    faults[in_gap & ~is_utc] = _IN_DST_GAP
    return np.where(is_utc, local, utc * 1_000_000 + rest), faults


def _latest(
    deliveries: pa.ChunkedArray, loaded_at: Mapping[int, datetime]
) -> npt.NDArray[np.int64]:
    """The last microsecond each row may have happened at, shape (n,)."""
    ids = sorted(loaded_at)
    limits = np.array([clock.microseconds(loaded_at[i]) + _DAY for i in ids], dtype=np.int64)
    latest: npt.NDArray[np.int64] = limits[np.searchsorted(ids, deliveries.to_numpy())]
    return latest


def _may_be_a_date(format: str) -> bool:
    return format in (TimeFormat.ISO, TimeFormat.EXCEL) or not any(
        mark in format for mark in ("%H", "%-H", "%I", "%-I", "%X", "%c")
    )
