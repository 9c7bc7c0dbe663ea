"""Commands about the audit log: audit show, verify, anchor."""

from typing import Annotated

import typer

from retention_ml.cli.frame import Json, console, opened, print_json, print_rows, working

audit = typer.Typer(
    help="Who opened customers' numbers or changed people's data.", no_args_is_help=True
)


@audit.callback()
def _group() -> None:
    """Who opened customers' numbers or changed people's data."""


@audit.command("show")
def audit_show(
    customer: Annotated[
        str | None,
        typer.Option("--customer", metavar="CUSTOMER", help="Only entries about this customer."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many entries.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest entries; no entry holds a customer's number."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.audit.read_log import newest_entries
        from retention_ml.people.lookup import customer_id_of

        customer_id = customer_id_of(warehouse, settings, customer) if customer else None
        entries = newest_entries(warehouse, settings, limit=limit, customer_id=customer_id)
        if as_json:
            print_json([entry.to_dict() for entry in entries])
            return
        rows = [
            {
                "entry": entry.entry_id,
                "at": entry.recorded_at,
                "event": entry.event,
                "person": "–" if entry.person is None else entry.person.hex()[:12],
                "subject": entry.subject,
                "details": ", ".join(f"{name} {value}" for name, value in entry.details.items()),
                "by": f"{entry.os_user} as {entry.database_role}",
                "run": entry.run_id,
            }
            for entry in entries
        ]
        print_rows("Audit log", rows)


@audit.command("verify")
def audit_verify(as_json: Json = False) -> None:
    """Read the log whole: was an entry changed, removed, moved, put in or cut off?"""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.audit.verify_chain import verify_chain

        with working("Reading the audit log …"):
            receipt = verify_chain(warehouse, settings=settings)
        if as_json:
            print_json(receipt.to_dict())
        else:
            console.print(receipt.sentence)


@audit.command("anchor")
def audit_anchor(
    reason: Annotated[str, typer.Option("--reason", help="Why its end in the home is not there.")],
    as_json: Json = False,
) -> None:
    """Go on from the last entry that is there, after the home or the end of the log was lost."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.audit.anchor import anchor

        receipt = anchor(warehouse, settings=settings, reason=reason)
        if as_json:
            print_json(receipt.to_dict())
        else:
            console.print(receipt.sentence)
