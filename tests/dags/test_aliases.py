"""The trigger that says when an alias was moved in MLflow."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from retention_airflow import aliases
from retention_airflow.aliases import AliasTrigger, look


class _Registry(BaseHTTPRequestHandler):
    """Answers as MLflow does; what it was asked stands in `requests`."""

    answer: Any = {}
    requests: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        self.requests.append((self.path, self.headers.get("Authorization")))
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def address() -> Iterator[str]:
    _Registry.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _with(**aliases: str) -> dict[str, Any]:
    pairs = [{"alias": alias, "version": version} for alias, version in aliases.items()]
    return {"registered_model": {"name": "churn", "aliases": pairs}}


def test_it_reads_where_the_aliases_stand(address: str) -> None:
    _Registry.answer = _with(champion="3", challenger="4")
    assert look(address) == {"champion": "3", "challenger": "4"}
    assert _Registry.requests == [("/api/2.0/mlflow/registered-models/get?name=churn", None)]
    _Registry.answer = {"registered_model": {"name": "churn"}}
    assert look(address) == {}


def test_it_signs_in_where_there_is_a_login(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    _Registry.answer = _with(champion="3")
    assert look(address) == {"champion": "3"}
    assert _Registry.requests[0][1] == "Basic YWRtaW46c2VjcmV0"


@pytest.mark.parametrize("answer", [b"<html>", {"error_code": "RESOURCE_DOES_NOT_EXIST"}, []])
def test_an_answer_that_is_none_says_nothing(address: str, answer: Any) -> None:
    _Registry.answer = answer
    assert look(address) is None


def test_nobody_there_says_nothing() -> None:
    assert look("http://127.0.0.1:9") is None


def test_it_says_once_that_an_alias_was_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it finds first is no move, and no answer is none either."""
    looks = iter(
        [None, {"champion": "1"}, {"champion": "1"}, None, {"champion": "2"}, {"champion": "2"}, {}]
    )
    monkeypatch.setattr(aliases, "look", lambda _: next(looks))
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 7:
            raise asyncio.CancelledError

    monkeypatch.setattr(aliases.asyncio, "sleep", pause)

    async def collect() -> list[Any]:
        events: list[Any] = []
        try:
            async for event in AliasTrigger("http://mlflow.invalid", 7.0).run():
                events.append(event.payload)
        except asyncio.CancelledError:
            pass
        return events

    assert asyncio.run(collect()) == [{"aliases": {"champion": "2"}}, {"aliases": {}}]
    assert set(pauses) == {7.0}


def test_the_triggerer_makes_it_again_from_what_it_wrote_down() -> None:
    path, arguments = AliasTrigger("http://mlflow.invalid", 7.0).serialize()
    assert path == "retention_airflow.aliases.AliasTrigger"
    again = AliasTrigger(**arguments)
    assert (again.address, again.poll_seconds) == ("http://mlflow.invalid", 7.0)
