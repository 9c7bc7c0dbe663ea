"""The command itself: over standard input and output, and over HTTP on the loopback."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from retention_ml.assistant.assistant import Assistant
from retention_ml.assistant.loopback import with_token
from retention_ml.warehouse import Warehouse

pytest.importorskip("mcp", reason="the extra mcp is not installed: requirements-mcp.txt")

import httpx
from mcp import Client, StdioServerParameters

PROGRAM = Path(sys.executable).parent / "retention"
TOKEN = "token-for-tests-only-0123456789"
_PATIENCE_SECONDS = 60.0


@pytest.fixture
def environment(assistant: Assistant, tmp_path: Path) -> dict[str, str]:
    """What a program that starts the server gives it."""
    return {
        "PATH": os.environ["PATH"],
        "RETENTION_HOME": str(tmp_path),
        "RETENTION_ASSISTANT_URL": assistant.warehouse.url,
        "RETENTION_ASSISTANT_TOKEN": TOKEN,
    }


@pytest.mark.slow
def test_a_program_starts_the_server_and_asks_over_its_standard_input(
    environment: dict[str, str], shop: Warehouse, capfd: pytest.CaptureFixture[str]
) -> None:
    async def converse() -> tuple[Any, Any]:
        server = StdioServerParameters(command=str(PROGRAM), args=["mcp"], env=environment)
        async with Client(server) as client:
            return (
                await client.call_tool("most_at_risk", {"limit": 2}),
                await client.call_tool("query", {"sql": "LISTEN secret_word"}),
            )

    answered, refused = anyio.run(converse)
    assert answered.structured_content["rows_count"] == 2
    assert refused.is_error
    newest = shop.read(
        "SELECT transport, outcome FROM ops.assistant_calls ORDER BY call_id DESC LIMIT 2"
    ).to_pylist()
    assert newest == [
        {"transport": "stdio", "outcome": "refused"},
        {"transport": "stdio", "outcome": "answered"},
    ]
    assert "secret_word" not in capfd.readouterr().err


@pytest.fixture
def listening(environment: dict[str, str]) -> Iterator[str]:
    """The address of a server that listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(PROGRAM), "mcp", "--http", "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait(port, process)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE_SECONDS)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0].decode()
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("The server did not listen in time.")


@pytest.mark.slow
def test_over_http_only_who_has_the_token_and_calls_the_loopback_is_answered(
    listening: str, shop: Warehouse
) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
    }
    token = {"Authorization": f"Bearer {TOKEN}"}

    def status(**more: str) -> int:
        return httpx.post(listening, json=request, headers={**headers, **more}).status_code

    assert status(**token) == 200
    assert status() == 401
    assert status(Authorization=f"Bearer {TOKEN}x") == 401
    assert status(Authorization=TOKEN) == 401
    assert status(**token, Origin="http://shop.example") == 403
    assert status(**token, Host="shop.example") == 421
    refused = httpx.get(listening)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert "no valid token" in refused.text

    listed = httpx.post(listening, json=request, headers={**headers, **token}).json()
    assert len(listed["result"]["tools"]) == 9
    call = {
        **request,
        "method": "tools/call",
        "params": {"name": "query", "arguments": {"sql": "SELECT count(*) FROM customer_risk"}},
    }
    result = httpx.post(listening, json=call, headers={**headers, **token}).json()["result"]
    assert result["structuredContent"]["rows_count"] == 1
    [newest] = shop.read(
        "SELECT transport FROM ops.assistant_calls ORDER BY call_id DESC LIMIT 1"
    ).to_pylist()
    assert newest == {"transport": "http"}


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ([(b"authorization", f"Bearer {TOKEN}".encode())], True),
        ([(b"authorization", f"bearer {TOKEN}".encode())], False),
        ([(b"authorization", b"Bearer ")], False),
        ([(b"authorization", f"Bearer {TOKEN}".encode())] * 2, False),
        ([(b"cookie", TOKEN.encode())], False),
        ([], False),
    ],
)
def test_the_token_is_asked_of_every_request(
    headers: list[tuple[bytes, bytes]], is_let_in: bool
) -> None:
    reached: list[str] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nobody reads")

    guarded = with_token(app, TOKEN)
    anyio.run(guarded, {"type": "http", "headers": headers}, receive, send)
    assert reached == (["http"] if is_let_in else [])
    assert [message.get("status") for message in sent] == ([] if is_let_in else [401, None])
    anyio.run(guarded, {"type": "websocket", "headers": headers}, receive, send)
    assert "websocket" not in reached
