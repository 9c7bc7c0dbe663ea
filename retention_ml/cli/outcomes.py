"""Commands about outcomes: measure, decide, watch."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from retention_ml.cli.frame import (
    AsOf,
    Json,
    console,
    day,
    opened,
    print_json,
    print_table,
    with_registry,
    working,
)
from retention_ml.errors import UsageError

_METRICS = ("roc_auc", "log_loss", "brier", "ece", "lift_at_10")


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(measure)
    app.command()(decide)
    app.command()(watch)


def measure(as_of: AsOf, as_json: Json = False) -> None:
    """Compare published scores with observed outcomes, and look at the challenger's trial."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.outcomes.measure import measure as door
        from retention_ml.reports.outcomes import comparisons, performance

        with working("Measuring …"):
            receipt = door(warehouse, settings=with_registry(settings), as_of=day(as_of))
        trial = receipt.details["trial"]
        performance_rows = performance(warehouse, until=day(as_of))
        models = comparisons(warehouse, trial["trial_id"], day(as_of)) if trial else []
        if as_json:
            print_json(
                {**receipt.to_dict(), "performance": performance_rows, "comparisons": models}
            )
            return
        _print_performance(performance_rows)
        if trial:
            _print_trial(trial, models)
        console.print(f"{receipt.details['verdict']}: {receipt.details['reason']}", markup=False)
        if receipt.details["report"]:
            console.print(f"The trial to read: {receipt.details['report']}", markup=False)


def decide(
    as_of: AsOf,
    approved_by: Annotated[
        str | None,
        typer.Option(
            "--approved-by",
            metavar="NAME",
            help='Who approves; needed where promotion.mode is "approval".',
        ),
    ] = None,
    refused_by: Annotated[
        str | None,
        typer.Option(
            "--refused-by",
            metavar="NAME",
            help="Who turns the challenger down; its trial ends.",
        ),
    ] = None,
    remark: Annotated[
        str, typer.Option("--remark", metavar="TEXT", help="What the person adds.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Carry out what the newest look at the trial says: promote or retire the challenger."""
    with opened(as_json) as (warehouse, settings):
        if approved_by is not None and refused_by is not None:
            raise UsageError(
                "--approved-by and --refused-by were both given; expected one of them. Nothing was "
                "decided."
            )
        from retention_ml.outcomes.trial.decide import decide as door

        with working("Deciding …"):
            receipt = door(
                warehouse,
                settings=with_registry(settings),
                as_of=day(as_of),
                approved_by=approved_by,
                refused_by=refused_by,
                remark=remark,
            )
        if as_json:
            print_json(receipt.to_dict())
            return
        done = "Done" if receipt.details["acted"] else "Nothing was done"
        console.print(
            f"{done} ({receipt.details['verdict']}): {receipt.details['reason']}", markup=False
        )


def watch(as_of: AsOf, as_json: Json = False) -> None:
    """Compare a day's features and scores with earlier days, and raise alerts."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.outcomes.monitoring.watch import watch as door

        with working("Watching …"):
            receipt = door(warehouse, settings=with_registry(settings), as_of=day(as_of))
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(str(receipt), markup=False)
        alerts = receipt.details["alerts"]
        for alert in alerts:
            console.print(
                f"{alert['severity']}: {alert['sentence']} See {alert['runbook']}.", markup=False
            )
        if not alerts:
            console.print("There are no new alerts.")


def _print_performance(rows: list[dict[str, Any]]) -> None:
    by_model: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["as_of"], row["role"], row["model_version"])
        by_model.setdefault(key, {})[row["metric"]] = row
    print_table(
        "Performance of published scores (customers whom no campaign reached; 95 % intervals)",
        ("scored day", "role", "version", *(name.replace("_", " ") for name in _METRICS),
         "customers", "left out"),
        [
            (
                str(as_of), role, version,
                *(_interval(by_metric.get(name)) for name in _METRICS),
                next(iter(by_metric.values()))["customers_count"],
                next(iter(by_metric.values()))["contacted_count"],
            )
            for (as_of, role, version), by_metric in by_model.items()
        ],
    )  # fmt: skip


def _print_trial(trial: Mapping[str, Any], rows: list[dict[str, Any]]) -> None:
    shown = {name.replace("_", " "): value for name, value in trial.items() if name != "foreseen"}
    print_table("The trial", ("", ""), [(name, _figure(value)) for name, value in shown.items()])
    console.print(f"{trial['foreseen']}\n", markup=False)
    print_table(
        "Challenger and champion (95 % intervals)",
        (
            "comparison",
            "customers who are",
            "metric",
            "champion",
            "challenger",
            "difference",
            "count",
        ),
        [
            (
                row["comparison"],
                row["segment"].replace("_", " "),
                row["metric"].replace("_", " "),
                f"{row['champion_value']:.4f}",
                f"{row['challenger_value']:.4f}",
                f"{row['difference']:+.4f} [{row['lower']:+.4f}, {row['upper']:+.4f}]",
                row["customers_count"],
            )
            for row in rows
        ],
    )


def _figure(value: Any) -> str:
    return f"{value:,.5g}" if isinstance(value, float) else f"{value}"


def _interval(row: Mapping[str, Any] | None) -> str | None:
    if row is None:
        return None
    return f"{row['value']:.3f} [{row['lower']:.3f}, {row['upper']:.3f}]"
