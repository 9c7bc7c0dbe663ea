"""A mail server and a CRM on this machine that keep what they get, file by file."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from retention_ml import atomic_files, clock
from retention_ml.actions.outbox.channels.signature import HEADER, is_genuine
from retention_ml.errors import StackError
from retention_ml.stack.postgres import free_port

_NUMBER = re.compile(r"[0-9a-f]{64}")
_NO_MAILBOX = "550 5.1.1 no mailbox of that name here"


def require_mail_server() -> None:
    """Check that there is software for a mail server.

    Raises
    ------
    StackError
        There is none.
    """
    if find_spec("aiosmtpd") is None:
        raise StackError(
            "The package aiosmtpd, which receives the mails of the demonstration, is not "
            "installed. Run `make setup`, then the same command again."
        )


@dataclass(slots=True, kw_only=True)
class MailServer:
    """An SMTP server whose mails are files, named by their `Message-ID`.

    Parameters
    ----------
    folder : Path
        Where mails are put: `NUMBER.eml`; one that comes again `NUMBER.2.eml`.
    port : int
    missing : set of str
        Addresses that have no mailbox, whatever their capitals.
    """

    folder: Path
    port: int
    missing: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its address."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Answer to a recipient."""
        if address.lower() in {each.lower() for each in self.missing}:
            return _NO_MAILBOX
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep a mail."""
        number = str(message_from_bytes(envelope.content)["Message-ID"]).strip("<>")
        number = number.partition("@")[0]
        if not _NUMBER.fullmatch(number):
            return "554 no mail of the platform"
        path = _new_path(self.folder, number, ".eml")
        atomic_files.write_durable(path, envelope.content)
        return f"250 taken as {path.name}"


@contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    """A mail server that runs until the block ends.

    Raises
    ------
    StackError
        The package aiosmtpd is not installed.
    """
    require_mail_server()
    from aiosmtpd.controller import Controller

    server = MailServer(folder=folder, port=free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@dataclass(slots=True, kw_only=True)
class Crm:
    """A receiver that acts once per key and keeps every request of a known signature as a file.

    Parameters
    ----------
    folder : Path
        Where requests are put: `KEY.json`; one that comes again `KEY.2.json`.
    secret : str
        What signatures are checked with.
    port : int
    strangers : int
        Requests that were not signed with the secret, or too long ago.
    """

    folder: Path
    secret: str
    port: int = 0
    strangers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/messages"

    def take(self, key: str, body: bytes, signature: str) -> int:
        """Keep a request; the status of the answer: 409 for a known key, 401 without signature."""
        if not is_genuine(signature, body, secret=self.secret, now=clock.now().timestamp()):
            self.strangers += 1
            return 401
        if not _NUMBER.fullmatch(key):
            return 400
        with self.lock:
            path = _new_path(self.folder, key, ".json")
            atomic_files.write_durable(path, body)
        return 200 if path.stem == key else 409


@contextmanager
def crm(folder: Path, secret: str) -> Iterator[Crm]:
    """A CRM that runs until the block ends."""
    receiver = Crm(folder=folder, secret=secret)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers.get("Idempotency-Key", "")
            status = receiver.take(key, body, self.headers.get(HEADER, ""))
            answer = json.dumps({"id": f"crm-{key[:6]}"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Nothing: the files say it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _new_path(folder: Path, name: str, suffix: str) -> Path:
    """Where something of that name is put; numbered from the second one on."""
    path, number = folder / f"{name}{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{name}.{number}{suffix}"
    return path
