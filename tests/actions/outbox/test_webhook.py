"""Requests: repeated with one key until the receiver has answered, and taken once."""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from retention_ml.actions.outbox.channels.signature import is_genuine, sign
from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.errors import ChannelError
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse
from tests.worlds.outbox import NOON, channel_settings, put, row
from tests.worlds.receivers import Crm, crm


@pytest.fixture
def receiver() -> Iterator[Crm]:
    with crm() as running:
        yield running


def _send(
    warehouse: Warehouse, settings: Settings, url: str, hours: float = 0, **changes: Any
) -> Receipt:
    return dispatch(
        warehouse,
        settings=channel_settings(settings, webhook_url=url, **changes),
        now=lambda: NOON + timedelta(hours=hours),
    )


def _put(warehouse: Warehouse, *customers: str) -> None:
    payload = {"variables": {"tier": "high", "reason": "Grüße"}}
    put(warehouse, [row(name, "webhook", payload=payload, address=None) for name in customers])


def _states(warehouse: Warehouse) -> list[tuple[str, int, str | None]]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT state, attempts, provider_ref FROM actions.outbox ORDER BY customer_id"
        )
    return [tuple(each) for each in rows]


def test_a_message_is_posted_signed_with_its_number_as_key(
    warehouse: Warehouse, settings: Settings, receiver: Crm
) -> None:
    _put(warehouse, "ann")
    _send(warehouse, settings, receiver.url)
    number = row("ann").message_id
    assert receiver.requests == [
        (
            number,
            {
                "message_id": number,
                "as_of": "2026-03-01",
                "customer_id": "ann",
                "action_id": "come_back",
                "address": None,
                "payload": {"variables": {"tier": "high", "reason": "Grüße"}},
            },
        )
    ]
    assert _states(warehouse) == [("sent", 1, f"crm-{number[:6]}")]


@pytest.mark.fault("receiver that fails after it has acted", promises="P2")
@pytest.mark.parametrize(
    ("answers", "states", "acts"),
    [
        ([(200, True)], [("sent", 1)], 1),
        ([(202, True)], [("sent", 1)], 1),
        ([(500, True)], [("pending", 1), ("sent", 2)], 1),  # acted, then failed
        ([(503, False)], [("pending", 1), ("sent", 2)], 1),
        ([(429, False)], [("pending", 1), ("sent", 2)], 1),
        ([(409, False)], [("sent", 1)], 0),
        ([(400, False)], [("failed", 1)], 0),
        ([(404, False)], [("pending", 1), ("sent", 2)], 1),
        ([(302, False)], [("pending", 1), ("sent", 2)], 1),
        ([(500, True), (500, False)], [("pending", 1), ("pending", 2), ("sent", 3)], 1),
    ],
)
def test_the_answer_decides(
    warehouse: Warehouse,
    settings: Settings,
    receiver: Crm,
    answers: list[tuple[int, bool]],
    states: list[tuple[str, int]],
    acts: int,
) -> None:
    _put(warehouse, "ann")
    receiver.answers = answers
    for hours, state in enumerate(states):
        _send(warehouse, settings, receiver.url, hours=hours)
        assert [each[:2] for each in _states(warehouse)] == [state]
    assert sum(receiver.acts.values()) == acts
    _send(warehouse, settings, receiver.url, hours=len(states))
    assert len(receiver.requests) == len(states)


@pytest.mark.parametrize("is_date", [False, True])
def test_retry_after_is_kept(
    warehouse: Warehouse, settings: Settings, receiver: Crm, is_date: bool
) -> None:
    from retention_ml import clock

    in_two_hours = format_datetime(clock.now() + timedelta(hours=2), usegmt=True)
    receiver.answers = [(503, False)]
    receiver.headers = {"Retry-After": in_two_hours if is_date else "7200"}
    _put(warehouse, "ann")
    _send(warehouse, settings, receiver.url)
    _send(warehouse, settings, receiver.url, hours=1.9)
    assert len(receiver.requests) == 1
    _send(warehouse, settings, receiver.url, hours=2.1)
    assert len(receiver.requests) == 2


