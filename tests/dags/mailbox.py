"""A mail server and a web server that keep what they are sent, on loopback, for tests."""

import json
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.worlds.threads import serving


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line.strip().upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(b"".join(lines).decode())  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


class _Web(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _serving(server: Any) -> Iterator[Any]:
    server.received = []
    with serving(server):
        yield server


@contextmanager
def mail_server() -> Iterator[Any]:
    """A mail server; `kept` holds the messages, `server_address` where it listens."""
    with _serving(socketserver.TCPServer(("127.0.0.1", 0), _Mail)) as server:
        yield server


@contextmanager
def web_server(status: int = 200) -> Iterator[Any]:
    """A web server; `kept` holds path and JSON of what was posted."""
    server = HTTPServer(("127.0.0.1", 0), _Web)
    server.status = status  # type: ignore[attr-defined]
    with _serving(server) as served:
        yield served
