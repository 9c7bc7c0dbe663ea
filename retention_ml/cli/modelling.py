"""Commands about models and scores: train, models, score, explain."""

from typing import Annotated

import typer

from retention_ml.cli.frame import (
    AsOf,
    Json,
    console,
    day,
    opened,
    print_json,
    print_mapping,
    print_table,
    working,
)
from retention_ml.cli.tables import print_comparison, print_tiers

_SHOWN = 15


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(train)
    app.command()(models)
    app.command()(score)
    app.command()(explain)


def train(as_of: AsOf, as_json: Json = False) -> None:
    """Train the candidates on what was known at a day and register the best one."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.models.train import train as train_models
        from retention_ml.reports.read import training_comparison

        with working("Training …"):
            receipt = train_models(warehouse, settings=settings, as_of=day(as_of))
        if as_json:
            print_json(receipt.to_dict())
            return
        rows = training_comparison(warehouse, str(receipt.details["training_id"]))
        console.print(str(receipt))
        print_comparison(rows)
        console.print(f"{receipt.details['verdict']}: {receipt.details['reason']}", markup=False)


def models(as_json: Json = False) -> None:
    """List the decisions about champion and challenger with their evidence."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.reports.read import promotions

        rows = promotions(warehouse)
        if as_json:
            print_json(rows)
        else:
            print_table(
                "Decisions",
                tuple(rows[0]) if rows else (),
                [tuple(r.values()) for r in rows],
            )


def score(as_of: AsOf, as_json: Json = False) -> None:
    """Score all active customers of a day and publish their risk tiers."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.reports.read import tiers
        from retention_ml.scores.publish import publish
        from retention_ml.scores.score import score as score_customers

        with working("Scoring …"):
            scored = score_customers(warehouse, settings=settings, as_of=day(as_of))
            published = publish(
                warehouse, settings=settings, snapshot_id=int(scored.details["snapshot_id"])
            )
        if as_json:
            print_json({"score": scored.to_dict(), "publish": published.to_dict()})
            return
        console.print(str(scored))
        console.print(str(published))
        if scored.details["caveat"]:
            console.print(scored.details["caveat"], markup=False)
        print_tiers(as_of, tiers(warehouse, day(as_of)))


def explain(
    customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="YYYY-MM-DD", help="Default: the latest published day."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how one customer's score came about."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.scores.explain import explain as explain_score

        found = explain_score(
            warehouse,
            settings=settings,
            customer_id=customer_id,
            as_of=day(as_of) if as_of else None,
        )
        if as_json:
            print_json(found)
        else:
            print_mapping("Score", {k: v for k, v in found.items() if not isinstance(v, list)})
            for name in ("families", "features"):
                rows = sorted(found[name], key=lambda row: -abs(row["log_odds"]))[:_SHOWN]
                print_table(
                    f"{name.capitalize()} by what they add to the log-odds",
                    tuple(rows[0]) if rows else (),
                    [tuple(row.values()) for row in rows],
                )
