"""The shop's days and hours as integer arithmetic, so that every engine agrees.

Time zone functions of databases differ in spelling and in their tables of zones. Here the
offsets of the zone are a table with one row per UTC day (`features.calendar`), and local time is
a join on the day and an addition of seconds.
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from retention_ml import clock

DAY_SECONDS = 86_400
_FIRST_DAY, _LAST_DAY = -1, 47_482  # 1969-12-31 to 2100-01-01 in UTC

CALENDAR = ibis.table(
    {
        "utc_day": "int64",
        "changes_at_second": "int64",
        "offset_before_seconds": "int64",
        "offset_after_seconds": "int64",
    },
    name="calendar",
    database="features",
)


def calendar(timezone: str) -> pa.Table:
    """The rows of `features.calendar` for a zone.

    Local days never run backwards: where a clock is put back across midnight (St John's until
    2011: 00:01 to 23:01), the repeated hour belongs to the day that had begun.

    Raises
    ------
    ValueError
        If the zone changes its offset twice within a UTC day.
    """
    instants, offsets = (values.copy() for values in clock.transitions(timezone))
    begun = (instants[1:] - 1 + offsets[:-1]) // DAY_SECONDS
    instants[1:] = np.maximum(instants[1:], begun * DAY_SECONDS - offsets[1:])
    days = np.arange(_FIRST_DAY, _LAST_DAY + 1, dtype=np.int64)
    at_start = np.searchsorted(instants, days * DAY_SECONDS, side="right") - 1
    at_end = np.searchsorted(instants, (days + 1) * DAY_SECONDS, side="left") - 1
    if (at_end - at_start).max() > 1:
        raise ValueError(
            f"The zone {timezone} changes its clock twice within a day; expected at most one "
            "change a day. Choose another calendar.timezone."
        )
    changes_at = np.where(at_end > at_start, instants[at_end], (days + 1) * DAY_SECONDS)
    return pa.table(
        {
            "utc_day": days,
            "changes_at_second": changes_at,
            "offset_before_seconds": offsets[at_start],
            "offset_after_seconds": offsets[at_end],
        }
    )


def with_local_time(table: ibis.Table) -> ibis.Table:
    """The table with where its instants lie on the shop's calendar.

    Parameters
    ----------
    table : ibis.Table
        With `event_at` and `known_from_at`, both timestamps.

    Returns
    -------
    ibis.Table
        The same with `event_day` (midnight(D) <= event_at < midnight(D + 1)), `day_second`
        (wall-clock second of that day) and `known_from_day` (the first D with midnight(D) >=
        known_from_at), all int64, days since 1970-01-01.
    """
    names = table.columns
    table = with_known_from_day(table)
    table = table.mutate(second=seconds(table.event_at))
    table = _with_offset(table, "second")
    local = table.second + table.offset_seconds
    return table.select(
        *names, "known_from_day", event_day=local // DAY_SECONDS, day_second=local % DAY_SECONDS
    )


def with_known_from_day(table: ibis.Table) -> ibis.Table:
    """The table with `known_from_day`, the first D with midnight(D) >= `known_from_at`."""
    names = table.columns
    table = table.mutate(before_second=_seconds(table.known_from_at).ceil().cast("int64") - 1)
    table = _with_offset(table, "before_second")
    before_day = (table.before_second + table.offset_seconds) // DAY_SECONDS
    return table.select(*names, known_from_day=before_day + 1)


def seconds(instant: ir.TimestampValue) -> ir.IntegerValue:
    """Seconds since 1970-01-01 in UTC, fractions cut off."""
    return _seconds(instant).floor().cast("int64")


def _seconds(instant: ir.TimestampValue) -> ir.FloatingValue:
    # Postgres rounds when it casts to an integer, so the fraction is kept until floor or ceil.
    return instant.epoch_seconds().cast("float64")


def _with_offset(table: ibis.Table, second: str) -> ibis.Table:
    zone = CALENDAR.view()
    table = table.mutate(
        utc_day=ibis.greatest(_FIRST_DAY, ibis.least(_LAST_DAY, table[second] // DAY_SECONDS))
    )
    joined = table.join(zone, table.utc_day == zone.utc_day)
    return joined.select(
        *(table[name] for name in table.columns if name != "utc_day"),
        offset_seconds=ibis.ifelse(
            table[second] < zone.changes_at_second,
            zone.offset_before_seconds,
            zone.offset_after_seconds,
        ),
    )
