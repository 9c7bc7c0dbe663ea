"""A training's best candidate against the champion, and the limits that it must meet."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa

from retention_ml import clock
from retention_ml.features.families.purchases import WINDOWS
from retention_ml.models.bundle import prediction_checks
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.evaluation.checks import Check, PromotionCriteria, hard_limits
from retention_ml.models.evaluation.fairness import Fairness, fairness, fairness_check
from retention_ml.models.evaluation.offline_comparison import (
    CANDIDATE,
    CHAMPION,
    OfflineComparison,
    compare_offline,
    tier_positions,
)
from retention_ml.models.evaluation.segments import finer_segments
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.ledger import Training
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import Predictions, ece_by_chance
from retention_ml.statistics.profit import Offer, revenue_as_lately_cents, revenue_window_days

_TIMED_ROWS = 2_000


def compare(
    settings: Settings,
    training: Training,
    training_set: TrainingSet,
    predictions: Predictions,
    attributes: pa.Table,
    *,
    name: str,
    champion: Bundle,
    limits: Sequence[Check],
) -> OfflineComparison | None:
    """The candidate `name` against the champion; None where there is no day to compare on.

    The candidate is evaluated on what it predicted before it saw the evaluation days, the champion
    on what its bundle predicts for those of them that are not before its own day: it was trained
    on nothing that happened later.

    Parameters
    ----------
    predictions : Predictions
        Of all candidates, on the evaluation days, in the order of `training_set`.
    attributes : pa.Table
        Of the customers of `predictions`, see `customer_groups`.
    limits : sequence of Check
        As of `limits_of`.
    """
    made_on = date.fromisoformat(str(champion.manifest["as_of"]))
    days = [day for day in training.plan.evaluation if day >= made_on]
    if not days:
        return None
    table = training_set.table(days)
    mask = np.isin(predictions.days, [clock.day_number(day) for day in days])
    subset = predictions.take(mask, [name])
    models = {CANDIDATE: subset.models[name], CHAMPION: champion.predict(table)}
    subset, attributes = replace(subset, models=models), attributes.filter(pa.array(mask))
    groups = _fairness(settings, subset, CANDIDATE, table, attributes, champion=CHAMPION)
    return compare_offline(
        subset,
        segments=finer_segments(table, attributes["country"].combine_chunks()),
        revenue_cents=_revenue_cents(table, settings.value.horizon_days),
        criteria=criteria_of(settings),
        offer=offer_of(settings),
        limits=[*limits, fairness_check(groups)],
        draws=settings.training.bootstrap_draws,
        seed=settings.training.seed,
    )


def fairness_of(
    settings: Settings,
    training: Training,
    training_set: TrainingSet,
    predictions: Predictions,
    attributes: pa.Table,
    *,
    name: str,
) -> Fairness:
    """How the candidate `name` treats groups of customers on the evaluation days.

    Parameters
    ----------
    predictions, attributes : Predictions, pa.Table
        As of `compare`.
    """
    table = training_set.table(training.plan.evaluation)
    return _fairness(settings, predictions, name, table, attributes)


def _fairness(
    settings: Settings,
    predictions: Predictions,
    name: str,
    table: pa.Table,
    attributes: pa.Table,
    champion: str | None = None,
) -> Fairness:
    criteria = criteria_of(settings)
    revenue_cents = _revenue_cents(table, settings.value.horizon_days)
    position = tier_positions(predictions, name, revenue_cents, criteria.tiers_by)
    return fairness(
        predictions,
        name,
        attributes,
        position >= criteria.tier_bounds[1],
        tolerance=settings.promotion.group_gap_max,
        champion=champion,
    )


def limits_of(
    settings: Settings,
    bundle: Bundle,
    training_set: TrainingSet,
    day: date,
    predictions: Predictions,
    ece: float,
) -> list[Check]:
    """The limits that the bundle to register must meet in any case, tried on a day's customers.

    Parameters
    ----------
    predictions : Predictions
        Of the candidate, among others, on the evaluation days.
    ece : float
        Its calibration error on those days.
    """
    table = training_set.table([day]).slice(0, _TIMED_ROWS)
    began = time.process_time()  # not the clock: what else the machine does must not decide
    fault = prediction_checks.fault_on(bundle, table)
    seconds = time.process_time() - began
    usable = Check(
        name="predictions",
        status="failed" if fault else "passed",
        message=f"Its predictions for the customers of {day} "
        + (f"cannot be used: {fault}." if fault else "can be used."),
    )
    chance = [
        ece_by_chance(*_of_day(predictions, bundle.model_name, day))
        for day in np.unique(predictions.evaluated().days)
    ]
    return [
        usable,
        *hard_limits(
            criteria_of(settings),
            ece=ece,
            ece_by_chance=float(np.mean(chance)),
            seconds_per_thousand=1_000 * seconds / max(1, table.num_rows),
            megabytes=sum(map(len, bundle.contents.values())) / 1e6,
        ),
    ]


def _of_day(predictions: Predictions, name: str, day: int) -> tuple[Floats, Floats | None]:
    """Probabilities and weights of the rows of a day that are evaluated."""
    rows = predictions.take((predictions.days == day) & predictions.is_evaluated, [name])
    return rows.models[name], rows.weights


def is_same(bundle: Bundle, other: Bundle) -> bool:
    """Whether two bundles are one model, whatever training and day their manifests name."""

    def content(each: Bundle) -> list[object]:
        files = {name: text for name, text in each.contents.items() if name != "manifest.json"}
        alike = ("features", "calibration", "definition_hash")
        return [files, *(each.manifest.get(key) for key in alike)]

    return bundle.sha256 == other.sha256 or content(bundle) == content(other)


def criteria_of(settings: Settings) -> PromotionCriteria:
    """What the settings require of a candidate."""
    promotion, policy = settings.promotion, configured_policy(settings)
    return PromotionCriteria(
        auc_margin=promotion.auc_margin,
        segment_margin=promotion.segment_margin,
        ece_max=promotion.ece_max,
        tier_moves_max=promotion.tier_moves_max,
        tier_bounds=(policy["medium"], policy["high"], policy["critical"]),
        tiers_by=settings.tiers.by,
        seconds_per_thousand_max=promotion.seconds_per_thousand_max,
        megabytes_max=promotion.megabytes_max,
    )


def offer_of(settings: Settings) -> Offer:
    """What an offer costs and brings by the settings."""
    value = settings.value
    return Offer(
        cost_cents=settings.calendar.minor_units * value.offer_cost,
        minor_units=settings.calendar.minor_units,
        save_rate=value.save_rate,
        margin_share=value.margin_share,
        budget_share=value.budget_share,
    )


def _revenue_cents(table: pa.Table, horizon_days: int) -> np.ndarray:
    days = revenue_window_days(WINDOWS, horizon_days)
    lately = table[f"revenue_cents_{days}d"].to_numpy()
    return revenue_as_lately_cents(lately, revenue_days=days, horizon_days=horizon_days)
