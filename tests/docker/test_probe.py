"""The health probe: it ends with 0 only for a part that answers, or whose heartbeat is of this container."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.docker.compose_file import DOCKER


@contextmanager
def _answering(status: int, document: object) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/health"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _probe(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(DOCKER / "probe.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _scheduler(status: str, age: timedelta | None) -> dict[str, dict[str, str | None]]:
    beat = None if age is None else (datetime.now(UTC) - age).isoformat()
    return {"scheduler": {"status": status, "latest_scheduler_heartbeat": beat}}


def test_a_page_that_answers_is_well_and_one_that_fails_or_is_gone_is_not() -> None:
    with _answering(200, "OK") as url:
        assert _probe(url)[0] == 0
    assert _probe(url)[0] == 1
    with _answering(503, "no") as url:
        code, words = _probe(url)
    assert code == 1
    assert "does not say how it is" in words
    assert "Traceback" not in words


@pytest.mark.parametrize(
    ("status", "age", "code"),
    [
        ("healthy", timedelta(seconds=1), 0),
        ("unhealthy", timedelta(seconds=1), 1),
        ("healthy", None, 1),
        # That of the container before this one: process 1 of any machine is younger.
        ("healthy", timedelta(days=3650), 1),
    ],
)
def test_a_part_is_well_by_a_heartbeat_of_its_own(
    status: str, age: timedelta | None, code: int
) -> None:
    with _answering(200, _scheduler(status, age)) as url:
        assert _probe(url, "scheduler")[0] == code


def test_a_part_that_is_not_reported_is_not_well() -> None:
    with _answering(200, _scheduler("healthy", timedelta())) as url:
        assert _probe(url, "triggerer")[0] == 1
