"""Gives every run its day where Airflow shows runs: the partition key, and a note with the result.

Airflow calls it in the scheduler when a run starts and ends (in the API server where a person sets
the state), inside the transaction that changes the run. So nothing here may commit, and what fails
is undone by a savepoint and logged: the run goes on without a note.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from airflow.listeners import hookimpl
from sqlalchemy import select
from sqlalchemy.orm import object_session

from retention_airflow.clock import day_of_run
from retention_airflow.defaults import OWNER
from retention_airflow.runs import notes
from retention_ml.errors import UsageError

logger = logging.getLogger(__name__)

STARTED_WITHOUT_KEY = ("manual", "operator_triggered")


@hookimpl  # type: ignore[untyped-decorator]  # airflow is untyped here
def on_dag_run_running(dag_run: Any) -> None:
    """Name the day as soon as the run starts."""
    _guarded(dag_run, _begin)


@hookimpl  # type: ignore[untyped-decorator]  # airflow is untyped here
def on_dag_run_success(dag_run: Any) -> None:
    """Add what came of it."""
    _guarded(dag_run, _end)


@hookimpl  # type: ignore[untyped-decorator]  # airflow is untyped here
def on_dag_run_failed(dag_run: Any) -> None:
    """Add what failed, and what came of it all the same."""
    _guarded(dag_run, _end)


def _guarded(run: Any, describe: Callable[[Any], dict[str, Any]]) -> None:
    session = object_session(run)
    if session is None:
        return
    try:
        if not _is_of_the_platform(run):
            return
        session.flush()
        # Reads that fail would end the transaction. A savepoint of the connection keeps it: one of
        # the session counts as a commit, which the scheduler forbids here.
        with session.connection().begin_nested():
            changes = describe(run)
    except Exception:
        logger.exception("The run %s of %s goes on without a note.", run.run_id, run.dag_id)
        return
    for name, value in changes.items():
        setattr(run, name, value)


def _is_of_the_platform(run: Any) -> bool:
    """Whether the DAG is one of the platform: others may live in the same Airflow."""
    return OWNER in str(getattr(run.dag, "owner", "") or "").split(", ")


def _begin(run: Any) -> dict[str, Any]:
    day, timetable = _day(run), run.dag.timetable
    if day is None:
        return {}
    note = notes.note(day, [], run.note)
    # The key of a scheduled or handed-over run is its day already.
    if run.run_type not in STARTED_WITHOUT_KEY or not timetable.partitioned:
        return {"note": note}
    key = day.isoformat()
    return {
        "note": note,
        "partition_key": key,
        "partition_date": timetable.resolve_partition_date(key),
    }


def _end(run: Any) -> dict[str, Any]:
    day, session = _day(run), object_session(run)
    if day is None:
        return {}
    failed = [ti.task_id for ti in run.get_task_instances(state=["failed"], session=session)]
    results = notes.results_of(_receipts(run, session), failed)
    return {"note": notes.note(day, results, run.note)}


def _day(run: Any) -> date | None:
    """The day; None where the run is about none, such as a look at the inbox, or is refused."""
    try:
        return day_of_run(run)
    except UsageError:
        return None


def _receipts(run: Any, session: Any) -> Iterator[Mapping[str, Any]]:
    """What the doors of the run returned, oldest first."""
    from airflow.models.xcom import XComModel

    values = session.scalars(
        select(XComModel.value)
        .where(
            XComModel.dag_id == run.dag_id,
            XComModel.run_id == run.run_id,
            XComModel.key == "return_value",
        )
        .order_by(XComModel.timestamp)
    )
    for value in values:
        yield from notes.receipts_in(value)
