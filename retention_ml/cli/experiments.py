"""Commands about experiments with actions: plan, start, stop, list, show, look."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from retention_ml.cli.days import today
from retention_ml.cli.frame import AsOf, Json, console, day, opened, print_json, print_rows, working
from retention_ml.errors import UsageError

if TYPE_CHECKING:
    from retention_ml.receipts import DecisionReceipt

experiments = typer.Typer(
    help="Whether an action helps: compared with leaving customers alone.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Name of the experiment: small letters, digits, _.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it; stored.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(experiments, name="experiments")


@experiments.command("plan")
def plan(
    name: Name,
    as_of: AsOf,
    arms: Annotated[
        list[str],
        typer.Option(
            "--arm",
            metavar="ACTION=SHARE",
            help="An action and its share, once for each; the rest is left alone (none).",
        ),
    ],
    by: By,
    tiers: Annotated[
        list[str] | None,
        typer.Option(
            "--tier",
            metavar="TIER",
            help="A tier that takes part; default: all that every action is for.",
        ),
    ] = None,
    question: Annotated[
        str, typer.Option("--question", metavar="TEXT", help="What is to be learned.")
    ] = "",
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="margin or retained; default: [experiments] metric."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Draw a customer once, instead of at each decision.")
    ] = False,
    days_max: Annotated[
        int | None, typer.Option("--days-max", min=1, help="Default: [experiments] days_max.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fix what an experiment compares, and say how many customers it needs."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.catalogue.loading import load_actions
        from retention_ml.experiments.design import CONTROL, Design, Metric
        from retention_ml.experiments.plan import plan as door
        from retention_ml.experiments.power import Price

        rules = settings.experiments
        chosen = metric or rules.metric
        if chosen not in ("margin", "retained"):
            raise UsageError(f"--metric is {chosen!r}; expected margin or retained.")
        shares = _shares(arms)
        catalogue = load_actions(settings.actions_folder)
        offered = {arm: catalogue.action(arm) for arm in shares if arm != CONTROL}
        design = Design(
            experiment_id=name,
            arms=shares,
            tiers=_tiers(tiers or (), {arm: one.rule.tiers for arm, one in offered.items()}),
            metric=cast(Metric, chosen),
            unit="customer" if once else "decision",
            error_rate=rules.error_rate,
            power=rules.power,
            mde_save_rate=rules.mde_save_rate,
            days_max=days_max or rules.days_max,
        )
        prices = {
            arm: Price(cost=action.cost, discount_share=action.discount_share)
            for arm, action in offered.items()
        }
        with working("Planning …"):
            receipt = door(
                warehouse,
                settings=settings,
                as_of=day(as_of),
                design=design,
                question=question,
                prices=prices,
                by=by,
            )
        _show(receipt, as_json)
        if as_json:
            return
        print_rows(
            "Decisions needed, of all arms together",
            [_size(one) for one in receipt.details["sizes"]],
        )


@experiments.command("start")
def start(
    name: Name,
    as_of: AsOf,
    by: By,
    accept_small: Annotated[
        bool,
        typer.Option("--accept-small", help="Start although the plan says customers are missing."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a planned experiment decide from a day on."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.actions.release.release import released_until
        from retention_ml.experiments.start import start as door

        receipt = door(
            warehouse,
            settings=settings,
            as_of=day(as_of),
            experiment_id=name,
            by=by,
            released_until=released_until(warehouse),
            is_small_accepted=accept_small,
        )
        _show(receipt, as_json)


@experiments.command("stop")
def stop(
    name: Name,
    as_of: AsOf,
    by: By,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; stored.")],
    as_json: Json = False,
) -> None:
    """End an experiment without a verdict."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.experiments.stop import stop as door

        receipt = door(
            warehouse,
            settings=settings,
            as_of=day(as_of),
            experiment_id=name,
            by=by,
            reason=reason,
        )
        _show(receipt, as_json)


