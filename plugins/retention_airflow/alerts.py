"""Where alerts go: the log always, mail and Slack where they are set up; as Airflow notifiers.

Mail goes through Airflow's connection `smtp_default` to `[alerts] email_to`, Slack to the incoming
webhook in `RETENTION_SLACK_WEBHOOK`. A channel that fails does not keep the others from speaking.
"""

import asyncio
import json
import logging
import os
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk.bases.notifier import BaseNotifier

from retention_airflow import messages
from retention_airflow.messages import Message
from retention_ml.settings import load
from retention_ml.settings.secret_files import with_secrets

logger = logging.getLogger(__name__)

WEBHOOK = "RETENTION_SLACK_WEBHOOK"


class AlertNotSent(OSError):
    """An alert could not be sent; it is in the log, and the task is tried again."""


def send(message: Message) -> None:
    """Send it through every channel.

    Raises
    ------
    AlertNotSent
        A channel failed; all others were used.
    """
    level = logging.CRITICAL if message.severity == "critical" else logging.WARNING
    logger.log(level, "%s", message.text())
    failed = []
    for name, channel in {"mail": _mail, "Slack": _slack}.items():
        try:
            channel(message)
        except Exception as error:  # whatever a channel does, the next one is tried
            failed.append(f"{name} ({type(error).__name__})")  # its text may hold the address
    if failed:
        raise AlertNotSent(
            f"The alert {message.subject!r} is in the log, but could not be sent by "
            f"{' and '.join(failed)}. Check the connection smtp_default on Airflow's page and "
            f"the variable {WEBHOOK}."
        )


def _mail(message: Message) -> None:
    alerts = load().alerts
    if not alerts.email_to:
        return
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    # notify, not a call: a call would render the message as a template.
    SmtpNotifier(
        to=list(alerts.email_to),
        from_email=alerts.email_from,
        subject=f"[retention] {message.subject}",
        html_content=message.html(),
        smtp_conn_id="smtp_default",
    ).notify({})


def _slack(message: Message) -> None:
    webhook = with_secrets(os.environ, [WEBHOOK]).get(WEBHOOK)
    if not webhook:
        return
    if urlsplit(webhook).scheme not in ("http", "https"):
        raise ValueError(f"{WEBHOOK} is no address of the web")
    text = message.text().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # urllib, because httpx and others note every address in the log: this one is a secret.
    request = urllib.request.Request(  # noqa: S310  (its scheme was looked at)
        webhook,
        data=json.dumps({"text": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass


def send_alerts(alerts: Sequence[Mapping[str, Any]], day: str) -> None:
    """Send the alerts that a watch raised; called within a task."""
    from airflow.sdk import get_current_context

    if alerts:
        send(messages.of_alerts(alerts, day, get_current_context()["ti"].log_url))


def go_on(watched: dict[str, Any]) -> Any:
    """What a watch returns; the task `alert` is skipped where there is nothing to send."""
    from retention_airflow import doors

    return watched if watched["alerts"] else doors.go_on_without("alert", result=watched)


class FailureAlert(BaseNotifier):  # type: ignore[misc]  # airflow is untyped here
    """Alerts that a task failed permanently."""

    def notify(self, context: Any) -> None:
        """Send the message of the failed task."""
        send(messages.of_failure(context))


class LatenessAlert(BaseNotifier):  # type: ignore[misc]
    """Alerts that a day's scores were not published in time; called by a deadline."""

    async def async_notify(self, context: Any) -> None:
        """Send the message, unless the run makes a past day again: that has no deadline."""
        from airflow.sdk.configuration import conf

        if is_of_past(context["dag_run"], context["deadline"]["deadline_time"]):
            return
        message = messages.of_lateness(context["dag_run"], conf.get("api", "base_url", fallback=""))
        await asyncio.to_thread(send, message)


def is_of_past(run: Mapping[str, Any], deadline: datetime | str) -> bool:
    """Whether the run's day began more than two days before its deadline."""
    day = datetime.fromisoformat(str(run.get("partition_key") or deadline)).date()
    return datetime.fromisoformat(str(deadline)).date() - day > timedelta(days=2)
