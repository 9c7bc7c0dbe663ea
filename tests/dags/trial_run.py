"""Run as a program: runs of `measure_outcomes` with doors that only take notes.

Reads a list of scenarios as JSON from its argument and prints as JSON, for each, what became of the
tasks, which doors were gone through with what, and what a person was asked. The person is the
scenario's `answers`, one for each question; "silence" lets the time for an answer pass.
"""

import json
import logging
import sys
import time
import types
from pathlib import Path
from typing import Any

from retention_ml.settings import load

DAG_ID = "measure_outcomes"
logger = logging.getLogger(__name__)


def main(folder: Path, scenarios: list[dict[str, Any]]) -> None:
    from airflow.utils import db

    db.initdb()
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag

    DagBundlesManager().sync_bundles_to_db()
    init_auth_manager()
    packages = {
        "measure": "",
        "decide": "trial.",
        "look": "experiment.",
        "watch": "monitoring.",
        "measure_lists": "lists.",
        "decide_ranker": "lists.",
    }
    for name, package in packages.items():
        stand_in = types.ModuleType(f"retention_ml.outcomes.{package}{name}")
        setattr(stand_in, name, _named(name))
        sys.modules[stand_in.__name__] = stand_in
    bag = DagBag(dag_folder=str(folder / "80_measure_outcomes.py"))
    print(json.dumps([run(bag.dags[DAG_ID], scenario) for scenario in scenarios]))


def run(dag: Any, scenario: dict[str, Any]) -> dict[str, Any]:
    from retention_airflow import alerts, approvals, doors, ranker_approvals

    gone_through: list[dict[str, Any]] = []
    messages: list[Any] = []
    asked: list[dict[str, Any]] = []
    answers = list(scenario.get("answers", ()))

    def call(door: Any, **arguments: Any) -> dict[str, Any]:
        name = door.__name__
        gone_through.append({"door": name, **{k: str(v) for k, v in arguments.items() if v}})
        if name in scenario.get("failing", ()):
            raise ValueError("the text of a defect")
        named = {"door": name, "as_of": str(arguments["as_of"])}
        return named | scenario["receipts"].get(name, {})

    doors.call = call
    doors.settings = lambda: load({"RETENTION_PROMOTION__MODE": scenario.get("mode", "approval")})
    alerts.send = messages.append
    approvals.card_of = lambda version: f"# churn {version}\n\nA model card with {{{{ braces }}}}."
    ranker_approvals.card_of = lambda version: f"# Recommendations: {version}"
    is_waiting = approvals.is_waiting
    if "is_waiting" in scenario:
        approvals.is_waiting = lambda _: scenario["is_waiting"]
    refused: list[int] = []
    again = scenario.get("again", False)
    # dag.test() sleeps while it waits for an answer
    time.sleep = lambda _: _answer(answers, asked, refused, again)
    ended = dag.test(run_conf={"as_of": scenario["as_of"]})
    approvals.is_waiting = is_waiting
    return {
        "run": str(ended.state),
        "tasks": {ti.task_id: str(ti.state) for ti in ended.get_task_instances()},
        "doors": gone_through,
        "asked": asked,
        "refused": refused,
        "told": [message.text() for message in messages],
    }


def _named(name: str) -> Any:
    def door() -> None: ...

    door.__name__ = name
    return door


def _answer(
    answers: list[Any], asked: list[dict[str, Any]], refused: list[int], again: bool
) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    with create_session() as session:
        waiting = session.scalars(
            select(TaskInstance)
            .where(TaskInstance.state == TaskInstanceState.AWAITING_INPUT)
            .options(joinedload(TaskInstance.hitl_detail))
        ).all()
        for ti in waiting:
            detail = ti.hitl_detail
            asked.append(
                {
                    "subject": detail.subject,
                    "body": detail.body,
                    "options": detail.options,
                    "defaults": detail.defaults,
                    "hours": round((ti.trigger_timeout - detail.created_at).total_seconds() / 3600),
                }
            )
            answer = answers.pop(0)
            if answer == "silence":
                _let_time_pass(ti, session)
            else:
                tries = [_status(ti, answer, session) for _ in range(1 + again)]
                refused += [status for status in tries if status != 200]


def _respond(ti: Any, answer: dict[str, str], session: Any) -> None:
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail

    update_hitl_detail(
        dag_id=ti.dag_id,
        dag_run_id=ti.run_id,
        task_id=ti.task_id,
        update_hitl_detail_payload=UpdateHITLDetailPayload(
            chosen_options=[answer["option"]], params_input={"why": answer.get("why", "")}
        ),
        user=SimpleAuthManagerUser(username=answer["who"], role="admin"),
        session=session,
    )


def _status(ti: Any, answer: dict[str, str], session: Any) -> int:
    from fastapi import HTTPException

    try:
        _respond(ti, answer, session)
    except HTTPException as refusal:
        return refusal.status_code
    return 200


def _let_time_pass(ti: Any, session: Any) -> None:
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    ti.trigger_timeout = ti.hitl_detail.created_at
    session.flush()
    scheduler = types.SimpleNamespace(log=logger)
    SchedulerJobRunner.check_awaiting_input_timeouts(scheduler, session=session)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
