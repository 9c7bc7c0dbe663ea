"""Which occurrence of its order and product a line is, where goods were sold and came back.

Staging numbers the lines of one file. Over several files, a line never replaces one of the other
direction: what came back is told apart from what was sold, and by its time from what else came
back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from itertools import count, groupby


class Direction(IntEnum):
    """Where goods or money went; a line undone in place has neither."""

    BACK = -1
    NOWHERE = 0
    SOLD = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of one order and product, as it was staged or is in curated.

    `delivery_order` is the first delivery of all that a replay goes back to. `is_once`: its feed
    has one such line per order and product, whatever its direction. `is_current` tells lines of
    curated that count from those replaced or ended; it is of no matter for staged ones.
    """

    occurrence: int
    direction: Direction
    event_at: datetime
    feed: str
    delivery_id: int
    delivery_order: int
    is_once: bool = False
    is_current: bool = True


def occurrences(staged: Sequence[Line], existing: Sequence[Line]) -> list[int]:
    """The occurrence of each staged line of one order and product; as staged where none came back.

    Deliveries follow each other. In each, the lines sold are, in the order of their numbers, those
    that were sold before; a line that came back is the one of the same time; one undone in place
    is the sale, or what came back at its time. What has no such line is the next free occurrence.
    A replay has none of the lines that its file has already.
    """
    current = {line.occurrence: line for line in existing if line.is_current}
    directions = {line.direction for line in (*staged, *current.values())}
    if not {Direction.BACK, Direction.SOLD} <= directions:
        return [line.occurrence for line in staged]
    numbers = [0] * len(staged)

    def place(i: int) -> tuple[int, int]:
        return staged[i].delivery_order, staged[i].delivery_id

    for (delivery_order, delivery_id), group in groupby(
        sorted(range(len(staged)), key=place), place
    ):
        is_replay = delivery_order != delivery_id
        of_file = {line.occurrence for line in existing if line.delivery_order == delivery_order}
        indexes = list(group)
        lines = [staged[i] for i in indexes]
        by_line = _numbered(lines, current, of_file if is_replay else set())
        for i, line in zip(indexes, lines, strict=True):
            numbers[i] = by_line[line.direction, line.occurrence]
            current[numbers[i]] = replace(line, occurrence=numbers[i])
    return numbers


def _numbered(
    lines: Iterable[Line], current: dict[int, Line], excluded: set[int]
) -> dict[tuple[Direction, int], int]:
    """The occurrences of one delivery's lines, by their direction and the number they came with."""
    numbers: dict[tuple[Direction, int], int] = {}
    used = set(excluded)
    for line in sorted(lines, key=lambda one: (one.direction == 0, -one.direction, one.occurrence)):
        if (line.direction, line.occurrence) in numbers:
            continue
        same = [old for n, old in current.items() if n not in used and _may_be(line, old)]
        number = (
            min(same, key=lambda old: _distance(line, old)).occurrence
            if same
            else next(n for n in count(1) if n not in current and n not in used)
        )
        numbers[line.direction, line.occurrence] = number
        used.add(number)
    return numbers


def _is_same_once(line: Line, old: Line) -> bool:
    return line.is_once and old.is_once and line.feed == old.feed


def _may_be(line: Line, old: Line) -> bool:
    """Whether a line may be a newer version of another."""
    if _is_same_once(line, old):
        return True
    if line.direction == Direction.SOLD:
        return old.direction != Direction.BACK
    if line.event_at == old.event_at:
        return line.direction == Direction.NOWHERE or old.direction != Direction.SOLD
    return line.direction == Direction.NOWHERE and old.direction != Direction.BACK


def _distance(line: Line, old: Line) -> tuple[bool, bool, bool, int, int]:
    """Sorts the lines that it may be, the nearest first."""
    return (
        not _is_same_once(line, old),
        line.direction == Direction.NOWHERE and line.event_at != old.event_at,
        line.direction != old.direction,
        -old.direction,
        old.occurrence,
    )
