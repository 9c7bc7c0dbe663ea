"""Every change of a published day: features, codes, scores and matured outcomes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from retention_ml import clock
from retention_ml.features.catalogue import FEATURES
from retention_ml.outcomes.monitoring import calibration_drift, drift, expected_performance, queries
from retention_ml.outcomes.monitoring.drift import WHOLE, Change, Pair, Values
from retention_ml.outcomes.monitoring.queries import PublishedSnapshot
from retention_ml.outcomes.monitoring.reference_days import select_reference_days
from retention_ml.settings import Monitoring, Settings
from retention_ml.warehouse import Warehouse

_CODES_DAYS = 28
# The same for every customer on a day: such a feature follows the date, not the customers.
_CALENDAR_FAMILIES = ("season",)
# Features that look further back change slowly as customers grow older with their shop: how fast
# is measured, not assumed.
_SETTLED_DAYS = 90
_NO_FEATURES = (
    "nothing: no day of the six weeks before has features of the same definition. Features are "
    "compared again from the next day on"
)
_NO_SCORES = (
    "nothing: no day of the six weeks before was scored by the same model. Scores are compared "
    "again from the next day on"
)


def drift_report(
    warehouse: Warehouse,
    settings: Settings,
    now: PublishedSnapshot,
    days: Sequence[PublishedSnapshot],
) -> list[Change]:
    """Every change of a published day, with what it is compared with.

    Parameters
    ----------
    now : PublishedSnapshot
        The day.
    days : sequence of PublishedSnapshot
        All published days up to it, the oldest first.
    """
    return [
        *_inputs(warehouse, settings, now),
        *_codes(warehouse, settings, now),
        *_scores(warehouse, settings.monitoring, now, days),
        *_outcomes(warehouse, settings, now, days),
    ]


def features_reference(warehouse: Warehouse, as_of: date) -> date | None:
    """The day whose features those of a day are compared with; None where none is stored."""
    days = select_reference_days(as_of, queries.built_alike(warehouse, as_of))
    return days.reference if days else None


def _inputs(warehouse: Warehouse, settings: Settings, now: PublishedSnapshot) -> list[Change]:
    built = queries.built_alike(warehouse, now.as_of)
    reference_days = select_reference_days(now.as_of, built)
    if reference_days is None:
        return [drift.not_compared("input", _NO_FEATURES)]
    names = queries.features_read(settings, now)
    share = min(1.0, queries.CUSTOMERS_MAX / max(1, built[now.as_of]))
    values = queries.features(warehouse, reference_days.days, names, share)
    age = queries.shop_age(warehouse, settings, now.as_of)
    before = reference_days.reference
    young = frozenset(n for n in names if not age.covers(n, before))
    unobserved = frozenset(n for n in names if not age.is_observed(n, before))
    slow = frozenset(n for n in names if (age.reach_days(n) or _SETTLED_DAYS + 1) > _SETTLED_DAYS)
    seasonal = frozenset(n for n in names if FEATURES[n].family in _CALENDAR_FAMILIES)
    effect_min = settings.monitoring.effect_min

    def pairs(is_usable: Callable[[str, date], bool]) -> list[Pair]:
        """The baseline: of each day the features that can be compared."""
        usable: dict[date, Values] = {
            day: {name: of_day[name] for name in names if is_usable(name, day)}
            for day, of_day in values.items()
        }
        return reference_days.pairs(usable)[1]

    pair, _ = reference_days.pairs(values)
    changes = drift.value_drift(
        "input",
        names,
        pair,
        pairs(age.covers),
        effect_min=effect_min,
        only_shown=young | seasonal,
        needs_baseline=slow,
    )
    # Values are missing where there is nothing to divide by, however far the window is filled: that
    # counts as soon as the feed has begun, against what is usual.
    changes += drift.missing_drift(
        names,
        pair,
        pairs(lambda n, day: age.is_observed(n, day) if n in young else age.covers(n, day)),
        effect_min=effect_min,
        only_shown=unobserved,
        needs_baseline=young | slow,
    )
    only_shown = {"input": young - seasonal, "missing": unobserved - seasonal}
    reference = f"the features of {before}"
    return [
        replace(
            change,
            reference=f"{reference}; {age.remark(change.name, before)}"
            if change.name in only_shown[change.kind]
            else reference,
        )
        for change in changes
    ]


def _codes(warehouse: Warehouse, settings: Settings, now: PublishedSnapshot) -> list[Change]:
    before = now.as_of - timedelta(days=_CODES_DAYS)
    codes = queries.codes(warehouse, settings, [before, now.as_of], recent_days=_CODES_DAYS)
    changes: list[Change] = []
    for name, counts in codes[now.as_of].items():
        pair = (codes[before][name], counts)
        changes += drift.code_drift(name, pair, effect_min=settings.monitoring.effect_min)
    return _with_reference(f"the {_CODES_DAYS} days before {before}", changes)


def _scores(
    warehouse: Warehouse,
    monitoring: Monitoring,
    now: PublishedSnapshot,
    days: Sequence[PublishedSnapshot],
) -> list[Change]:
    """Scores, tiers and reasons against an earlier day that the same model scored."""
    alike = {day.as_of: day for day in days if day.bundle_sha256 == now.bundle_sha256}
    reference_days = select_reference_days(now.as_of, alike)
    needed = reference_days.days if reference_days else [now.as_of]
    ids = {day: alike[day].snapshot_id for day in needed}
    share = min(1.0, queries.CUSTOMERS_MAX / max(1, now.scored_count))
    predictions = queries.probabilities(warehouse, ids.values(), share)
    scores = {day: {WHOLE: predictions[snapshot_id]} for day, snapshot_id in ids.items()}
    expected = {day: expected_performance.expected(scores[day][WHOLE]) for day in needed}
    rows: list[Change] = []
    if reference_days is None:
        rows.append(drift.not_compared("score", _NO_SCORES))
    if now.is_calibrated:
        shown = [
            Change(kind="estimate", name=WHOLE, measure=measure, value=value)
            for measure, value in expected[now.as_of].items()
        ]
        rows += _with_reference("what the probabilities imply", shown)
    if reference_days is None:
        return rows
    changes = drift.value_drift(
        "score", [WHOLE], *reference_days.pairs(scores), effect_min=monitoring.effect_min
    )
    if now.is_calibrated:
        changes += calibration_drift.expected_performance_drop(
            reference_days,
            {day: metrics["roc_auc"] for day, metrics in expected.items() if "roc_auc" in metrics},
            auc_drop_min=monitoring.auc_drop_min,
        )
    counts = queries.tiers_and_reasons(warehouse, ids.values())
    reference = alike[reference_days.reference]
    is_same_policy = reference.policy_sha256 == now.policy_sha256
    # Who is at risk by the policy decides who gets a fallback.
    are_same_reasons = is_same_policy and reference.reasons_version == now.reasons_version
    for kind, is_comparable in (("tier", is_same_policy), ("explanation", are_same_reasons)):
        by_day = {day: counts[kind][snapshot_id] for day, snapshot_id in ids.items()}
        changes += drift.share_drift(
            kind,
            *reference_days.pairs(by_day),
            effect_min=monitoring.effect_min,
            is_comparable=is_comparable,
        )
    return rows + _with_reference(f"the scores of {reference_days.reference}", changes)


def _outcomes(
    warehouse: Warehouse,
    settings: Settings,
    now: PublishedSnapshot,
    days: Sequence[PublishedSnapshot],
) -> list[Change]:
    """Calibration and churn rate of the newest days whose outcomes are known."""
    rate_gap_min = settings.monitoring.rate_gap_min
    at = clock.midnight(now.as_of, settings.calendar.timezone)
    matured = queries.label_rates(warehouse, now.definition_hash, at)
    if not matured:
        return []
    rows: list[Change] = []
    reference_days = select_reference_days(max(matured), matured)
    if reference_days is not None:
        rates = calibration_drift.label_rate(reference_days, matured, rate_gap_min=rate_gap_min)
        rows += _with_reference(f"the outcomes of {reference_days.reference}", rates)
    forecast = [
        day
        for day in days
        if day.as_of in matured
        and day.definition_hash == now.definition_hash
        and day.is_forecast
        and day.is_calibrated
    ]
    cohort = queries.cohort(warehouse, settings, forecast[-1], now.as_of) if forecast else None
    if cohort is not None:
        gaps = calibration_drift.calibration(cohort, rate_gap_min=rate_gap_min)
        rows += _with_reference(f"the forecasts of {cohort.as_of}", gaps)
    return rows


def _with_reference(reference: str, changes: list[Change]) -> list[Change]:
    return [replace(change, reference=reference) for change in changes]
