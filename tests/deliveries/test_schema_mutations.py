"""Columns that come, go, or change name, type or place: what adds does no harm, what breaks is refused."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from retention_ml.deliveries.pipeline import Unreadable
from tests.chaos.counts import count
from tests.worlds.feeds import Cast, cast_file, line

_ROWS = [line(order=f"10{n}", product=f"p{n}", quantity=str(n + 1)).split(",") for n in range(20)]
_NAMES = ["order", "product", "customer", "at", "quantity", "price"]
_NEW = ("note", "Order", "quantity_2", "e-mail", "", "price net", "x" * 200, "日付")
# Of each type, what another system would write.
_OTHER_TYPE = {
    "at": ("05/01/2026", "1767607200", "yesterday"),
    "quantity": ("two", "1,5,0", "true"),
    "price": ("EUR one", "NaN", "1.5.0"),
}
Table = tuple[list[str], list[list[str]]]


def _add(draw: random.Random) -> Table:
    place = draw.randint(0, len(_NAMES))
    name = draw.choice([name for name in _NEW if name])
    value = draw.choice(("", "7", "text"))
    rows = [[*row[:place], value, *row[place:]] for row in _ROWS]
    return [*_NAMES[:place], name, *_NAMES[place:]], rows


def _reorder(draw: random.Random) -> Table:
    order = draw.sample(range(len(_NAMES)), len(_NAMES))
    return [_NAMES[n] for n in order], [[row[n] for n in order] for row in _ROWS]


def _drop(draw: random.Random) -> Table:
    place = draw.randrange(len(_NAMES))
    return (
        [name for n, name in enumerate(_NAMES) if n != place],
        [[value for n, value in enumerate(row) if n != place] for row in _ROWS],
    )


def _rename(draw: random.Random) -> Table:
    place = draw.randrange(len(_NAMES))
    name = draw.choice((f"{_NAMES[place]}_id", f"x{_NAMES[place]}", "column1"))
    return [*_NAMES[:place], name, *_NAMES[place + 1 :]], _ROWS


def _retype(draw: random.Random) -> Table:
    name = draw.choice(sorted(_OTHER_TYPE))
    place, value = _NAMES.index(name), draw.choice(_OTHER_TYPE[name])
    return _NAMES, [[*row[:place], f'"{value}"', *row[place + 1 :]] for row in _ROWS]


def _cast(folder: Path, table: Table) -> Cast:
    names, rows = table
    path = folder.parent / "lines.csv"
    path.write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n", encoding="utf-8")
    cast = cast_file(path, folder)
    cast.rows.sort(key=lambda row: str(row["order_id"]))
    return cast


@pytest.fixture
def expected(folder: Path) -> list[dict[str, object]]:
    """The rows of the file as it was described."""
    rows = _cast(folder, (_NAMES, _ROWS)).rows
    assert len(rows) == len(_ROWS)
    return rows


def _is_taken_as_before(folder: Path, table: Table, expected: list[dict[str, object]]) -> None:
    assert _cast(folder, table).rows == expected


def _is_refused(folder: Path, table: Table, expected: list[dict[str, object]]) -> None:
    del expected
    missing = next(name for name in _NAMES if name not in table[0])
    with pytest.raises(Unreadable, match=f"lacks the column '{missing}'"):
        _cast(folder, table)


def _is_set_aside(folder: Path, table: Table, expected: list[dict[str, object]]) -> None:
    del expected
    cast = _cast(folder, table)
    assert (cast.rows, len(cast.reasons), cast.delivered) == ([], len(_ROWS), len(_ROWS))


_MUTATIONS: tuple[tuple[Callable[[random.Random], Table], Callable[..., None]], ...] = (
    (_add, _is_taken_as_before),
    (_reorder, _is_taken_as_before),
    (_drop, _is_refused),
    (_rename, _is_refused),
    (_retype, _is_set_aside),
)


@pytest.mark.fault(
    "a column added, moved, dropped, renamed, of another type",
    promises="P1",
    row=23,
    counted="mutations of a schema",
)
@pytest.mark.parametrize("number", range(count("mutations of a schema")))
def test_what_adds_does_no_harm_and_what_breaks_is_refused(
    folder: Path, expected: list[dict[str, object]], number: int
) -> None:
    mutate, holds = _MUTATIONS[number % len(_MUTATIONS)]
    holds(folder, mutate(random.Random(number)), expected)


def test_columns_taken_by_their_place_would_be_swapped(
    folder: Path, expected: list[dict[str, object]]
) -> None:
    """Negative control: the old header over columns in another order gives other rows."""
    _, rows = _reorder(random.Random(1))
    assert _cast(folder, (_NAMES, rows)).rows != expected
