"""The door `profile`: who every customer is on a day, and the curves of the shop, as a snapshot.

Readers do not see it yet: `publish_profiles` flips the pointer.
"""

import time
from datetime import date
from typing import Any

from retention_ml import __version__
from retention_ml.errors import NotReady
from retention_ml.failpoints import failpoint
from retention_ml.features.roll_up import roll_up
from retention_ml.profiles.day_profile import Choices, caveat, day_profile
from retention_ml.profiles.forecast.activity import activity_ahead
from retention_ml.profiles.histories import read_log
from retention_ml.profiles.personas.behaviour import behaviour
from retention_ml.profiles.personas.decide import PersonaRules, Request, personas_of_day
from retention_ml.profiles.personas.rows import day_personas
from retention_ml.profiles.snapshots.earlier_stages import earlier_stages
from retention_ml.profiles.snapshots.snapshot import SNAPSHOTS
from retention_ml.profiles.stages import StageRules
from retention_ml.profiles.transitions import days_before
from retention_ml.profiles.value.customer_value import ValueRules
from retention_ml.profiles.value.fits import fit_in_force
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def profile(
    warehouse: Warehouse, *, settings: Settings, as_of: date, refit: Request | None = None
) -> Receipt:
    """Write a snapshot of the day's profiles; `details["snapshot_id"]` names it.

    If what readers see for the day already is equal in every respect, that snapshot is returned
    and nothing is written (`details["is_repeat"]`).

    Parameters
    ----------
    refit : Request, optional
        Decide from the day on which personas there are, instead of those in force.

    Returns
    -------
    Receipt
        read (customers and visitors) = written + left out (excluded as abnormal), or duplicates.

    Raises
    ------
    NotReady
        No order of a customer is known before that day.
    UsageError
        Personas are to be decided anew for a day before the newest that was published.
    """
    started = time.perf_counter()
    epoch = SNAPSHOTS.acquire_epoch(warehouse, as_of)
    roll_up(warehouse, settings=settings)
    choices = choices_of(settings)
    log = read_log(warehouse, as_of, settings.calendar.timezone)
    histories = log.known_at(as_of)
    if len(histories.buyers) == 0:
        raise NotReady(
            f"No order of a customer is known before {as_of}, so there is nobody to profile. "
            "Ingest a source with orders of known customers, or choose a later day."
        )
    earlier = {
        period: earlier_stages(log, day, choices.rules)
        for period, day in days_before(as_of).items()
    }
    value_fit, fault = fit_in_force(warehouse, as_of, choices.value.horizon_days)
    traits = behaviour(histories, lapsed_days=choices.rules.lapsed_days)
    decision = personas_of_day(
        warehouse, histories, traits, persona_rules(settings), run_id=settings.run_id, request=refit
    )
    failpoint("profile.after_personas")
    ahead = activity_ahead(
        histories,
        days_ahead=settings.profiles.forecast_days,
        coverage=settings.profiles.forecast_coverage,
        gap_days_max=settings.readiness.gap_days_max,
    )
    rows = day_profile(
        histories,
        earlier,
        choices,
        value_fit=value_fit,
        personas=day_personas(histories, traits, decision.fit),
        forecasts=ahead.rows,
    )
    missing = caveat(
        histories, period_days=choices.period_days, gap_days_max=settings.readiness.gap_days_max
    )
    caveats = " ".join(filter(None, (missing, decision.caveat, ahead.caveat))) or None
    count, buyers = len(histories.customer_ids), len(histories.buyers)
    content: dict[str, Any] = {
        "as_of": as_of,
        "new_days": choices.rules.new_days,
        "loyal_purchase_days": choices.rules.loyal_purchase_days,
        "lapsed_days": choices.rules.lapsed_days,
        "slipping_intervals": choices.rules.slipping_intervals,
        "cohort_period_days": choices.period_days,
        "minor_units": settings.calendar.minor_units,
        "customers_count": count,
        "buyers_count": buyers,
        "persona_fit_id": decision.fit_id,
        "abnormal_count": histories.abnormal_count,
        "caveat": caveats,
        "profiles_digest": SNAPSHOTS.digest(rows),
        "library_version": __version__,
        "customers_pruned_at": None,  # one whose rows are gone is equal to none
    }
    same = SNAPSHOTS.published_alike(warehouse, content)
    snapshot_id = same or SNAPSHOTS.write(
        warehouse,
        rows,
        content,
        epoch=epoch,
        run_id=settings.run_id,
        before_commit=_before_commit,
    )
    receipt = Receipt(
        door="profile",
        as_of=as_of,
        read=count + histories.abnormal_count,
        written=0 if same else count,
        left_out=histories.abnormal_count,
        duplicates=count if same else 0,
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": snapshot_id,
            "is_repeat": same is not None,
            "profiles_digest": content["profiles_digest"],
            "caveat": content["caveat"],
            "value_caveat": fault or rows["value_total"]["caveat"][0].as_py(),
            "persona_fit_id": decision.fit_id,
            "personas": {one.name: one.traits for one in decision.fit.personas},
            "stages": dict(
                zip(
                    *rows["stages"]
                    .select(["lifecycle_stage", "customers_count"])
                    .to_pydict()
                    .values(),
                    strict=True,
                )
            ),
            "replayed_days": sorted(
                str(day.as_of) for day in earlier.values() if day.snapshot_id is None
            ),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def choices_of(settings: Settings) -> Choices:
    """What the settings decide about profiles."""
    chosen = settings.profiles
    return Choices(
        rules=StageRules(
            new_days=chosen.new_days,
            loyal_purchase_days=chosen.loyal_purchase_days,
            lapsed_days=chosen.lapsed_days or settings.churn.active_days,
            slipping_intervals=chosen.slipping_intervals,
        ),
        period_days=chosen.cohort_period_days,
        overdue_probability=chosen.overdue_probability,
        value=ValueRules(
            horizon_days=chosen.value_horizon_days,
            tier_shares=chosen.value_tier_shares,
            minor_units=settings.calendar.minor_units,
            seed=settings.training.seed,
            threads=settings.compute.threads,
        ),
    )


def persona_rules(settings: Settings) -> PersonaRules:
    """What the settings decide about personas."""
    chosen = settings.profiles
    return PersonaRules(
        count=chosen.personas_count,
        stability_min=chosen.persona_stability_min,
        change_max=chosen.persona_change_max,
        drift_max=chosen.persona_drift_max,
        steady_days=chosen.persona_steady_days,
        lapsed_days=chosen.lapsed_days or settings.churn.active_days,
    )


def _before_commit() -> None:
    failpoint("profile.after_rows")
    failpoint("profile.before_commit")
