"""A training's best candidate beside the champion: who said what of whom, gathered to be compared."""

import time
from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.features.catalogue import WINDOWS
from retention_ml.models.bundle import prediction_checks
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.evaluation.checks import Demands, Finding, Footprint, limits
from retention_ml.models.evaluation.offline_comparison import (
    CANDIDATE,
    CHAMPION,
    Contest,
    contest,
    keep,
)
from retention_ml.models.evaluation.segments import finer_segments
from retention_ml.models.training.ledger import Training
from retention_ml.models.training.training_set import TrainingSet
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import Predictions, ece_by_chance
from retention_ml.statistics.profit import Offer, revenue_as_lately_cents, revenue_window_days
from retention_ml.warehouse import Warehouse

_TIMED_ROWS = 2_000
_CUSTOMERS = tables.CANONICAL["customers"].ibis_table("curated", tables.LINEAGE)


def compare(
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    rows: TrainingSet,
    judged: Predictions,
    *,
    name: str,
    champion: Bundle,
    held: Sequence[Finding],
) -> Contest | None:
    """The candidate `name` against the champion; None where there is no day to compare on.

    The candidate is judged by what it predicted before it saw the days judged on, the champion by
    what its bundle predicts on those of these days that are not before its own: it learnt from
    nothing that happened later. Whatever goes wrong keeps the champion.

    Parameters
    ----------
    judged : Predictions
        Of all candidates, on the days judged on, in the order of `rows`.
    held : sequence of Finding
        As of `limits_of`.
    """
    try:
        made_on = date.fromisoformat(str(champion.manifest["as_of"]))
        days = [day for day in training.plan.evaluation if day >= made_on]
        if not days:
            return None
        table = rows.table(days)
        numbers = [int(np.datetime64(day, "D").astype(np.int64)) for day in days]
        at = np.flatnonzero(np.isin(judged.days, numbers))
        return contest(
            Predictions(
                days=judged.days[at],
                groups=judged.groups[at],
                outcome=judged.outcome[at],
                models={CANDIDATE: judged.models[name][at], CHAMPION: champion.predict(table)},
            ),
            segments=finer_segments(table, _countries(warehouse, settings, training, table)),
            revenue_cents=_revenue_cents(table, settings.value.horizon_days),
            demands=demands_of(settings),
            offer=offer_of(settings),
            limits=held,
            draws=settings.training.bootstrap_draws,
            seed=settings.training.seed,
        )
    except Exception as error:
        return keep(
            f"Candidate and champion could not be compared ({type(error).__name__}: {error}), so "
            "the champion stays."
        )


def limits_of(
    settings: Settings,
    bundle: Bundle,
    rows: TrainingSet,
    day: date,
    judged: Predictions,
    ece: float,
) -> list[Finding]:
    """What the bundle to be registered must hold in any case, tried on the customers of a day.

    Parameters
    ----------
    judged : Predictions
        Of its kind, among others, on the days judged on.
    ece : float
        Its calibration error on those days.
    """
    table = rows.table([day]).slice(0, _TIMED_ROWS)
    began = time.process_time()  # not the clock: what else the machine does must not decide
    wrong = prediction_checks.fault_on(bundle, table)
    seconds = time.process_time() - began
    footprint = Footprint(
        seconds_per_thousand=1_000 * seconds / max(1, table.num_rows),
        megabytes=sum(map(len, bundle.contents.values())) / 1e6,
    )
    answers = Finding(
        what="answers",
        outcome="failed" if wrong else "passed",
        sentence=f"Asked about the customers of {day}, {wrong or 'it tells them apart'}.",
    )
    said = judged.models[bundle.model_name]
    chance = [ece_by_chance(said[judged.days == day]) for day in np.unique(judged.days)]
    return [
        answers,
        *limits(ece, footprint, demands_of(settings), ece_by_chance=float(np.mean(chance))),
    ]


def is_same(bundle: Bundle, other: Bundle) -> bool:
    """Whether two bundles are one model, whatever training and day their manifests name."""
    if bundle.sha256 == other.sha256:
        return True
    alike = ("features", "calibration", "definition_hash")
    return _files(bundle) == _files(other) and all(
        bundle.manifest.get(key) == other.manifest.get(key) for key in alike
    )


def demands_of(settings: Settings) -> Demands:
    """What the settings demand of a candidate."""
    wanted, tiers = settings.promotion, settings.tiers
    return Demands(
        auc_margin=wanted.auc_margin,
        segment_margin=wanted.segment_margin,
        ece_max=wanted.ece_max,
        tier_moves_max=wanted.tier_moves_max,
        tier_bounds=(tiers.medium, tiers.high, tiers.critical),
        seconds_per_thousand_max=wanted.seconds_per_thousand_max,
        megabytes_max=wanted.megabytes_max,
    )


def offer_of(settings: Settings) -> Offer:
    """What an offer costs and brings by the settings."""
    value = settings.value
    return Offer(
        cost_cents=100 * value.offer_cost,
        save_rate=value.save_rate,
        margin_share=value.margin_share,
        budget_share=value.budget_share,
    )


def _files(bundle: Bundle) -> dict[str, bytes]:
    return {name: content for name, content in bundle.contents.items() if name != "manifest.json"}


def _revenue_cents(table: pa.Table, horizon_days: int) -> np.ndarray:

    days = revenue_window_days(WINDOWS, horizon_days)
    lately = table[f"revenue_cents_{days}d"].to_numpy()
    return revenue_as_lately_cents(lately, revenue_days=days, horizon_days=horizon_days)


def _countries(
    warehouse: Warehouse, settings: Settings, training: Training, table: pa.Table
) -> pa.Array:
    """Country of each row's customer as known on the day of the training, null where not told."""
    told = known(_CUSTOMERS, clock.midnight(training.as_of, settings.calendar.timezone))
    told = told.filter(told.country.notnull())
    found = warehouse.read(told.group_by("customer_id").aggregate(country=told.country.min()))
    customers = table["customer_id"].combine_chunks().cast(pa.string())
    at = pc.index_in(customers, value_set=found["customer_id"].combine_chunks().cast(pa.string()))
    return found["country"].combine_chunks().cast(pa.string()).take(at)
