"""Commands about the platform itself: stack, doctor, demo, status, report, simulate."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention_ml.cli.frame import (
    Json,
    command,
    console,
    day,
    note,
    opened,
    print_json,
    print_mapping,
    print_table,
    with_registry,
    working,
)
from retention_ml.cli.tables import hide_secret, print_stack, print_status
from retention_ml.errors import UsageError

if TYPE_CHECKING:
    from retention_ml.settings import Settings

_stack = typer.Typer(help="Start, stop and look at the local stack.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(_stack, name="stack")
    app.command()(doctor)
    app.command()(demo)
    app.command("demo-actions")(demo_actions)
    app.command()(status)
    app.command()(report)
    app.command()(simulate)


@_stack.command("up")
def stack_up(as_json: Json = False) -> None:
    """Start Postgres, MLflow and Airflow on this machine; harmless if they run."""
    with command(as_json) as settings:
        from retention_ml.stack import local

        state = local.up(settings, say=note)
        print_stack(settings, state, as_json)


@_stack.command("down")
def stack_down(as_json: Json = False) -> None:
    """Stop everything that `up` started, also after a crash."""
    with command(as_json) as settings:
        from retention_ml.stack import local

        state = local.down(settings, say=note)
        print_stack(settings, state, as_json)


@_stack.command("status")
def stack_status(as_json: Json = False) -> None:
    """Say which components run, and where."""
    with command(as_json) as settings:
        from retention_ml.stack import local

        print_stack(settings, local.status(settings), as_json)


@_stack.command("superset")
def stack_superset(as_json: Json = False) -> None:
    """Start Superset with three dashboards on `reports`; `make superset` installs it first."""
    with opened(as_json) as (_, settings):
        from retention_ml.stack.superset.start import start

        _print_summary("Superset; `make down` stops it", start(settings, say=note), as_json)


def doctor(
    data: Annotated[
        bool,
        typer.Option(
            "--data", help="Look for rows that break an invariant of the warehouse instead."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what is missing on this machine and how to fix it."""
    with command(as_json) as settings:
        from retention_ml.stack.doctor import examine, examine_data

        findings = examine_data(settings) if data else examine(settings)
        if as_json:
            print_json([finding.to_dict() for finding in findings])
        else:
            print_table(
                "Examination",
                ("", "what", "finding", "what to do"),
                [
                    ("✓" if f.ok else "✗", f.name, f.sentence, "" if f.ok else f.fix or "")
                    for f in findings
                ],
            )
        if not all(finding.ok for finding in findings):
            raise typer.Exit(1)


def demo(as_json: Json = False) -> None:
    """Run the whole flow through Airflow on a real data set and print what came out."""
    with command(as_json) as settings:
        from retention_ml.stack import demo as demonstration

        result = demonstration.run(settings, show=not as_json)
        if as_json:
            print_json(result)


def demo_actions(as_json: Json = False) -> None:
    """Send the actions of three days to a mail server and a CRM of this machine's own."""
    with command(as_json) as settings:
        from retention_ml.stack.actions_demo import run as demonstration

        result = demonstration.run(settings, show=not as_json)
        if as_json:
            print_json(result)


