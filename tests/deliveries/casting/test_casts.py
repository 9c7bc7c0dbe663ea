"""Text to typed columns: each reason, each accepted form, and nothing guessed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chaos.counts import count
from tests.worlds.feeds import LANDED, SHOP, cast_file, line, write


def cast_line(folder: Path, text: str) -> object:
    """The reason against one order line, or its typed row."""
    result = cast_file(write(folder.parent / "lines.csv", [text]), folder)
    assert result.delivered == 1
    return result.reasons[2] if result.reasons else result.rows[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"order": ""}, "missing_order_id"),
        ({"customer": " "}, "missing_customer_id"),
        ({"quantity": ""}, "missing_quantity"),
        ({"price": ""}, "missing_line_amount_cents"),
        ({"at": ""}, "missing_event_at"),
        ({"order": "x" * 201}, "id_too_long"),
        ({"quantity": "1.000,5"}, "wrong_field_count"),
        ({"quantity": "1_000"}, "bad_number"),
        ({"quantity": "1.5"}, "bad_number"),
        ({"quantity": "1e5"}, "bad_number"),
        ({"quantity": "٣"}, "bad_number"),
        ({"quantity": "0x10"}, "bad_number"),
        ({"price": "NaN"}, "bad_number"),
        ({"price": "inf"}, "bad_number"),
        ({"price": "-infinity"}, "bad_number"),
        ({"price": '"1,234"'}, "bad_number"),
        ({"price": "12 34"}, "bad_number"),
        ({"price": "$3"}, "other_currency"),
        ({"price": "."}, "bad_number"),
        ({"quantity": "1000001"}, "out_of_range"),
        ({"price": "1" + "0" * 60}, "out_of_range"),
        ({"price": "1000000001"}, "out_of_range"),
        ({"price": "-1.50"}, "negative_price"),
        ({"quantity": "-1"}, "negative_quantity"),
        ({"quantity": "0"}, "zero_quantity"),
        ({"at": "05/01/2026"}, "bad_timestamp"),
        ({"at": "2026-02-30 10:00:00"}, "bad_timestamp"),
        ({"at": "infinity"}, "bad_timestamp"),
        ({"at": "1767607200000"}, "bad_timestamp"),
        ({"at": "0001-01-01 00:00:00"}, "time_out_of_range"),
        ({"at": "1989-12-31 23:59:59"}, "time_out_of_range"),
        ({"at": "2099-01-01 00:00:00"}, "event_in_future"),
        ({"at": "9999-12-31 23:59:59"}, "event_in_future"),
        ({"at": "2025-03-30 01:30:00"}, "time_in_dst_gap"),
        ({"order": "T1"}, "test_order"),
        ({"order": "T1", "price": "-3"}, "test_order"),
    ],
)
def test_each_reason(folder: Path, changes: dict[str, str], reason: str) -> None:
    assert cast_line(folder, line(**changes)) == reason


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"quantity": 2, "unit_price_cents": 150, "line_amount_cents": 300, "kind": "sale", "occurrence": 1, "discount_cents": 0}),
        ({"quantity": "+2"}, {"quantity": 2}),
        ({"quantity": "2.00"}, {"quantity": 2}),
        ({"quantity": " 2 "}, {"quantity": 2}),
        ({"price": "0.005"}, {"unit_price_cents": 1, "line_amount_cents": 1}),
        ({"price": "0.001", "quantity": "1000"}, {"unit_price_cents": 0, "line_amount_cents": 100}),
        ({"price": "0"}, {"line_amount_cents": 0}),
        ({"price": '"£1,234.50"'}, {"unit_price_cents": 123450, "line_amount_cents": 246900}),
        ({"order": "C7", "quantity": "-2"}, {"kind": "cancellation", "quantity": -2, "line_amount_cents": -300}),
        ({"order": "C7"}, {"kind": "cancellation", "quantity": -2, "line_amount_cents": -300}),
        ({"order": "R7", "quantity": "-2"}, {"kind": "return"}),
        ({"order": "R7"}, {"kind": "sale"}),
        ({"product": "POST", "order": "C7", "quantity": "-1", "price": "3"}, {"kind": "charge", "line_amount_cents": -300}),
        ({"product": "00123"}, {"product_id": "00123"}),
        ({"product": "NA"}, {"product_id": "NA"}),
        ({"product": ""}, {"product_id": None}),
        ({"customer": "12345678901234567890"}, {"customer_id": "12345678901234567890"}),
    ],
)  # fmt: skip
def test_accepted_forms(folder: Path, changes: dict[str, str], expected: dict[str, object]) -> None:
    row = cast_line(folder, line(**changes))
    assert isinstance(row, dict)
    assert {name: row[name] for name in expected} == expected


def micro(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-01-05 10:00:00", "2026-01-05T10:00:00+00:00"),
        ("2025-07-05 10:00:00", "2025-07-05T09:00:00+00:00"),
        ("2025-03-30 00:59:59", "2025-03-30T00:59:59+00:00"),
        ("2025-03-30 02:00:00", "2025-03-30T01:00:00+00:00"),
        ("2025-10-26 01:30:00", "2025-10-26T00:30:00+00:00"),  # twice: the first is meant
        ("2026-03-02 11:59:59", "2026-03-02T11:59:59+00:00"),  # within a day after landing
    ],
)
def test_local_times_become_utc(folder: Path, local: str, utc: str) -> None:
    row = cast_line(folder, line(at=local))
    assert isinstance(row, dict)
    assert row["event_at"] == micro(utc)


@pytest.mark.fault(
    "impossible and ambiguous times",
    promises="P1",
    row=21,
    counted="lists of up to 60 points in time",
)
@settings(
    max_examples=count("lists of up to 60 points in time"), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(st.datetimes(), min_size=1, max_size=60))
def test_times_come_back_equal_or_are_rejected(folder: Path, moments: list[datetime]) -> None:
    texts = [f"{m.year:04}-{m.month:02}-{m.day:02} {m:%H:%M:%S}" for m in moments]
    result = cast_file(write(folder.parent / "lines.csv", [line(at=t) for t in texts]), folder)
    assert len(result.rows) + len(result.reasons) == len(moments)
    for row in result.rows:
        back = datetime.fromtimestamp(int(row["event_at"]) / 1e6, UTC).astimezone(
            ZoneInfo("Europe/London")
        )  # type: ignore[call-overload]
        assert f"{back:%Y-%m-%d %H:%M:%S}" == texts[int(row["__line_number"]) - 2]  # type: ignore[call-overload]
    assert set(result.reasons.values()) <= {
        "time_out_of_range",
        "event_in_future",
        "time_in_dst_gap",
    }


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-07-05T10:00:00Z", "2025-07-05T10:00:00+00:00"),
        ("2025-07-05T10:00:00+02:00", "2025-07-05T08:00:00+00:00"),
        ("2025-07-05 10:00:00.250", "2025-07-05T09:00:00.250+00:00"),
        ("2025-07-05 10:00", "2025-07-05T09:00:00+00:00"),
        ("2025-07-05", "2025-07-04T23:00:00+00:00"),
    ],
)
def test_iso_times_with_and_without_offset(folder: Path, at: str, expected: str) -> None:
    path = write(folder.parent / "events.csv", [f"c1,{at},view"], "who,at,what")
    (row,) = cast_file(path, folder).rows
    assert row["event_at"] == micro(expected)


def test_events_have_a_closed_set_and_may_be_of_guests(folder: Path) -> None:
    path = write(
        folder.parent / "events.csv",
        [",2026-01-01,view", "c1,2026-01-01,hover", "c1,2026-01-01,", "c1,infinity,view"],
        "who,at,what",
    )
    result = cast_file(path, folder)
    assert [row["customer_id"] for row in result.rows] == [None]
    assert result.reasons == {3: "unknown_event_type", 4: "missing_event_type", 5: "bad_timestamp"}


@pytest.mark.parametrize(
    ("price", "quantity", "expected"),
    [
        ("1.234,50", "2", 246_900), ("1234,5", "2", 246_900), ("0,005", "1", 1),
        ("-1.234.567,8", "1", "negative_price"), ("1.234", "1.000", 123_400_000),
        ("12,50", "3,0", 3_750), ("12.50", "1", "bad_number"), ("1234.567,00", "1", "bad_number"),
        ("1,234.50", "1", "bad_number"), ("1,2,3", "1", "bad_number"), (",5", "1", 50),
        ("1,50", "1,5", "bad_number"), ("1.", "1", "bad_number"),
    ],
)  # fmt: skip
def test_a_decimal_comma_is_read_where_the_source_declares_it(
    folder: Path, price: str, quantity: str, expected: object
) -> None:
    shop = SHOP.replace('files = ["lines*.csv"]', 'files = ["lines*.csv"]\ndecimal = ","')
    (folder / "shop.toml").write_text(shop, encoding="utf-8")
    result = cast_line(folder, line(price=f'"{price}"', quantity=f'"{quantity}"'))
    assert (result["line_amount_cents"] if isinstance(result, dict) else result) == expected


def test_a_decimal_comma_is_a_bad_number_where_nothing_is_declared(folder: Path) -> None:
    assert cast_line(folder, line(price='"12,50"')) == "bad_number"


def test_json_lines_keep_numbers_as_written_and_name_nested_keys(folder: Path) -> None:
    good = {"id": 7, "who": "c1", "at": 1767607200123, "stars": 4, "text": {"body": "fine"}}
    lines = [
        json.dumps(good),
        json.dumps({**good, "stars": 9}),
        json.dumps({**good, "stars": "NaN"}),
        '{"id": 7',
        "[1, 2]",
        json.dumps({**good, "text": {"body": "a\ud800"}}),
        json.dumps({**good, "text": {"body": "a\0"}}),
        json.dumps({**good, "at": 17676072001230000}),
        "[" * 100_000,
        json.dumps({**good, "id": 8, "who": 12345678901234567890}),
    ]
    path = folder.parent / "ratings.jsonl"
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    result = cast_file(path, folder)
    first, last = result.rows
    assert first["rating_share"] == 0.75
    assert first["comment"] == "fine"
    assert first["event_at"] == 1767607200123000
    assert last["customer_id"] == "12345678901234567890"
    assert result.reasons == {
        2: "out_of_range", 3: "bad_number", 4: "bad_json", 5: "bad_json", 6: "bad_encoding",
        7: "nul_byte", 8: "time_out_of_range", 9: "bad_json",
    }  # fmt: skip
    assert result.delivered == 10


def test_parquet_columns_are_read_as_text(folder: Path) -> None:
    shop = SHOP.replace('files = ["lines*.csv"]', 'files = ["lines*.parquet"]\nformat = "parquet"')
    shop = shop.replace(
        '{ column = "at", format = "%Y-%m-%d %H:%M:%S" }', '{ column = "at", timezone = "UTC" }'
    )
    (folder / "shop.toml").write_text(shop, encoding="utf-8")
    n = 4
    table = pa.table(
        {
            "order": pa.array([1, 2, 3, 4]),
            "product": pa.array(["p", "p", "p\0", None]).dictionary_encode(),
            "customer": pa.array([1] * n),
            "at": pa.array(["2025-07-01T10:00:00"] * n).cast(pa.timestamp("ms")),
            "quantity": pa.array([1, None, 1, 1], pa.int16()),
            "price": pa.array([2.49, 1.0, 1.0, 1e-15]),
        }
    )
    path = folder.parent / "lines.parquet"
    pq.write_table(table, path)
    result = cast_file(path, folder)
    assert result.reasons == {2: "missing_quantity", 3: "nul_byte"}
    rows = sorted(result.rows, key=lambda row: str(row["order_id"]))
    assert [row["line_amount_cents"] for row in rows] == [249, 0]
    assert rows[0]["event_at"] == micro("2025-07-01T10:00:00+00:00")


def test_the_shipped_fixed_width_description_reads_its_lines(tmp_path: Path) -> None:
    from retention_ml.settings import PROJECT

    path = tmp_path / "CDNOW_master.txt"
    path.write_bytes(
        b" customer_id  date number_of_cds  dollar_value\r\n"
        b" 00001 19970101  1   11.77\r\n 00001 19970101  2   12.00\r\n 00002 1997011  1   12.00\r\n"
        b" 00003 19970140  1   12.00\r\n"
    )
    result = cast_file(path, PROJECT / "sources", "cdnow")
    assert [(r["order_id"], r["occurrence"], r["line_amount_cents"]) for r in result.rows] == [
        ("00001-19970101", 1, 1177), ("00001-19970101", 2, 1200),
    ]  # fmt: skip
    assert result.reasons == {4: "wrong_field_count", 5: "bad_timestamp"}


@pytest.mark.fault("any text in any column", promises="P1", row=20, counted="rows of any text")
@settings(
    max_examples=count("rows of any text"), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    st.lists(
        st.lists(st.text(alphabet='19.-+eE_,"\n٣ÄNna:T ü\0', max_size=8), min_size=6, max_size=6),
        max_size=20,
    )
)
def test_no_text_crashes_the_casts_and_nothing_is_lost(
    folder: Path, records: list[list[str]]
) -> None:
    path = write(folder.parent / "lines.csv", [",".join(record) for record in records])
    result = cast_file(path, folder)
    assert result.delivered == len(result.rows) + len(result.reasons)


def test_the_hour_of_landing_decides_what_is_future(folder: Path) -> None:
    assert datetime(2026, 3, 1, 12, tzinfo=UTC) == LANDED
    assert cast_line(folder, line(at="2026-03-02 12:00:01")) == "event_in_future"
