"""A line is a newer version of the line that is nearest to it, or a line of its own."""

from datetime import UTC, datetime

from retention_ml.curated.occurrences import Direction, Line, occurrences

MARCH, APRIL = (datetime(2025, month, 1, tzinfo=UTC) for month in (3, 4))


def line(
    occurrence: int, direction: Direction, at: datetime, delivery: int, feed: str = "a"
) -> Line:
    return Line(
        occurrence=occurrence,
        direction=direction,
        event_at=at,
        feed=feed,
        delivery_id=delivery,
        delivery_order=delivery,
        is_once=feed == "once",
    )


def test_lines_of_one_direction_keep_the_number_they_came_with() -> None:
    existing = [line(1, Direction.BACK, MARCH, 1)]
    assert occurrences([line(1, Direction.BACK, APRIL, 2)], existing) == [1]


def test_a_return_of_another_time_is_another_line() -> None:
    existing = [line(1, Direction.BACK, MARCH, 1), line(2, Direction.SOLD, MARCH, 1)]
    assert occurrences([line(1, Direction.BACK, APRIL, 2)], existing) == [3]
    assert occurrences([line(2, Direction.BACK, MARCH, 2)], existing) == [1]


def test_a_line_that_its_feed_has_once_replaces_its_own_before_that_of_another_feed() -> None:
    existing = [line(1, Direction.SOLD, MARCH, 1, "once"), line(2, Direction.BACK, APRIL, 2)]
    assert occurrences([line(1, Direction.BACK, APRIL, 3, "once")], existing) == [1]