def status(
    with_secrets: Annotated[
        bool, typer.Option("--secrets", help="Show passwords and addresses that hold one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say whether today's scores are there, what failed, which models serve, and where to look."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml import clock
        from retention_ml.models.registry.links import page_links
        from retention_ml.models.registry.mlflow_registry import Registry
        from retention_ml.reports.list_performance import lists_in_words
        from retention_ml.reports.live_state import live_in_words
        from retention_ml.reports.read import status as read_status
        from retention_ml.stack import local

        places = local.addresses(settings)
        state = {
            **read_status(warehouse, settings),
            "failed_runs": local.failed_runs(settings),
            "recommended_lists": lists_in_words(warehouse),
            "standstill": local.standstill(settings),
            **(live_in_words(warehouse, clock.now()) if settings.live.enabled else {}),
            **(
                places
                if with_secrets
                else {name: hide_secret(name, places[name]) for name in places}
            ),
        }
        if state["mlflow_url"]:
            pages = page_links(Registry(with_registry(settings)))
            state |= {f"mlflow_{name}": address for name, address in pages.items()}
        if as_json:
            print_json(state)
        else:
            print_status(state)


def report(
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="YYYY-MM-DD", help="A published day. Default: the newest."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", file_okay=False, help="Folder. Default: reports/pages in RETENTION_HOME."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the pages Today, Now, Customers, Model, Data and Drift, to open in a browser."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.reports.site.write_pages import write_pages

        with working("Writing the pages …"):
            path = write_pages(
                warehouse, settings=settings, as_of=day(as_of) if as_of else None, folder=out
            ).resolve()
        if as_json:
            print_json({"pages": str(path)})
        else:
            console.print(f"The pages are in {path.parent}. Open {path.as_uri()}", soft_wrap=True)


def simulate(
    customers: Annotated[int, typer.Option(min=1, help="How many customers the shop gets.")],
    days: Annotated[int, typer.Option(min=1, help="How many days it is open.")],
    seed: Annotated[int, typer.Option(help="0 or greater; equal seeds write equal files.")],
    out: Annotated[
        Path, typer.Option(file_okay=False, help="A new or empty folder, or an earlier simulation.")
    ],
    first_day: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="The day it opens.")
    ] = "2024-01-01",
    defect_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of rows spoilt on purpose.")
    ] = 0.01,
    abnormal: Annotated[
        str | None,
        typer.Option(
            "--abnormal",
            help="Plant bots, brushers, return abusers and resellers besides: plain or hard.",
        ),
    ] = None,
    abnormal_share: Annotated[
        float | None,
        typer.Option(
            "--abnormal-share", help="With --abnormal: so many, by customers. Default: 0.03."
        ),
    ] = None,
    intent: Annotated[
        bool,
        typer.Option(
            "--intent", help="Let intents build over hours: carts left, rivals looked at."
        ),
    ] = False,
    respond: Annotated[
        str | None,
        typer.Option(
            "--respond",
            metavar="YYYY-MM-DD",
            help="Go on with the shop in OUT: live through this day after its last one.",
        ),
    ] = None,
    contacts: Annotated[
        list[Path] | None,
        typer.Option(
            "--contacts", metavar="FILE.csv", help="With --respond: what reached customers."
        ),
    ] = None,
    from_outbox: Annotated[
        bool, typer.Option("--outbox", help="With --respond: what left the outbox reached them.")
    ] = False,
    world: Annotated[
        str | None,
        typer.Option(
            "--world",
            help="With --respond: what actions do; see docs/simulator.md. Default: four_types.",
        ),
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(
            "--answer",
            metavar="NAME=ACTION",
            help="With --respond: an action's likeness in the world. By default its kind.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the files of a shop whose truth is known; with --respond, of one more day of it."""
    if respond is not None:
        with command(as_json):
            if abnormal or abnormal_share or intent:
                raise UsageError(
                    "Planted customers do nothing after the last day of a simulation, and no intent "
                    "builds, so there is no use for --abnormal and --intent beside --respond; nothing "
                    "was written. Leave it out."
                )
        _respond(
            {"customers": customers, "days": days, "seed": seed, "first_day": first_day},
            out=out,
            on=respond,
            contacts=contacts or [],
            from_outbox=from_outbox,
            world_name=world or "four_types",
            answers=answer or [],
            as_json=as_json,
        )
        return
    with command(as_json):
        of_response = {
            "--contacts": contacts, "--outbox": from_outbox, "--world": world, "--answer": answer
        }  # fmt: skip
        without_use = [option for option, value in of_response.items() if value]
        if without_use:
            raise UsageError(
                f"Without --respond a shop is simulated anew, and there is no use for "
                f"{', '.join(without_use)}; nothing was written. Add --respond YYYY-MM-DD to go on with "
                f"the shop in {out}, or leave out the rest."
            )
        from retention_ml.simulate import simulate as write_shop

        start: date = day(first_day)
        with working(f"Simulating {customers:,} customers over {days:,} days …"):
            summary = write_shop(
                customers=customers,
                days=days,
                seed=seed,
                out=out,
                first_day=start,
                defect_share=defect_share,
                abnormal=abnormal,
                abnormal_share=0.03 if abnormal_share is None else abnormal_share,
                has_intent=intent,
            )
        _print_summary(f"Simulated shop in {out}", summary, as_json)


def _respond(
    simulated: dict[str, Any],
    *,
    out: Path,
    on: str,
    contacts: list[Path],
    from_outbox: bool,
    world_name: str,
    answers: list[str],
    as_json: bool,
) -> None:
    with command(as_json) as settings:
        from retention_ml.simulate.response.contact_log import Contact, read_contacts
        from retention_ml.simulate.response.continued_shop import Simulation
        from retention_ml.simulate.response.respond import respond
        from retention_ml.simulate.response.worlds import world_named
        from retention_ml.simulate.shop import TIMEZONE

        world = world_named(world_name)
        reached = read_contacts(contacts)
        if from_outbox:
            from retention_ml.actions.outbox.reached import reached as left_the_outbox

            with opened(as_json) as (warehouse, _):
                of_day = left_the_outbox(warehouse, day(on), settings=settings)
            reached += [Contact(*row) for row in of_day]
        simulated["first_day"] = day(simulated["first_day"])
        kinds, channels = _kinds_and_channels(settings)
        with working(f"Living through {on} …"):
            summary = respond(
                Simulation(**simulated, timezone=TIMEZONE),
                world,
                out=out,
                day=day(on),
                contacts=reached,
                responses=kinds | _pairs(answers),
                channels=channels,
            )
        _print_summary(f"{on} in {out}", summary, as_json)


def _kinds_and_channels(settings: "Settings") -> tuple[dict[str, str], dict[str, str]]:
    """What the shop's own actions are like, and their channels; a push is like an e-mail."""
    from retention_ml.actions.catalogue.loading import read_actions

    actions = read_actions(settings.actions_folder)[0].actions
    kinds = {
        name: "email" if action.kind == "push" else str(action.kind)
        for name, action in actions.items()
    }
    channels = {
        name: action.permission_channel
        for name, action in actions.items()
        if action.permission_channel
    }
    return kinds, channels


def _pairs(answers: list[str]) -> dict[str, str]:
    pairs = {}
    for text in answers:
        name, equals, action = text.partition("=")
        if not (name and equals and action):
            raise UsageError(f"--answer is {text!r}; expected NAME=ACTION such as spring=email.")
        pairs[name] = action
    return pairs


def _print_summary(title: str, summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(summary)
    else:
        print_mapping(title, summary)
