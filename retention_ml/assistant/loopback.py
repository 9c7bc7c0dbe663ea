"""HTTP on this machine only: nobody is let in without the token."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

HOST = "127.0.0.1"

_Message = MutableMapping[str, Any]
App = Callable[
    [_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]],
    Awaitable[None],
]


def with_token(app: App, token: str) -> App:
    """The ASGI application, for requests with `Authorization: Bearer <token>`; 401 for others."""
    expected = f"Bearer {token}".encode()

    async def guarded(
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "http":
            headers = [value for name, value in scope["headers"] if name == b"authorization"]
            if len(headers) != 1 or not hmac.compare_digest(headers[0], expected):
                await _refuse(send)
                return
        elif scope["type"] != "lifespan":
            return
        await app(scope, receive, send)

    return guarded


async def _refuse(send: Callable[[_Message], Awaitable[None]]) -> None:
    sentence = (
        b"The request has no valid token. Send 'Authorization: Bearer <token>' with the one of "
        b"`retention mcp --http` (docs/assistant.md).\n"
    )
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(sentence)).encode()),
        (b"www-authenticate", b"Bearer"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": sentence})
