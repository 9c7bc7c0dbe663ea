"""Commands about policies: which decides whom to contact and why, and learning it from outcomes."""

import typer

from retention_ml.cli.frame import AsOf, Json, console, day, opened, print_json, print_rows, working

policies = typer.Typer(
    help="What decides who is contacted, and what contacts were measured to do.",
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(policies, name="policies")


@policies.command("list")
def policies_list(as_json: Json = False) -> None:
    """List the policies and their actions, the newest first, with figures and reasons."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.actions.learning.policy_effects import policy_effects

        rows = policy_effects(warehouse)
        shown = rows if as_json else [{**row, "reason": row["reason"][:160]} for row in rows]
        print_rows("Policies", shown, as_json=as_json)


@policies.command("train")
def policies_train(as_of: AsOf, as_json: Json = False) -> None:
    """Learn the effects of actions from decisions drawn by lot; write the policy that follows."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.learning.train_uplift import train_uplift as door

        with working("Learning …"):
            receipt = door(warehouse, settings=settings, as_of=day(as_of))
        print_json(receipt.to_dict()) if as_json else console.print(str(receipt), soft_wrap=True)
