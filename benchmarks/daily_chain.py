"""What a later day of the demonstration costs: each task of the chain, and the chain as a whole.

`python -m benchmarks.daily_chain --home FOLDER [--days N] [--json FILE]`

A stack below FOLDER lives through the demonstration's days first, unless it has already, then
through the N days after them, one by one. A day lasts from the moment its run of
`ingest_deliveries` is asked for to the end of the last task. Beside the wall time, which others on
the machine lengthen, stand the CPU seconds of all processes of the stack, which they hardly do: on
two idle cores a day cannot take less than half of them.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console

from retention_ml.settings import Settings, load
from retention_ml.stack import databases, demo, demo_data, local
from retention_ml.stack.airflow_api import AirflowApi
from retention_ml.stack.processes import MARKER

_CHAIN = (*demo.CHAIN, "assign_actions")
_COLUMNS = "queued start end work wait"
_QUICKEST = 0.05  # seconds: what lasted less had no process


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTime:
    """A task instance; seconds since its day was asked for."""

    dag_id: str
    task_id: str
    state: str
    queued: float
    start: float
    end: float

    @property
    def has_process(self) -> bool:
        """Whether a process ran for it: what is skipped by the scheduler has none."""
        return self.end - self.start > _QUICKEST


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTime:
    """A day of the chain.

    Parameters
    ----------
    chain_s, published_s : float
        Seconds until the last task ended, and until the day's scores were published.
    cpu_s : float
        Seconds of CPU of Airflow, MLflow and Postgres, from the start to the end of the day.
    load : float
        Load average of the last minute, at the end.
    """

    day: date
    chain_s: float
    published_s: float
    cpu_s: float
    load: float
    tasks: Sequence[TaskTime]


def main() -> int:
    """Run the days and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="kept; goes on from there")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the days to this file")
    options = parser.parse_args()
    os.environ["RETENTION_HOME"] = str(options.home.resolve())
    settings = load()
    console = Console(width=160, highlight=False)
    try:
        demo.run(settings, show=False)
        days = [_measure(settings, delivery) for delivery in _later(settings, options.days)]
    finally:
        local.down(settings)
    for day in days:
        _show(day, console)
    if days:
        console.print(
            f"median of {len(days)} days: chain {median(d.chain_s for d in days):.1f} s, published "
            f"after {median(d.published_s for d in days):.1f} s, CPU "
            f"{median(d.cpu_s for d in days):.1f} s"
        )
    if options.json:
        rows = [asdict(day) for day in days]
        options.json.write_text(json.dumps(rows, default=str, indent=1), encoding="utf-8")
    return 0


def _later(settings: Settings, count: int) -> Iterator[demo_data.Delivery]:
    """The days after the newest that this home has lived through, with their files."""
    last = demo_data.DAYS[-1]
    done = settings.home / "demo" / "later.txt"
    newest = date.fromisoformat(done.read_text("utf-8")) if done.exists() else last
    days = [last + timedelta(days=at + 1) for at in range((newest - last).days + count)]
    for delivery in demo_data.prepare(settings, (*demo_data.DAYS, *days))[-count:]:
        yield delivery
        done.write_text(delivery.day.isoformat(), encoding="utf-8")


def _measure(settings: Settings, delivery: demo_data.Delivery) -> DayTime:
    airflow = demo.connect(settings)
    demo.wait_for_dags(airflow)
    cpu, asked_at = _cpu_seconds(settings), time.time()
    earlier = demo.start(airflow, delivery)
    demo.follow(airflow, delivery.day, lambda _: None, earlier)
    _require_quiet(airflow, delivery.day)
    spent = _cpu_seconds(settings) - cpu
    tasks = sorted(_tasks(airflow, delivery.day, asked_at), key=lambda task: task.start)
    published = [task for task in tasks if task.dag_id == "score_customers"]
    return DayTime(
        day=delivery.day,
        chain_s=max(task.end for task in tasks),
        published_s=max(task.end for task in published),
        cpu_s=spent,
        load=os.getloadavg()[0],
        tasks=tasks,
    )


def _require_quiet(airflow: AirflowApi, day: date) -> None:
    """Wait for the actions, which the demonstration does not follow."""
    while any(run["state"] in ("queued", "running") for run in airflow.runs(_CHAIN[-1], day)):
        time.sleep(0.5)


def _tasks(airflow: AirflowApi, day: date, asked_at: float) -> Iterator[TaskTime]:
    for dag_id in _CHAIN:
        for run in airflow.runs(dag_id, day):
            for task in airflow.tasks(dag_id, run["dag_run_id"]):
                if task["start_date"] and task["end_date"]:
                    yield _task_time(task, asked_at)


def _task_time(task: dict[str, Any], asked_at: float) -> TaskTime:
    def seconds(name: str) -> float:
        stamp = task[name] or task["start_date"]
        return datetime.fromisoformat(stamp).timestamp() - asked_at

    return TaskTime(
        dag_id=task["dag_id"],
        task_id=task["task_id"],
        state=str(task["state"]),
        queued=seconds("queued_when"),
        start=seconds("start_date"),
        end=seconds("end_date"),
    )


def _cpu_seconds(settings: Settings) -> float:
    """What all processes of the stack, and those that they have waited for, have used so far."""
    mark = f"{settings.home / 'run'}/"
    postgres = databases.server(settings.home).pid
    roots = {postgres} if postgres else set()
    total = 0.0
    for process in psutil.process_iter(["environ", "cpu_times", "ppid"]):
        variables = process.info["environ"] or {}
        is_part = variables.get(MARKER, "").startswith(mark)
        if is_part or process.pid in roots or process.info["ppid"] in roots:
            times = process.info["cpu_times"]
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _show(day: DayTime, console: Console) -> None:
    console.print(
        f"[bold]{day.day}[/bold]  chain {day.chain_s:.1f} s, scores published after "
        f"{day.published_s:.1f} s, CPU {day.cpu_s:.1f} s, load {day.load:.1f}"
    )
    console.print(f"{'':48}" + "".join(f"{name:>8}" for name in _COLUMNS.split()))
    with_process = [task for task in day.tasks if task.has_process]
    for task in with_process:
        figures = (
            task.queued,
            task.start,
            task.end,
            task.end - task.start,
            task.start - task.queued,
        )
        name = f"{task.dag_id} › {task.task_id}"
        console.print(f"{name:48}" + "".join(f"{figure:8.1f}" for figure in figures))
    work = sum(task.end - task.start for task in with_process)
    console.print(f"{len(with_process)} tasks with a process, {work:.1f} s of work in all\n")


if __name__ == "__main__":
    sys.exit(main())
