"""A mail server and a CRM on this machine, that do what is asked of them and remember all of it."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from retention_ml.actions.outbox.channels.signature import HEADER, is_genuine
from retention_ml.stack.postgres import free_port
from tests.worlds.threads import serving

SECRET = "a secret of the tests"


@dataclass(slots=True)
class MailServer:
    """An SMTP server; what it does with a mail is said by the address: `refuse.ann@shop.example`.

    `refuse`: 550 to RCPT. `later`: 451 to RCPT. `hang`: cuts the connection
    at RCPT. `full`: 554 after the mail. `busy`: 451 after it.
    `stall`: takes it and never answers. `drop`: takes it and cuts the connection. `leave`: takes
    it, answers 250 and cuts the connection. Anything else: takes it.
    """

    port: int = 0
    stall_seconds: float = 5.0
    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its address."""
        return f"smtp://127.0.0.1:{self.port}"

    def deliveries(self) -> Counter[str]:
        """How often each `Message-ID`, without host, was taken."""
        return Counter(
            str(message_from_bytes(mail)["Message-ID"]).strip("<>").partition("@")[0]
            for mail in self.mails
        )

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer to a recipient."""
        self.sessions.add(id(session))
        what = address.partition(".")[0]
        if what == "refuse":
            return f"550 <{address}> is unknown here"
        if what == "later":
            return "451 come again"
        if what == "hang":
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Answer to a mail."""
        [address] = envelope.rcpt_tos
        what = address.partition(".")[0]
        if what == "full":
            return "554 no"
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        self.recipients.append(address)
        if what == "busy":
            return "451 perhaps"
        if what == "stall":
            await asyncio.sleep(self.stall_seconds)
        if what == "drop":
            server.transport.abort()
        if what == "leave":
            asyncio.get_running_loop().call_later(0.01, server.transport.close)
        return "250 taken as 42"


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """A mail server that runs until the block ends."""
    server = MailServer(port=free_port(), **options)
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@dataclass(slots=True)
class Crm:
    """A receiver that acts once per key; `answers` are given, in order, to the next requests.

    An answer is a status, with `acts` before it or not: `(500, True)` acts and then fails. Without
    any it acts and answers 200, or 409 to a key that it knows.
    """

    port: int = 0
    answers: list[tuple[int, bool]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    acts: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    fails_every: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/messages?shop=1"

    def answer(self, key: str, body: bytes, signature: str) -> int:
        """Act on a request, and the status of the answer."""
        with self.lock:
            self.requests.append((key, json.loads(body)))
            if not is_genuine(signature, body, secret=SECRET, now=time.time()):
                return 401
            number = len(self.requests)
            is_failing = self.fails_every and number % self.fails_every == 0
            status, has_acted = (
                self.answers.pop(0) if self.answers else (500 if is_failing else 0, True)
            )
            is_known = key in self.acts
            if has_acted and not is_known:
                self.acts[key] += 1
            return status or (409 if is_known else 200)


@contextmanager
def crm(**options: Any) -> Iterator[Crm]:
    """A CRM that runs until the block ends."""
    receiver = Crm(**options)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.answer(
                self.headers["Idempotency-Key"], body, self.headers.get(HEADER, "")
            )
            text = json.dumps({"id": f"crm-{self.headers['Idempotency-Key'][:6]}"}).encode()
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    with serving(server):
        yield receiver
