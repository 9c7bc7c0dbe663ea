"""What an alert says: pure functions from what happened to a `Message`.

A message names the day, the place and what to do; it never holds a row, an address or a secret.
Of an error only the sentences of this library are quoted: those are written to be read by others.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_airflow.clock import day_of_run
from retention_ml.errors import RetentionError, UsageError

RED_TASK = "docs/runbook.md#when-a-task-is-red"
LATE_SCORES = "docs/runbook.md#stale-scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One alert for people.

    Parameters
    ----------
    subject : str
        One line.
    severity : str
        "warning" or "critical".
    sentences : sequence of str
        What happened, one thing each.
    link : str or None
        Where it is seen in Airflow.
    runbook : sequence of str
        Sections of the runbook that say what to do.
    """

    subject: str
    severity: str
    sentences: Sequence[str]
    link: str | None = None
    runbook: Sequence[str] = ()

    def text(self) -> str:
        """The message as plain text."""
        lines = [self.subject, *(f"- {sentence}" for sentence in self.sentences)]
        if self.link:
            lines.append(f"See {self.link}")
        lines += [f"What to do: {section}" for section in self.runbook]
        return "\n".join(lines)

    def html(self) -> str:
        """The text as HTML in which nothing of the message is markup."""
        return f"<pre>{html.escape(self.text())}</pre>"


def of_failure(context: Mapping[str, Any]) -> Message:
    """The message about a task that failed permanently.

    Parameters
    ----------
    context : mapping of str to object
        What Airflow gives to a failure callback.
    """
    task = context.get("task_instance") or context.get("ti")
    return Message(
        subject=f"{getattr(task, 'dag_id', 'a DAG')}.{getattr(task, 'task_id', 'a task')} failed "
        f"for {_day(context.get('dag_run'))}",
        severity="critical",
        sentences=[_sentence(context.get("exception"))],
        link=getattr(task, "log_url", None),
        runbook=[RED_TASK],
    )


def of_alerts(alerts: Sequence[Mapping[str, Any]], day: str, link: str | None) -> Message:
    """The message about the alerts that a watch raised, the critical first.

    Parameters
    ----------
    alerts : sequence of mapping
        With kind, subject, severity, sentence and runbook; at least one.
    """
    ranked = sorted(alerts, key=lambda alert: alert["severity"] != "critical")
    more = f" and {len(ranked) - 1} more" if len(ranked) > 1 else ""
    first, thing = str(ranked[0]["kind"]).replace("_", " "), str(ranked[0]["subject"])
    if thing not in first:
        first += f" of {thing}"
    return Message(
        subject=f"{first}{more} on {day}",
        severity=str(ranked[0]["severity"]),
        sentences=[f"{alert['severity']}: {alert['sentence']}" for alert in ranked],
        link=link,
        runbook=list(dict.fromkeys(str(alert["runbook"]) for alert in ranked)),
    )


def of_lateness(run: Mapping[str, Any], base_url: str) -> Message:
    """The message about a run that has not published its day in time.

    Parameters
    ----------
    run : mapping of str to object
        The run as Airflow's API describes it.
    base_url : str
        The address of Airflow's page.
    """
    return Message(
        subject=f"The scores of {_day(run)} are late",
        severity="critical",
        sentences=[
            f"{run['dag_id']} was due to be done by now and is {run.get('state', 'not')}. "
            "The scores published before stay up."
        ],
        link=f"{base_url.rstrip('/')}/dags/{run['dag_id']}/runs/{run['dag_run_id']}",
        runbook=[LATE_SCORES],
    )


def _sentence(error: object) -> str:
    if isinstance(error, RetentionError):
        return str(error)
    if isinstance(error, BaseException):
        return f"{type(error).__name__}, a defect or a killed process: its text is in the log only."
    return "It ended without a word, such as when its process is killed: see the log."


def _day(run: Any) -> str:
    try:
        return day_of_run(run).isoformat()
    except UsageError:
        return "no day"
