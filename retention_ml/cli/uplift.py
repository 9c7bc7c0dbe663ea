"""Commands about effects of contacts: learners on an experiment, and policies that follow from them."""

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from retention_ml.cli.frame import (
    AsOf,
    Json,
    command,
    console,
    day,
    opened,
    print_json,
    print_rows,
    working,
)
from retention_ml.errors import UsageError

_uplift = typer.Typer(help="The effect of contacts on each customer.", no_args_is_help=True)

_policies = typer.Typer(
    help="What decides who is contacted, and what contacts were measured to do.",
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(_policies, name="policies")
    app.add_typer(_uplift, name="uplift")


@_uplift.callback()
def _group() -> None:
    """The effect of contacts on each customer."""


@_uplift.command("evaluate")
def uplift_evaluate(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Delimited text with a header, plain or gzip.")
    ],
    treatment: Annotated[
        str, typer.Option(metavar="COLUMN", help="Whether the customer was contacted: two values.")
    ],
    outcome: Annotated[
        str, typer.Option(metavar="COLUMN", help="What followed: 0 and 1, or an amount.")
    ],
    propensity: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN|NUMBER",
            help="Probability of the contact when it was drawn. Default: the observed share.",
        ),
    ] = None,
    value: Annotated[
        float, typer.Option(metavar="N", help="What one unit of the outcome is worth.")
    ] = 1.0,
    cost: Annotated[float, typer.Option(metavar="N", help="What one contact costs.")] = 0.0,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Of the customers, contacted at most. Default: value.budget_share.",
        ),
    ] = None,
    treated: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="The value of the treatment that means contacted."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="R.json", help="Where the report is written.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare learners of the effect on a randomised experiment, and say what the ladder would do.

    Every other column is a feature. Exit code 0 whatever the decision is; 2 if the file cannot be
    used.
    """
    with command(as_json) as settings:
        share = settings.value.budget_share if budget is None else budget
        _require(value > 0, "--value", value, "a number above 0")
        _require(cost >= 0, "--cost", cost, "0 or more")
        _require(0 < share <= 1, "--budget", share, "a share above 0, at most 1")
        from retention_ml import atomic_files
        from retention_ml.models.uplift import report as reports
        from retention_ml.models.uplift.evaluation import Money, compare_learners
        from retention_ml.models.uplift.experiment_file import read_experiment
        from retention_ml.models.uplift.ladder import decide
        from retention_ml.models.uplift.randomisation import check_randomisation
        from retention_ml.models.uplift.shrinkage import SlopePrior

        with working("Reading …") as say:
            experiment = read_experiment(
                file,
                treatment=treatment,
                outcome=outcome,
                propensity=propensity,
                treated=treated,
            )
            say("fitting …")
            seed, uplift = settings.training.seed, settings.uplift
            randomisation = check_randomisation(experiment.sample, seed)
            comparison = compare_learners(
                experiment.sample,
                money=Money(value=value, cost=cost, budget_share=share),
                prior=SlopePrior(mean=uplift.slope_prior, error=uplift.slope_prior_sd),
                seed=seed,
            )
            decision = decide(comparison, randomisation, rows_min=uplift.rows_min)
        document = reports.report(comparison, decision)
        if report is not None:
            text = json.dumps(document, indent=2, allow_nan=False)
            atomic_files.write_text(report, text + "\n")
        if as_json:
            more = reports.details(comparison, randomisation)
            print_json({**document, "remarks": experiment.remarks, "details": more})
            return
        for remark in experiment.remarks:
            console.print(remark, soft_wrap=True)
        console.print()
        console.print(
            f"{comparison.rows:,} customers, {comparison.treated_share:.1%} contacted; average "
            f"effect {reports.interval(comparison.average_effect)} per 1,000; columns foresee the "
            f"contact with AUC {randomisation.auc:.2f} (0.50: drawn by lot).",
            soft_wrap=True,
        )
        verdict = f"{decision.rung}: {decision.reason}"
        if randomisation.fault:
            console.print(verdict, soft_wrap=True)  # before figures that could be taken for effects
        print_rows(
            f"Learners on customers they were not fitted to (per 1,000, 95 % intervals; profit "
            f"counts {value:,.12g} per {outcome} and {cost:,.12g} per contact; budget {share:.0%})",
            reports.table(comparison),
        )
        if not randomisation.fault:
            console.print(verdict, soft_wrap=True)
        console.print("What the columns mean: docs/uplift.md")


def _require(is_met: bool, option: str, value: float, expected: str) -> None:
    if not (is_met and math.isfinite(value)):
        raise UsageError(f"{option} {value:g} makes no sense; expected {expected}.")


@_policies.command("list")
def policies_list(as_json: Json = False) -> None:
    """List the policies and their actions, the newest first, with figures and reasons."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.actions.learning.policy_effects import policy_effects

        rows = policy_effects(warehouse)
        shown = rows if as_json else [{**row, "reason": row["reason"][:160]} for row in rows]
        print_rows("Policies", shown, as_json=as_json)


@_policies.command("train")
def policies_train(as_of: AsOf, as_json: Json = False) -> None:
    """Learn the effects of actions from decisions drawn by lot; write the policy that follows."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.learning.train_uplift import train_uplift as door

        with working("Learning …"):
            receipt = door(warehouse, settings=settings, as_of=day(as_of))
        print_json(receipt.to_dict()) if as_json else console.print(str(receipt), soft_wrap=True)


@_policies.command("evaluate")
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
