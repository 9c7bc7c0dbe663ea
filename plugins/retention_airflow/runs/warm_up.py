"""What tasks are forked with is imported while Airflow starts, not when the first task waits."""

import multiprocessing
from multiprocessing import forkserver

from airflow.listeners import hookimpl


@hookimpl  # type: ignore[untyped-decorator]  # airflow is untyped here
def on_starting() -> None:
    """Start the process that tasks are forked from, in the scheduler, which has chosen to have one.

    A task calls this hook too, in a process that was forked from it.
    """
    is_forked = multiprocessing.parent_process() is not None
    if not is_forked and multiprocessing.get_start_method(allow_none=True) == "forkserver":
        forkserver.ensure_running()
