"""Wall-clock microseconds of a shop to instants in UTC, with a reason where that cannot be."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml import clock, tables
from retention_ml.deliveries.casts import ABSOLUTE, REASON
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Column, Feed, Source

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000


def settle(rows: pa.Table, source: Source, feed: Feed, loaded_at: datetime) -> pa.Table:
    """The typed rows with times in UTC, without the `ABSOLUTE` columns, and with final reasons.

    Parameters
    ----------
    rows : pyarrow.Table
        What `casts.typed` gives.
    loaded_at : datetime
        When the file was landed: events more than a day later are refused.
    """
    reasons = rows[REASON].to_numpy(zero_copy_only=False)
    reasons = np.array(reasons, dtype=object)
    places = {column.name: column for column in tables.CANONICAL[feed.table]}
    for flag in [name for name in rows.column_names if name.startswith(ABSOLUTE)]:
        name = flag.removeprefix(ABSOLUTE)
        table, _, column = name.rpartition(".")
        spec = (feed.also[table].columns if table else feed.columns).get(column)
        moments, codes = _instants(
            _int64(rows[name]), _flags(rows[flag]), spec, source.timezone, loaded_at
        )
        known = rows[name].is_valid().to_numpy(zero_copy_only=False)
        if name in places:
            fresh = known & (codes != "") & np.equal(reasons, None)
            reasons[fresh] = codes[fresh]
        good = known & (codes == "")
        rows = rows.set_column(
            rows.schema.get_field_index(name), name, pa.array(moments, pa.int64(), mask=~good)
        ).drop_columns([flag])
    return rows.set_column(
        rows.schema.get_field_index(REASON), REASON, pa.array(reasons, pa.string())
    )


def _instants(
    local: npt.NDArray[np.int64],
    is_utc: npt.NDArray[np.bool_],
    spec: Column | None,
    timezone: str,
    loaded_at: datetime,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """UTC microseconds, shape (n,), and a code or an empty text for each."""
    codes = np.full(len(local), "", dtype=object)
    moments = local
    if not is_utc.all():
        seconds, rest = np.divmod(local, 1_000_000)
        utc, in_gap = clock.to_utc(seconds, (spec.timezone if spec else None) or timezone)
        moments = np.where(is_utc, local, utc * 1_000_000 + rest)
        if spec is None or _has_time_of_day(spec):
            # A date without a time of day means the first moment of that day, which exists.
            at_midnight = (seconds % 86_400 == 0) if spec is None or spec.format == "iso" else False
            codes[in_gap & ~is_utc & ~np.asarray(at_midnight)] = Reason.TIME_IN_DST_GAP.value
    codes[moments < _microseconds(EARLIEST)] = Reason.TIME_OUT_OF_RANGE.value
    codes[moments > _microseconds(loaded_at) + _DAY] = Reason.EVENT_IN_FUTURE.value
    return moments, codes


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
    found: npt.NDArray[np.bool_] = column.fill_null(True).to_numpy(zero_copy_only=False).astype(bool)
    return found
