"""Commands about the persons behind the customers: consent, keys and pseudonyms."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from retention_ml.cli.frame import Json, console, opened, print_json, working
from retention_ml.errors import UsageError

if TYPE_CHECKING:
    from retention_ml.settings import Settings

people = typer.Typer(
    help="What persons agreed to, pseudonyms, keys, persons to be forgotten, counts for anybody.",
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(people, name="people")


@people.command("contact-list")
def contact_list(as_json: Json = False) -> None:
    """List anew whom the CRM may contact, by the shop's numbers; `70_assign_actions` does it daily."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.people.fill_contact_list import fill_contact_list

        receipt = fill_contact_list(warehouse, settings=settings)
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(f"{receipt.written:,} customers are on the list that retention_crm reads.")


@people.command("consent")
def consent(
    customer: Annotated[
        str | None, typer.Argument(metavar="CUSTOMER", help="The customer's number.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option("--purpose", help="contact, or profiling (being scored).")
    ] = None,
    is_given: Annotated[
        bool, typer.Option("--given/--refused", help="Whether the person agrees.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="'YYYY-MM-DD HH:MM'",
            help="When they said so, in the shop's time zone; default: now.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="CSV: customer_id, purpose, is_given (yes, no), event_at."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write down that a person agrees to being contacted or scored, or does not."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml import clock
        from retention_ml.models.registry.provenance import login_name
        from retention_ml.people.consent_lists import read_statements, statement
        from retention_ml.people.lookup import customer_id_of
        from retention_ml.people.record_consent import record_consent

        if (customer is None) == (file is None) or (customer is not None) != (purpose is not None):
            raise UsageError(
                "Expected is one customer with --purpose, or a list with --file, not both."
            )
        if file is not None:
            statements = read_statements(warehouse, settings, file)
        else:
            event_at = _moment(at, settings) if at else clock.now()
            customer_id = customer_id_of(warehouse, settings, str(customer))
            statements = [statement(customer_id, str(purpose), is_given, event_at)]
        receipt = record_consent(warehouse, statements, settings=settings, by=login_name())
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(
            f"{receipt.written:,} statements are written down; {receipt.duplicates:,} were there."
        )


def _moment(text: str, settings: "Settings") -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no moment; expected YYYY-MM-DD HH:MM such as '2026-03-01 14:00'."
        ) from None
    zone = ZoneInfo(settings.calendar.timezone)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


@people.command("expire")
def expire(as_json: Json = False) -> None:
    """Delete what was kept long enough, and forget whose legal hold is over, as every night."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.maintenance.erasure.hold import end_holds
        from retention_ml.maintenance.expire import expire as door

        receipt = door(warehouse, settings=settings)
        forgotten = end_holds(warehouse, settings=settings).written
        if as_json:
            print_json({**receipt.to_dict(), "forgotten": forgotten})
            return
        if forgotten:
            console.print(f"persons whose legal hold is over: {forgotten:,} forgotten")
        for table, count in receipt.details["expired"].items():
            console.print(f"{table}: {count:,}")


@people.command("pseudonymise")
def pseudonymise(as_json: Json = False) -> None:
    """Replace the customer numbers of a filled warehouse by pseudonyms; nothing else may run."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.maintenance.pseudonymise import pseudonymise as door

        with working("Replacing numbers …"):
            receipt = door(warehouse, settings=settings)
        if as_json:
            print_json(receipt.to_dict())
            return
        if receipt.details["is_repeat"]:
            console.print("The warehouse holds pseudonyms already. Nothing was changed.")
            return
        rows = sum(receipt.details["tables"].values())
        console.print(
            f"{receipt.written:,} customers have pseudonyms now, in {rows:,} rows of "
            f"{len(receipt.details['tables'])} tables. Set pseudonyms = true under [privacy], and "
            "keep a copy of the file of keys where neither the home nor backups of the warehouse "
            "lie.",
            soft_wrap=True,
        )


@people.command("rotate-key")
def rotate_key(as_json: Json = False) -> None:
    """Find and open customers' numbers by new keys; pseudonyms and all that hangs on them stay."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.people.rotate_key import rotate_key as door

        with working("Making new keys …"):
            receipt = door(warehouse, settings=settings)
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(
            f"{receipt.written:,} customers are found by keys of version "
            f"{receipt.details['version']} now. Keep a copy of the file of keys: without it nobody "
            "is found by their number. Older versions in it open backups of the warehouse.",
            soft_wrap=True,
        )
