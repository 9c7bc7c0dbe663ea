"""Commands about messages: dispatch, list, settle, and what stops them."""

from getpass import getuser
from typing import Annotated

import typer

from retention_ml.cli.actions import actions
from retention_ml.cli.frame import (
    AsOf,
    Json,
    console,
    day,
    opened,
    print_json,
    print_rows,
    print_table,
    working,
)

outbox = typer.Typer(help="Messages to customers and what became of them.", no_args_is_help=True)

Channel = Annotated[str, typer.Argument(help="email, webhook, file, or all.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for the record.")]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who decides it; default: the user of this machine."),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(dispatch)
    app.command()(deliver)
    app.add_typer(outbox, name="outbox")


def dispatch(
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", help="email, webhook or file; default all. May be repeated."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="Begin at most so many messages per channel.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send the messages that are due."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.outbox.dispatch import dispatch as door
        from retention_ml.actions.outbox.outbox import CHANNELS

        with working("Sending …"):
            receipt = door(warehouse, settings=settings, channels=channel or CHANNELS, limit=limit)
        if as_json:
            print_json(receipt.to_dict())
            return
        details = receipt.details
        console.print(str(receipt))
        print_table(
            "Messages of this run",
            ("channel", "became", "messages"),
            [
                (name, end, count)
                for name, ends in details["by_channel"].items()
                for end, count in ends.items()
            ],
        )
        waiting = list(details["waiting"].items())
        print_table("Messages that wait", ("channel", "messages"), waiting)
        if not details["is_enabled"]:
            console.print("Nothing is sent: [actions] enabled is false.")
        if details["stopped"]:
            console.print(
                f"Stopped: {', '.join(details['stopped'])}. `retention actions resume` lets it go on."
            )


def deliver(as_of: AsOf, as_json: Json = False) -> None:
    """Write contacts, holdouts and bounces of a day and before into the inbox of the ingest."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.deliver import deliver as door

        receipt = door(warehouse, settings=settings, as_of=day(as_of))
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(str(receipt))
        for name in receipt.details["files"]:
            console.print(name)


@outbox.command("list")
def outbox_list(
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            help="pending, sending, sent, failed, unknown, expired or suppressed; default all.",
        ),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The decision day.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """List messages, those that moved last first."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.actions.outbox.settlement import messages_in

        rows = messages_in(
            warehouse, state=state, as_of=None if as_of is None else day(as_of), limit=limit
        )
        if not as_json:
            rows = [{**row, "message_id": row["message_id"][:12]} for row in rows]
        print_rows("Messages", rows, as_json=as_json)


@outbox.command("settle")
def outbox_settle(
    message: Annotated[str, typer.Argument(help="Its number, or the first digits of it.")],
    is_sent: Annotated[
        bool, typer.Option("--sent/--failed", help="What became of it, by the mail server's log.")
    ],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Say what became of an unknown message; it is not sent again either way."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.actions.outbox.message import State
        from retention_ml.actions.outbox.settlement import settle_message

        state = State.SENT if is_sent else State.FAILED
        number = settle_message(warehouse, number=message, state=state, who=by or getuser())
        if as_json:
            print_json({"message_id": number, "state": state.value, "settled_by": by or getuser()})
        else:
            console.print(f"Message {number[:12]} counts as {state.value} from now on.")


@actions.command("stop")
def actions_stop(why: Why, by: By = None, channel: Channel = "all", as_json: Json = False) -> None:
    """Stop messages before the next one leaves; `all` stops every channel."""
    _switch(channel, is_stopped=True, why=why, by=by, as_json=as_json)


@actions.command("resume")
def actions_resume(
    why: Why, by: By = None, channel: Channel = "all", as_json: Json = False
) -> None:
    """Let messages leave again."""
    _switch(channel, is_stopped=False, why=why, by=by, as_json=as_json)


def _switch(channel: str, *, is_stopped: bool, why: str, by: str | None, as_json: bool) -> None:
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.outbox.switches import stopped, switch

        has_changed = switch(
            warehouse,
            channel=channel,
            is_stopped=is_stopped,
            who=by or getuser(),
            why=why,
            run_id=settings.run_id,
        )
        others = [name for name in stopped(warehouse) if name != channel]
        if as_json:
            print_json(
                {
                    "channel": channel,
                    "is_stopped": is_stopped,
                    "has_changed": has_changed,
                    "others_stopped": others,
                }
            )
            return
        console.print(_sentence(channel, is_stopped=is_stopped, has_changed=has_changed))
        if not is_stopped:
            matter = others if channel == "all" else [name for name in others if name == "all"]
            for name in matter:
                what = "Nothing leaves: all channels are" if name == "all" else f"{name} is"
                console.print(
                    f"{what} still stopped. `retention actions resume {name} --why …` ends that."
                )


def _sentence(channel: str, *, is_stopped: bool, has_changed: bool) -> str:
    if is_stopped:
        what = "Everything" if channel == "all" else channel
        return f"{what} is stopped." if has_changed else f"{what} was stopped already."
    what = "all channels" if channel == "all" else channel
    return f"The stop of {what} is lifted." if has_changed else f"There was no stop of {what}."
