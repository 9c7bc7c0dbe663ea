"""Published days whose outcomes are known: what was said beside what happened."""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from retention_ml.reports.site.days import PublishedDay
from retention_ml.reports.site.reading import Row, Select
from retention_ml.scores.summaries.tier_outcomes import OUTCOMES_OF_TIERS

_TIERS = ("critical", "high", "medium", "low")


def matured_day(select: Select, days: Sequence[PublishedDay], day: PublishedDay) -> Row | None:
    """The newest published day up to a day whose outcomes were known on it; None if there is none.

    With the outcome window, all active customers and those that churned, and whether its scores
    were made on the day itself.
    """
    by_key = {(each.as_of, each.definition_hash): each for each in days if each.as_of <= day.as_of}
    for row in select(
        "SELECT as_of, definition_hash, definition, customers_count, churned_count "
        "FROM models.label_windows WHERE as_of = ANY(:days) AND known_as_of <= :until "
        "AND customers_count > 0 ORDER BY as_of DESC",
        days=[each.as_of for each in by_key.values()],
        until=day.as_of,
    ):
        scored = by_key.get((row["as_of"], row["definition_hash"]))
        if scored is None:
            continue
        definition = row.pop("definition")
        begins = scored.as_of + timedelta(days=definition["lead_days"])
        return {
            **row,
            "snapshot_id": scored.snapshot_id,
            "window_from": begins,
            "window_to": begins + timedelta(days=definition["horizon_days"] - 1),
            "is_forecast": _is_forecast(select, scored.snapshot_id),
        }
    return None


def _is_forecast(select: Select, snapshot_id: int) -> bool:
    """Whether no arm of the day was trained on later days, by the rule of `customer_risk_history`."""
    [row] = select(
        "SELECT bool_and(CASE total.arm WHEN 'starter' THEN true WHEN 'challenger' "
        "THEN coalesce(manifest.challenger_as_of <= manifest.as_of, false) "
        "ELSE coalesce(manifest.model_as_of <= manifest.as_of, false) END) IS TRUE AS is_forecast "
        "FROM scores.tier_totals AS total JOIN scores.snapshots AS manifest USING (snapshot_id) "
        "WHERE snapshot_id = :snapshot_id",
        snapshot_id=snapshot_id,
    )
    return bool(row["is_forecast"])


def matured_outcomes(select: Select, matured: Row | None) -> list[Row]:
    """Of each tier and tenth of the probability: customers, those that churned, summed probability.

    As `measure` stored it, where the outcomes are still the same; else counted now.
    """
    if matured is None:
        return []
    key = {name: matured[name] for name in ("as_of", "definition_hash", "snapshot_id")}
    stored = select(
        "SELECT risk_tier, place, sums.customers_count, sums.churned_count, probability_sum "
        "FROM outcomes.tier_outcomes AS sums JOIN models.label_windows AS counted "
        "USING (definition_hash, matured_at) WHERE sums.snapshot_id = :snapshot_id "
        "AND definition_hash = :definition_hash AND counted.as_of = :as_of",
        **key,
    )
    return stored or select(OUTCOMES_OF_TIERS, **key)


def by_tier(outcomes: Sequence[Row]) -> list[Row]:
    """Of each tier with outcomes: customers, those that churned, mean probability."""
    return [
        {
            "risk_tier": tier,
            "customers_count": count,
            "churned_count": churned,
            "mean_probability": probability / count,
        }
        for tier, (count, churned, probability) in _sums(outcomes, "risk_tier", _TIERS)
    ]


def reliability(outcomes: Sequence[Row]) -> list[Row]:
    """Of each tenth of the probability with outcomes: customers, mean, share that churned."""
    return [
        {
            "place": place,
            "customers_count": count,
            "mean_probability": probability / count,
            "churned_share": churned / count,
        }
        for place, (count, churned, probability) in _sums(outcomes, "place", range(10))
    ]


def _sums(
    outcomes: Sequence[Row], name: str, values: Iterable[str | int]
) -> Iterator[tuple[str | int, tuple[int, int, float]]]:
    """By value of a column that occurs: customers, those that churned, sum of probabilities."""
    for value in values:
        rows = [row for row in outcomes if row[name] == value]
        if rows:
            yield (
                value,
                (
                    sum(row["customers_count"] for row in rows),
                    sum(row["churned_count"] for row in rows),
                    math.fsum(row["probability_sum"] for row in rows),
                ),
            )
