"""Commands about what is held of a person: people forget, prove, export."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention_ml.cli.customers.people import people
from retention_ml.cli.frame import (
    Json,
    console,
    day,
    note,
    opened,
    print_json,
    print_mapping,
    working,
)
from retention_ml.errors import UsageError

if TYPE_CHECKING:
    from retention_ml.settings import Settings
    from retention_ml.warehouse import Warehouse

Numbers = Annotated[
    list[str] | None, typer.Argument(metavar="NUMBER", help="The shop's customer numbers.")
]
File = Annotated[
    Path | None,
    typer.Option("--file", help="A file with one number a line, `-` for standard input."),
]


def add_to(_: typer.Typer) -> None:
    """Register the commands of this module among those of `people`."""
    people.command("forget")(forget)
    people.command("prove")(prove)
    people.command("export")(export)


def forget(
    numbers: Numbers = None,
    file: File = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be erased.")
    ] = False,
    hold_until: Annotated[
        str | None,
        typer.Option(
            "--hold-until",
            metavar="YYYY-MM-DD",
            help="The law asks for the data until then: keep and hide it, forget the night after.",
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why it must be kept; no names.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Finish what was begun, also in a restored backup.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Erase all that is held of persons, and let nothing of them in again."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.maintenance.erasure.forget import forget as door
        from retention_ml.maintenance.erasure.forget import preview

        if again and (numbers or file):
            raise UsageError("--again finishes what was begun; name no numbers with it.")
        asked = [] if again else _numbers(numbers, file)
        if hold_until is not None or reason is not None:
            if again or dry_run or hold_until is None:
                raise UsageError(
                    "A legal hold is --hold-until and --reason, without --again and --dry-run."
                )
            _hold(warehouse, settings, asked, hold_until, reason or "", as_json)
            return
        if dry_run:
            counts = preview(warehouse, settings=settings, numbers=asked)
            _print("What would be erased", counts, as_json)
            return
        with _server(settings) as server, working("Forgetting …") as say:
            receipt = door(
                warehouse, settings=settings, numbers=asked, server=server, say=say
            ).to_dict()
        receipt["backups"] = _backups(settings)
        if as_json:
            print_json(receipt)
            return
        console.print(
            ("1 person was" if receipt["written"] == 1 else f"{receipt['written']:,} persons were")
            + " forgotten"
            + (f", {receipt['duplicates']:,} had been before" if receipt["duplicates"] else "")
            + "."
        )
        for place, at in receipt["done_before"].items():
            console.print(f"  number {place}: forgotten at {at}")
        if receipt["backups"]:
            note(
                f"{len(receipt['backups'])} backups still hold who was forgotten since they were taken, "
                "until they are pruned: "
                f"{', '.join(receipt['backups'])}. One that is restored forgets them too."
            )


def _hold(
    warehouse: "Warehouse",
    settings: "Settings",
    numbers: Sequence[str],
    until: str,
    reason: str,
    as_json: bool,
) -> None:
    from retention_ml.maintenance.erasure.hold import hold
    from retention_ml.models.registry.provenance import login_name

    receipt = hold(
        warehouse,
        settings=settings,
        numbers=numbers,
        until=day(until),
        reason=reason,
        by=login_name(),
    )
    if as_json:
        print_json(receipt.to_dict())
        return
    count = "1 person is" if receipt.read == 1 else f"{receipt.read:,} persons are"
    console.print(
        f"{count} hidden until {until} and forgotten the night after, unless you name a later day.",
        soft_wrap=True,
    )


def prove(numbers: Numbers = None, file: File = None, as_json: Json = False) -> None:
    """Search tables, files, statistics and WAL for what is left of persons; code 3 if anything is."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.maintenance.erasure.prove import prove as door

        with working("Searching …"):
            receipt = door(warehouse, settings=settings, numbers=_numbers(numbers, file))
        if as_json:
            print_json(receipt.to_dict())
        else:
            console.print(receipt.sentence, soft_wrap=True)
            if receipt.details["hits"]:
                print_mapping("Where", receipt.details["hits"])
        if not receipt.details["is_proved"]:
            raise typer.Exit(3)


def export(
    number: Annotated[str, typer.Argument(help="The shop's customer number.")],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where person.json is put.")],
    as_json: Json = False,
) -> None:
    """Write down all that is held of a person."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.maintenance.erasure.export_person import export_person

        receipt = export_person(warehouse, settings=settings, number=number, folder=to)
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(
            f"{receipt.written:,} rows of {receipt.details['tables']} tables are in "
            f"{to / 'person.json'}, which only you may read.",
            soft_wrap=True,
        )


def _numbers(numbers: Sequence[str] | None, file: Path | None) -> list[str]:
    from retention_ml.maintenance.erasure.requests import parse

    if file is None:
        return parse(numbers or [])
    if numbers:
        raise UsageError("Name numbers or a file of them, not both.")
    text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
    return parse(text.splitlines())


@contextmanager
def _server(settings: "Settings") -> Iterator["Warehouse | None"]:
    """The embedded warehouse as the role that may let old WAL go; None of another server."""
    if settings.warehouse_url is not None:
        yield None
        return
    from retention_ml.stack import databases
    from retention_ml.warehouse import Warehouse

    with closing(Warehouse(databases.server(settings.home).url("retention"))) as server:
        yield server


def _backups(settings: "Settings") -> list[str]:
    """The backups that there are, whatever they hold."""
    from retention_ml.stack.backups import shelf

    if not settings.backups.folder:
        return []
    return [one.name for one in shelf.read(shelf.folder_of(settings))]


def _print(title: str, values: Any, as_json: bool) -> None:
    print_json(values) if as_json else print_mapping(title, values)
