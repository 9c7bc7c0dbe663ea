"""Commands about who gets which action: assign, holdout, and what a day or a customer waits for."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention_ml.cli.actions import actions
from retention_ml.cli.days import today
from retention_ml.cli.frame import (
    AsOf,
    Json,
    console,
    day,
    opened,
    print_json,
    print_mapping,
    print_table,
    working,
)

if TYPE_CHECKING:
    from retention_ml.settings import Settings
    from retention_ml.settings.sections import Calendar
    from retention_ml.warehouse import Warehouse

holdout = typer.Typer(help="Customers who are never contacted.", no_args_is_help=True)

Customer = Annotated[str, typer.Argument(help="The shop's customer number.")]
MaybeAsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day; without it, today."),
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides it.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(assign)
    app.add_typer(holdout, name="holdout")


def assign(
    as_of: AsOf,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be decided, and keep nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide who gets which action on a day; of today, enabled and approved, release it."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.assignment.assign import assign as door

        with working("Assigning …"):
            receipt = door(warehouse, settings=settings, as_of=day(as_of), dry_run=dry_run)
        if as_json:
            print_json(receipt.to_dict())
            return
        _print_day(receipt.details, str(receipt), settings.calendar.minor_units)


@actions.command("approve")
def approve(
    as_of: AsOf,
    by: By,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Say no instead.")] = False,
    as_json: Json = False,
) -> None:
    """Agree to what the actions of a day wait for, and put their messages into the outbox."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.assignment.assign import assign as door
        from retention_ml.actions.release.approve import approve as answer

        receipt = answer(
            warehouse,
            settings=settings,
            as_of=day(as_of),
            by=by,
            reason=reason,
            is_rejected=reject,
        )
        assigned = None if reject else door(warehouse, settings=settings, as_of=day(as_of))
        if as_json:
            print_json({**receipt.to_dict(), "assigned": assigned.to_dict() if assigned else None})
            return
        console.print(receipt.sentence)
        if assigned:
            _print_standing(assigned.details)


@actions.command("explain")
def explain(customer: Customer, as_of: MaybeAsOf = None, as_json: Json = False) -> None:
    """Say what was decided about a customer, and why."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.explain import explain as read
        from retention_ml.people.holds import require_visible
        from retention_ml.people.lookup import customer_id_of

        at = _day_or_today(as_of, settings)
        customer_id = customer_id_of(warehouse, settings, customer)
        _record(warehouse, settings, customer_id, "actions")
        require_visible(warehouse, customer_id)
        decisions = read(warehouse, customer_id, settings=settings, as_of=at)
        if as_json:
            print_json(decisions)
            return
        _print_holdout(decisions["holdout"])
        _print_decisions(decisions["assignments"], settings.calendar)
        if decisions["excluded"]:
            console.print(
                f"No action was possible on {decisions['decided_on']}: {decisions['excluded']}."
            )


@holdout.command("show")
def holdout_show(customer: Customer, as_of: MaybeAsOf = None, as_json: Json = False) -> None:
    """Say whether a customer is in the holdout."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.explain import membership
        from retention_ml.people.holds import require_visible
        from retention_ml.people.lookup import customer_id_of

        customer_id = customer_id_of(warehouse, settings, customer)
        _record(warehouse, settings, customer_id, "holdout")
        require_visible(warehouse, customer_id)
        period = membership(warehouse, customer_id, as_of=_day_or_today(as_of, settings))
        if as_json:
            print_json(period)
            return
        _print_holdout(period)


@holdout.command("renew")
def holdout_renew(by: By, as_of: MaybeAsOf = None, as_json: Json = False) -> None:
    """End the holdout and draw another one by the settings, from the next day on."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.holdout.periods import renew

        receipt = renew(warehouse, settings=settings, as_of=_day_or_today(as_of, settings), by=by)
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(receipt.sentence)


def _record(warehouse: "Warehouse", settings: "Settings", customer_id: str, subject: str) -> None:
    from retention_ml.audit.entries import Event
    from retention_ml.audit.record_event import record_event

    record_event(
        warehouse,
        Event.CUSTOMER_EXPLAINED,
        settings=settings,
        subject=subject,
        customer_id=customer_id,
    )


def _day_or_today(text: str | None, settings: "Settings") -> date:
    return today(settings) if text is None else day(text)


def _print_day(details: Any, receipt: str, minor_units: int) -> None:
    console.print(receipt)
    print_mapping(
        "Actions",
        {
            "policy": details["policy_id"],
            "budget": details["budget_cents"] / minor_units,
            "expected cost": details["cost_cents"] / minor_units,
            "drawn by lot": details["explored_count"],
            "probability of being drawn": details["explore_share"],
            "in the holdout": details["holdout_count"],
            "customers by action": details["actions"],
            "excluded by reason": details["excluded"],
            "messages": details["messages"],
        },
    )
    if details["alert"]:
        console.print(details["alert"], soft_wrap=True)
    _print_standing(details)


def _print_standing(details: Any) -> None:
    """The status of a day, why, and what to run next."""
    dry = "Nothing was kept. " if details["is_dry_run"] else ""
    console.print(f"{dry}{details['status']}: {details['reason']}", soft_wrap=True)
    if details["status"] == "released" and not dry:
        console.print(
            "The messages lie in the outbox: `retention dispatch` sends them, as the next run of "
            "dispatch_messages does, if they have not expired by then.",
            soft_wrap=True,
        )


def _print_decisions(rows: Sequence[Mapping[str, Any]], calendar: "Calendar") -> None:
    """One line per decision, the newest first, and what else could have been drawn."""
    print_table(
        "Decisions",
        (
            "day", "tier", "action", "why", "probability", f"expected margin ({calendar.currency})",
            "day is", "message",
        ),
        [
            (
                row["as_of"],
                row["tier"],
                row["action_id"],
                _why(row),
                row["propensity"],
                float(row["expected_margin_cents"]) / calendar.minor_units,
                row["status"],
                row["message_state"],
            )
            for row in rows
        ],
    )  # fmt: skip
    if rows:
        newest = rows[0]
        chances = sorted(newest["propensities"].items(), key=lambda item: (-item[1], item[0]))
        words = ", ".join(f"{action} {chance:.3f}" for action, chance in chances)
        console.print(f"What was how probable on {newest['as_of']}: {words}.", soft_wrap=True)
        if newest["policy_kind"] == "bandit" and not newest["experiment_id"]:
            console.print(
                "A bandit drew: an action is as probable as it is that it brings the most money, "
                "by what is known of effects; after budget and quotas, and never below the floor "
                "where it is allowed and not given up.",
                soft_wrap=True,
            )


def _why(row: Mapping[str, Any]) -> str:
    """Why this action or none, as `reports.next_action` says it."""
    if row["is_holdout"]:
        return "in the holdout"
    if row["experiment_id"]:
        return f"drawn by the experiment {row['experiment_id']}"
    if row["is_explored"] and row["policy_kind"] == "bandit":
        return "drawn by the bandit"
    if row["action_id"] == "none":
        return "left alone by lot" if row["is_explored"] else "nothing chosen, not drawn by lot"
    return "drawn by lot" if row["is_explored"] else "chosen: the highest expected margin"


def _print_holdout(membership: Any) -> None:
    if membership is None:
        console.print("There is no holdout on that day.")
        return
    inside = "is" if membership["is_member"] else "is not"
    until = f"to {membership['ends_on']}" if membership["ends_on"] else "without end"
    console.print(
        f"The customer {inside} in the holdout of {membership['share']:.0%}, from "
        f"{membership['began_on']} {until}."
    )
