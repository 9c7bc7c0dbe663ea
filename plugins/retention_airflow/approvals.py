"""What a person is asked before a challenger becomes champion, and what became of the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

ASKED_BY = "approve"
ANSWER = "answer"
WAITING = "awaiting_input"


class Approval(ApprovalOperator):  # type: ignore[misc]  # airflow is untyped here
    """Asks a person and hands on who said what, a no as well: by itself Airflow hands on a yes only."""

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep the answer, then skip what follows a no."""
        if "error" not in event:
            given = {
                key: event[key] for key in ("chosen_options", "params_input", "responded_by_user")
            }
            context["ti"].xcom_push(key=ANSWER, value=given)
        return super().execute_complete(context, event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of the question.

    Parameters
    ----------
    approved_by, rejected_by : str or None
        Who said so; both None where nobody answered.
    why : str
        What they wrote with it; may be empty.
    """

    approved_by: str | None = None
    rejected_by: str | None = None
    why: str = ""


def is_needed(measured: Mapping[str, Any], mode: str) -> bool:
    """Whether a person is to be asked: the evidence says promote, and the setting says ask."""
    return mode == "approval" and measured.get("verdict") == "promote"


def given() -> dict[str, Any] | None:
    """What the person said in this run, None where nobody was asked; called within a task."""
    from airflow.sdk import get_current_context

    pulled = get_current_context()["ti"].xcom_pull(task_ids=ASKED_BY, key=ANSWER)
    return dict(pulled) if pulled else None


def is_waiting(dag_id: str) -> bool:
    """Whether the question of another day still waits for its answer; called within a task."""
    from airflow.sdk import get_current_context

    task = get_current_context()["ti"]
    return bool(task.get_ti_count(dag_id=dag_id, task_ids=[ASKED_BY], states=[WAITING]))


def card_of(version: str) -> str:
    """The model card of a version and its trials, as the registry shows them."""
    from retention_airflow import doors
    from retention_ml.models.registry import Registry

    return Registry(doors.settings()).description(version)


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
    trial = measured.get("trial") or {}
    figures = [f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in trial.items()
               if isinstance(value, int | float | str) and not isinstance(value, bool)]  # fmt: skip
    parts = [
        f"Version **{challenger}** is to replace version **{champion}**. "
        "Without an answer the champion stays.",
        f"**Why:** {measured['reason']}",
    ]
    if figures:
        parts.append("\n".join(["| Evidence | |", "|---|---|", *figures]))
    if measured.get("report"):
        parts.append(f"The comparison with plots and tables: `{measured['report']}`")
    if card:
        parts.append(f"---\n\n{card}")
    return {
        "subject": f"Make version {challenger} of churn champion instead of {champion}? "
        f"(outcomes known on {measured['as_of']})",
        "body": "\n\n".join(parts),
    }


def answer(given: Mapping[str, Any] | None) -> Answer:
    """What the result of the asking task says; anything but a person's approval is none.

    Parameters
    ----------
    given : mapping of str to object, optional
        None where nobody was asked.
    """
    if not given:
        return Answer()
    user = given.get("responded_by_user") or {}
    who = str(user.get("name") or user.get("id") or "")
    why = str((given.get("params_input") or {}).get("why") or "")
    if not who:
        return Answer(why=why)
    if list(given.get("chosen_options") or ()) == ["Approve"]:
        return Answer(approved_by=who, why=why)
    return Answer(rejected_by=who, why=why)


def _shown(value: float | str) -> str:
    return f"{value:,.5g}" if isinstance(value, float) else str(value).replace("|", "\\|")
