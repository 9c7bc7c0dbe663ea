"""The door: off by default, stopped at once, never late, never without permission, never twice."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.actions.outbox import ledger
from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.actions.outbox.message import Outcome, Result, State
from retention_ml.actions.outbox.settlement import messages_in, settle_message
from retention_ml.actions.outbox.switches import switch
from retention_ml.errors import UsageError
from retention_ml.expressions import sql_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outbox import DAY, NOON, channel_settings, put, row
from tests.worlds.receivers import Crm, MailServer, crm, mail_server


@pytest.fixture(scope="module")
def running() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def server(running: MailServer) -> MailServer:
    running.mails.clear()
    running.recipients.clear()
    return running


@pytest.fixture
def receiver() -> Iterator[Crm]:
    with crm() as running:
        yield running


def _states(warehouse: Warehouse) -> dict[str, str]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute("SELECT customer_id, state FROM actions.outbox")
    return {each.customer_id: each.state for each in rows}


def _mailing(settings: Settings, server: MailServer, **changes: Any) -> Settings:
    return channel_settings(settings, smtp_url=server.url, **changes)


def test_nothing_leaves_unless_it_is_enabled(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("ann")])
    enabled = _mailing(settings, server)
    disabled = enabled.model_copy(update={"actions": settings.actions})
    receipt = dispatch(warehouse, settings=disabled, now=lambda: NOON)
    assert (receipt.read, receipt.details["waiting"]) == (0, {"email": 1})
    assert (receipt.details["is_enabled"], server.mails) == (False, [])
    assert dispatch(warehouse, settings=enabled, now=lambda: NOON).written == 1


@pytest.mark.parametrize("channel", ["email", "all"])
def test_what_is_stopped_is_stopped_before_the_next_message(
    warehouse: Warehouse, settings: Settings, server: MailServer, channel: str
) -> None:
    put(warehouse, [row(f"c{number}") for number in range(6)])
    decision = {"channel": channel, "who": "ann", "run_id": "r"}
    instants = iter(range(10_000))

    def now() -> datetime:
        if len(server.mails) == 3 and not stopped:
            stopped.append(
                switch(warehouse, is_stopped=True, why="a wrong price", **decision)  # type: ignore[arg-type]
            )
        return NOON + timedelta(milliseconds=next(instants))

    stopped: list[bool] = []
    receipt = dispatch(warehouse, settings=_mailing(settings, server), now=now)
    assert (stopped, len(server.mails)) == ([True], 3)
    stopped_channels = ["email"] if channel == "email" else ["email", "webhook", "file"]
    assert (receipt.written, receipt.details["stopped"]) == (3, stopped_channels)
    assert not switch(warehouse, is_stopped=True, why="again", **decision)  # type: ignore[arg-type]
    assert switch(warehouse, is_stopped=False, why="corrected", **decision)  # type: ignore[arg-type]
    assert dispatch(warehouse, settings=_mailing(settings, server), now=lambda: NOON).written == 3


def test_another_channel_goes_on_when_one_is_stopped(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("ann"), row("bob", "file")])
    switch(warehouse, channel="email", is_stopped=True, who="a", why="b", run_id="r")
    dispatch(warehouse, settings=_mailing(settings, server), now=lambda: NOON)
    assert _states(warehouse) == {"ann": "pending", "bob": "sent"}


def test_a_switch_needs_a_channel_a_person_and_a_reason(warehouse: Warehouse) -> None:
    for wrong in ({"channel": "fax"}, {"who": " "}, {"why": ""}):
        with pytest.raises(UsageError, match="othing was changed"):
            switch(
                warehouse,
                is_stopped=True,
                **{"channel": "all", "who": "ann", "why": "x", "run_id": "r", **wrong},
            )


def test_too_late_is_never_sent(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(
        warehouse,
        [
            row("early", not_before=NOON + timedelta(hours=1)),
            row("late", expires_at=NOON + timedelta(seconds=1)),
        ],
    )
    dispatch(
        warehouse, settings=_mailing(settings, server), now=lambda: NOON + timedelta(seconds=1)
    )
    assert _states(warehouse) == {"early": "pending", "late": "expired"}
    assert server.mails == []


def test_the_real_clock_sends_nothing_of_a_past_day(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("ann")])  # of a day in spring
    assert datetime.now(UTC) > NOON + timedelta(days=1)
    dispatch(warehouse, settings=_mailing(settings, server))
    assert (_states(warehouse), server.mails) == ({"ann": "expired"}, [])


def _permit(warehouse: Warehouse, customer: str, kind: str, at: datetime, **changes: Any) -> None:
    fields = {
        "customer_id": customer,
        "channel": "email",
        "purpose": "marketing",
        "kind": kind,
        "event_at": at,
        "address": f"{customer}@shop.example",
        "source": "shop",
        "row_key": f"{customer}{kind}{at}".encode(),
        "content_hash": b"c",
        "delivery_id": 1,
        "line_number": 1,
        "loaded_at": at,
        "available_at": at,
    }
    with warehouse.transaction() as transaction:
        transaction.insert_row("curated.contact_permissions", {**fields, **changes})


def test_a_permission_that_was_withdrawn_since_suppresses_the_message(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    for name in ("ann", "bob", "carl", "dora"):
        _permit(warehouse, name, "granted", NOON - timedelta(days=9))
    _permit(warehouse, "bob", "withdrawn", NOON - timedelta(minutes=1))
    _permit(warehouse, "carl", "complained", NOON - timedelta(minutes=1))
    _permit(warehouse, "dora", "withdrawn", NOON + timedelta(minutes=1))
    asking = {"purpose": "marketing"}
    rows = [row(name, **asking) for name in ("ann", "bob", "carl", "dora", "eve")]
    put(warehouse, [*rows, row("fred", purpose="service"), row("gina")])
    receipt = dispatch(warehouse, settings=_mailing(settings, server), now=lambda: NOON)
    assert {name for name, state in _states(warehouse).items() if state == "sent"} == {
        *("ann", "dora", "gina")
    }
    assert receipt.details["suppressed"] == 4
    assert sorted(server.recipients) == [f"{name}@shop.example" for name in ("ann", "dora", "gina")]


def test_who_is_excluded_as_abnormal_since_gets_no_message(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    _confirm(warehouse, "bob", DAY)
    _confirm(warehouse, "carl", DAY + timedelta(days=1))
    _permit(warehouse, "dora", "granted", NOON - timedelta(days=9))
    _confirm(warehouse, "dora", DAY)
    put(
        warehouse,
        [*(row(name) for name in ("ann", "bob", "carl")), row("dora", purpose="marketing")],
    )
    receipt = dispatch(warehouse, settings=_mailing(settings, server), now=lambda: NOON)
    assert receipt.details["suppressed"] == 2
    assert _states(warehouse) == {
        "ann": "sent", "bob": "suppressed", "carl": "sent", "dora": "suppressed",
    }  # fmt: skip
    assert sorted(server.recipients) == ["ann@shop.example", "carl@shop.example"]


def _confirm(warehouse: Warehouse, customer: str, day: date) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert_row(
            "abnormal.decisions",
            {
                "customer_id": customer, "kind": "bot", "decision": "confirmed", "as_of": day,
                "strength": 0.0, "is_excluded": True, "decided_by": "Ada", "reason": "caught",
                "decided_at": NOON, "run_id": "test",
            },
        )  # fmt: skip


def test_however_many_messages_are_asked_for_permission_the_question_is_as_long(
    warehouse: Warehouse, settings: Settings, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []
    whole = Warehouse.read

    def read(asked: Warehouse, query: Any, **options: Any) -> Any:
        questions.append(query if isinstance(query, str) else sql_of(query, "postgres"))
        return whole(asked, query, **options)

    monkeypatch.setattr(Warehouse, "read", read)
    for names in (["a"], [f"b{number}" for number in range(90)]):
        for name in names:
            _permit(warehouse, name, "granted", NOON - timedelta(days=9))
        put(warehouse, [row(name, purpose="marketing") for name in names])
        receipt = dispatch(warehouse, settings=_mailing(settings, server), now=lambda: NOON)
        assert receipt.written == len(names)
    assert len(set(questions)) == 3  # permissions, who is excluded, whom a legal hold covers


def test_a_push_needs_the_permission_for_a_push(
    warehouse: Warehouse, settings: Settings, receiver: Crm
) -> None:
    _permit(warehouse, "ann", "granted", NOON - timedelta(days=9), channel="push")
    _permit(warehouse, "bob", "granted", NOON - timedelta(days=9), channel="webhook")
    asking = {"purpose": "marketing", "permission_channel": "push"}
    put(warehouse, [row("ann", "webhook", **asking), row("bob", "webhook", **asking)])
    dispatch(
        warehouse,
        settings=channel_settings(settings, webhook_url=receiver.url),
        now=lambda: NOON,
    )
    assert _states(warehouse) == {"ann": "sent", "bob": "suppressed"}


def test_a_message_is_put_in_once_and_a_customer_gets_one_a_day(warehouse: Warehouse) -> None:
    assert put(warehouse, [row("ann"), row("bob")]) == 2
    changed = row("ann", payload={"subject": "other", "text": "words"})
    other_action = row("bob", action_id="coupon")
    assert put(warehouse, [changed, other_action, row("carl")]) == 1
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT customer_id, action_id, payload FROM actions.outbox ORDER BY 1"
        )
    assert [(each.customer_id, each.action_id) for each in rows] == [
        (name, "come_back") for name in ("ann", "bob", "carl")
    ]
    assert rows[0].payload == dict(row("ann").payload)
    assert put(warehouse, []) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channel": "fax"}, "'fax'; expected one of email, webhook, file"),
        ({"expires_at": NOON}, "would expire"),
    ],
)
def test_a_message_that_cannot_be_sent_is_not_put_in(
    warehouse: Warehouse, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        put(warehouse, [row("ann"), row("bob", **changes)])
    assert _states(warehouse) == {}


def _claim_and_begin(warehouse: Warehouse, channel: str, at: datetime) -> Any:
    with warehouse.transaction() as transaction:
        [message] = ledger.claim(
            transaction,
            channel,
            limit=1,
            per_hour=0,
            now=at,
            lease_until=at + timedelta(minutes=1),
        )
        assert ledger.begin(
            transaction,
            [message],
            now=at,
            lease_until=at + timedelta(minutes=1),
            run_id="gone",
        ) == {message.message_id}
    return message


def test_a_mail_whose_worker_is_gone_is_named_and_never_sent_again(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("ann")])
    _claim_and_begin(warehouse, "email", NOON)
    enabled = _mailing(settings, server)
    dispatch(warehouse, settings=enabled, now=lambda: NOON + timedelta(seconds=59))
    assert _states(warehouse) == {"ann": "sending"}
    receipt = dispatch(warehouse, settings=enabled, now=lambda: NOON + timedelta(minutes=2))
    assert (_states(warehouse), receipt.details["unknown"]) == ({"ann": "unknown"}, 1)
    [message] = messages_in(warehouse, state="unknown")
    assert (message["code"], message["customer_id"]) == ("worker_lost", "ann")
    dispatch(warehouse, settings=enabled, now=lambda: NOON + timedelta(hours=3))
    assert server.mails == []


def test_a_worker_that_wakes_up_says_what_became_of_its_mail_and_cannot_begin_another(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("ann")])
    zombie = _claim_and_begin(warehouse, "email", NOON)
    enabled = _mailing(settings, server)
    dispatch(warehouse, settings=enabled, now=lambda: NOON + timedelta(minutes=2))
    at = NOON + timedelta(minutes=3)
    end = ledger.Ended(
        message=zombie,
        outcome=Outcome(result=Result.SENT, code="250"),
        state=State.SENT,
        started_at=NOON,
        ended_at=at,
    )
    with warehouse.transaction() as transaction:
        ledger.finish(transaction, [end], run_id="gone")
    assert _states(warehouse) == {"ann": "sent"}
    put(warehouse, [row("bob")])
    with warehouse.transaction() as transaction:
        options = {"limit": 1, "per_hour": 0, "now": at}
        [first] = ledger.claim(
            transaction, "email", lease_until=at + timedelta(seconds=1), **options
        )
    dispatch(warehouse, settings=enabled, now=lambda: at + timedelta(seconds=2))
    with warehouse.transaction() as transaction:
        late = at + timedelta(seconds=3)
        assert not ledger.begin(
            transaction, [first], now=late, lease_until=late + timedelta(minutes=1), run_id="gone"
        )
    assert sorted(server.recipients) == ["bob@shop.example"]


def test_a_refusal_of_an_overtaken_worker_does_not_hide_that_another_sent_the_mail(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("ann")])
    at = NOON + timedelta(minutes=2)
    with warehouse.transaction() as transaction:
        [first] = ledger.claim(
            transaction,
            "email",
            limit=1,
            per_hour=0,
            now=NOON,
            lease_until=NOON + timedelta(minutes=1),
        )
    refusal = ledger.Ended(
        message=first,
        outcome=Outcome(result=Result.REFUSED, code="451"),
        state=State.PENDING,
        started_at=NOON,
        ended_at=NOON,
        not_before=NOON + timedelta(hours=9),
    )
    for sending_first in (False, True):
        if sending_first:
            dispatch(warehouse, settings=_mailing(settings, server), now=lambda: at)
        else:
            with warehouse.transaction() as transaction:
                # overtaken between its claim and its refusal
                transaction.execute("UPDATE actions.outbox SET epoch = epoch + 1")
        with warehouse.transaction() as transaction:
            ledger.finish(transaction, [refusal], run_id="gone")
    with warehouse.transaction() as transaction:
        tries = transaction.execute("SELECT attempt, result, code FROM actions.attempts")
    assert _states(warehouse) == {"ann": "sent"}
    assert [tuple(each) for each in tries] == [(1, "sent", "250")]


def test_a_request_whose_worker_is_gone_is_sent_again_with_its_key(
    warehouse: Warehouse, settings: Settings, receiver: Crm
) -> None:
    put(warehouse, [row("ann", "webhook")])
    _claim_and_begin(warehouse, "webhook", NOON)
    receiver.acts[row("ann").message_id] += 1  # it had arrived
    dispatch(
        warehouse,
        settings=channel_settings(settings, webhook_url=receiver.url),
        now=lambda: NOON + timedelta(minutes=2),
    )
    assert _states(warehouse) == {"ann": "sent"}
    assert receiver.acts == {row("ann").message_id: 1}
    with warehouse.transaction() as transaction:
        tries = transaction.execute("SELECT attempt, result, code FROM actions.attempts ORDER BY 1")
    assert [tuple(each) for each in tries] == [(1, "unknown", "worker_lost"), (2, "sent", "409")]


@pytest.mark.parametrize("state", [State.SENT, State.FAILED])
def test_an_unknown_message_is_settled_once_by_whom_who_knows(
    warehouse: Warehouse, settings: Settings, server: MailServer, state: State
) -> None:
    put(warehouse, [row("ann"), row("bob", not_before=NOON + timedelta(hours=1))])
    _claim_and_begin(warehouse, "email", NOON)
    enabled = _mailing(settings, server)
    dispatch(warehouse, settings=enabled, now=lambda: NOON + timedelta(minutes=2))
    number = row("ann").message_id
    assert settle_message(warehouse, number=number[:10], state=state, who="eve") == number
    assert settle_message(warehouse, number=f"<{number}@shop>", state=state, who="x") == number
    assert _states(warehouse)["ann"] == state
    other = State.FAILED if state is State.SENT else State.SENT
    for text, words in (
        (number, f"is {state}"),
        (row("bob").message_id, "is pending"),
        ("0" * 64, "no message begins"),
        (number[:5], "names no single"),
        ("", "names no single"),
    ):
        with pytest.raises(UsageError, match=words):
            settle_message(warehouse, number=text, state=other, who="eve")
    dispatch(warehouse, settings=enabled, now=lambda: NOON + timedelta(minutes=5))
    assert server.mails == []


def test_the_views_say_what_became_of_messages(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(
        warehouse,
        [row("ann"), row("bob", address="refuse.b@shop.example"), row("carl", address=None)],
    )
    dispatch(warehouse, settings=_mailing(settings, server), now=lambda: NOON)
    switch(warehouse, channel="email", is_stopped=True, who="eve", why="a test", run_id="r")
    with warehouse.transaction() as transaction:
        contacts = transaction.execute(
            "SELECT customer_id, state, is_contacted, answer_code, attempts_count "
            "FROM reports.contacts ORDER BY 1"
        )
        [health] = transaction.execute("SELECT * FROM reports.outbox_health")
    assert [tuple(each) for each in contacts] == [
        ("ann", "sent", True, "250", 1),
        ("bob", "failed", False, "550", 1),
        ("carl", "failed", False, "bad_message", 1),
    ]
    assert (health.as_of, health.channel, health.messages_count) == (DAY, "email", 3)
    assert (health.sent_count, health.failed_count, health.unknown_count) == (1, 2, 0)
    assert (health.is_stopped, health.stopped_by, health.stopped_why) == (True, "eve", "a test")
    assert "@" not in health.trouble


def test_the_receipt_is_plain_json(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("ann"), row("bob", not_before=NOON + timedelta(hours=1))])
    receipt = dispatch(warehouse, settings=_mailing(settings, server), now=lambda: NOON)
    document = json.loads(json.dumps(receipt.to_dict(), default=str))
    assert document["by_channel"]["email"] == {"sent": 1}
    assert document["next_at"].startswith("2026-03-01 13:00")


@pytest.mark.parametrize("wrong", [{"channels": ["fax"]}, {"limit": 0}])
def test_a_request_without_sense_is_refused(
    warehouse: Warehouse, settings: Settings, wrong: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="Nothing was sent"):
        dispatch(warehouse, settings=settings, **wrong)
