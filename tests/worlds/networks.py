"""A way to a server that can fall silent, or be cut at a commit."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"  # a simple query, as Postgres' protocol writes it


@dataclass(eq=False)
class Proxy:
    """A TCP proxy on a port of its own.

    While it is silent it takes whatever comes, which the client's kernel sees acknowledged, and
    the server's answers never arrive. It falls silent after the `last_words` of the server. The
    connection of the `commits_left`-th COMMIT from now is cut: before the server has it, or
    (`is_commit_heard`) before its answer arrives.
    """

    server_port: int
    port: int = 0
    is_silent: bool = False
    last_words: bytes | None = None
    commits_left: int | None = None
    is_commit_heard: bool = False
    _links: list[socket.socket] = field(default_factory=list)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.server_port))
            self._links += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(
                    target=self._pump, args=(source, target, source is client), daemon=True
                ).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if is_client and self._cuts_at(data):
                    source.shutdown(socket.SHUT_RDWR)  # no answer arrives any more
                    if self.is_commit_heard:
                        target.sendall(data)
                    break
                if not self.is_silent:
                    target.sendall(data)
                if self.last_words is not None and self.last_words in data:
                    self.is_silent = True
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _cuts_at(self, data: bytes) -> bool:
        if self.commits_left is None or _COMMIT not in data:
            return False
        self.commits_left -= 1
        return self.commits_left == 0


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(port, listener.getsockname()[1])
        threading.Thread(target=proxy._serve, args=(listener,), daemon=True).start()
        try:
            yield proxy
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for link in proxy._links:
                with suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)
                link.close()
