"""Commands about models and customers: train, models, promote, rollback, score, profile, recommend,
explain.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from retention_ml.cli.days import not_ahead
from retention_ml.cli.frame import (
    AsOf,
    Json,
    console,
    day,
    errors,
    opened,
    print_json,
    print_mapping,
    print_rows,
    print_table,
    with_registry,
    working,
)
from retention_ml.cli.tables import (
    print_comparison,
    print_counts,
    print_lists,
    print_tiers,
    print_versions,
)

if TYPE_CHECKING:
    from retention_ml.receipts import DecisionReceipt

_SHOWN = 15

Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides. Default: your login name.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (train, models, promote, rollback, score, profile, recommend, explain):
        app.command()(command)


def train(as_of: AsOf, as_json: Json = False) -> None:
    """Train the candidates on what was known at a day and register the best one."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.models.training.train import train as train_models
        from retention_ml.outcomes.trial.trials import trial_between
        from retention_ml.reports.read import training_comparison

        settings = with_registry(settings, is_started=True)
        with working("Training …"):
            receipt = train_models(
                warehouse, settings=settings, as_of=day(as_of), trial_between=trial_between
            )
        if as_json:
            print_json(receipt.to_dict())
            return
        rows = training_comparison(warehouse, str(receipt.details["training_id"]))
        print_comparison(rows)
        console.print(f"{receipt.details['verdict']}: {receipt.details['reason']}")


def models(as_json: Json = False) -> None:
    """List the versions with their evidence, and the decisions about champion and challenger."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.models.registry.mlflow_registry import Registry
        from retention_ml.reports.model_versions import overview

        versions = overview(warehouse, Registry(with_registry(settings)))
        if as_json:
            print_json(versions)
            return
        print_versions(versions["versions"])
        console.print(versions["registry"])
        console.print()
        print_rows("Decisions", versions["decisions"])


def promote(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="As `retention models` lists it.")
    ],
    reason: Reason,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Make a version champion; the next run serves it. `ranker-3` is one of products to buy."""
    from retention_ml.models.promotion.promote import promote as promote_model
    from retention_ml.recommendations.fitting.by_hand import is_ranker, promote_ranker

    door = promote_ranker if is_ranker(version) else promote_model
    _decide(door, as_json, by, version=version, reason=reason)


def rollback(
    reason: Reason,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="Default: the champion before this one."),
    ] = None,
    of: Annotated[
        Literal["churn", "recommendations"],
        typer.Option("--of", help="Which models; of recommendations `--to frequency` is none."),
    ] = "churn",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Go back to an earlier champion, with its calibration and tier policy."""
    from retention_ml.models.promotion.rollback import rollback as roll_back_model
    from retention_ml.recommendations.fitting.by_hand import rollback_ranker

    door = rollback_ranker if of == "recommendations" else roll_back_model
    _decide(door, as_json, by, version=to, reason=reason)


def _decide(
    door: Callable[..., "DecisionReceipt"], as_json: bool, by: str | None, **arguments: str | None
) -> None:
    from retention_ml.models.registry.provenance import login_name

    with opened(as_json) as (warehouse, settings):
        with working("Checking …"):
            settings, decider = with_registry(settings), by or login_name()
            receipt = door(warehouse, settings=settings, decided_by=decider, **arguments)
        if as_json:
            print_json(receipt.to_dict())
            return
        console.print(receipt.sentence)
        for version, why in receipt.details.get("passed_over", {}).items():
            console.print(f"Version {version} was passed over: {why}.")
        console.print(f"The alias in MLflow: {receipt.details['alias']}")


def score(as_of: AsOf, as_json: Json = False) -> None:
    """Score all active customers of a day and publish their risk tiers."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.reports.read import tiers
        from retention_ml.scores.publish import publish
        from retention_ml.scores.score import score as score_customers

        with working("Scoring …"):
            settings = with_registry(settings)
            scored = score_customers(warehouse, settings=settings, as_of=day(as_of))
            published = publish(
                warehouse, settings=settings, snapshot_id=int(scored.details["snapshot_id"])
            )
        if as_json:
            print_json({"score": scored.to_dict(), "publish": published.to_dict()})
            return
        remarks = (scored.details["caveat"], *scored.details["warnings"])
        for line in filter(None, (scored, published, *remarks)):
            console.print(str(line))
        print_tiers(as_of, tiers(warehouse, day(as_of)), settings)


