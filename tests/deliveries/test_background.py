"""Reading ahead and writing behind: the same items in the same order, and no error lost."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.deliveries.background import one_behind, read_ahead


def sizes(item: int) -> int:
    return item


@given(st.lists(st.integers(0, 5)), st.integers(0, 8))
def test_items_come_in_their_order_however_far_ahead_they_are_read(
    items: list[int], size_max: int
) -> None:
    assert list(read_ahead(iter(items), sizes, size_max)) == items


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no third")

    ahead = read_ahead(items(), sizes, 100)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(ValueError, match="no third"):
        next(ahead)


def test_no_more_is_read_ahead_than_asked_for() -> None:
    numbers_read: list[int] = []
    is_full = threading.Event()

    def items() -> Iterator[int]:
        for number in range(10):
            numbers_read.append(number)
            if number == 3:
                is_full.set()
            yield 1

    ahead = read_ahead(items(), sizes, 3)
    assert next(ahead) == 1
    assert is_full.wait(10)
    assert len(numbers_read) <= 4
    assert list(ahead) == [1] * 9


def test_who_stops_early_ends_the_thread() -> None:
    before = threading.active_count()
    ahead = read_ahead(iter(range(100)), lambda _: 1, 2)
    assert next(ahead) == 0
    ahead.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("is_parallel", [False, True])
def test_pieces_of_work_run_one_after_another(is_parallel: bool) -> None:
    done: list[int] = []
    with one_behind(is_parallel=is_parallel) as run:
        for number in range(5):
            run(lambda number=number: done.append(number))
            assert len(done) >= number
    assert done == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("is_parallel", [False, True])
def test_an_error_of_a_piece_of_work_ends_the_block(is_parallel: bool) -> None:
    def fail() -> None:
        raise ValueError("disk full")

    done: list[int] = []

    def work() -> None:
        with one_behind(is_parallel=is_parallel) as run:
            run(lambda: done.append(1))
            run(fail)
            run(lambda: done.append(2))

    with pytest.raises(ValueError, match="disk full"):
        work()
    assert done == [1]
