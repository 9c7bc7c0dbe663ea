"""A measured line, and how lines are printed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was done: how many rows it took in, how long, and against what.

    Parameters
    ----------
    what : str
        What was done, on what.
    rows : int
        Rows taken in.
    seconds : float
        Wall time.
    against : str
        An alternative measured in the same run; empty where there is none.
    times_faster : float or None
        Rows a second over those of the alternative.
    """

    what: str
    rows: int
    seconds: float
    against: str = ""
    times_faster: float | None = None

    @property
    def rows_per_second(self) -> float:
        """Rows a second."""
        return self.rows / max(self.seconds, 1e-9)

    def over(self, other: "Line") -> "Line":
        """The same line with its ratio against another, by rows a second."""
        return Line(
            what=self.what,
            rows=self.rows,
            seconds=self.seconds,
            against=other.what,
            times_faster=self.rows_per_second / other.rows_per_second,
        )


def timed(action: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def show(title: str, lines: Sequence[Line], note: str = "") -> None:
    """Print lines as a table, with a note below."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("what", overflow="fold")
    for name in ("rows", "seconds", "rows/s"):
        table.add_column(name, justify="right")
    table.add_column("compared, in the same run", overflow="fold")
    for line in lines:
        ratio = "" if line.times_faster is None else f"{line.times_faster:.1f} × {line.against}"
        table.add_row(
            line.what,
            f"{line.rows:,}",
            f"{line.seconds:.2f}",
            f"{line.rows_per_second:,.0f}",
            ratio,
        )
    console = Console(width=150, highlight=False)
    console.print(table)
    console.print(f"{note}\n" if note else "")
