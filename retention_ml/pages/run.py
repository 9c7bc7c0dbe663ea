"""One run of a DAG: what its steps read and wrote, and where their reports are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.pages.shell import Frame, render

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRows:
    """What the page shows.

    Parameters
    ----------
    dag_id, run_id : str
        The run.
    receipts : sequence of mapping
        Of its steps, in order of time.
    batches : sequence of int
        Batches that its steps worked on.
    day_page : str, optional
        Address of the page of the day it worked on, once that day is published.
    """

    dag_id: str
    run_id: str
    receipts: Sequence[Row] = ()
    batches: Sequence[int] = ()
    day_page: str | None = None


def page(frame: Frame, rows: RunRows) -> str:
    """The page as HTML."""
    return render("run", frame, rows=rows)
