"""Times as files write them: zones and offsets are honoured or the row is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.worlds.feeds import SHOP, cast_file, write


def times(
    folder: Path, *texts: str, zone: str = "Europe/London", decimal: str = ".", **options: object
) -> list[str]:
    """Each text as a time in UTC, or the reason why it is rejected."""
    spec = ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
    shop = SHOP.replace("Europe/London", zone).replace(
        'event_at = "at", event_type', f"event_at = {{ {spec} }}, event_type"
    )
    shop = shop.replace(
        'files = ["events*.csv"]', f'files = ["events*.csv"]\ndecimal = "{decimal}"'
    )
    (folder / "shop.toml").write_text(shop, encoding="utf-8")
    cells = [text.split("|") if "|" in text else [text, "", ""] for text in texts]
    lines = [f'c{i},"{a}","{b}","{c}",view' for i, (a, b, c) in enumerate(cells)]
    path = write(folder.parent / "events.csv", lines, "who,at,time,zone,what")
    result = cast_file(path, folder)
    values: dict[int, str] = dict(result.reasons)
    for row in result.rows:
        moment = datetime.fromtimestamp(int(str(row["event_at"])) / 1e6, UTC)
        values[int(str(row["__line_number"]))] = moment.isoformat().removesuffix("+00:00")
    return [value for _, value in sorted(values.items())]


def test_names_of_zones_are_honoured_or_refused(folder: Path) -> None:
    texts = ["EST", "UTC", "America/New_York", "Z", "GMT", "CET", "utc", "Foo", "CST", "BST"]
    read = times(
        folder, *(f"2023-01-05 14:23:11 {zone}" for zone in texts),
        zone="Europe/Berlin", column="at", format="%Y-%m-%d %H:%M:%S %Z",
    )  # fmt: skip
    assert read == [
        "2023-01-05T19:23:11", "2023-01-05T14:23:11", "2023-01-05T19:23:11", "2023-01-05T14:23:11",
        "2023-01-05T14:23:11", "2023-01-05T13:23:11", "2023-01-05T14:23:11",
        "bad_timestamp", "bad_timestamp", "bad_timestamp",
    ]  # fmt: skip


def test_a_shared_abbreviation_means_what_it_means_where_the_shop_is(folder: Path) -> None:
    for zone, written, utc in (
        ("Europe/London", "2025-07-05 10:00:00 BST", "2025-07-05T09:00:00"),
        ("America/Chicago", "2025-01-05 10:00:00 CST", "2025-01-05T16:00:00"),
        ("Asia/Shanghai", "2025-01-05 10:00:00 CST", "2025-01-05T02:00:00"),
        ("Asia/Kolkata", "2025-01-05 10:00:00 IST", "2025-01-05T04:30:00"),
    ):
        assert times(folder, written, zone=zone, column="at", format="%Y-%m-%d %H:%M:%S %Z") == [
            utc
        ]


def test_a_zone_may_stand_within_a_time(folder: Path) -> None:
    read = times(
        folder, "Sun Jan 05 14:23:11 EST 2025", "Sun Jan 05 14:23:11 PDT 2025", "Sun Jan 05 14:23:11 2025",
        column="at", format="%a %b %d %H:%M:%S %Z %Y",
    )  # fmt: skip
    assert read == ["2025-01-05T19:23:11", "2025-01-05T21:23:11", "bad_timestamp"]


def test_iso_times_may_have_their_offset_after_a_blank(folder: Path) -> None:
    texts = [
        "2025-10-26 02:30:00 +0100", "2025-10-26 02:30:00 -05:00", "2025-10-26 02:30:00 UTC",
        "2025-10-26 02:30:00 Z", "2025-10-26T02:30:00Z", "2025-10-26 02:30 GMT", "2025-10-26 02:30:00 CET",
    ]  # fmt: skip
    assert times(folder, *texts, column="at") == [
        "2025-10-26T01:30:00", "2025-10-26T07:30:00", "2025-10-26T02:30:00", "2025-10-26T02:30:00",
        "2025-10-26T02:30:00", "2025-10-26T02:30:00", "bad_timestamp",
    ]  # fmt: skip


def test_a_numeric_offset_is_absolute(folder: Path) -> None:
    texts = ["Sun, 05 Jan 2025 14:23:11 +0100", "Sun, 05 Jan 2025 14:23:11 GMT"]
    read = times(folder, *texts, column="at", format="%a, %d %b %Y %H:%M:%S %z")
    assert read == ["2025-01-05T13:23:11", "2025-01-05T14:23:11"]


def test_day_and_time_may_stand_in_two_columns(folder: Path) -> None:
    cells = ["2025-01-05|14:23:11|", "2025-01-05||", "|14:23:11|"]
    columns = ["at", "time"]
    ny = "America/New_York"
    read = times(folder, *cells, zone=ny, columns=columns, format="%Y-%m-%d-%H:%M:%S")
    assert read == ["2025-01-05T19:23:11", "missing_event_at", "missing_event_at"]
    assert times(folder, cells[0], zone=ny, columns=columns) == ["2025-01-05T19:23:11"]


def test_each_row_may_name_its_zone(folder: Path) -> None:
    cells = ["2025-01-06 09:00:00||Pacific", "2025-01-06 09:00:00||Europe/Berlin", "2025-01-06 09:00:00||",
             "2025-01-06 09:00:00||Mars/Base", "2025-01-06 09:00:00Z||Pacific", "2025-01-06 09:00:00||UTC+1"]  # fmt: skip
    spec = {"column": "at", "timezone_column": "zone"}
    shop_zone = "America/New_York"
    read = times(folder, *cells, zone=shop_zone, **spec)
    assert read[0] == "bad_timestamp"
    assert read[1:] == ["2025-01-06T08:00:00", "2025-01-06T14:00:00", "bad_timestamp",
                        "2025-01-06T09:00:00", "2025-01-06T08:00:00"]  # fmt: skip
    text = (folder / "shop.toml").read_text(encoding="utf-8")
    words = 'timezone_column = "zone", timezones = { Pacific = "America/Los_Angeles" }'
    (folder / "shop.toml").write_text(
        text.replace('timezone_column = "zone"', words), encoding="utf-8"
    )
    (row,) = [
        r for r in cast_file(folder.parent / "events.csv", folder).rows if r["customer_id"] == "c0"
    ]
    assert row["event_at"] == round(datetime(2025, 1, 6, 17, tzinfo=UTC).timestamp() * 1e6)


def test_several_patterns_are_tried_in_order(folder: Path) -> None:
    texts = ["05.01.2025 14:23", "05.01.2025", "2025-01-05 14:23:00+02:00", "Jan 5"]
    formats = ["%d.%m.%Y %H:%M", "%d.%m.%Y", "iso"]
    assert times(folder, *texts, column="at", format=formats) == [
        "2025-01-05T14:23:00", "2025-01-05T00:00:00", "2025-01-05T12:23:00", "bad_timestamp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("format", "text", "expected"),
    [
        ("epoch_us", "1736086991123456", "2025-01-05T14:23:11.123456"),
        ("epoch_ms", "1736086991123", "2025-01-05T14:23:11.123000"),
        ("epoch_s", "1736086991.5", "2025-01-05T14:23:11.500000"),
        ("epoch_ms", "1736086991123456", "time_out_of_range"),
        ("epoch_us", "1736086991", "time_out_of_range"),
        ("epoch_us", "1.73609E+15", "bad_timestamp"),
    ],
)
def test_epochs(folder: Path, format: str, text: str, expected: str) -> None:
    assert times(folder, text, column="at", format=format) == [expected]


def test_serial_days_of_a_spreadsheet_are_on_the_clock_of_the_shop(folder: Path) -> None:
    read = times(folder, "44927.5993171296", "45383", "45383.5", "abc", column="at", format="excel")
    assert read == [
        "2023-01-01T14:23:01",
        "2024-03-31T23:00:00",
        "2024-04-01T11:00:00",
        "bad_timestamp",
    ]
    assert times(folder, "45383,5", column="at", format="excel", decimal=",") == [
        "2024-04-01T11:00:00"
    ]


@pytest.mark.parametrize(
    ("options", "text", "detail"),
    [
        ({"format": "%d/%m/%Y"}, "13/25/2025", "at: '13/25/2025', expected %d/%m/%Y"),
        ({"format": ["%d.%m.%Y", "iso"]}, "x1", "at: 'x1', expected %d.%m.%Y or a time such as 2026-01-31 10:00:00 (iso)"),
        ({"format": "epoch_ms"}, "1736086991123456", "at: '1736086991123456' (a time as epoch_us)"),
        ({"format": "epoch_us"}, "1736086991", "at: '1736086991' (a time as epoch_s)"),
        ({"format": ["epoch_s", "epoch_ms", "epoch_us"]}, "1", "at: '1'"),
        ({}, "2025-03-30 01:30:00", "at: '2025-03-30 01:30:00'"),
        ({"timezone_column": "zone"}, "2025-01-06 09:00||Mars", "at: '2025-01-06 09:00', zone: 'Mars'"),
        ({"timezone_column": "zone", "format": "%d/%m/%Y"}, "x1||UTC", "at: 'x1', expected %d/%m/%Y"),
    ],
)  # fmt: skip
def test_a_refused_time_is_named_with_what_was_expected(
    folder: Path, options: dict[str, object], text: str, detail: str
) -> None:
    times(folder, text, column="at", **options)
    assert cast_file(folder.parent / "events.csv", folder).details == {2: detail}
