"""Mails through the outbox against plain smtplib on one connection, to the same server.

`python -m benchmarks.dispatch [--mails N]`: a mail server in a process of its own on this machine,
which takes everything; first a loop of `smtplib.SMTP.sendmail`, then the door `dispatch` with its
ledger in an embedded Postgres, which asks for the permission of every customer.
"""

import argparse
import multiprocessing
import smtplib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa

from benchmarks.assign import permit
from benchmarks.lines import Line, show, timed
from benchmarks.place import place
from retention_ml import clock
from retention_ml.actions.outbox.channels.mail import compose
from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.actions.outbox.message import ClaimedMessage, OutboxRow
from retention_ml.actions.outbox.outbox import enqueue
from retention_ml.settings import Settings
from retention_ml.stack.postgres import free_port

_SENDER = "shop@shop.example"
_TEXT = "Dear customer,\n\nwe have not seen you for a while.\n" * 8
_SLOWER_MAX = 3.0


def main() -> int:
    """Send so many mails both ways; 1 if the outbox takes more than three times as long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=10_000)
    count = parser.parse_args().mails
    if find_spec("aiosmtpd") is None:
        print("aiosmtpd is not installed: there is no mail server to send to.")
        return 0
    now = clock.now()
    rows = [
        OutboxRow(
            as_of=now.date(),
            customer_id=f"c{number}",
            action_id="come_back",
            channel="email",
            purpose="marketing",
            address=f"c{number}@shop.example",
            payload={"subject": "We miss you", "text": _TEXT, "html": f"<p>{_TEXT}</p>"},
            not_before=now - timedelta(hours=1),
            expires_at=now + timedelta(days=1),
        )
        for number in range(count)
    ]
    with _mail_server() as port, place() as here, here.warehouse("dispatch") as warehouse:
        plain = Line(
            what="smtplib, one connection, nothing written down",
            rows=count,
            seconds=timed(lambda: _send_plainly(rows, port)),
        )
        with warehouse.transaction() as transaction:
            permit(transaction, pa.array(row.customer_id for row in rows), now.date())
            enqueue(transaction, rows, run_id="benchmark")
        settings = _settings(here.settings(), port)
        started = time.perf_counter()
        receipt = dispatch(warehouse, settings=settings)
        seconds = time.perf_counter() - started
        assert receipt.written == count, receipt
    ledger = Line(what="retention dispatch", rows=count, seconds=seconds).over(plain)
    slower = ledger.seconds / plain.seconds
    show(
        f"{count:,} mails to a server on this machine",
        [plain, ledger],
        f"The outbox takes {slower:.2f} times as long; at most {_SLOWER_MAX:g} is accepted.",
    )
    return int(slower > _SLOWER_MAX)


def _send_plainly(rows: list[OutboxRow], port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        for row in rows:
            message = ClaimedMessage(
                message_id=row.message_id,
                as_of=row.as_of,
                customer_id=row.customer_id,
                action_id=row.action_id,
                channel=row.channel,
                permission_channel=None,
                purpose=None,
                address=row.address,
                payload=row.payload,
                attempt=1,
                epoch=1,
            )
            mail = compose(message, sender=_SENDER, sent_at=clock.now())
            client.sendmail(_SENDER, [str(row.address)], mail)


def _settings(settings: Settings, port: int) -> Settings:
    email = settings.channels.email.model_copy(
        update={"security": "none", "per_hour": 0, "sender": _SENDER}
    )
    return settings.model_copy(
        update={
            "actions": settings.actions.model_copy(update={"enabled": True}),
            "channels": settings.channels.model_copy(update={"email": email}),
            "smtp_url": f"smtp://127.0.0.1:{port}",
        }
    )


def _serve(port: int, ready: Connection) -> None:
    """Take every mail until the other end is closed."""
    from aiosmtpd.controller import Controller

    class Taker:
        async def handle_DATA(self, *_: Any) -> str:
            return "250 taken"

    controller = Controller(Taker(), hostname="127.0.0.1", port=port)
    controller.start()
    ready.send(None)
    ready.poll(None)
    controller.stop()


@contextmanager
def _mail_server() -> Iterator[int]:
    port = free_port()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(port, there))
    process.start()
    here.recv()
    try:
        yield port
    finally:
        here.send(None)
        process.join(10)
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
