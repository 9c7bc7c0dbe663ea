"""Values as JSON: exact, finite, not too long."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from retention_ml.assistant.answers import fit, to_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("0.10"), 0.1),
        (Decimal("-12345678901.99"), -12345678901.99),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (Decimal("28.5437219873451298374"), 28.5437219873451298374),
        (Decimal("NaN"), "NaN"),
        (float("inf"), "inf"),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (True, True),
        (None, None),
        (date(2026, 3, 1), "2026-03-01"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00+00:00"),
        (timedelta(days=7), "7 days, 0:00:00"),
        ([Decimal("1.5"), {"day": date(2026, 3, 1)}], [1.5, {"day": "2026-03-01"}]),
        (b"\x00", "b'\\x00'"),
    ],
)
def test_a_value_is_a_number_where_that_is_exact(value: object, expected: object) -> None:
    assert to_json(value) == expected
    assert type(to_json(value)) is type(expected)


def test_rows_beyond_the_limit_are_left_out_and_it_is_said() -> None:
    rows = [{"n": n} for n in range(5)]
    assert fit(rows, 5) == (rows, False)
    assert fit(rows, 4) == (rows[:4], True)
    assert fit([], 4) == ([], False)


def test_a_long_text_is_cut_and_it_is_said() -> None:
    [row], is_cut = fit([{"text": "x" * 3_000}], 5)
    assert (len(row["text"]), row["text"][-1], is_cut) == (2_000, "…", True)


def test_an_answer_does_not_grow_without_end() -> None:
    rows, is_cut = fit(({"text": "x" * 1_900} for _ in range(5_000)), 5_000)
    assert is_cut
    assert 50 < len(rows) < 110
