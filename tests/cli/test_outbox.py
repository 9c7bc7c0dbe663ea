"""A CRM manager and the messages: dispatch, list, settle, stop, resume."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from retention_ml.actions.outbox import ledger
from retention_ml.cli import app
from retention_ml.warehouse import Warehouse
from tests.worlds.outbox import put, row
from tests.worlds.receivers import mail_server

NOW = datetime.now(UTC)
SPAN = {"not_before": NOW - timedelta(hours=1), "expires_at": NOW + timedelta(days=1)}


@pytest.fixture(autouse=True)
def _environment(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path))
    monkeypatch.setenv("RETENTION_ACTIONS__ENABLED", "true")
    monkeypatch.setenv("RETENTION_CHANNELS__EMAIL__SECURITY", "none")


def _run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    return done


def _json(*arguments: str, code: int = 0) -> Any:
    return json.loads(_run(*arguments, "--json", code=code).stdout)


def test_messages_are_sent_listed_and_counted(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, [row("ann", **SPAN), row("bob", **SPAN), row("carl", "file", **SPAN)])
    with mail_server() as server:
        monkeypatch.setenv("RETENTION_SMTP_URL", server.url)
        assert _json("dispatch", "--channel", "email", "--limit", "1")["sent"] == 1
        shown = _run("dispatch")
        assert len(server.mails) == 2
    assert "dispatch: read 2 = written 2" in shown.output
    assert "Messages that wait: none." in shown.output
    assert {each["state"] for each in _json("outbox", "list")} == {"sent"}
    assert _json("outbox", "list", "--state", "unknown") == []
    assert (
        "expected one of pending, sending" in _run("outbox", "list", "--state", "x", code=2).stderr
    )


def test_a_mail_server_that_is_not_set_ends_in_a_sentence(warehouse: Warehouse) -> None:
    put(warehouse, [row("ann", **SPAN)])
    assert "RETENTION_SMTP_URL" in _run("dispatch", code=1).stderr
    assert _json("dispatch", code=1)["error"] == "ChannelError"


def test_stop_and_resume_need_a_reason_and_say_what_changed(warehouse: Warehouse) -> None:
    _run("actions", "stop", code=2)
    assert "Everything is stopped." in _run("actions", "stop", "--why", "a wrong price").output
    assert "was stopped already" in _run("actions", "stop", "--why", "again").output
    put(warehouse, [row("ann", **SPAN)])
    assert "Stopped: email" in _run("dispatch").output
    assert _json("actions", "resume", "--why", "corrected", "--by", "ann")["has_changed"]
    assert "email is stopped" in _run("actions", "stop", "email", "--why", "tests").output
    assert "Everything is stopped." in _run("actions", "stop", "--why", "a wrong price").output
    lifted = _run("actions", "resume", "email", "--why", "tested").output
    assert "The stop of email is lifted." in lifted
    assert "Nothing leaves: all channels are still stopped." in lifted
    assert "There was no stop of file." in _run("actions", "resume", "file", "--why", "x").output
    assert _json("actions", "stop", "file", "--why", "the CRM is down")["others_stopped"] == ["all"]
    lifted = _run("actions", "resume", "--why", "corrected").output
    assert "The stop of all channels is lifted." in lifted
    assert "file is still stopped." in lifted
    assert "no channel" in _run("actions", "stop", "fax", "--why", "tests", code=2).stderr
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT channel, is_stopped, why FROM actions.switches ORDER BY switch_id"
        )
    assert [tuple(each) for each in rows] == [
        ("all", True, "a wrong price"),
        ("all", False, "corrected"),
        ("email", True, "tests"),
        ("all", True, "a wrong price"),
        ("email", False, "tested"),
        ("file", True, "the CRM is down"),
        ("all", False, "corrected"),
    ]


def test_an_unknown_message_is_listed_and_settled(warehouse: Warehouse) -> None:
    put(warehouse, [row("ann", **SPAN)])
    at = NOW - timedelta(minutes=30)
    with warehouse.transaction() as transaction:
        lease = {"now": at, "lease_until": at + timedelta(minutes=1)}
        claimed = ledger.claim(transaction, "email", limit=1, per_hour=0, **lease)
        ledger.begin(transaction, claimed, run_id="gone", **lease)
    _run("dispatch")
    [message] = _json("outbox", "list", "--state", "unknown")
    number = message["message_id"]
    assert number[:12] in _run("outbox", "list", "--state", "unknown").output
    assert "counts as sent" in _run("outbox", "settle", number[:12], "--sent").output
    assert _run("outbox", "settle", number, "--failed", code=2).stderr.startswith("Message")
    settled = _json("outbox", "settle", number, "--sent", "--by", "eve")
    assert settled == {"message_id": number, "state": "sent", "settled_by": "eve"}
