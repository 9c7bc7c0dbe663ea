"""Tasks of a backtest spread over processes, or run here where one process is enough."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from retention_ml.errors import RetentionError
from retention_ml.limits import of_sessions
from retention_ml.models.backtest.worker import Task, TaskResult, Worker
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_worker: Worker


def run_tasks(
    warehouse: Warehouse, settings: Settings, tasks: Sequence[Task], workers: int
) -> Iterator[TaskResult]:
    """The result of each task as it is finished.

    With several `workers` each is a process with a connection of its own and one thread: the same
    results as with one, which has `settings.compute.threads`. Whatever ends the iteration early
    ends the processes too.

    Raises
    ------
    RetentionError
        A process was killed.
    """
    if min(workers, len(tasks)) <= 1:
        worker = Worker(warehouse, settings, settings.compute.threads)
        yield from map(worker.run, tasks)
        return
    before = {child.pid for child in multiprocessing.active_children()}
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(warehouse.url, settings),
    )
    try:
        for finished in as_completed([pool.submit(_run, task) for task in tasks]):
            yield finished.result()
    except BrokenProcessPool as error:
        raise RetentionError(
            f"One of the {workers} processes of the backtest was killed, most likely for lack of "
            "memory. What was finished is kept. Run the same command again with --workers 1."
        ) from error
    finally:
        for child in multiprocessing.active_children():
            if child.pid not in before:
                child.terminate()
        # The pool's own thread reaps its processes. Joined beside it, one of the two would take a
        # process for running that the other has just reaped.
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(url: str, settings: Settings) -> None:
    """Prepare a process: one thread, no life without the parent, and Ctrl-C is the parent's."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threadpool_limits(limits=1)
    global _worker
    warehouse = Warehouse(url, **of_sessions(settings))
    _worker = Worker(warehouse, settings, threads=1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(task: Task) -> TaskResult:
    return _worker.run(task)