@experiments.command("list")
def experiments_list(as_json: Json = False) -> None:
    """List experiments, how they stand, and why."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.experiments.ledger import all_experiments
        from retention_ml.experiments.power import shown

        print_rows(
            "Experiments",
            [
                {
                    "experiment": one.experiment_id,
                    "state": one.state,
                    "winner": one.winner or "",
                    "arms": ", ".join(
                        f"{arm} {share:.0%}" for arm, share in one.design.arms.items()
                    ),
                    "tiers": ", ".join(one.design.tiers),
                    "metric": one.design.metric,
                    "began_on": str(one.began_on or ""),
                    "ended_on": str(one.ended_on or ""),
                    "needed": shown(one.planned_count),
                    "missing": shown(one.missing_count),
                    "reason": one.reason or "",
                }
                for one in all_experiments(warehouse)
            ],
            as_json=as_json,
        )


@experiments.command("show")
def show(
    name: Name,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE", help="Write its page, with figures, as HTML."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show an experiment: verdict, lots, effects, guards; or write its page."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.outcomes.experiment import report_page
        from retention_ml.outcomes.experiment.report import amount, load_report

        report = load_report(warehouse, settings=settings, experiment_id=name)
        path = None if page is None else report_page.write(report, page.resolve())
        if as_json:
            summary = {
                "experiment_id": name,
                "verdict": report.verdict,
                "is_observational": report.is_observational,
                "headline": report.headline,
                "reason": report.reason,
                "effects": report.effects(),
                "guards": report.guards(),
                "page": path and str(path),
            }
            print_json(summary)
            return
        console.print(f"{report.headline}. {report.reason}", soft_wrap=True)
        if report.is_observational:
            console.print("Its figures are observational: they say nothing about the action.")
        for title, rows in (("Effects", report.effects()), ("Guards", report.guards())):
            print_rows(
                title,
                [
                    {
                        "action": row["arm"],
                        "what": row["metric"],
                        "whom": row["segment"],
                        **{
                            column: amount(row["metric"], row[column])
                            for column in ("effect", "lower", "upper")
                        },
                        **({"broken": row["is_broken"]} if title == "Guards" else {}),
                    }
                    for row in rows
                ],
                as_json=False,
            )
        if path:
            console.print(f"Its page: {path}", soft_wrap=True)


@experiments.command("look")
def look(as_of: AsOf, as_json: Json = False) -> None:
    """Read every experiment that is open on a day; those that are decided end."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.outcomes.experiment.look import look as door

        at, now = day(as_of), today(settings)
        if at > now:
            raise UsageError(
                f"{at} has not come: today is {now}. A look ends an experiment whose time is over, "
                "for good. Name a day up to today."
            )
        with working("Looking …"):
            receipt = door(warehouse, settings=settings, as_of=at)
        _show(receipt, as_json)
        if as_json:
            return
        for one in receipt.details["experiments"]:
            console.print(f"{one['experiment_id']}: {one['reason']}")


def _show(receipt: "DecisionReceipt", as_json: bool) -> None:
    print_json(receipt.to_dict()) if as_json else console.print(str(receipt))


def _shares(arms: Sequence[str]) -> dict[str, float]:
    """Arms by name, `none` first with what the others leave."""
    shares: dict[str, float] = {}
    for text in arms:
        action, separator, share = text.partition("=")
        try:
            value = float(share)
        except ValueError:
            separator = ""
        if not separator or not action:
            raise UsageError(f"--arm is {text!r}; expected ACTION=SHARE such as welcome_back=0.4.")
        if action in shares:
            raise UsageError(f"--arm names {action!r} twice; expected each action once.")
        shares[action] = value
    rest = round(1 - sum(shares.values()), 12)
    return shares if "none" in shares else {"none": rest, **shares}


def _tiers(named: Sequence[str], reached: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The tiers that take part: only customers who may get every action do.

    `reached`: by action, the tiers that it is for.
    """
    from retention_ml.scores.tiers import TIERS

    for arm, tiers in reached.items():
        for tier in named:
            if tier not in tiers:
                raise UsageError(
                    f"Tier {tier} gets no {arm}, which is for {', '.join(tiers)}. Who takes part may "
                    "get every action: name other tiers with --tier, or change `tiers` under [rule] "
                    f"of {arm}.toml."
                )
    common = tuple(tier for tier in TIERS if all(tier in tiers for tiers in reached.values()))
    if not common:
        raise UsageError(
            f"There is no tier that {' and '.join(reached)} are all for; expected one. Plan an "
            "experiment for each, or change `tiers` under [rule] of their files."
        )
    return tuple(named) or common


def _size(size: dict[str, Any]) -> dict[str, Any]:
    return {
        "tier": size["tier"],
        "metric": size["metric"],
        "effect worth finding": size["effect"],
        "one look": size["needed_at_end"],
        "looking always": size["needed"],
        "can mature": size["available"],
        "missing": size["missing"],
    }
