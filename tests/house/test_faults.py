"""docs/faults.md is what the marks of the tests, the matrix and the last full run say."""

import re

from tests.chaos import last_run
from tests.chaos.counts import COUNTS
from tests.chaos.marked import faults
from tests.chaos.matrix import BELOW, ROWS
from tests.chaos.write_faults_page import PAGE, of_row, page, reached
from tests.house.repository import ROOT, modules, name


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(faults(), last_run.read()), (
        "regenerate docs/faults.md: .venv/bin/python -m tests.chaos.write_faults_page"
    )


def test_every_row_has_a_test_and_its_goal_or_a_reason() -> None:
    assert list(ROWS) == list(range(1, 45))
    for number, row in ROWS.items():
        tried = [fault.many for fault in of_row(number, faults())]
        most = reached(tried)
        is_reached = bool(tried) and (
            not isinstance(row.goal, int) or (most is not None and most >= row.goal)
        )
        assert is_reached or number in BELOW, (
            f"Row {number} ({row.fault}) is tried {most or 'never'} of {row.goal}: raise its count, "
            "or say in tests/chaos/matrix.py why not."
        )


def test_marks_name_rows_promises_and_counts_that_exist() -> None:
    assert set(BELOW) <= set(ROWS)
    for fault in faults():
        assert set(fault.rows) <= set(ROWS), fault
        assert set(fault.promises) <= {f"P{number}" for number in range(1, 9)}, fault
    assert {fault.counted for fault in faults()} - {None} == set(COUNTS)


def test_a_count_is_used_by_the_tests_that_are_marked_with_it() -> None:
    for fault in faults():
        if fault.counted:
            text = (ROOT / fault.path).read_text(encoding="utf-8")
            assert text.count(f'"{fault.counted}"') > 1, (
                f"{fault.path} is marked with {fault.counted!r} and does not ask for that count."
            )


def test_a_row_that_failed_or_was_not_run_is_told_as_such() -> None:
    row_faults = [fault for fault in faults() if 3 in fault.rows]
    [name_of] = {f"{fault.path}::{fault.test}" for fault in row_faults}
    about = {"date": "2026-11-30", "version": "v", "seconds": 60}
    row = {
        outcome: next(
            line
            for line in page(faults(), {**about, "tests": {name_of: counts}}).splitlines()
            if line.startswith("| 3 |")
        )
        for outcome, counts in (
            ("passed", {"passed": 20}),
            ("failed", {"passed": 19, "failed": 1}),
            ("skipped", {"skipped": 20}),
        )
    }
    assert row["passed"].endswith("| passed 2026-11-30 |")
    assert row["failed"].endswith("| failed 2026-11-30 |")
    assert row["skipped"].endswith("| not run yet |")


def test_make_chaos_runs_all_of_them() -> None:
    target = re.search(r"^CHAOS := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert target is not None
    places = tuple(target[1].replace("\\\n", " ").split())
    counting = {
        name(path)
        for path in modules("tests")
        if "tests.chaos.counts import" in path.read_text(encoding="utf-8")
    } - {"tests/conftest.py", "tests/house/test_faults.py"}
    named = {fault.path for fault in faults()}
    assert {path for path in named | counting if not path.startswith(places)} == set()
