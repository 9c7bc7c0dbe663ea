"""Buttons on a task: the page of the day, the quality report, MLflow.

Airflow asks for them in its API server, for every task; an empty answer shows no button.
"""

import logging
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk import BaseOperatorLink

from retention_airflow.clock import day_of_run
from retention_airflow.defaults import OWNER
from retention_airflow.runs import addresses, notes
from retention_ml.errors import UsageError
from retention_ml.settings import load

logger = logging.getLogger(__name__)

MODEL = "churn"
_OF_A_RUN = ("run_type", "run_after", "conf", "partition_key", "run_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedTask:
    """What a button follows from: the run, and what the receipts of the task say, the last one first."""

    run: Mapping[str, Any]
    receipt: Mapping[str, Any]


class _Link(BaseOperatorLink):  # type: ignore[misc]  # airflow is untyped here
    """A button on the tasks of the platform."""

    @abstractmethod
    def address(self, task: FinishedTask) -> str | None:
        """Where it leads; None where the task has no such page."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The address; empty where the task has none, or where it cannot be told."""
        if getattr(operator, "owner", None) != OWNER:
            return ""
        try:
            return self.address(_task(ti_key)) or ""
        except Exception:  # a button less, not a page less
            logger.exception("The link %r of %s is not known.", self.name, ti_key)
            return ""


class PageOfTheDay(_Link):
    """The page of the run's day."""

    name = "Page of the day"

    def address(self, task: FinishedTask) -> str | None:
        """The page; None for a run without a day."""
        try:
            return addresses.page_of_day(day_of_run(task.run))
        except UsageError:
            return None


class QualityReport(_Link):
    """The report about the batch that the task worked on."""

    name = "Quality report"

    def address(self, task: FinishedTask) -> str | None:
        """The report; None for a task without a batch."""
        batch_id = task.receipt.get("batch_id")
        return None if batch_id is None else addresses.quality_page(int(batch_id))


class MlflowPage(_Link):
    """The run of a candidate, or the version that was registered."""

    name = "MLflow"

    def address(self, task: FinishedTask) -> str | None:
        """The page in MLflow; None for a task that logged nothing there."""
        mlflow = addresses.mlflow(load())
        if mlflow and (run_id := task.receipt.get("mlflow_run_id")):
            return f"{mlflow}/#/runs/{run_id}"
        if mlflow and (version := task.receipt.get("model_version")):
            return f"{mlflow}/#/models/{MODEL}/versions/{version}"
        return None


LINKS = [PageOfTheDay(), QualityReport(), MlflowPage()]


def _task(key: Any) -> FinishedTask:
    """What Airflow's database says of a task instance."""
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalars(
            select(DagRun).where(DagRun.dag_id == key.dag_id, DagRun.run_id == key.run_id)
        ).one()
        returned = session.scalar(
            select(XComModel.value).where(
                XComModel.dag_id == key.dag_id,
                XComModel.run_id == key.run_id,
                XComModel.task_id == key.task_id,
                XComModel.map_index == key.map_index,
                XComModel.key == "return_value",
            )
        )
        facts = {name: getattr(run, name) for name in _OF_A_RUN}
    receipt: dict[str, Any] = {}
    for one in notes.receipts_in(returned):
        receipt |= {name: value for name, value in one.items() if value is not None}
    return FinishedTask(run=facts, receipt=receipt)
