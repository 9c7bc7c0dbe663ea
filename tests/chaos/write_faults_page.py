"""Regenerates `docs/faults.md`: `python -m tests.chaos.write_faults_page`."""

from collections.abc import Iterator, Sequence

from tests.chaos import last_run
from tests.chaos.marked import TESTS, Fault, faults
from tests.chaos.matrix import BELOW, ROWS, Row

PAGE = TESTS.parent / "docs" / "faults.md"

_BEGIN = """# Faults

What is done to the platform on purpose, and what must hold. The promises are those of \
[ARCHITECTURE.md](../ARCHITECTURE.md#promises); after every fault the \
[invariants](../retention_ml/maintenance/invariants.py) are asked, and beside the kills a naive \
version shows that the test can fail. `make test` tries most faults a few times, `make chaos` as \
often as the last column says. `all`: every case that there is, once; `none`: only `make chaos` \
tries it, as it takes minutes.

Written by `python -m tests.chaos.write_faults_page` from the marks of the tests \
(`pytest.mark.fault`), `tests/chaos/matrix.py` and `tests/chaos/counts.py`; `make chaos` writes \
down what it came to."""


def page(marked_faults: Sequence[Fault], run: last_run.Run | None) -> str:
    """The whole page."""
    parts = [
        [_BEGIN, "", "## The matrix", "", *_run_summary(run), ""],
        ["| row | fault | promises | goal | `make test` | `make chaos` | last full run |"],
        ["|---|---|---|---|---|---|---|"],
        [_row(number, row, marked_faults, run) for number, row in ROWS.items()],
        ["", "## Where less is tried than the goal", ""],
        [f"- **{number}**, {ROWS[number].fault}: {why}" for number, why in BELOW.items()],
        ["", "## The tests", "", "Those without a row try what the matrix does not name.", ""],
        [
            "| row | fault | promises | test | `make test` | `make chaos` |",
            "|---|---|---|---|---|---|",
        ],
        _tests(marked_faults),
    ]
    return "\n".join(line for part in parts for line in part) + "\n"


def of_row(number: int, marked_faults: Sequence[Fault]) -> list[Fault]:
    """The faults whose tests belong to a row."""
    return [fault for fault in marked_faults if number in fault.rows]


def reached(tried: Sequence[int | None]) -> int | None:
    """The largest count of those given; None where every case is tried once."""
    return max((count for count in tried if count is not None), default=None)


def _run_summary(run: last_run.Run | None) -> list[str]:
    if run is None:
        return ["`make chaos` has not written down a full run yet."]
    return [
        f"The last run of `make chaos`, of {run['date']} (version {run['version']}), took {run['seconds'] / 60:.0f} minutes."
    ]


def _row(number: int, row: Row, marked_faults: Sequence[Fault], run: last_run.Run | None) -> str:
    tests = of_row(number, marked_faults)
    promises = sorted({promise for fault in tests for promise in fault.promises})
    few = reached([fault.few for fault in tests if not fault.is_thorough])
    has_short = any(fault.few != 0 for fault in tests)
    cells = (
        str(number),
        row.fault,
        " ".join(promises),
        f"{row.goal:,}" if isinstance(row.goal, int) else row.goal,
        _count(few) if has_short else "none",
        _count(reached([fault.many for fault in tests])) if tests else "none",
        _outcome(tests, run),
    )
    return f"| {' | '.join(cells)} |"


def _outcome(tests: Sequence[Fault], run: last_run.Run | None) -> str:
    counts = [(run or {}).get("tests", {}).get(f"{test.path}::{test.test}", {}) for test in tests]
    if any(count.get("failed") for count in counts):
        return f"failed {run['date']}" if run else ""
    if run is None or not all(count.get("passed") for count in counts) or not counts:
        return "not run yet"
    return f"passed {run['date']}"


def _tests(marked_faults: Sequence[Fault]) -> Iterator[str]:
    last = len(ROWS) + 1
    for fault in sorted(marked_faults, key=lambda fault: fault.rows or (last,)):
        cells = (
            ", ".join(map(str, fault.rows)) or "–",
            fault.words,
            " ".join(fault.promises),
            f"[`{fault.test}`](../{fault.path})",
            _count(fault.few),
            _count(fault.many),
        )
        yield f"| {' | '.join(cells)} |"


def _count(number: int | None) -> str:
    return "all" if number is None else f"{number:,}" if number else "none"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(faults(), last_run.read()), encoding="utf-8")


if __name__ == "__main__":
    main()
