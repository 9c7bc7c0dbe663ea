"""Wall-clock microseconds of a shop to instants in UTC, with a reason where that cannot be."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.deliveries.casting.casts import DELIVERY, IS_UTC
from retention_ml.deliveries.casting.rules import REASON
from retention_ml.deliveries.mapping import Column, TimeFormat
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed, Source

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000


# What is wrong with a time, and the reason code of each fault.
_NO_FAULT, _IN_DST_GAP, _OUT_OF_RANGE, _IN_FUTURE = range(4)
_CODES = pa.array(
    [None, Reason.TIME_IN_DST_GAP, Reason.TIME_OUT_OF_RANGE, Reason.EVENT_IN_FUTURE], pa.string()
)


def to_utc(
    rows: pa.Table, source: Source, feed: Feed, loaded_at: Mapping[int, datetime]
) -> pa.Table:
    """The typed rows with times in UTC, without the `IS_UTC` columns, and with final reasons.

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
        local = rows[name].fill_null(0).to_numpy()
        is_utc = rows[flag].fill_null(True).to_numpy()
        moments, faults = _instants(local, is_utc, spec, source.timezone, latest)
        is_missing = ~rows[name].is_valid().to_numpy()
        is_wrong = faults != _NO_FAULT
        if name in delivered and (~is_missing & is_wrong).any():
            codes = _CODES.take(pa.array(faults, mask=is_missing | ~is_wrong))
            reasons = pc.coalesce(reasons, codes)
        values = pa.array(moments, pa.int64(), mask=is_missing | is_wrong)
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        rows = rows.drop_columns([flag])
    return rows.set_column(rows.schema.get_field_index(REASON), REASON, reasons)


def _instants(
    local: npt.NDArray[np.int64],
    is_utc: npt.NDArray[np.bool_],
    spec: Column | None,
    timezone: str,
    latest: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """UTC microseconds and the fault of each, both of shape (n,)."""
    faults = np.zeros(len(local), dtype=np.int8)
    moments = local
    if not is_utc.all():
        seconds, rest = np.divmod(local, 1_000_000)
        utc, in_gap = clock.to_utc(seconds, (spec.timezone if spec else None) or timezone)
        moments = np.where(is_utc, local, utc * 1_000_000 + rest)
        # A date without a time of day means the first moment of that day, which exists.
        if spec is not None and spec.format == TimeFormat.ISO:
            in_gap = in_gap & (seconds % 86_400 != 0)
        if spec is None or _has_time_of_day(spec):
            faults[in_gap & ~is_utc] = _IN_DST_GAP
    faults[moments < _microseconds(EARLIEST)] = _OUT_OF_RANGE
    faults[moments > latest] = _IN_FUTURE
    return moments, faults


def _latest(
    deliveries: pa.ChunkedArray, loaded_at: Mapping[int, datetime]
) -> npt.NDArray[np.int64]:
    """The last microsecond each row may have happened at, shape (n,)."""
    ids = sorted(loaded_at)
    limits = np.array([_microseconds(loaded_at[i]) + _DAY for i in ids], dtype=np.int64)
    latest: npt.NDArray[np.int64] = limits[np.searchsorted(ids, deliveries.to_numpy())]
    return latest


def _has_time_of_day(spec: Column) -> bool:
    return spec.format == TimeFormat.ISO or any(
        mark in spec.format for mark in ("%H", "%I", "%X", "%T", "%c")
    )


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
