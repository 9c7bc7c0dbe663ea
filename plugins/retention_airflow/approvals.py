"""What a person is asked before a challenger becomes champion, and what became of the answer."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator

from retention_airflow.defaults import APPROVAL_PARAMS, APPROVAL_TIME, APPROVERS

logger = logging.getLogger(__name__)

ANSWER = "answer"
WAITING = "awaiting_input"
FIGURES = (
    ("began_on", "first day both scored"),
    ("scored_days_count", "scored days whose outcomes are known"),
    ("customers_count", "forecasts counted"),
    ("contacted_count", "left out, because a campaign reached the customer"),
    ("mean_difference", "Brier score of the champion minus that of the challenger"),
    ("lower", "... at least"),
    ("upper", "... at most"),
    ("e_better", "e-value for the challenger being better"),
    ("e_worse", "e-value for its being worse"),
    ("foreseen", "foreseen at the start"),
)


class Approval(ApprovalOperator):  # type: ignore[misc]  # airflow is untyped here
    """Asks a person and hands on who answered what, a no as well: by itself Airflow hands on a yes only."""

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep the answer, then skip what follows a no."""
        if "error" not in event:
            response = {
                key: event[key] for key in ("chosen_options", "params_input", "responded_by_user")
            } | {"responded_at": event["responded_at"].isoformat()}
            context["ti"].xcom_push(key=ANSWER, value=response)
        return super().execute_complete(context, event)


def is_needed(measured: Mapping[str, Any], mode: str) -> bool:
    """Whether a person is to be asked: an open trial says promote, and the setting says ask."""
    is_open = (measured.get("trial") or {}).get("status") == "open"
    return mode == "approval" and is_open and measured.get("verdict") == "promote"


def skip_if_waiting(task_id: str) -> None:
    """Skip the task that writes the question of `task_id` while that of another day waits."""
    from airflow.sdk.exceptions import AirflowSkipException

    if is_waiting(task_id):
        raise AirflowSkipException("The question of another day still waits for its answer.")


def ask(task_id: str, of: str) -> Approval:
    """The task that asks what the task `of` has put into words; silence promotes nothing.

    It waits without a worker's slot, at most `promotion.approval_hours`. Airflow then takes the
    default for the answer, which `answer` tells from a person's no.
    """
    return Approval(
        task_id=task_id,
        subject=f"{{{{ ti.xcom_pull(task_ids='{of}')['subject'] }}}}",
        body=f"{{{{ ti.xcom_pull(task_ids='{of}')['body'] }}}}",
        defaults=Approval.REJECT,
        response_timeout=APPROVAL_TIME,
        params=APPROVAL_PARAMS,
        assigned_users=[{"id": name, "name": name} for name in APPROVERS] or None,
        doc_md="Waits for the answer of a person under *Required Actions*; silence is a no.",
    )


def passage(task_id: str) -> EmptyOperator:
    """The task between a question and what follows from its answer: skipped by a no."""
    return EmptyOperator(task_id=task_id, doc_md="Reached by a yes, or where nobody was asked.")


def response_to(task_id: str, *, is_required: bool = True) -> dict[str, Any] | None:
    """What the person answered in this run, None where nobody was asked; called within a task.

    Without an answer that `is_required` the task is skipped.
    """
    from airflow.sdk import get_current_context
    from airflow.sdk.exceptions import AirflowSkipException

    pulled = get_current_context()["ti"].xcom_pull(task_ids=task_id, key=ANSWER)
    if not pulled and is_required:
        raise AirflowSkipException("Nobody was asked in this run, so there is no answer to follow.")
    return dict(pulled) if pulled else None


def is_waiting(task_id: str) -> bool:
    """Whether the question of another day still waits for its answer; called within a task."""
    from airflow.sdk import get_current_context

    task = get_current_context()["ti"]
    return bool(task.get_ti_count(dag_id=task.dag_id, task_ids=[task_id], states=[WAITING]))


def card_of(version: str) -> str:
    """The model card of a version and its trials, as the registry shows them, or why it does not."""
    from retention_airflow import doors
    from retention_ml.errors import RegistryError
    from retention_ml.models.registry.mlflow_registry import Registry

    try:
        return Registry(doors.settings()).description(version)
    except RegistryError as error:
        logger.warning("The question is asked without the model card: %s", error)
        return "The model card is missing: MLflow did not answer when this question was written."


def question(measured: Mapping[str, Any], card: str) -> dict[str, str]:
    """Subject and body (Markdown) of the question.

    Parameters
    ----------
    measured : mapping of str to object
        The receipt of `measure`.
    card : str
        See `card_of`.
    """
    champion, challenger = measured["champion_version"], measured["challenger_version"]
    parts = [
        f"Version **{challenger}** is to replace version **{champion}**. "
        "Without an answer the champion stays.",
        f"**Why:** {measured['reason']}",
        *evidence(measured.get("trial") or {}, FIGURES),
    ]
    if measured.get("report"):
        parts.append(f"The comparison with plots and tables: `{measured['report']}`")
    if card:
        parts.append(f"---\n\n{card}")
    return {
        "subject": f"Make version {challenger} of churn champion instead of {champion}? "
        f"(outcomes known on {measured['as_of']})",
        "body": "\n\n".join(parts),
    }


def answer(response: Mapping[str, Any] | None, measured: Mapping[str, Any]) -> dict[str, str]:
    """The arguments of `decide` that follow from the answer; only a person's approval is one.

    Parameters
    ----------
    response : mapping of str to object, optional
        See `response_to`; None where nobody was asked: there are no arguments then.
    measured : mapping of str to object
        The receipt of `measure` or `decide_ranker` that was asked about.
    """
    if not response:
        return {}
    from retention_ml.outcomes.trial.answer import NOBODY

    user = response.get("responded_by_user") or {}
    who = str(user.get("name") or user.get("id") or "")
    about = {"version": str(measured["challenger_version"])}
    if not who:
        return about | {"refused_by": NOBODY, "remark": "no answer came in time"}
    decision = about | {"remark": str((response.get("params_input") or {}).get("why") or "")}
    if list(response.get("chosen_options") or ()) == [Approval.APPROVE]:
        return decision | {"approved_by": who}
    return decision | {"refused_by": who}


def evidence(trial: Mapping[str, Any], titles: Iterable[tuple[str, str]]) -> list[str]:
    """A table (Markdown) of those figures of a trial that have a title, none where it has none."""
    figures = [f"| {title} | {_shown(trial[name])} |" for name, title in titles if name in trial]
    return ["\n".join(["| evidence | |", "|---|---|", *figures])] if figures else []


def _shown(value: Any) -> str:
    text = f"{value:,.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
