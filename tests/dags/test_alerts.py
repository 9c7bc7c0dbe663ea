"""The channels of alerts: log, mail, Slack; what happens when one of them is down."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from email import message_from_string
from email.policy import default
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from retention_airflow import alerts
from retention_airflow.alerts import AlertNotSent, FailureAlert, LatenessAlert
from retention_airflow.messages import Message

from retention_ml.settings import Settings
from tests.dags.mailbox import mail_server, web_server

MESSAGE = Message(
    subject="input drift of recency_days on 2026-03-01",
    severity="warning",
    sentences=["recency_days moved by {{ 7 * 6 }} <b>."],
    runbook=["docs/runbook.md#drift"],
)
SECRET = "/services/T000/B000/secret"


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[..., None]:  # type: ignore[override]
    """Sets up where alerts go besides the log: nowhere, a mail server, a web server."""

    def set_up(mail: Any = None, web: str | None = None) -> None:
        to = {"email_to": ("ann@shop.example", "bob@shop.example")} if mail else {}
        alert_settings = settings.alerts.model_copy(update=to)
        monkeypatch.setattr(
            alerts, "load", lambda: settings.model_copy(update={"alerts": alert_settings})
        )
        monkeypatch.delenv(alerts.WEBHOOK, raising=False)
        if web:
            monkeypatch.setenv(alerts.WEBHOOK, web)
        if mail:
            host, port = mail
            plain = {"disable_tls": True, "disable_ssl": True, "retry_limit": 0, "timeout": 5}
            monkeypatch.setenv(
                "AIRFLOW_CONN_SMTP_DEFAULT",
                json.dumps({"conn_type": "smtp", "host": host, "port": port, "extra": plain}),
            )

    set_up()
    return set_up


@pytest.fixture
def web() -> Iterator[Any]:
    with web_server() as server:
        yield server


def address(server: Any) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{SECRET}"


def test_the_log_is_always_told(
    channels: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        alerts.send(MESSAGE)
    assert MESSAGE.text() in caplog.text
    assert caplog.records[0].levelname == "WARNING"


def test_the_address_of_slack_may_come_as_a_file(
    channels: Callable[..., None], web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slack").write_text(f"{address(web)}\n", "utf-8")
    monkeypatch.setenv(f"{alerts.WEBHOOK}_FILE", str(tmp_path / "slack"))
    alerts.send(MESSAGE)
    assert len(web.received) == 1


def test_slack_and_mail_get_the_text_as_it_is(channels: Callable[..., None], web: Any) -> None:
    with mail_server() as mail:
        channels(mail.server_address, address(web))
        alerts.send(MESSAGE)
        (raw,) = mail.received
    ((path, body),) = web.received
    assert path == SECRET
    assert body["text"] == MESSAGE.text().replace("<b>", "&lt;b&gt;")
    received = message_from_string(raw, policy=default)
    assert received["subject"] == "[retention] input drift of recency_days on 2026-03-01"
    assert received["to"] == "ann@shop.example, bob@shop.example"
    written = received.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "{{ 7 * 6 }} &lt;b&gt;" in written  # neither rendered as a template nor as markup


def test_a_channel_that_is_down_does_not_keep_the_others_from_speaking(
    channels: Callable[..., None], web: Any
) -> None:
    with mail_server() as mail:
        gone = mail.server_address
    channels(gone, address(web))
    with pytest.raises(AlertNotSent, match=r"could not be sent by mail \(ConnectionRefusedError\)"):
        alerts.send(MESSAGE)
    assert len(web.received) == 1


@pytest.mark.parametrize("webhook", ["status", "not an address at all /secret", "file:///secret"])
def test_the_address_of_the_webhook_is_a_secret(
    webhook: str, channels: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    with web_server(status=404) as server, caplog.at_level(logging.DEBUG):
        channels(web=address(server) if webhook == "status" else webhook)
        with pytest.raises(AlertNotSent, match="could not be sent by Slack") as refusal:
            alerts.send(MESSAGE)
    assert "secret" not in str(refusal.value)
    assert "secret" not in caplog.text


def test_a_channel_that_does_not_answer_is_tried_again_by_the_task() -> None:
    assert issubclass(AlertNotSent, OSError)  # the retry rules name it


def test_a_task_that_failed_is_told(channels: Callable[..., None], web: Any) -> None:
    channels(web=address(web))
    task = SimpleNamespace(dag_id="build_features", task_id="build", log_url="http://x")
    FailureAlert()({"ti": task, "exception": ValueError("hunter2")})
    ((_, body),) = web.received
    assert body["text"].startswith("build_features.build failed for no day")
    assert "hunter2" not in body["text"]


RUN = {"dag_id": "score_customers", "dag_run_id": "r", "state": "running"}


@pytest.mark.parametrize(
    ("key", "count"),
    [("2026-03-02", 1), ("2026-03-01", 1), (None, 1), ("2026-01-01", 0)],
)
def test_a_day_that_is_not_published_in_time_is_told_but_a_past_day_made_again_is_not(
    key: str | None, count: int, channels: Callable[..., None], web: Any
) -> None:
    channels(web=address(web))
    context = {
        "dag_run": {**RUN, "partition_key": key},
        "deadline": {"id": "d", "deadline_time": "2026-03-02T02:00:00+00:00"},
    }

    async def miss() -> None:
        await LatenessAlert(context=context)

    asyncio.run(miss())
    assert len(web.received) == count


def test_nothing_is_sent_where_nothing_was_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "send", lambda _: pytest.fail("sent"))
    alerts.send_alerts([], "2026-03-01")
