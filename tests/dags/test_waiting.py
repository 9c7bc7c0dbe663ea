"""When `dispatch` comes back for messages that wait."""

from datetime import UTC, date, datetime, timedelta

import pytest
from retention_airflow import waiting

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "minutes", "expected"),
    [(0, 30, None), (2, 30, 30), (2, -60, 5), (2, 1, 5), (2, 13 * 60, None)],
)
def test_it_comes_back_when_a_message_is_due_and_the_day_lasts(
    count: int, minutes: int, expected: int | None
) -> None:
    receipt = {
        "waiting": {"email": count} if count else {},
        "next_at": (NOON + timedelta(minutes=minutes)).isoformat(" "),
    }
    at = waiting.return_at(receipt, now=NOON, end=END)
    assert at == (None if expected is None else NOON + timedelta(minutes=expected))


def test_of_a_day_that_is_over_the_receipt_is_the_answer() -> None:
    receipt = {"waiting": {"email": 1}, "next_at": "2026-03-01 12:00:00+00:00"}
    assert waiting.come_back(receipt, date(2026, 3, 1), "Europe/London") == receipt
