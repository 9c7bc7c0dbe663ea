"""Commands about actions: list, show, check."""

from typing import Annotated, Any

import typer

from retention_ml.cli.frame import (
    Json,
    command,
    console,
    print_json,
    print_mapping,
    print_rows,
    print_table,
)
from retention_ml.errors import UsageError

actions = typer.Typer(help="What may be done for customers, under actions/.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(actions, name="actions")


@actions.command("list")
def actions_list(as_json: Json = False) -> None:
    """List the actions with channel, cost and whom they are for."""
    with command(as_json) as settings:
        from retention_ml.actions.catalogue.loading import load_actions

        rows = [
            {
                "action": action.action_id,
                "kind": action.kind,
                "channel": action.channel,
                "title": action.title,
                "tiers": ", ".join(action.rule.tiers),
                "value_min": action.rule.value_min,
                "cost": action.cost,
                "discount_share": action.discount_share,
                "quota_per_day": action.quota_per_day,
                "effect_days": action.effect_days,
                "version": action.version_sha256[:12],
            }
            for action in load_actions(settings.actions_folder).contacts.values()
        ]
        print_rows("Actions", rows, as_json=as_json)


@actions.command("show")
def actions_show(
    name: Annotated[str, typer.Argument(help="A file under actions/, without .toml.")],
    as_json: Json = False,
) -> None:
    """Show an action and a message of it, written for a made-up customer."""
    with command(as_json) as settings:
        from retention_ml.actions.catalogue.loading import load_actions
        from retention_ml.actions.catalogue.message import SAMPLE, SAMPLE_MESSAGE_ID, Renderer

        catalogue = load_actions(settings.actions_folder)
        action = catalogue.action(name)
        terms = action.model_dump(mode="json")
        renderer = Renderer(
            catalogue.templates,
            currency=settings.calendar.currency,
            minor_units=settings.calendar.minor_units,
        )
        payload = renderer.render(action, SAMPLE, SAMPLE_MESSAGE_ID).payload()
        if as_json:
            print_json({**terms, "preview": payload})
            return
        print_mapping(f"Action {name}", terms)
        _show_preview(payload)


@actions.command("check")
def actions_check(as_json: Json = False) -> None:
    """Check every action file and template: each mistake with file and line."""
    with command(as_json) as settings:
        from retention_ml.actions.catalogue.coupons import code_mistakes
        from retention_ml.actions.catalogue.loading import read_actions, remarks

        folder = settings.actions_folder
        catalogue, mistakes = read_actions(folder)
        notes = remarks(catalogue, folder)
        pools = {action.coupons for action in catalogue.contacts.values() if action.coupons}
        mistakes += [words for pool in sorted(pools) for words in code_mistakes(folder, pool)]
        if as_json:
            print_json(
                {"actions": list(catalogue.contacts), "mistakes": mistakes, "remarks": notes}
            )
        else:
            for sentence in (*mistakes, *notes):
                console.print(sentence, soft_wrap=True)
            count = len(catalogue.contacts)
            console.print(f"{count} {'action' if count == 1 else 'actions'} without a mistake.")
        if mistakes:
            raise typer.Exit(UsageError.exit_code)


def _show_preview(payload: dict[str, Any]) -> None:
    """The parts of a message, as they are sent."""
    for part in ("subject", "text", "html"):
        if part in payload:
            console.print(part.capitalize(), style="bold")
            console.print(payload[part], soft_wrap=True)
            console.print()
    variables = dict(payload.get("variables", {}))
    if variables:
        variables["products"] = [product["name"] for product in variables["products"]]
        print_table("Variables", ("variable", "value"), list(variables.items()))
