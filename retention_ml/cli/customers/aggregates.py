"""Commands about counts that anybody may see: people publish-aggregates, releases."""

from typing import Annotated

import typer

from retention_ml.cli.customers.people import people
from retention_ml.cli.days import not_ahead
from retention_ml.cli.frame import AsOf, Json, console, day, opened, print_json, print_table
from retention_ml.errors import UsageError


def add_to(_: typer.Typer) -> None:
    """Register the commands of this module among those of `people`."""
    people.command("publish-aggregates")(publish)
    people.command("releases")(releases)


def publish(
    as_of: AsOf,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="risk_tiers (weekly) or cohorts (monthly); default: both."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish the counts of the day's week and month with noise, once; `95_keep_promises` does it."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.aggregates.budget import epsilon_of
        from retention_ml.aggregates.kinds import Kind
        from retention_ml.aggregates.publish_aggregates import publish_aggregates

        if kind is not None and kind not in list(Kind):
            raise UsageError(
                f"{kind!r} is no kind of release; expected is {' or '.join(map(str, Kind))}."
            )
        kinds = [Kind(kind)] if kind else [k for k in Kind if epsilon_of(k, settings)]
        on = not_ahead(day(as_of), settings)
        receipts = [
            publish_aggregates(warehouse, settings=settings, as_of=on, kind=each) for each in kinds
        ]
        if as_json:
            print_json([receipt.to_dict() for receipt in receipts])
            return
        for each, receipt in zip(kinds, receipts, strict=True):
            what = f"{each} of the {each.period} of {receipt.details['period_on']}"
            console.print(
                f"{what} stand published; they are never drawn again."
                if receipt.details["is_repeat"]
                else f"{what}: {receipt.written} counts are published, {receipt.left_out} "
                f"suppressed; it cost ε {receipt.details['epsilon']:g}.",
                soft_wrap=True,
            )


def releases(as_json: Json = False) -> None:
    """List what was published with noise, and what it cost of each month's budget."""
    with opened(as_json) as (warehouse, _):
        from retention_ml.aggregates.releases import read_releases

        rows = read_releases(warehouse)
        if as_json:
            print_json(
                [
                    {
                        "kind": str(row.kind),
                        "period_on": row.period_on,
                        "as_of": row.as_of,
                        "epsilon": float(row.epsilon),
                        "epsilon_month": float(row.epsilon_month),
                        "published_count": row.published_count,
                        "suppressed_count": row.suppressed_count,
                        "released_at": row.released_at,
                    }
                    for row in rows
                ]
            )
            return
        print_table(
            "Published with noise",
            ("period", "kind", "counted day", "ε", "budget of the month", "counts", "suppressed"),
            [
                (
                    str(row.period_on),
                    str(row.kind),
                    str(row.as_of),
                    f"{row.epsilon:f}",
                    f"{row.epsilon_month:f}",
                    row.published_count,
                    row.suppressed_count,
                )
                for row in rows
            ],
        )
