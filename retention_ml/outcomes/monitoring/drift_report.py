"""Every change of a published day: features, codes, scores and matured outcomes."""

from collections.abc import Sequence
from datetime import date, timedelta

from retention_ml import clock
from retention_ml.features.catalogue import FEATURES
from retention_ml.outcomes.monitoring import calibration_drift, drift, expected_performance, queries
from retention_ml.outcomes.monitoring.drift import WHOLE, Change
from retention_ml.outcomes.monitoring.queries import Published
from retention_ml.outcomes.monitoring.reference_days import compared_days
from retention_ml.settings import Monitoring, Settings
from retention_ml.warehouse import Warehouse

# A change, and what it was found against.
Found = list[tuple[Change, str]]

_CODES_DAYS = 28
# The same for everybody on a day: it tells the date, not the customers.
_CALENDAR_FAMILIES = ("season",)
# What looks further back than this may still be filling while a shop is young.
_SETTLED_DAYS = 90


def changes_of(
    warehouse: Warehouse, settings: Settings, now: Published, days: Sequence[Published]
) -> Found:
    """Every change of a published day, with what it is compared with.

    Parameters
    ----------
    now : Published
        The day.
    days : sequence of Published
        All published days up to it, the oldest first.
    """
    return [
        *_inputs(warehouse, settings, now),
        *_codes(warehouse, settings, now),
        *_scores(warehouse, settings.monitoring, now, days),
        *_outcomes(warehouse, settings, now, days),
    ]


def _inputs(warehouse: Warehouse, settings: Settings, now: Published) -> Found:
    built = queries.built_alike(warehouse, now.as_of)
    compared = compared_days(now.as_of, built)
    if compared is None:
        return []
    names = queries.features_read(settings, now)
    share = min(1.0, queries.CUSTOMERS_MAX / max(1, built[now.as_of]))
    values = queries.features(warehouse, compared.days, names, share)
    pair, usual = compared.pair(values.__getitem__), compared.usual_pairs(values.__getitem__)
    effect_min = settings.monitoring.effect_min
    found = drift.of_values(
        "input",
        names,
        pair,
        usual,
        effect_min=effect_min,
        only_shown=frozenset(n for n in names if FEATURES[n].family in _CALENDAR_FAMILIES),
        growing=frozenset(n for n in names if _is_growing(n)),
    )
    found += drift.of_missing(names, pair, usual, effect_min=effect_min)
    return _against(f"the features of {compared.reference}", found)


def _is_growing(name: str) -> bool:
    window = FEATURES[name].window_days
    return name != "recency_days" and (window is None or window > _SETTLED_DAYS)


def _codes(warehouse: Warehouse, settings: Settings, now: Published) -> Found:
    before = now.as_of - timedelta(days=_CODES_DAYS)
    codes = queries.codes(warehouse, settings, [before, now.as_of], recent_days=_CODES_DAYS)
    found: list[Change] = []
    for name, counts in codes[now.as_of].items():
        pair = (codes[before][name], counts)
        found += drift.of_codes(name, pair, effect_min=settings.monitoring.effect_min)
    return _against(f"the {_CODES_DAYS} days before {before}", found)


def _scores(
    warehouse: Warehouse, monitoring: Monitoring, now: Published, days: Sequence[Published]
) -> Found:
    """Scores, tiers and reasons against an earlier day that the same model scored."""
    alike = {day.as_of: day for day in days if day.bundle_sha256 == now.bundle_sha256}
    compared = compared_days(now.as_of, alike)
    number = {day: alike[day].snapshot_id for day in (compared.days if compared else [now.as_of])}
    share = min(1.0, queries.CUSTOMERS_MAX / max(1, now.scored_count))
    said = queries.probabilities(warehouse, number.values(), share)
    shown: list[Change] = []
    expected = {day: expected_performance.expected(said[number[day]]) for day in number}
    if now.is_calibrated:
        shown = [
            Change(kind="estimate", name=WHOLE, measure=measure, value=value)
            for measure, value in expected[now.as_of].items()
        ]
    implied = _against("what the probabilities imply", shown)
    if compared is None:
        return implied
    effect_min = monitoring.effect_min

    def score(day: date) -> drift.Values:
        return {WHOLE: said[number[day]]}

    found = drift.of_values(
        "score", [WHOLE], compared.pair(score), compared.usual_pairs(score), effect_min=effect_min
    )
    if now.is_calibrated:
        found += calibration_drift.estimated_drop(
            compared,
            {day: each["roc_auc"] for day, each in expected.items() if "roc_auc" in each},
            auc_drop_min=monitoring.auc_drop_min,
        )
    counted = queries.tiers_and_reasons(warehouse, number.values())
    tiers = {day: counted[number[day]][0] for day in number}
    families = {day: counted[number[day]][1] for day in number}
    found += drift.of_shares(
        "tier",
        compared.pair(tiers.__getitem__),
        compared.usual_pairs(tiers.__getitem__),
        effect_min=effect_min,
        is_comparable=alike[compared.reference].policy_sha256 == now.policy_sha256,
    )
    found += drift.of_shares(
        "explanation",
        compared.pair(families.__getitem__),
        compared.usual_pairs(families.__getitem__),
        effect_min=effect_min,
    )
    return implied + _against(f"the scores of {compared.reference}", found)


def _outcomes(
    warehouse: Warehouse, settings: Settings, now: Published, days: Sequence[Published]
) -> Found:
    """Calibration and churn rate of the newest days whose outcomes are known."""
    rate_gap_min = settings.monitoring.rate_gap_min
    at = clock.midnight(now.as_of, settings.calendar.timezone)
    matured = queries.label_rates(warehouse, now.definition_hash, at)
    if not matured:
        return []
    found: Found = []
    compared = compared_days(max(matured), matured)
    if compared is not None:
        rates = calibration_drift.label_rate(compared, matured, rate_gap_min=rate_gap_min)
        found += _against(f"the outcomes of {compared.reference}", rates)
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
        found += _against(f"the forecasts of {cohort.as_of}", gaps)
    return found


def _against(reference: str, found: list[Change]) -> Found:
    return [(change, reference) for change in found]
