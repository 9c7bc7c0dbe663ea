"""Two revisions at size, in turn on one machine: `python -m benchmarks.compare --base REF`.

The revision `REF` is checked out beside this one and runs in the same environment, so it must need
the same packages. Prints the median time of each stage before and after, and their ratio.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.at_size import SIZES

_HERE = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure both revisions as often as asked, one after the other, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, metavar="REF", help="what to compare with")
    parser.add_argument("--size", choices=SIZES, default="30k")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with _checked_out(options.base) as base:
        measured: dict[Path, list[dict[str, dict[str, Any]]]] = {base: [], _HERE: []}
        for _ in range(options.repeats):
            for folder, runs in measured.items():
                runs.append(_measure(folder, options.size))
        _show(measured[base], measured[_HERE], f"{options.base} → here, {options.size}")


@contextmanager
def _checked_out(reference: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="retention-base-") as name:
        folder = Path(name) / "base"
        git = ["git", "-C", str(_HERE), "worktree"]
        subprocess.run([*git, "add", "--detach", str(folder), reference], check=True)
        try:
            if not (folder / "benchmarks" / "at_size.py").exists():
                sys.exit(
                    f"{reference} has no benchmarks/at_size.py, so it cannot be measured. Name a "
                    "later revision."
                )
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def _measure(folder: Path, size: str) -> dict[str, dict[str, Any]]:
    """The stages of a revision by name; it runs in its own folder, whose packages come first."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "benchmarks", "--size", size, "--json", file.name]
        subprocess.run(command, cwd=folder, check=True)
        return {row["stage"]: row for row in json.loads(Path(file.name).read_text())}


def _show(
    before: list[dict[str, dict[str, Any]]], after: list[dict[str, dict[str, Any]]], title: str
) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("stage")
    for name in ("wall s before", "after", "ratio", "CPU s before", "after", "ratio", "MB before",
                 "after"):  # fmt: skip
        table.add_column(name, justify="right")
    for stage in after[0]:
        cells = []
        for figure in ("wall_s", "cpu_s"):
            was, is_now = (median(run[stage][figure] for run in runs) for runs in (before, after))
            cells += [f"{was:.1f}", f"{is_now:.1f}", f"{is_now / max(was, 1e-9):.2f}"]
        cells += [
            f"{median(run[stage]['peak_mb'] for run in runs):,.0f}" for runs in (before, after)
        ]
        table.add_row(stage, *cells)
    Console(width=150, highlight=False).print(table)


if __name__ == "__main__":
    main()
