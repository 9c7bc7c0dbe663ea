"""Commands about outcomes: measure, decide, watch."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from retention_ml.cli.frame import (
    AsOf,
    Json,
    console,
    day,
    opened,
    print_json,
    print_rows,
    print_table,
    with_registry,
    working,
)
from retention_ml.cli.tables import format_interval
from retention_ml.errors import UsageError

_METRICS = ("roc_auc", "log_loss", "brier", "ece", "lift_at_10")


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (measure, decide, watch):
        app.command()(command)


def measure(as_of: AsOf, as_json: Json = False) -> None:
    """Compare published scores and lists with what followed, and look at the trials."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.outcomes.lists.measure_lists import measure_lists
        from retention_ml.outcomes.measure import measure as door
        from retention_ml.reports.list_performance import list_performance
        from retention_ml.reports.read import comparisons, performance

        with working("Measuring …"):
            receipt = door(warehouse, settings=with_registry(settings), as_of=day(as_of))
            lists = measure_lists(warehouse, settings=settings, as_of=day(as_of))
        trial = receipt.details["trial"]
        performance_rows = performance(warehouse, until=day(as_of))
        list_rows = list_performance(warehouse, until=day(as_of))
        models = comparisons(warehouse, trial["trial_id"], day(as_of)) if trial else []
        if as_json:
            tables = {
                "performance": performance_rows,
                "comparisons": models,
                "measure_lists": {**lists.to_dict(), "performance": list_rows},
            }
            print_json({**receipt.to_dict(), **tables})
            return
        _print_performance(performance_rows)
        if trial:
            _print_trial(trial, models)
        console.print(f"{receipt.details['verdict']}: {receipt.details['reason']}")
        if receipt.details["report"]:
            console.print(f"The trial to read: {receipt.details['report']}")
        _print_list_performance(list_rows)
        if lists.details["trial"] and "reason" in lists.details["trial"]:
            console.print(f"Rankers: {lists.details['trial']['reason']}", soft_wrap=True)


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
    of: Annotated[
        Literal["churn", "recommendations"],
        typer.Option("--of", help="Whose challenger the answer is about."),
    ] = "churn",
    as_json: Json = False,
) -> None:
    """Carry out what the newest looks at the trials say: promote or retire the challengers."""
    with opened(as_json) as (warehouse, settings):
        if approved_by is not None and refused_by is not None:
            raise UsageError(
                "--approved-by and --refused-by were both given; expected one of them. Nothing was "
                "decided."
            )
        from retention_ml.outcomes.lists.decide_ranker import decide_ranker
        from retention_ml.outcomes.trial.decide import decide as door

        answer: dict[str, Any] = {
            "approved_by": approved_by,
            "refused_by": refused_by,
            "remark": remark,
        }
        with working("Deciding …"):
            receipt, rankers = (
                each(
                    warehouse,
                    settings=with_registry(settings),
                    as_of=day(as_of),
                    **(answer if name == of else {}),
                )
                for name, each in (("churn", door), ("recommendations", decide_ranker))
            )
        if as_json:
            print_json({**receipt.to_dict(), "decide_ranker": rankers.to_dict()})
            return
        done = "Done" if receipt.details["acted"] else "Nothing was done"
        console.print(f"{done} ({receipt.details['verdict']}): {receipt.details['reason']}")
        if rankers.details["trial_id"] is not None:
            console.print(f"Rankers: {rankers.sentence}", soft_wrap=True)


def watch(as_of: AsOf, as_json: Json = False) -> None:
    """Compare a day's features and scores with earlier days, and raise alerts."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.outcomes.monitoring.watch import watch as door

        with working("Watching …"):
            receipt = door(warehouse, settings=with_registry(settings), as_of=day(as_of))
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(str(receipt))
        for alert in receipt.details["alerts"]:
            console.print(f"{alert['severity']}: {alert['sentence']} See {alert['runbook']}.")
        if not receipt.details["alerts"]:
            console.print("There are no new alerts.")


def _print_performance(rows: list[dict[str, Any]]) -> None:
    by_model: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["as_of"], row["role"], row["model_version"])
        by_model.setdefault(key, {})[row["metric"]] = row
    print_rows(
        "Performance of published scores (customers whom no campaign reached; 95 % intervals)",
        [
            {
                "scored day": str(as_of),
                "role": role,
                "version": version,
                **{
                    name.replace("_", " "): format_interval(by_metric.get(name, {}))
                    for name in _METRICS
                },
                "customers": next(iter(by_metric.values()))["customers_count"],
                "left out": next(iter(by_metric.values()))["contacted_count"],
            }
            for (as_of, role, version), by_metric in by_model.items()
        ],
    )


def _print_list_performance(rows: list[dict[str, Any]]) -> None:
    print_rows(
        "NDCG@10 of published lists, and of simple ones for the same customers (95 % interval)",
        [
            {
                "day": str(row["as_of"]),
                "list": row["list"],
                "made by": row["lists_by"].replace("_", " "),
                "NDCG@10": f"{row['ndcg']:.3f}",
                "personal frequency": f"{row['personal_frequency_ndcg']:.3f}",
                "best sellers": f"{row['best_sellers_ndcg']:.3f}",
                "above personal frequency": format_interval(row, "+.3f", metric="difference"),
                "recall": f"{row['recall']:.3f}",
                "any bought": f"{row['hit']:.2f}",
                "products listed": f"{row['coverage']:.1%}",
                "customers": row["customers_count"],
            }
            for row in rows
        ],
    )


def _print_trial(trial: Mapping[str, Any], rows: list[dict[str, Any]]) -> None:
    shown = {name.replace("_", " "): value for name, value in trial.items() if name != "foreseen"}
    print_table("The trial", ("", ""), [(name, _figure(value)) for name, value in shown.items()])
    console.print(f"{trial['foreseen']}\n")
    print_rows(
        "Challenger and champion (95 % intervals)",
        [
            {
                "comparison": row["comparison"],
                "customers who are": row["segment"].replace("_", " "),
                "metric": row["metric"].replace("_", " "),
                "champion": f"{row['champion_value']:.4f}",
                "challenger": f"{row['challenger_value']:.4f}",
                "difference": format_interval({**row, "value": row["difference"]}, "+.4f"),
                "count": row["customers_count"],
            }
            for row in rows
        ],
    )


def _figure(value: Any) -> str:
    return f"{value:,.5g}" if isinstance(value, float) else f"{value}"
