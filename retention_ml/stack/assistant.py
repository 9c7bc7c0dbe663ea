"""Starts the assistant: as its own role, on the warehouse of the settings."""

from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec

from retention_ml.assistant.assistant import Assistant
from retention_ml.errors import UsageError
from retention_ml.schema.assistant_rights import ASSISTANT
from retention_ml.settings import Settings
from retention_ml.stack import address, databases, keys
from retention_ml.warehouse import Warehouse


def serve(settings: Settings, *, http: bool, port: int, say: Callable[[str], None]) -> None:
    """Answer the questions of a language model until its program goes away.

    Parameters
    ----------
    settings : Settings
    http : bool
        Listen on the loopback, for who has the token, instead of standard input and output.
    port : int
        With `http`.
    say : callable of str
        Told where it listens, for a person who waits.

    Raises
    ------
    UsageError
        The extra is not installed, or the role of the assistant has no address.
    """
    require_extra()
    from retention_ml.assistant.server import serve as answer

    with closing(warehouse(settings)) as opened:
        if http:
            say(f"Listening on 127.0.0.1:{port}/mcp for who has the token (docs/assistant.md).")
        answer(
            Assistant(warehouse=opened, settings=settings, transport="http" if http else "stdio"),
            token=token(settings) if http else None,
            port=port,
        )


def require_extra() -> None:
    """Check that the Model Context Protocol is installed; UsageError says how."""
    if find_spec("mcp") is None:
        raise UsageError(
            "The Model Context Protocol is not installed here. Install it beside the rest: "
            "`.venv/bin/uv pip install --require-hashes -r requirements-mcp.txt`, then run the same "
            "command again."
        )


def warehouse(settings: Settings) -> Warehouse:
    """The warehouse as the role of the assistant sees it: by its own address, else embedded.

    Raises
    ------
    UsageError
        The warehouse is a Postgres of the shop's own, and that role's address is not set; or there
        is none at all.
    """
    url = settings.assistant_url
    if url is None and settings.warehouse_url is not None:
        raise UsageError(
            "RETENTION_WAREHOUSE_URL is set and RETENTION_ASSISTANT_URL is not. The assistant never "
            f"connects as the owner of the tables: create the role {ASSISTANT} (docs/assistant.md) "
            "and set its address."
        )
    if url is None:
        address.require_warehouse(settings)
        address.warehouse(settings).close()  # started, and the role has its rights
        url = databases.address(settings.home, ASSISTANT, "retention")
    return Warehouse(url, settings.assistant.statement_seconds_max / 60)


def token(settings: Settings) -> str:
    """What a program shows over HTTP: the one of the settings, else the one of the home."""
    return settings.assistant_token or keys.load(settings.home)["assistant_token"]
