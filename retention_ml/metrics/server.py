"""The small HTTP server: `/metrics` out, `/v1/metrics` in, `/health` for who supervises it."""

import ipaddress
import logging
import sys
import threading
import zlib
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from retention_ml import clock
from retention_ml.errors import frames_of
from retention_ml.metrics import otlp
from retention_ml.metrics.catalogue import family, single
from retention_ml.metrics.exposition import CONTENT_TYPE
from retention_ml.metrics.families import Family
from retention_ml.metrics.looks import Looks

logger = logging.getLogger(__name__)

BODY_BYTES_MAX = 4 * 2**20
CONNECTIONS_MAX = 16
_SILENT_SECONDS = 10
_DISCARDED_BYTES_MAX = 64 * 2**20
_NO_REQUEST = b"\xff"  # what cannot be unpacked cannot be read either
_RESULTS = ("accepted", "points_refused", "malformed", "too_large")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class MetricsServer(ThreadingHTTPServer):
    """A server of one `Looks`; more than `CONNECTIONS_MAX` callers at once are turned away.

    Parameters
    ----------
    host, port : str, int
        Port 0 is any that is free.
    looks : Looks

    Raises
    ------
    OSError
        The address is taken, or none of this machine.
    """

    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True

    def __init__(self, host: str, port: int, looks: Looks) -> None:
        super().__init__((host, port), _Handler)
        self.looks = looks
        self.is_loopback = host == "localhost" or _is_loopback(host)
        self._pushes: Counter[str] = Counter(dict.fromkeys(_RESULTS, 0))
        self._refused_count = 0
        self._pushed_at: float | None = None
        self._pushing = threading.Lock()
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)

    def metrics(self) -> bytes:
        """The answer to `/metrics`."""
        return self.looks.look(self._of_pushes()).encode()

    def push(self, body: bytes) -> tuple[HTTPStatus, bytes]:
        """Take in a request to `/v1/metrics`; status and body of the answer.

        400 says that it cannot be read, or that points of it were refused; the others are kept.
        """
        with self._pushing:  # one at a time is decoded, so that memory holds one
            at = clock.now().timestamp()
            try:
                points, useless_count = otlp.decode(body)
            except otlp.UnreadablePush as error:
                self._pushes["malformed"] += 1
                return HTTPStatus.BAD_REQUEST, f"{error}\n".encode()
            refused_count = useless_count + self.looks.pushed.add(points, at)
            self._pushed_at = at
            self._refused_count += refused_count
            self._pushes["points_refused" if refused_count else "accepted"] += 1
        if refused_count:
            sentence = (
                f"{refused_count} of {len(points) + useless_count} points were refused: they are "
                "none of Airflow's, hold a value that is no number, a label that may be an address, "
                "or would be one series too many (docs/metrics.md). The others were kept."
            )
            return HTTPStatus.BAD_REQUEST, f"{sentence}\n".encode()
        return HTTPStatus.OK, b""  # an empty ExportMetricsServiceResponse

    def count(self, result: str) -> None:
        """Count a request to `/v1/metrics` that was not decoded."""
        with self._pushing:
            self._pushes[result] += 1

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own; close at once where too many are waiting."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As `ThreadingHTTPServer`; the place is free again afterwards."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, *_: Any) -> None:
        """A caller that went away is no error; anything else is a defect, and logged as one."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            logger.error("A request could not be answered:\n%s", frames_of(error))

    def _of_pushes(self) -> list[Family]:
        with self._pushing:
            return [
                family(
                    "retention_pushes_total",
                    (({"result": result}, count) for result, count in self._pushes.items()),
                ),
                single("retention_pushed_points_refused_total", self._refused_count),
                single("retention_pushed_series", len(self.looks.pushed)),
                single("retention_last_push_timestamp_seconds", self._pushed_at),
            ]


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = _SILENT_SECONDS
    server_version, sys_version = "retention", ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if not self._is_addressed():
            return
        if path == "/metrics":
            self._answer(HTTPStatus.OK, self.server.metrics(), CONTENT_TYPE)
        elif path == "/health":
            self._answer(HTTPStatus.OK, b"ok\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"There are /metrics, /health and /v1/metrics.\n")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        self._unread_bytes = min(int(length), _DISCARDED_BYTES_MAX) if length.isdecimal() else 0
        if not self._is_addressed():
            return
        if self.path.partition("?")[0] != "/v1/metrics":
            self._answer(HTTPStatus.NOT_FOUND, b"Metrics are pushed to /v1/metrics.\n")
            return
        if self.headers.get_content_type() != "application/x-protobuf":
            self.server.count("malformed")
            sentence = b"Expected is protobuf: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.\n"
            self._answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, sentence)
            return
        body = self._body()
        if body is None:
            return
        status, answer = self.server.push(body)
        is_ok = status == HTTPStatus.OK
        self._answer(status, answer, "application/x-protobuf" if is_ok else "text/plain")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for every look would fill the log."""

    def _body(self) -> bytes | None:
        """The body, unpacked; None where it was refused, and said so."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.server.count("malformed")
            self._answer(HTTPStatus.LENGTH_REQUIRED, b"The request needs a Content-Length.\n")
            return None
        if int(length) > BODY_BYTES_MAX:
            self._refuse_size()
            return None
        body = self.rfile.read(int(length))
        self._unread_bytes = 0
        match self.headers.get("Content-Encoding", "identity"):
            case "identity":
                return body
            case "gzip":
                unpacking = zlib.decompressobj(wbits=31)
                try:
                    body = unpacking.decompress(body, BODY_BYTES_MAX)
                except zlib.error:
                    return _NO_REQUEST
                if not unpacking.unconsumed_tail:
                    return body if unpacking.eof else _NO_REQUEST
                self._refuse_size()
                return None
            case _:
                self.server.count("malformed")
                self._answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b"Expected is gzip or nothing.\n")
                return None

    def _discard(self) -> None:
        """Read what was not read: a caller who is cut off while writing never reads the answer."""
        while self._unread_bytes > 0 and self.rfile.read(min(self._unread_bytes, 65_536)):
            self._unread_bytes -= 65_536

    def _refuse_size(self) -> None:
        self.server.count("too_large")
        sentence = f"The body has more than {BODY_BYTES_MAX:,} bytes.\n".encode()
        self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)

    def _is_addressed(self) -> bool:
        """Whether the caller meant this machine: a page of another host that a browser shows
        reaches the loopback too, under a name of its own."""
        name = self.headers.get("Host", "").rpartition("]")
        host = f"{name[0]}{name[1]}" if name[1] else name[2].partition(":")[0]
        if not self.server.is_loopback or host.strip("[]") in _LOOPBACK_NAMES:
            return True
        self._answer(HTTPStatus.FORBIDDEN, b"Ask for 127.0.0.1 or localhost.\n")
        return False

    def _answer(
        self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8"
    ) -> None:
        if self.command == "POST":
            self._discard()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
