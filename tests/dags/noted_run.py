"""Run as a program: runs of `score_customers` with doors that return receipts, and what Airflow shows.

Prints as JSON, for each scenario, the note and partition key of the run, the event of its asset, and
the links of its tasks.
"""

import json
import sys
from pathlib import Path
from typing import Any

SCORED = {
    "door": "score", "snapshot_id": 7, "batch_id": 5, "scores_digest": "ab12",
    "model": "rfm_logistic v3", "written": 2325, "duplicates": 0,
    "tiers": {"high": 48, "low": 2265, "critical": 12},
}  # fmt: skip
PUBLISHED = {
    "door": "publish", "snapshot_id": 7, "read": 2325, "written": 2325, "duplicates": 0,
    "model_version": "3",
}  # fmt: skip


def main(folder: Path) -> None:
    from airflow.utils import db

    db.initdb()
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag

    DagBundlesManager().sync_bundles_to_db()
    dag = DagBag(dag_folder=str(folder / "40_score_customers.py")).dags["score_customers"]
    dag.deadline = None  # dag.test() cannot be repeated with one
    scenarios = {
        "good": run(dag, {"as_of": "2017-11-22"}),
        "failed": run(dag, {"as_of": "2017-11-22"}, failing="publish"),
        "without a day": run(dag, {}),
        "skipped": run(dag, {"as_of": "2017-11-22"}, skipping="score"),
    }
    print(json.dumps(scenarios | {"started": started(dag)}))


def run(dag: Any, conf: dict[str, str], failing: str = "", skipping: str = "") -> dict[str, Any]:
    from airflow.models.asset import AssetEvent
    from airflow.models.dagrun import DagRun
    from airflow.sdk.exceptions import AirflowSkipException
    from airflow.utils.session import create_session
    from retention_airflow import alerts, doors
    from retention_airflow.runs import links
    from sqlalchemy import select

    def call(door: Any, **_: Any) -> dict[str, Any]:
        if door.__name__ == failing:
            raise ValueError("the text of a defect")
        if door.__name__ == skipping:
            raise AirflowSkipException("There is no champion yet.")
        return {"score": SCORED, "publish": PUBLISHED}[door.__name__]

    doors.call = call
    alerts.send = lambda _: None
    ended = dag.test(run_conf=conf)
    with create_session() as session:
        one = session.get(DagRun, ended.id)
        one.dag = scheduled(dag)
        one.notify_dagrun_state_changed(msg="as the scheduler does, in its session")
        extras = session.scalars(
            select(AssetEvent).where(AssetEvent.source_run_id == ended.run_id)
        ).all()
        return {
            "state": str(ended.state),
            "run_after": ended.run_after.isoformat(),
            "note": one.note,
            "events": [{"key": event.partition_key, **event.extra} for event in extras],
            "links": {
                ti.task_id: {
                    link.name: link.get_link(dag.get_task(ti.task_id), ti_key=ti.key)
                    for link in links.LINKS
                }
                for ti in ended.get_task_instances()
            },
        }


def scheduled(dag: Any) -> Any:
    """The DAG as the scheduler knows it."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def started(dag: Any) -> dict[str, Any]:
    """What a run has as soon as the scheduler starts it, by how it came about."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from retention_airflow.runs import listener
    from sqlalchemy import select

    shown = {}
    for kind, conf, key, note in (
        ("manual", {"as_of": "2017-11-22"}, None, None),
        ("operator_triggered", {"as_of": "2017-11-22"}, None, "Files arrived."),
        ("asset_triggered", {}, "2017-11-23", None),
        ("asset_triggered", {}, None, "Looked at by ann."),
    ):
        with create_session() as session:
            one = session.scalars(select(DagRun).order_by(DagRun.id).limit(1)).one()
            one.dag, one.run_type, one.conf, one.partition_key, one.note = (
                scheduled(dag), kind, conf, key, note,
            )  # fmt: skip
            listener.on_dag_run_running(one)
            shown[f"{kind} {key}"] = {
                "key": one.partition_key,
                "date": str(one.partition_date),
                "note": one.note,
            }
            session.rollback()
    with create_session() as session:
        one = session.scalars(select(DagRun).order_by(DagRun.id).limit(1)).one()
        one.note, one.dag, listener.day_of_run = "Looked at by ann.", scheduled(dag), _defect
        listener.on_dag_run_success(one)
        shown["defect"] = {"note": one.note, "usable": session.is_active}
        session.rollback()
    return shown


def _defect(_: Any) -> None:
    raise ZeroDivisionError


if __name__ == "__main__":
    main(Path(sys.argv[1]))
