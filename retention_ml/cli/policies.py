"""Commands about policies: which decides whom to contact and why, learned from outcomes."""

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


@policies.command("evaluate")
def policies_evaluate(as_of: AsOf, as_json: Json = False) -> None:
    """Compare what policies would have earned on decisions drawn by lot; nothing is written."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.learning.evaluate_policies import evaluate_policies

        with working("Evaluating …"):
            result = evaluate_policies(warehouse, settings=settings, as_of=day(as_of))
        if as_json:
            print_json({"policies": result.rows, "sentence": result.sentence})
            return
        names = (
            "policy", "decisions_count", "effective_count", "ips", "snips", "value",
            "difference", "lower", "upper", "verdict",
        )  # fmt: skip
        shown = [{name: row[name] for name in names} for row in result.rows]
        title = f"Policies, {settings.calendar.currency} a decision, against the fixed winner"
        if shown:
            print_rows(title, shown, as_json=False)
        console.print(result.sentence, soft_wrap=True)
