"""Published days whose outcomes are known: what was said beside what happened."""

from collections.abc import Sequence
from datetime import timedelta

from retention_ml.reports.site.days import PublishedDay
from retention_ml.reports.site.reading import Row, Select

_JOINED = (
    "FROM reports.customer_risk_history AS score JOIN models.labels AS label "
    "ON label.as_of = :as_of AND label.definition_hash = :definition_hash "
    "AND label.customer_id = score.customer_id AND NOT label.is_abnormal "
    "WHERE score.snapshot_id = :snapshot_id "
)


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
    """Whether no arm of the day was trained on later days, by the rule of the view."""
    [row] = select(
        "SELECT bool_and(is_forecast) IS TRUE AS is_forecast FROM reports.customer_risk_history "
        "WHERE snapshot_id = :snapshot_id",
        snapshot_id=snapshot_id,
    )
    return bool(row["is_forecast"])


def by_tier(select: Select, matured: Row | None) -> list[Row]:
    """Of each tier of a matured day: customers, those that churned, mean probability."""
    if matured is None:
        return []
    return select(
        "SELECT risk_tier, count(*) AS customers_count, count(*) FILTER (WHERE label.is_churned) "
        f"AS churned_count, avg(churn_probability) AS mean_probability {_JOINED} "
        "GROUP BY 1 ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], risk_tier)",
        **_key(matured),
    )


def reliability(select: Select, matured: Row | None) -> list[Row]:
    """Of each tenth of the probability: customers, mean probability, share that churned."""
    if matured is None:
        return []
    return select(
        "SELECT least(floor(10 * churn_probability), 9)::int AS place, count(*) AS customers_count, "
        "avg(churn_probability) AS mean_probability, "
        f"avg(label.is_churned::int)::double precision AS churned_share {_JOINED} "
        "GROUP BY 1 ORDER BY 1",
        **_key(matured),
    )


def _key(matured: Row) -> Row:
    return {name: matured[name] for name in ("as_of", "definition_hash", "snapshot_id")}
