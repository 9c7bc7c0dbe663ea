"""Questions by the protocol's own client."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import pytest

from retention_ml.assistant.assistant import Assistant

pytest.importorskip("mcp", reason="the extra mcp is not installed: requirements-mcp.txt")

from mcp import Client
from mcp.shared.exceptions import MCPError

from retention_ml.assistant.server import build


def conversation(assistant: Assistant, converse: Callable[[Client], Awaitable[Any]]) -> Any:
    """What `converse` returns, or the error of the protocol that it meets."""

    async def run() -> Any:
        async with Client(build(assistant)) as client:
            try:
                return await converse(client)
            except MCPError as error:
                return error

    return anyio.run(run)


def ask(assistant: Assistant, *questions: tuple[str, dict[str, Any]]) -> list[Any]:
    """The results of these calls of tools, one after another over one connection."""

    async def converse(client: Client) -> list[Any]:
        return [await client.call_tool(tool, arguments) for tool, arguments in questions]

    results = conversation(assistant, converse)
    return results if isinstance(results, list) else [results]


def refusals(results: Sequence[Any]) -> list[str]:
    """The sentence of each refused call."""
    return [result.content[0].text for result in results if result.is_error]
