"""Wall-clock microseconds of a shop to instants in UTC, with a reason where that cannot be."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.deliveries.casting.casts import ABSOLUTE, DELIVERY
from retention_ml.deliveries.casting.rules import REASON
from retention_ml.deliveries.mapping import Column
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed, Source

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_CODES = pa.array(
    [None, Reason.TIME_IN_DST_GAP, Reason.TIME_OUT_OF_RANGE, Reason.EVENT_IN_FUTURE], pa.string()
)


def settle(
    rows: pa.Table, source: Source, feed: Feed, loaded_at: Mapping[int, datetime]
) -> pa.Table:
    """The typed rows with times in UTC, without the `ABSOLUTE` columns, and with final reasons.

    Parameters
    ----------
    rows : pyarrow.Table
        What `casts.typed` gives.
    loaded_at : mapping of int to datetime
        When each delivery was landed: events more than a day later are refused.
    """
    reasons = rows[REASON].combine_chunks()
    latest = _latest(rows[DELIVERY], loaded_at)
    delivered = {column.name for column in tables.CANONICAL[feed.table]}
    for flag in [name for name in rows.column_names if name.startswith(ABSOLUTE)]:
        name = flag.removeprefix(ABSOLUTE)
        table, _, column = name.rpartition(".")
        spec = (feed.also[table].columns if table else feed.columns).get(column)
        moments, faults = _instants(
            _int64(rows[name]), _flags(rows[flag]), spec, source.timezone, latest
        )
        known = rows[name].is_valid().to_numpy()
        if name in delivered and (known & (faults > 0)).any():
            codes = _CODES.take(pa.array(faults, mask=~known | (faults == 0)))
            reasons = pc.coalesce(reasons, codes)
        values = pa.array(moments, pa.int64(), mask=~known | (faults > 0))
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
    """UTC microseconds and an index into `_CODES` (0: nothing wrong), each of shape (n,)."""
    faults = np.zeros(len(local), dtype=np.int8)
    moments = local
    if not is_utc.all():
        seconds, rest = np.divmod(local, 1_000_000)
        utc, in_gap = clock.to_utc(seconds, (spec.timezone if spec else None) or timezone)
        moments = np.where(is_utc, local, utc * 1_000_000 + rest)
        # A date without a time of day means the first moment of that day, which exists.
        if spec is not None and spec.format == "iso":
            in_gap = in_gap & (seconds % 86_400 != 0)
        if spec is None or _has_time_of_day(spec):
            faults[in_gap & ~is_utc] = 1
    faults[moments < _microseconds(EARLIEST)] = 2
    faults[moments > latest] = 3
    return moments, faults


def _latest(
    deliveries: pa.ChunkedArray, loaded_at: Mapping[int, datetime]
) -> npt.NDArray[np.int64]:
    """The last microsecond each row may have happened at, shape (n,)."""
    known = sorted(loaded_at)
    limits = np.array([_microseconds(loaded_at[i]) + _DAY for i in known], dtype=np.int64)
    found: npt.NDArray[np.int64] = limits[np.searchsorted(known, deliveries.to_numpy())]
    return found


def _has_time_of_day(spec: Column) -> bool:
    return spec.format == "iso" or any(
        mark in spec.format for mark in ("%H", "%I", "%X", "%T", "%c")
    )


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _int64(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = column.fill_null(0).to_numpy().astype(np.int64, copy=False)
    return found


def _flags(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (
        column.fill_null(True).to_numpy(zero_copy_only=False).astype(bool)
    )
    return found
