"""A function is called where a block takes too long, and at no other time."""

import multiprocessing
import threading
import time

import pytest

from retention_ml.deadlines import DEADLINES, Deadlines

_LONG = 60.0


def test_a_block_that_is_left_in_time_is_left_alone() -> None:
    late = threading.Event()
    with Deadlines().within(0.05, late.set):
        pass
    assert not late.wait(0.3)


def test_where_a_block_takes_too_long_it_is_called_once() -> None:
    calls: list[str] = []
    called = threading.Event()

    def late() -> None:
        calls.append("late")
        called.set()

    with Deadlines().within(0.02, late):
        assert called.wait(10)
        time.sleep(0.1)
    assert calls == ["late"]


def test_the_shorter_of_two_blocks_is_not_waited_for_with_the_longer() -> None:
    deadlines, late, never = Deadlines(), threading.Event(), threading.Event()
    with deadlines.within(_LONG, never.set):
        with deadlines.within(0.02, late.set):
            assert late.wait(10)
        again = threading.Event()
        with deadlines.within(0.02, again.set):
            assert again.wait(10)
    assert not never.is_set()


def test_many_blocks_share_a_thread() -> None:
    deadlines, before = Deadlines(), threading.active_count()
    for _ in range(100):
        with deadlines.within(_LONG, lambda: None):
            assert threading.active_count() == before + 1


def test_where_no_thread_can_be_started_the_next_block_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deadlines, late = Deadlines(), threading.Event()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError), deadlines.within(_LONG, lambda: None):
            pytest.fail("nobody would watch the block")
    with deadlines.within(0.02, late.set):
        assert late.wait(10)


def _overrun() -> None:
    late = threading.Event()
    with DEADLINES.within(0.02, late.set):
        if not late.wait(10):
            raise SystemExit(1)


def test_a_forked_child_has_a_thread_of_its_own() -> None:
    with DEADLINES.within(_LONG, lambda: None):
        child = multiprocessing.get_context("fork").Process(target=_overrun)
        child.start()
        child.join(30)
    assert child.exitcode == 0
