"""The command `backtest`: models of past days against what followed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention_ml.cli.days import Every, First, Last, days_named
from retention_ml.cli.frame import Json, console, errors, note, opened, print_json, print_table
from retention_ml.cli.tables import format_interval
from retention_ml.errors import UsageError

if TYPE_CHECKING:
    from retention_ml.settings import Settings

_SHOWN = {
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "lift_at_10_of_best": "lift at 10 %, of best",
}


class What(StrEnum):
    """What is replayed."""

    CHURN = "churn"
    RECOMMENDATIONS = "recommendations"


def add_to(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(backtest)


def backtest(
    report: Annotated[Path, typer.Option("--report", metavar="R.json", help="Every figure.")],
    predictions: Annotated[
        Path,
        typer.Option(
            "--predictions",
            metavar="P.parquet",
            help="as_of, customer_id, churned, each model; or as_of, customer_id, list, rank, "
            "product_id, model.",
        ),
    ],
    what: Annotated[
        What, typer.Option("--what", help="Models of churn, or lists of recommended products.")
    ] = What.CHURN,
    as_of: Annotated[
        list[str] | None,
        typer.Option("--as-of", metavar="YYYY-MM-DD", help="A day to stand on; repeat for more."),
    ] = None,
    first: First = None,
    last: Last = None,
    every: Every = "30d",
    horizon_days: Annotated[
        int | None, typer.Option("--horizon-days", help="In place of churn.horizon_days.")
    ] = None,
    active_days: Annotated[
        int | None,
        typer.Option(
            "--active-days",
            help="In place of churn.active_days; features of the days used are built anew.",
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            "--models", metavar="A,B", help="Default: the champion's recipe and all baselines."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes; default compute.threads."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="The report to read; default beside R.json.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on what was known on past days and judge by what followed; goes on where it was stopped."""
    if what is What.RECOMMENDATIONS:
        _recommendations(
            report,
            predictions,
            (as_of, first, last, every),
            models,
            horizon_days,
            active_days,
            as_json,
        )
        return
    with opened(as_json) as (warehouse, settings):
        from retention_ml.models.backtest.run import Files
        from retention_ml.models.backtest.run import backtest as run

        settings = _with(settings, horizon_days=horizon_days, active_days=active_days)
        with _progress() as say:
            receipt = run(
                warehouse,
                settings=settings,
                days=days_named(as_of, first, last, every),
                files=Files(
                    report=report, predictions=predictions, html=html or report.with_suffix(".html")
                ),
                models=[name.strip() for name in models.split(",")] if models else None,
                workers=workers,
                say=say,
            )
        if as_json:
            print_json(receipt.to_dict())
            return
        _show(receipt.to_dict(), report)


def _recommendations(
    report: Path,
    predictions: Path,
    days: tuple[list[str] | None, str | None, str | None, str],
    methods: str | None,
    horizon_days: int | None,
    active_days: int | None,
    as_json: bool,
) -> None:
    """The backtest of recommendations, and its means on the screen."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.recommendations.backtest.run import Files
        from retention_ml.recommendations.backtest.run import backtest as run
        from retention_ml.scores.published_tiers import published_tiers

        with _progress() as say:
            receipt = run(
                warehouse,
                settings=_with(settings, horizon_days=horizon_days, active_days=active_days),
                days=days_named(*days),
                files=Files(report=report, predictions=predictions),
                methods=[name.strip() for name in methods.split(",")] if methods else None,
                tiers=lambda day: published_tiers(warehouse, day),
                say=say,
            )
        if as_json:
            print_json(receipt.to_dict())
            return
        _show_recommendations(receipt.to_dict(), report)


def _with(settings: "Settings", **changes: int | None) -> "Settings":
    """The settings with another churn definition."""
    from pydantic import ValidationError

    from retention_ml.settings import Churn

    changed = {name: value for name, value in changes.items() if value is not None}
    try:
        churn = Churn(**{**settings.churn.model_dump(), **changed})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0]).replace("_", "-")
        raise UsageError(
            f"--{name} is {wrong['input']!r}: {wrong['msg']}. See docs/settings.md."
        ) from error
    return settings.model_copy(update={"churn": churn})


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar while jobs are done, on a terminal only."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("Backtest"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(
            task, completed=done, total=total, description=what
        )


def _show(receipt: dict[str, Any], report: Path) -> None:
    import json

    document = json.loads(report.read_text(encoding="utf-8"))
    task = document["task"]
    definition = task["definition"]
    console.print(
        f"{len(task['as_of'])} day(s) from {task['as_of'][0]} to {task['as_of'][-1]}, active "
        f"{definition['active_days']} days, horizon {definition['horizon_days']} days, "
        f"{receipt['read']:,} customers and days, churn rate {task['churn_rate']:.2f}; "
        f"{receipt['fitted']} fits, {receipt['kept']} kept from before, {receipt['seconds']:.0f} s."
    )
    print_table(
        "Means over the days (95 % intervals over customers)",
        ("model", *_SHOWN.values()),
        [
            (name, *(format_interval(model["metrics"][metric], ".3f") for metric in _SHOWN))
            for name, model in document["models"].items()
        ],
    )
    if document["differences"]:
        paired = next(iter(document["differences"].values()))
        print_table(
            f"{document['reference']} minus each other, paired",
            ("model", *(_SHOWN[metric] for metric in paired)),
            [
                (name, *(format_interval(figure, "+.4f") for figure in figures.values()))
                for name, figures in document["differences"].items()
            ],
        )
    note(f"The report is {receipt['html']}; every figure is in {report}.")


def _show_recommendations(receipt: dict[str, Any], report: Path) -> None:
    import json

    document = json.loads(report.read_text(encoding="utf-8"))
    task, days = document["task"], document["days"]
    console.print(
        f"{len(days)} day(s) from {task['as_of'][0]} to {task['as_of'][-1]}, active "
        f"{task['active_days']} days, horizon {task['horizon_days']} days, "
        f"{sum(day['customers'] for day in days):,} customers and days; "
        f"{receipt['seconds']:.0f} s."
    )
    kinds = ("mixed", "again", "new")
    print_table(
        "NDCG@10, means over the days (95 % intervals over customers)",
        ("method", *kinds, "hit@10, mixed", "coverage"),
        [
            (
                name,
                *(format_interval(method["lists"][kind]["ndcg"], ".4f") for kind in kinds),
                format_interval(method["lists"]["mixed"]["hit"], ".3f"),
                f"{method['lists']['mixed']['coverage']:.3f}",
            )
            for name, method in document["methods"].items()
        ],
    )
    if document["differences"]:
        print_table(
            f"{document['reference']} minus each other, paired NDCG@10",
            ("method", *kinds),
            [
                (name, *(format_interval(figures[kind]["ndcg"], "+.4f") for kind in kinds))
                for name, figures in document["differences"].items()
            ],
        )
    note(f"Every figure is in {report}.")