def recommend(
    as_of: AsOf,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the ranker first, also when none is due.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make and publish the lists of a day: what each customer may buy again, and what is new."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.errors import NotReady
        from retention_ml.recommendations.fitting.fit import fit as fit_ranker
        from retention_ml.recommendations.pairs.pair_products import pair_products
        from retention_ml.recommendations.publish_lists import publish_lists
        from retention_ml.recommendations.recommend import recommend as door

        fitted = None
        if fit:
            with working("Fitting …"):
                fitted = fit_ranker(
                    warehouse, settings=with_registry(settings), as_of=day(as_of), force=True
                )
        with working("Recommending …"):
            made = door(warehouse, settings=settings, as_of=day(as_of))
            published = publish_lists(
                warehouse, settings=settings, snapshot_id=int(made.details["snapshot_id"])
            )
        with working("Counting what is bought together …"):
            try:
                paired = pair_products(warehouse, settings=settings, as_of=day(as_of))
                without_pairs = None
            except NotReady as error:
                paired, without_pairs = None, str(error)
        if as_json:
            print_json(
                {
                    "fit": fitted.to_dict() if fitted else None,
                    "recommend": made.to_dict(),
                    "publish_lists": published.to_dict(),
                    "pair_products": paired.to_dict() if paired else None,
                }
            )
            return
        caveats = (made.details["caveat"], without_pairs)
        for line in filter(None, (fitted, made, published, paired, *caveats)):
            console.print(str(line), soft_wrap=True)
        print_counts("Rows by list", made.details["lists"])
        print_counts("Candidates taken off, by reason", made.details["filtered"])
        print_counts("Customers without a list, by reason", made.details["excluded"])


def profile(
    as_of: AsOf,
    refit_personas: Annotated[
        bool,
        typer.Option(
            "--refit-personas", help="Decide anew which personas there are, from the day on."
        ),
    ] = False,
    by: Annotated[str | None, typer.Option(help="With --refit-personas: who decides.")] = None,
    reason: Annotated[str | None, typer.Option(help="With --refit-personas: why.")] = None,
    as_json: Json = False,
) -> None:
    """Profile the customers of a day: stages, RFM, rhythm, value, personas, retention curves, and
    the activity ahead."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.errors import RetentionError, machine_errors
        from retention_ml.profiles.personas.decide import request_of
        from retention_ml.profiles.profile import profile as door
        from retention_ml.profiles.publish_profiles import publish_profiles
        from retention_ml.profiles.value.fit_value import fit_value
        from retention_ml.reports import people, profiles

        on = not_ahead(day(as_of), settings)
        refit = request_of(by, reason) if refit_personas else None
        with working("Profiling …"):
            learned, not_learned = None, None
            try:  # as in the DAG: without it, profiles are made with what was learnt before
                with machine_errors():
                    learned = fit_value(warehouse, settings=settings, as_of=on)
            except RetentionError as error:
                not_learned = {"error": type(error).__name__, "message": str(error)}
            made = door(warehouse, settings=settings, as_of=on, refit=refit)
            published = publish_profiles(
                warehouse, settings=settings, snapshot_id=int(made.details["snapshot_id"])
            )
        if as_json:
            doors = {"profile": made, "publish_profiles": published}
            learning = {"fit_value": learned.to_dict() if learned else not_learned}
            print_json(learning | {name: receipt.to_dict() for name, receipt in doors.items()})
            return
        if not_learned:
            errors.print(
                f"Nothing was learnt about value: {not_learned['message']} The profiles were made "
                "with what was learnt before.",
                style="bold red",
                soft_wrap=True,
            )
        caveats = (made.details["caveat"], made.details["value_caveat"])
        for line in filter(None, (learned, made, published, *caveats)):
            console.print(str(line), soft_wrap=True)
        for warning in published.details["warnings"]:
            console.print(warning, soft_wrap=True)
        stages = profiles.lifecycle(warehouse, on)
        print_table(
            f"Stages on {as_of}, and who came and left since the day before "
            f"(amounts in {settings.calendar.currency})",
            profiles.STAGE_COLUMNS,
            profiles.stage_table(stages),
        )
        ratios = profiles.cohort_ratios(warehouse)
        if ratios and ratios[0]["as_of"] == on:  # they are of the latest published day
            print_table(*profiles.heat_map(ratios))
        values = profiles.value_tiers(warehouse)
        if values and values[0]["as_of"] == on:
            print_table(*profiles.value_table(values, settings.calendar.currency))
        for table in people.tables(warehouse, settings.calendar.currency, on):
            print_table(*table)


def explain(
    customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's number.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="YYYY-MM-DD", help="Default: the latest published day."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how one customer's score came about, what is recommended to them, their value."""
    with opened(as_json) as (warehouse, settings):
        from retention_ml.audit.entries import Event
        from retention_ml.audit.record_event import record_event
        from retention_ml.people.holds import require_visible
        from retention_ml.people.lookup import customer_id_of
        from retention_ml.recommendations.snapshots.explain import lists_of
        from retention_ml.reports import profiles, words
        from retention_ml.scores.explain import explain as explain_score

        customer_id = customer_id_of(warehouse, settings, customer_id)
        record_event(
            warehouse,
            Event.CUSTOMER_EXPLAINED,
            settings=settings,
            subject="scores",
            customer_id=customer_id,
        )
        require_visible(warehouse, customer_id)
        explanation = explain_score(
            warehouse,
            settings=with_registry(settings),
            customer_id=customer_id,
            as_of=day(as_of) if as_of else None,
        )
        recommended = lists_of(warehouse, customer_id, as_of=day(as_of) if as_of else None)
        worth = profiles.value_of(warehouse, customer_id, as_of=day(as_of) if as_of else None)
        if as_json:
            print_json({**explanation, "recommendations": recommended, "value": worth})
        else:
            currency, horizon_days = settings.calendar.currency, settings.value.horizon_days
            value = words.value_title(currency, horizon_days)
            plain = {
                value if name == "expected_value_at_risk" else name: cell
                for name, cell in explanation.items()
                if not isinstance(cell, list)
            }
            plain["risk_percentile"] = words.percentile_in_words(plain["risk_percentile"])
            print_mapping(f"Score (amounts in {currency})", plain)
            for name in ("families", "features"):
                rows = sorted(explanation[name], key=lambda row: -abs(row["log_odds"]))[:_SHOWN]
                print_rows(f"{name.capitalize()} by what they add to the log-odds", rows)
            print_lists(recommended)
            if worth:
                print_mapping(f"Value (amounts in {currency})", worth)
