"""Questions that are asked in time: who is slow is shown as before, who hangs for long as down."""

import threading
from itertools import count

import pytest

from retention_ml.metrics import looks
from retention_ml.metrics.looks import Question


def test_an_answer_that_comes_is_that_of_this_look() -> None:
    numbers = count(1)
    question = Question(lambda: next(numbers))
    for expected in (1, 2, 3):
        question.begin()
        assert question.recent(5) == expected


def test_who_is_slow_is_shown_as_before_and_is_not_asked_twice() -> None:
    goes_on, asked = threading.Event(), []

    def ask() -> int:
        asked.append(len(asked))
        if len(asked) == 2:
            goes_on.wait(20)
        return len(asked)

    question = Question(ask)
    question.begin()
    assert question.result(5) == 1
    question.begin()
    assert question.recent(5) == 1
    question.begin()
    assert question.recent(5) == 1
    assert len(asked) == 2
    goes_on.set()
    assert question.result(5) == 2


def test_who_hangs_for_long_is_shown_as_before_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        if len(asked) > 1:
            goes_on.wait(20)
        return 1

    question = Question(ask)
    question.begin()
    assert question.result(5) == 1
    question.begin()
    monkeypatch.setattr(looks, "_RECENT_SECONDS", 0.0)
    with pytest.raises(TimeoutError):
        question.recent(0.05)
    goes_on.set()


def test_what_asking_raises_is_raised() -> None:
    def ask() -> None:
        raise OSError("gone")

    question = Question(ask)
    question.begin()
    with pytest.raises(OSError, match="gone"):
        question.recent(5)
