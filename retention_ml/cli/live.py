"""Commands of what answers beside the flow: events and scores, figures, a language model; and tokens."""

import os
from enum import StrEnum
from typing import Annotated

import typer

from retention_ml.cli.frame import Json, command, console, note, opened, print_json, print_rows

_metrics = typer.Typer(help="Figures about the platform, for Prometheus.", no_args_is_help=True)
tokens = typer.Typer(
    help="Tokens of programs that send events or read scores.", no_args_is_help=True
)


class Part(StrEnum):
    """What of the service runs in a process."""

    HTTP = "http"
    WORKER = "worker"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(mcp)
    app.add_typer(_metrics, name="metrics")
    app.command()(serve)
    app.add_typer(tokens, name="tokens")


def serve(
    only: Annotated[
        Part | None,
        typer.Option(help="One part alone: requests, or the worker behind them. Default: both."),
    ] = None,
    follow: Annotated[
        int | None, typer.Option(hidden=True, help="The process whose end is the worker's.")
    ] = None,
) -> None:
    """Take in events and answer with scores that know them; `stack up` starts it if enabled."""
    with opened(as_json=False) as (warehouse, settings):
        if only is Part.WORKER:
            from retention_ml.cli.frame import with_registry
            from retention_ml.live.worker import Worker

            worker = Worker(warehouse, with_registry(settings))
            worker.run(lambda: follow is not None and os.getppid() != follow)
            return
        from retention_ml.live import serve as service

        command = service.worker_command() if only is None else None
        service.serve(warehouse, settings=settings, worker=command, say=note)


def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Listen on 127.0.0.1 instead of standard input.")
    ] = False,
    port: Annotated[int, typer.Option(min=1024, max=65_535, help="With --http.")] = 8765,
) -> None:
    """Answer questions of a language model about `reports`: a read-only MCP server.

    The program with the model starts it by itself: docs/assistant.md says how.
    """
    with command(as_json=False) as settings:
        from retention_ml.stack import assistant

        assistant.serve(settings, http=http, port=port, say=note)


@_metrics.command("serve")
def metrics_serve() -> None:
    """Answer Prometheus, and take in what Airflow pushes; `stack up` starts it if enabled."""
    with command(as_json=False) as settings:
        from retention_ml.metrics.serve import serve
        from retention_ml.stack import address

        places = address.now(settings)
        serve(settings, **places, say=note)


@tokens.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="Whose it is, such as webshop.")],
    scope: Annotated[
        list[str], typer.Option(help="events:write or scores:read; may be given twice.")
    ],
    source: Annotated[
        str | None, typer.Option(help="The one source whose events it may send. Default: any.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How long it is good.")] = 365,
    as_json: Json = False,
) -> None:
    """Make a token and show it, this once."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.deliveries.description.loading import load_source
        from retention_ml.live.tokens import make_token

        if source is not None:
            load_source(settings.sources, source)
        secret = make_token(warehouse, name=name, scopes=scope, source=source, days=days)
        if as_json:
            print_json({"name": name, "token": secret})
        else:
            note("Keep it where the program finds it; it is shown this once and stored nowhere.")
            console.print(secret, soft_wrap=True)


@tokens.command("list")
def list_tokens(as_json: Json = False) -> None:
    """List the tokens, without what could be used."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.live.tokens import list_tokens as read_tokens

        print_rows("Tokens", read_tokens(warehouse), as_json=as_json)


@tokens.command("revoke")
def revoke_token(
    name: Annotated[str, typer.Argument(help="The name that it was made under.")],
    as_json: Json = False,
) -> None:
    """Make a token good for nothing, within ten seconds."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.live.tokens import revoke_token as revoke

        revoke(warehouse, name)
        if as_json:
            print_json({"name": name, "is_revoked": True})
        else:
            console.print(f"The token {name} is good for nothing any more.")
