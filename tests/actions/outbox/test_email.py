"""Mail: what is safe is tried again, what is not known is named and never sent again."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.errors import ChannelError
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse
from tests.worlds.outbox import DAY, NOON, channel_settings, put, row
from tests.worlds.receivers import MailServer, mail_server


@pytest.fixture(scope="module")
def running() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def server(running: MailServer) -> MailServer:
    running.mails.clear()
    running.recipients.clear()
    running.sessions.clear()
    return running


def _send(
    warehouse: Warehouse, settings: Settings, server: MailServer, hours: float = 0, **changes: Any
) -> Receipt:
    return dispatch(
        warehouse,
        settings=channel_settings(settings, smtp_url=server.url, **changes),
        now=lambda: NOON + timedelta(hours=hours),
    )


def _states(warehouse: Warehouse) -> dict[str, str]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute("SELECT customer_id, state FROM actions.outbox")
    return {each.customer_id: each.state for each in rows}


def _tries(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as transaction:
        return [
            tuple(each)
            for each in transaction.execute(
                "SELECT customer_id, attempt, result, code FROM actions.attempts "
                "JOIN actions.outbox USING (message_id) ORDER BY 1, 2"
            )
        ]


def _read(mail: bytes) -> EmailMessage:
    message = message_from_bytes(mail, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_mails_are_sent_once_over_one_connection(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row(f"c{number}") for number in range(30)])
    receipt = _send(warehouse, settings, server)
    assert (receipt.read, receipt.written) == (30, 30)
    assert sorted(server.deliveries().values()) == [1] * 30
    assert len(server.sessions) == 1
    again = _send(warehouse, settings, server)
    assert (again.read, len(server.mails)) == (0, 30)
    assert _tries(warehouse) == sorted((f"c{number}", 1, "sent", "250") for number in range(30))


def test_a_mail_has_number_text_and_the_address_of_the_page_to_leave(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    url = "https://shop.example/leave?message=" + "a" * 64
    payload = {
        "subject": "Grüße",
        "text": "Hi\n.\n..two\n",
        "html": "<p>Hi</p>",
        "unsubscribe_url": url,
    }
    put(warehouse, [row("ann", payload=payload)])
    _send(warehouse, settings, server)
    [mail] = server.mails
    message = _read(mail)
    assert message["Message-ID"] == f"<{row('ann').message_id}@localhost>"
    assert (message["Subject"], message["To"]) == ("Grüße", "ann@shop.example")
    assert message["List-Unsubscribe"] == f"<{url}>"
    text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content() == "Hi\r\n.\r\n..two\r\n"
    assert html.get_content() == "<p>Hi</p>\r\n"


def test_a_mail_with_letters_of_all_scripts_needs_no_server_that_takes_eight_bits(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    text = "Grüße, 紅茶\u00a0👩‍👩‍👧\r\n"
    payload = {"subject": text.strip(), "text": text, "html": f"<p>{text}</p>"}
    put(warehouse, [row("ann", payload=payload)])
    _send(warehouse, settings, server)
    [mail] = server.mails
    assert mail.isascii()
    message = _read(mail)
    body = message.get_body(("plain",))
    assert body is not None
    assert (message["Subject"], body.get_content()) == (text.strip(), text)


@pytest.mark.fault("mail server that refuses, stalls, cuts or leaves after a mail", promises="P2")
@pytest.mark.parametrize(
    ("what", "state", "result", "code", "is_taken"),
    [
        ("refuse", "failed", "refused", "550", False),
        ("later", "pending", "refused", "451", False),
        ("hang", "pending", "refused", "no_answer", False),
        ("full", "failed", "refused", "554", False),
        ("busy", "unknown", "unknown", "451", True),
        ("stall", "unknown", "unknown", "no_answer", True),
        ("drop", "unknown", "unknown", "no_answer", True),
        ("leave", "sent", "sent", "250", True),
    ],
)
def test_what_the_server_does_decides_and_others_go_on(
    warehouse: Warehouse,
    settings: Settings,
    server: MailServer,
    what: str,
    state: str,
    result: str,
    code: str,
    is_taken: bool,
) -> None:
    rows = [row(name) for name in ("a1", "a2", "a3")]
    put(warehouse, [*rows, row("b", address=f"{what}.b@shop.example")])
    receipt = _send(warehouse, settings, server, timeout_seconds=2 if what == "stall" else 20)
    assert _states(warehouse) == {"a1": "sent", "a2": "sent", "a3": "sent", "b": state}
    assert _tries(warehouse)[-1] == ("b", 1, result, code)
    assert receipt.written == 3 + (state == "sent")
    assert (f"{what}.b@shop.example" in server.recipients) == is_taken
    _send(warehouse, settings, server, hours=2)
    assert max(server.deliveries().values()) == 1
    assert len(_tries(warehouse)) == 4 + (state == "pending")


def test_a_mail_that_is_put_off_is_tried_again_later_each_time(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("b", address="later.b@shop.example")])
    for minutes, tries in ((0, 1), (0.5, 1), (1.1, 2), (2, 2), (3.2, 3)):
        _send(warehouse, settings, server, hours=minutes / 60)
        assert len(_tries(warehouse)) == tries, minutes
    receipt = _send(warehouse, settings, server, hours=24)
    assert _states(warehouse) == {"b": "expired"}
    assert receipt.details["expired"] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "b@shop.example\r\nBcc: all@shop.example"},
        {"address": "b@shop.example, all@shop.example"},
        {"address": "b@shop.example> BODY=8BITMIME"},
        {"address": "Ann <b@shop.example>"},
        {"address": "no address"},
        {"address": ""},
        {"address": None},
        {"payload": {"subject": "Hi\r\nBcc: all@shop.example", "text": "x"}},
        {"payload": {"subject": "Hi\u2028Bcc: all@shop.example", "text": "x"}},
        {"payload": {"subject": "Hi\n", "text": "x"}},
        {"payload": {"subject": "Hi\x1b[2J", "text": "x"}},
        {"payload": {"subject": "Hi\x9b", "text": "x"}},
        {"payload": {"subject": "", "text": "x"}},
        {"payload": {"subject": "x"}},
        {"payload": {"subject": ["x"], "text": "x"}},
        {"payload": {"subject": "x", "text": "x", "unsubscribe_url": "https://a>\r\nBcc: b"}},
        {"payload": {"subject": "x", "text": "x", "unsubscribe_url": "javascript:alert(1)"}},
    ],
    ids=str,
)
def test_a_message_that_would_break_a_header_is_refused_and_others_go_on(
    warehouse: Warehouse, settings: Settings, server: MailServer, changes: dict[str, Any]
) -> None:
    put(warehouse, [row("a"), row("b", **changes), row("c")])
    _send(warehouse, settings, server)
    assert _states(warehouse) == {"a": "sent", "b": "failed", "c": "sent"}
    assert _tries(warehouse)[1] == ("b", 1, "refused", "bad_message")
    assert sorted(server.recipients) == ["a@shop.example", "c@shop.example"]


def test_without_a_server_mails_wait_until_they_expire_and_no_try_is_counted(
    warehouse: Warehouse, settings: Settings
) -> None:
    put(warehouse, [row("a"), row("b")])
    nobody = MailServer(port=free_port())
    with pytest.raises(
        ChannelError, match=r"takes no messages: .*refused.* wait until they expire"
    ):
        _send(warehouse, settings, nobody)
    assert (_states(warehouse), _tries(warehouse)) == ({"a": "pending", "b": "pending"}, [])
    with warehouse.transaction() as transaction:
        [receipt] = transaction.execute("SELECT details FROM ops.receipts WHERE door = 'dispatch'")
    assert receipt.details["waiting"] == {"email": 2}
    _send(warehouse, settings, nobody, hours=25)
    assert set(_states(warehouse).values()) == {"expired"}


def test_a_server_that_comes_back_gets_what_waited_at_once(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row("a")])
    with pytest.raises(ChannelError):
        _send(warehouse, settings, MailServer(port=free_port()))
    assert _send(warehouse, settings, server).written == 1


def test_mails_without_an_address_of_a_server_wait_with_a_sentence(
    warehouse: Warehouse, settings: Settings
) -> None:
    _ = dispatch(warehouse, settings=channel_settings(settings), now=lambda: NOON)
    put(warehouse, [row("a")])
    with pytest.raises(ChannelError, match="there is no mail server; expected smtp://"):
        dispatch(warehouse, settings=channel_settings(settings), now=lambda: NOON)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1", "cannot be read"),
        ("smtp://127.0.0.1:x", "cannot be read"),
        ("smtp://u:hush@mail.example", "would leave this machine readable"),
    ],
)
def test_an_address_that_is_no_good_is_refused_without_its_password(
    warehouse: Warehouse, settings: Settings, url: str, words: str
) -> None:
    put(warehouse, [row("a")])
    with pytest.raises(ChannelError, match=words) as refused:
        dispatch(warehouse, settings=channel_settings(settings, smtp_url=url), now=lambda: NOON)
    assert "hush" not in str(refused.value)


def test_no_more_are_begun_in_an_hour_than_the_quota(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row(f"c{number}") for number in range(7)])
    sent = [
        _send(warehouse, settings, server, hours=hours, per_hour=3).written
        for hours in (0, 0.5, 1.01, 2.02)
    ]
    assert sent == [3, 0, 3, 1]


def test_the_limit_of_a_run_counts_what_was_begun(
    warehouse: Warehouse, settings: Settings, server: MailServer
) -> None:
    put(warehouse, [row(f"c{number}") for number in range(5)])
    options = {"settings": channel_settings(settings, smtp_url=server.url), "now": lambda: NOON}
    assert dispatch(warehouse, limit=2, **options).written == 2
    assert dispatch(warehouse, limit=9, **options).written == 3
    assert NOON.date() == DAY