def test_what_may_have_been_delivered_is_unknown_when_it_expires_and_not_called_expired(
    warehouse: Warehouse, settings: Settings, receiver: Crm
) -> None:
    receiver.answers = [(500, True), (429, False)]
    _put(warehouse, "ann", "bob")
    _send(warehouse, settings, receiver.url)
    _send(warehouse, settings, receiver.url, hours=25)
    assert sorted(state for state, *_ in _states(warehouse)) == ["expired", "unknown"]
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 404, 405, 429])
def test_a_receiver_that_refuses_everything_is_left_after_three_and_gets_all_once_it_is_mended(
    warehouse: Warehouse, settings: Settings, receiver: Crm, status: int
) -> None:
    _put(warehouse, *(f"c{number}" for number in range(9)))
    receiver.answers = [(status, False)] * 9
    with pytest.raises(ChannelError, match="several times in a row"):
        _send(warehouse, settings, receiver.url)
    assert len(receiver.requests) == 3
    assert sorted(_states(warehouse)) == [("pending", 0, None)] * 6 + [("pending", 1, None)] * 3
    receiver.answers = []
    assert _send(warehouse, settings, receiver.url, hours=1).written == 9


def test_a_receiver_that_fails_now_and_then_gets_everything_once(
    warehouse: Warehouse, settings: Settings, receiver: Crm
) -> None:
    _put(warehouse, *(f"c{number}" for number in range(20)))
    receiver.fails_every = 3
    for hours in range(6):
        _send(warehouse, settings, receiver.url, hours=hours)
    assert {state for state, *_ in _states(warehouse)} == {"sent"}
    assert sorted(receiver.acts.values()) == [1] * 20


def test_without_a_receiver_requests_wait(warehouse: Warehouse, settings: Settings) -> None:
    _put(warehouse, "ann")
    _send(warehouse, settings, f"http://127.0.0.1:{free_port()}/")
    assert _states(warehouse) == [("pending", 1, None)]


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        (None, "s", "RETENTION_WEBHOOK_URL is not set"),
        ("https://crm.example", None, "RETENTION_WEBHOOK_SECRET is not set"),
        ("http://crm.example", "s", "readable. Expected https://"),
        ("https://user:hush@crm.example", "s", "cannot be read"),
        ("crm.example", "s", "cannot be read"),
        ("https://crm.example/grüße", "s", "cannot be read"),
        ("https://grüße.example/", "s", "cannot be read"),
        ("https://crm.example/a list", "s", "cannot be read"),
        ("https://crm..example/", "s", "cannot be read"),
    ],
)
def test_an_address_that_is_no_good_is_refused_in_words(
    warehouse: Warehouse, settings: Settings, url: str | None, secret: str | None, words: str
) -> None:
    _put(warehouse, "ann")
    changed = channel_settings(settings, webhook_url=url, webhook_secret=secret)
    with pytest.raises(ChannelError, match=words) as refused:
        dispatch(warehouse, settings=changed, now=lambda: NOON)
    assert "hush" not in str(refused.value)


def test_a_signature_is_of_the_body_the_secret_and_the_time() -> None:
    header = sign(b"{}", secret="a", timestamp=1_000)
    assert is_genuine(header, b"{}", secret="a", now=1_000)
    assert not is_genuine(header, b"{ }", secret="a", now=1_000)
    assert not is_genuine(header, b"{}", secret="b", now=1_000)
    assert not is_genuine(header, b"{}", secret="a", now=1_301)
    for damaged in (
        "",
        "t=,v1=",
        "t=x,v1=1",
        header[:-1],
        header.replace("t=1", "t=2"),
        "t=1\u0661",
    ):
        assert not is_genuine(damaged, b"{}", secret="a", now=1_000)
