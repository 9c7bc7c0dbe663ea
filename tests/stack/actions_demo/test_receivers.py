"""The mail server and the CRM of the demonstration: what they take, refuse, and keep."""

import smtplib
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from retention_ml import clock
from retention_ml.actions.outbox.channels.signature import HEADER, sign
from retention_ml.errors import StackError
from retention_ml.stack.actions_demo import receivers
from retention_ml.stack.actions_demo.outcome import received
from retention_ml.stack.actions_demo.receivers import Crm, MailServer, crm, mail_server

NUMBER = "a" * 64
OTHER = "b" * 64


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as running:
        yield running


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Crm]:
    with crm(tmp_path, "secret") as running:
        yield running


def send(server: MailServer, address: str = "ann@shop.example", number: str = NUMBER) -> None:
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        content = f"Message-ID: <{number}@shop.example>\r\nSubject: Hi\r\n\r\nText\r\n"
        client.sendmail("hello@shop.example", [address], content)


def post(receiver: Crm, key: str = NUMBER, body: bytes = b"{}", secret: str = "secret") -> int:
    signature = sign(body, secret=secret, timestamp=int(clock.now().timestamp()))
    headers = {"Idempotency-Key": key, HEADER: signature}
    try:
        with build_opener(ProxyHandler({})).open(Request(receiver.url, body, headers)) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_a_mail_that_comes_twice_is_kept_and_counted_twice(
    server: MailServer, tmp_path: Path
) -> None:
    send(server)
    send(server, number=OTHER)
    assert received(tmp_path.glob("*.eml")) == {"received": 2, "messages": 2, "twice": 0}
    send(server)
    assert received(tmp_path.glob("*.eml")) == {"received": 3, "messages": 2, "twice": 1}
    assert b"Subject: Hi" in (tmp_path / f"{NUMBER}.2.eml").read_bytes()


def test_an_address_without_a_mailbox_is_refused_before_the_mail(
    server: MailServer, tmp_path: Path
) -> None:
    server.missing.add("Gone@shop.example")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(server, "gone@SHOP.example")
    assert refusal.value.recipients["gone@SHOP.example"][0] == 550
    assert list(tmp_path.iterdir()) == []


def test_a_mail_whose_number_is_none_of_the_platform_writes_no_file(
    server: MailServer, tmp_path: Path
) -> None:
    with pytest.raises(smtplib.SMTPDataError):
        send(server, number="../" + "a" * 61)
    assert list(tmp_path.iterdir()) == []


def test_a_request_counts_once_and_only_with_the_signature(receiver: Crm, tmp_path: Path) -> None:
    assert post(receiver, body=b'{"customer_id": "1"}') == 200
    assert post(receiver, OTHER) == 200
    assert post(receiver) == 409
    assert received(tmp_path.glob("*.json")) == {"received": 3, "messages": 2, "twice": 1}
    assert post(receiver, "c" * 64, secret="guessed") == 401
    assert post(receiver, "../key") == 400
    assert receiver.strangers == 1
    assert len(list(tmp_path.iterdir())) == 3


def test_without_the_package_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "find_spec", lambda _: None)
    with pytest.raises(StackError, match=r"aiosmtpd.*not installed\. Run `make setup`"):
        mail_server(tmp_path).__enter__()
