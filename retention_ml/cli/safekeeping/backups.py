"""Commands about backups: `backup`, `backup list`, `verify`, `prune`, `restore`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from retention_ml.cli.frame import (
    Json,
    command,
    console,
    note,
    opened,
    print_json,
    print_mapping,
    print_rows,
    working,
)
from retention_ml.errors import UsageError

if TYPE_CHECKING:
    from retention_ml.receipts import DoorReceipt

backups = typer.Typer(help="Take, list, verify and prune backups.", invoke_without_command=True)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--to", help="The folder of backups; by default that of [backups].", metavar="FOLDER"
    ),
]
Name = Annotated[str, typer.Argument(help="The backup; by default the latest.")]


@backups.callback()
def backup(
    context: typer.Context,
    to: Folder = None,
    base: Annotated[
        bool,
        typer.Option(
            "--base", help="Copy the server's data, from which any later moment is reached."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a backup of the databases, the archive, models and secrets."""
    if context.invoked_subcommand:
        return
    with opened(as_json) as (warehouse, settings):
        from retention_ml.stack.backups.back_up import back_up

        with working("A backup is taken"):
            receipt = back_up(
                warehouse, settings=settings, folder=to, kind="base" if base else "dump"
            )
        _print(receipt, as_json)


@backups.command("list")
def backup_list(to: Folder = None, as_json: Json = False) -> None:
    """The backups there are, oldest first."""
    with command(as_json) as settings:
        from retention_ml.stack.backups import shelf

        rows = [
            {
                "name": one.name,
                "kind": one.kind,
                "taken_at": one.taken_at.isoformat(timespec="seconds"),
                "tables": one.tables_count,
                "rows": one.rows_count,
                "files": len(one.files),
                "megabytes": round(one.size_bytes / 1e6, 1),
            }
            for one in shelf.read(to or shelf.folder_of(settings))
        ]
        print_rows("Backups", rows, as_json=as_json)


@backups.command("verify")
def backup_verify(
    name: Name = "",
    to: Folder = None,
    drill: Annotated[
        bool,
        typer.Option("--drill", help="Also restore it beside, compare every table, remove it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read a backup whole and say whether it is what was written."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.stack.backups.verify import verify

        with working("The backup is read"):
            receipt = verify(warehouse, settings=settings, folder=to, name=name, is_drill=drill)
        _print(receipt, as_json)


@backups.command("prune")
def backup_prune(to: Folder = None, as_json: Json = False) -> None:
    """Remove backups that the settings do not keep."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.stack.backups.prune import prune

        _print(prune(warehouse, settings=settings, folder=to), as_json)


def restore(
    backup: Annotated[Path, typer.Argument(help="The folder of one backup.", metavar="BACKUP")],
    home: Annotated[Path, typer.Option("--home", help="A new folder, which becomes the home.")],
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="'YYYY-MM-DD HH:MM'",
            help="Of a base backup: the moment to go back to, in the shop's time zone.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a new home from a backup and prove that it is equal; nothing is written over."""
    with command(as_json) as settings:
        from retention_ml.stack.backups.restore import restore as door

        moment = _moment(until, settings.calendar.timezone) if until else None
        result = door(
            backup.absolute(),
            home.absolute(),
            until=moment,
            jobs=settings.compute.threads,
            say=note,
        )
        if as_json:
            print_json(result)
        else:
            print_mapping("Restored", result)
            console.print(f"Use it with RETENTION_HOME={home.absolute()}")


def _moment(text: str, timezone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no moment; expected YYYY-MM-DD HH:MM such as '2026-03-01 14:00'."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))


def _print(receipt: "DoorReceipt", as_json: bool) -> None:
    if as_json:
        print_json(receipt.to_dict())
    else:
        console.print(str(receipt))
        print_mapping(receipt.door, receipt.details)
