"""The rows of the page Today, and what a tile says of them."""

import json
from datetime import timedelta

from retention_ml.labels.definition import churn_definition
from retention_ml.pages import today
from retention_ml.pages.model import warned_sentence
from retention_ml.reports.site.customers import most_at_stake
from retention_ml.reports.site.days import PublishedDay, until
from retention_ml.reports.site.figures.matured import by_tier, matured_day, matured_outcomes
from retention_ml.reports.site.figures.tier_bounds import tier_bounds
from retention_ml.reports.site.figures.tier_totals import tier_totals
from retention_ml.reports.site.look import Look
from retention_ml.reports.site.model import grade
from retention_ml.reports.site.reading import Row, Select
from retention_ml.scores.tiers import TIERS

_SHOWN = 10


def today_page(look: Look) -> str:
    """The page of the day of a look; what needs a person is as of now."""
    return today.page(look.frame, _rows(look, look.day) if look.day else today.TodayRows())


def headline(look: Look) -> str:
    """What a tile says, as JSON: whether scores are in time, how many are at risk, of what value."""
    freshness = _freshness(look.select)
    tiers = tier_totals(look.select, [look.day]) if look.day else []
    at_risk = [row for row in tiers if row["risk_tier"] in ("critical", "high")]
    figures = {
        "customers at risk": f"{sum(row['customers_count'] for row in at_risk):,}",
        f"value with them ({look.settings.calendar.currency})": f"{sum(row['value'] for row in at_risk):,.0f}",
    }
    return json.dumps(
        {
            "sentence": freshness["sentence"] if freshness else "Nothing was published yet.",
            "verdict": freshness["verdict"] if freshness else "waiting",
            "figures": figures if look.day else {},
        }
    )


def _rows(look: Look, day: PublishedDay) -> today.TodayRows:
    select = look.select
    matured = matured_day(select, look.days, day)
    freshness = _freshness(select)
    return today.TodayRows(
        freshness=freshness,
        meaning=_meaning(look, day),
        tiers=tier_totals(select, until(look.days, day)),
        bins=select(
            "SELECT probability_place AS place, risk_tier, sum(customers_count)::bigint AS "
            "customers_count FROM scores.tier_totals WHERE snapshot_id = :snapshot GROUP BY 1, 2",
            snapshot=day.snapshot_id,
        ),
        bounds=tier_bounds(select, look.settings, day),
        transitions=select(
            "SELECT from_tier, to_tier, count(*) AS customers_count FROM scores.tier_transitions "
            "WHERE snapshot_id = :snapshot GROUP BY 1, 2",
            snapshot=day.snapshot_id,
        )
        if day.base_snapshot_id
        else (),
        movers=_movers(select, day),
        contacts=most_at_stake(look, day, limit=_SHOWN),
        grade=grade(select, day),
        warned=warned_sentence(matured, by_tier(matured_outcomes(select, matured))),
        alerts=select(
            "SELECT as_of, kind, subject, severity, sentence, runbook FROM reports.alerts "
            "WHERE cleared_at IS NULL ORDER BY severity, as_of DESC, alert_id DESC LIMIT :limit",
            limit=_SHOWN,
        ),
        files=select(
            "SELECT source, file_name, status, reason, unusable_since FROM reports.unusable_files "
            "ORDER BY landed_at DESC, source, file_name LIMIT :limit",
            limit=_SHOWN,
        ),
        waiting=[*_late(freshness), *_waiting(select)],
    )


def _movers(select: Select, day: PublishedDay) -> list[Row]:
    """Customers in a worse tier than the day before, most value first.

    Who they are is asked of the scores alone: the view has a sentence for everybody who changed.
    """
    worse = select(
        "SELECT change.customer_id FROM scores.tier_transitions AS change "
        "JOIN scores.customer_daily AS score USING (snapshot_id, customer_id) "
        "WHERE snapshot_id = :snapshot AND array_position(:tiers, change.to_tier) "
        "> array_position(:tiers, change.from_tier) "
        "ORDER BY score.expected_value_at_risk_cents DESC, change.customer_id LIMIT :limit",
        snapshot=day.snapshot_id,
        tiers=list(TIERS),
        limit=_SHOWN,
    )
    return select(
        "SELECT customer_id, from_tier, to_tier, previous_tier_days, previous_probability, "
        "churn_probability, expected_value_at_risk, why FROM reports.customer_changes "
        "WHERE as_of = :as_of AND customer_id = ANY(:worse) "
        "ORDER BY expected_value_at_risk DESC, customer_id",
        as_of=day.as_of,
        worse=[row["customer_id"] for row in worse],
    )


def _meaning(look: Look, day: PublishedDay) -> str | None:
    """What is probable, and what is at risk; None where the settings have changed since."""
    definition, value = churn_definition(look.settings), look.settings.value
    if definition.hash != day.definition_hash:
        return None
    opens, closes = definition.window(day.as_of)
    return (
        f"Churn: no order from {opens} to {closes - timedelta(days=1)}. Value at risk: what is "
        f"probably lost of the margin that the {value.horizon_days} days from {day.as_of} on would bring."
    )


def _late(freshness: Row | None) -> list[Row]:
    """That the scores of today are missing, as somebody has to see to it."""
    if freshness is None or freshness["verdict"] != "late":
        return []
    return [
        {
            "since": None,
            "sentence": "The scores of today are late.",
            "remedy": "See which run failed or did not begin: `retention status`, and the runbook, Stale scores.",
        }
    ]


def _waiting(select: Select) -> list[Row]:
    """Decisions that wait for a person: lists of contacts, and a challenger that won."""
    assigned = select(
        "SELECT as_of AS since, count(*) AS customers_count FROM reports.next_action "
        "WHERE status = 'waiting' AND action_id <> 'none' GROUP BY 1"
    )
    won = select(
        "SELECT as_of AS since, registered_model, challenger_version FROM reports.trials "
        "WHERE is_newest AND status = 'open' AND verdict = 'promote'"
    )
    return [
        {
            "since": row["since"],
            "sentence": f"{row['customers_count']:,} contacts of {row['since']} wait for approval.",
            "remedy": "Approve in Airflow (70 assign actions), or `retention actions approve`.",
        }
        for row in assigned
    ] + [
        {
            "since": row["since"],
            "sentence": f"Version {row['challenger_version']} of {row['registered_model']} won its trial.",
            "remedy": "Approve in Airflow (80 measure outcomes), or `retention decide`.",
        }
        for row in won
    ]


def _freshness(select: Select) -> Row | None:
    rows = select(
        "SELECT * FROM reports.pipeline_freshness WHERE subject = 'publication' AND name = 'scores'"
    )
    return rows[0] if rows else None
