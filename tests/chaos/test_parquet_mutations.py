"""Parquet files with flipped bits, other bytes, less or more of them: read, or refused in words."""

import json
import multiprocessing
from pathlib import Path
from uuid import uuid4

import pytest

from tests.chaos import parquets
from tests.chaos.counts import count

FILES = count("mutations of parquet files")
AT_ONCE = 200
MEMORY_MIB_MAX = 512


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    return parquets.originals()


@pytest.fixture(scope="module")
def answers(
    sound: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> dict[int, tuple[str, float]]:
    """What became of each mutation and the memory by then, of processes replaced when they die."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.parquets"])
    folder = tmp_path_factory.mktemp("answers")
    by_number: dict[int, tuple[str, float]] = {}
    for begin in range(0, FILES, AT_ONCE):
        numbers = list(range(begin, min(begin + AT_ONCE, FILES)))
        while numbers:
            file = folder / uuid4().hex
            process = context.Process(target=parquets.read, args=(sound, numbers, str(file)))
            process.start()
            process.join()
            lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
            by_number |= {number: (answer, peak) for number, answer, peak in map(json.loads, lines)}
            numbers = [number for number in numbers if number not in by_number]
            if numbers:
                by_number[numbers.pop(0)] = (f"died by {process.exitcode}", 0.0)
    return by_number


def test_parquet_files_that_nobody_touched_are_read(
    sound: dict[str, bytes], tmp_path: Path
) -> None:
    for content in sound.values():
        assert parquets.answer_of(content, tmp_path / "x.parquet") == parquets.READ


@pytest.mark.fault(
    "damaged parquet: flipped bits, bytes, pieces",
    promises="P1",
    counted="mutations of parquet files",
)
def test_a_mutated_parquet_file_is_read_or_refused_in_words(
    answers: dict[int, tuple[str, float]],
) -> None:
    assert sorted(answers) == list(range(FILES))
    odd = {
        number: answer
        for number, (answer, _) in answers.items()
        if answer != parquets.READ and not answer.startswith("refused: ")
    }
    assert odd == {}
    refused = [answer for answer, _ in answers.values() if answer != parquets.READ]
    assert all(answer.isprintable() and len(answer) < 600 for answer in refused)
    # Both happen: neither is everything refused unread, nor everything taken.
    assert FILES * 0.2 < len(refused) < FILES * 0.95


def test_mutated_parquet_files_take_bounded_memory(answers: dict[int, tuple[str, float]]) -> None:
    assert max(peak for _, peak in answers.values()) < MEMORY_MIB_MAX
