"""Commands about customers that are none: detect, list, confirm, clear."""

from typing import Annotated, Literal

import typer

from retention_ml.cli.days import not_ahead, today
from retention_ml.cli.frame import (
    AsOf,
    Json,
    console,
    day,
    note,
    opened,
    print_json,
    print_table,
    working,
)
from retention_ml.cli.modelling import By, Reason

_abnormal = typer.Typer(
    help="Customers that are none: bots, fake orders, returners, resellers.", no_args_is_help=True
)
Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's number.")]
WhatKind = Annotated[
    str | None,
    typer.Option("--kind", help="bot, brusher, returner or reseller. Default: as flagged last."),
]
From = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="YYYY-MM-DD", help="The day from which it holds. Default: today."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(_abnormal, name="abnormal")


@_abnormal.command("detect")
def detect(as_of: AsOf, as_json: Json = False) -> None:
    """Look for abnormal customers as of a day; safe to repeat."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.abnormal.detect import detect as door

        with working("Looking for abnormal customers …"):
            receipt = door(warehouse, settings=settings, as_of=not_ahead(day(as_of), settings))
        if as_json:
            print_json(receipt.to_dict())
            return
        for line in filter(None, (receipt, receipt.details["alert"], receipt.details["caveat"])):
            console.print(str(line), soft_wrap=True)
        print_table(
            f"Abnormal customers of {as_of}", ("kind", "customers"),
            sorted(receipt.details["kinds"].items()),
        )  # fmt: skip
        excluded = receipt.details["excluded"]
        note(
            f"{excluded:,} of them are excluded. `retention abnormal list` shows all with evidence."
        )


@_abnormal.command("list")
def list_abnormal(
    limit: Annotated[int, typer.Option(min=1, help="How many customers at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show abnormal customers of the latest day, as decided by now, the most probable first."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.reports import abnormal

        rows = abnormal.abnormal_customers(warehouse, limit=limit)
        if as_json:
            print_json(rows)
            return
        for sentence in abnormal.notes(warehouse):
            console.print(sentence, soft_wrap=True)
        title = f"Abnormal customers of {rows[0]['as_of']}" if rows else "Abnormal customers"
        print_table(title, abnormal.COLUMNS, abnormal.table(rows))


@_abnormal.command("confirm")
def confirm(
    customer_id: Customer,
    reason: Reason,
    kind: WhatKind = None,
    by: By = None,
    as_of: From = None,
    as_json: Json = False,
) -> None:
    """Say that a customer is abnormal; where their kind is excluded, so are they from the day on."""
    _decide("confirmed", customer_id, reason, kind, by, as_of, as_json)


@_abnormal.command("clear")
def clear(
    customer_id: Customer,
    reason: Reason,
    kind: WhatKind = None,
    by: By = None,
    as_of: From = None,
    as_json: Json = False,
) -> None:
    """Say that a customer is one; the same evidence does not flag them again."""
    _decide("cleared", customer_id, reason, kind, by, as_of, as_json)


def _decide(
    decision: Literal["confirmed", "cleared"],
    customer_id: str,
    reason: str,
    kind: str | None,
    by: str | None,
    as_of: str | None,
    as_json: bool,
) -> None:
    with opened(as_json) as (warehouse, settings):
        from retention_ml.abnormal.decide import decide
        from retention_ml.audit.entries import Event
        from retention_ml.audit.record_event import record_event
        from retention_ml.models.registry.provenance import login_name
        from retention_ml.people.lookup import customer_id_of

        customer_id = customer_id_of(warehouse, settings, customer_id)
        record_event(
            warehouse,
            Event.CUSTOMER_DECIDED,
            settings=settings,
            subject="abnormal",
            customer_id=customer_id,
            details={"decision": decision},
        )
        receipt = decide(
            warehouse,
            settings=settings,
            customer_id=customer_id,
            decision=decision,
            decided_by=by or login_name(),
            reason=reason,
            as_of=day(as_of) if as_of else today(settings),
            kind=kind,
        )
        if as_json:
            print_json(receipt.to_dict())
        else:
            console.print(receipt.sentence, soft_wrap=True)
