"""Days of the shop as integer arithmetic on a table of offsets."""

from datetime import UTC, datetime, timedelta

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pytest

from retention_ml import clock
from retention_ml.clock import day_of
from retention_ml.features.local_time import calendar, with_local_time

_STAMP = pa.timestamp("us", tz="UTC")
_ZONES = (
    "UTC", "Europe/London", "America/St_Johns", "America/Sao_Paulo", "Asia/Kolkata",
    "Pacific/Apia", "America/Havana", "Australia/Lord_Howe",
)  # fmt: skip


def _located(instants: list[datetime], timezone: str) -> list[tuple[int, int, int]]:
    """`event_day`, `day_second` and `known_from_day` of instants that happened when known."""
    times = ibis.table(
        {"event_at": "timestamp('UTC')", "known_from_at": "timestamp('UTC')"}, name="times"
    )
    connection = duckdb.connect()
    connection.sql("SET timezone = 'UTC'")
    connection.sql("CREATE SCHEMA features")
    stamps = pa.array(instants, _STAMP)
    table = pa.table({"event_at": stamps, "known_from_at": stamps})
    rows = calendar(timezone)
    connection.register("times", table)
    connection.register("offsets", rows)
    connection.sql("CREATE TABLE features.calendar AS SELECT * FROM offsets")
    located = connection.sql(str(ibis.to_sql(with_local_time(times), dialect="duckdb")))
    by_instant = {
        row["event_at"]: (row["event_day"], row["day_second"], row["known_from_day"])
        for row in located.to_arrow_table().to_pylist()
    }
    connection.close()
    return [by_instant[instant] for instant in instants]


@pytest.mark.parametrize("timezone", _ZONES)
def test_days_begin_at_midnight_and_rows_are_known_from_the_next_one(timezone: str) -> None:
    draw = np.random.default_rng(7)
    changes, _ = clock.transitions(timezone)
    near = [
        int(change) + int(offset)
        for change in changes[1:]
        for offset in (-86_400, -3_600, -1, 0, 1, 1_799, 3_600, 7_200)
    ]
    anywhere = draw.integers(0, 4_000_000_000, 300).tolist()
    instants = sorted(
        {
            datetime.fromtimestamp(second, UTC) + timedelta(microseconds=int(fraction))
            for second in [*near, *anywhere]
            for fraction in (0, draw.integers(1, 1_000_000))
        }
    )
    for instant, (day, second, known_from) in zip(
        instants, _located(instants, timezone), strict=True
    ):
        assert clock.midnight(day_of(day), timezone) <= instant
        assert instant < clock.midnight(day_of(day + 1), timezone)
        assert 0 <= second < 86_400
        assert clock.midnight(day_of(known_from - 1), timezone) < instant
        assert instant <= clock.midnight(day_of(known_from), timezone)


def test_half_past_eleven_in_the_evening_belongs_to_the_shops_day() -> None:
    evening = datetime(2025, 7, 1, 22, 30, tzinfo=UTC)  # 23:30 in London
    assert _located([evening], "Europe/London")[0][:2] == (20_270, 23 * 3_600 + 30 * 60)
    assert _located([evening], "Europe/Berlin")[0][:2] == (20_271, 30 * 60)


def test_what_is_available_exactly_at_midnight_is_known_that_day() -> None:
    midnight = datetime(2025, 7, 1, tzinfo=UTC)
    later = midnight + timedelta(microseconds=1)
    assert [row[2] for row in _located([midnight, later], "UTC")] == [20_270, 20_271]
