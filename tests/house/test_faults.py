"""docs/faults.md names tests that exist, and the counts they use."""

import re
from pathlib import Path

from tests.chaos.counts import COUNTS
from tests.house.repository import ROOT, modules, name

ROW = re.compile(r"^\| ([^|]+) \| [P\d ]+ \| \[`(\w+)`\]\(\.\./(\S+)\) \| (\S+) \| (\S+) \|$", re.M)


def _rows() -> list[tuple[str, str, str, str, str]]:
    rows = ROW.findall((ROOT / "docs" / "faults.md").read_text(encoding="utf-8"))
    assert len(rows) > 30
    return rows


def test_every_fault_has_its_test() -> None:
    for fault, test, path, *_ in _rows():
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {test}(" in text, f"{path} has no {test} for the fault {fault!r}."


def test_the_counts_of_the_page_are_those_of_the_tests() -> None:
    pages = sorted((few, many) for *_, few, many in _rows() if many != "all")
    counts = sorted((f"{few:,}", f"{many:,}") for few, many in COUNTS.values())
    assert pages == counts, "Write the counts of tests/chaos/counts.py into docs/faults.md."


def test_make_chaos_runs_all_of_them() -> None:
    target = re.search(r"^CHAOS := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert target is not None
    places = tuple(target[1].replace("\\\n", " ").split())
    counting = {
        name(path)
        for path in modules("tests")
        if "tests.chaos.counts import" in path.read_text(encoding="utf-8")
    } - {name(Path(__file__)), "tests/conftest.py"}
    named = {path for _, _, path, _, _ in _rows()}
    assert {path for path in named | counting if not path.startswith(places)} == set()
