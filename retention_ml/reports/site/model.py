"""The rows of the page Model."""

from datetime import date, timedelta

from retention_ml.labels.definition import churn_definition
from retention_ml.models.evaluation.fairness_table import group_table
from retention_ml.pages import model
from retention_ml.pages.model import Groups, ModelRows
from retention_ml.reports.site.days import DAYS_SHOWN, PublishedDay
from retention_ml.reports.site.figures.matured import (
    by_tier,
    matured_day,
    matured_outcomes,
    reliability,
)
from retention_ml.reports.site.look import Look
from retention_ml.reports.site.reading import Row, Select

_SHOWN = 8


def model_page(look: Look) -> str:
    """The page as of the day of a look; decisions and trials as of now."""
    rows = _rows(look, look.day) if look.day else ModelRows(decisions=_decisions(look.select))
    return model.page(look.frame, rows)


def grade(select: Select, day: PublishedDay) -> Row | None:
    """The grade of the model that served a day."""
    rows = select(
        "SELECT grade.* FROM reports.model_grade AS grade JOIN scores.snapshots AS manifest "
        "ON manifest.model_version = grade.model_version WHERE manifest.snapshot_id = :snapshot "
        "ORDER BY grade.served_until DESC LIMIT 1",
        snapshot=day.snapshot_id,
    )
    return rows[0] if rows else None


def _rows(look: Look, day: PublishedDay) -> ModelRows:
    select = look.select
    matured = matured_day(select, look.days, day)
    outcomes = matured_outcomes(select, matured)
    training = select(
        "SELECT DISTINCT training_id, as_of, verdict, reason, finished_at "
        "FROM reports.model_performance WHERE evidence = 'offline' AND as_of <= :as_of "
        "ORDER BY finished_at DESC NULLS LAST, training_id DESC LIMIT 1",
        as_of=day.as_of,
    )
    return ModelRows(
        grade=grade(select, day),
        matured=matured,
        outcomes=by_tier(outcomes),
        reliability=reliability(outcomes),
        performance=select(
            "SELECT as_of, role, metric, value, lower, upper FROM reports.model_performance "
            "WHERE evidence = 'outcomes' AND segment = 'all' AND metric IN ('roc_auc', 'ece') "
            "AND known_as_of <= :as_of AND as_of IN (SELECT DISTINCT as_of FROM outcomes.performance "
            "WHERE known_as_of <= :as_of ORDER BY as_of DESC LIMIT :limit) ORDER BY as_of",
            as_of=day.as_of,
            limit=DAYS_SHOWN,
        ),
        candidates=select(
            "SELECT model_name, is_selected, value, lower, upper FROM reports.model_performance "
            "WHERE training_id = :training AND metric = 'roc_auc' ORDER BY value DESC, model_name",
            training=training[0]["training_id"],
        )
        if training
        else (),
        training=training[0] if training else None,
        groups=_groups(select, training[0]["training_id"]) if training else None,
        themes=select(
            "SELECT theme, sum(customers_count)::bigint AS customers_count FROM reports.reason_themes "
            "WHERE as_of = :as_of AND risk_tier IN ('critical', 'high') GROUP BY 1 ORDER BY 2 DESC, 1",
            as_of=day.as_of,
        ),
        first_known=_first_known(look),
        looks=select(
            "SELECT * FROM reports.trials WHERE as_of IS NOT NULL AND registered_model = 'churn' "
            "AND trial_id = (SELECT max(trial_id) FROM reports.trials WHERE as_of <= :as_of "
            "AND registered_model = 'churn') AND as_of <= :as_of ORDER BY as_of",
            as_of=day.as_of,
        ),
        decisions=_decisions(select),
    )


def _groups(select: Select, training_id: str) -> Groups | None:
    """How the model of a training treats groups; None where it registered none, or long ago."""
    rows = select(
        "SELECT evidence -> 'fairness' AS fairness FROM models.promotions "
        "WHERE training_id = :training AND evidence ? 'fairness' ORDER BY promotion_id DESC LIMIT 1",
        training=training_id,
    )
    if not rows:
        return None
    table = group_table(rows[0]["fairness"])
    return Groups(head=table.head, lines=table.lines, notes=table.notes)


def _first_known(look: Look) -> tuple[date, date] | None:
    """The oldest published day of the churn definition in force, and when its outcomes are known."""
    definition = churn_definition(look.settings)
    days = [day.as_of for day in look.days if day.definition_hash == definition.hash]
    if not days:
        return None
    _, closes = definition.window(min(days))
    return min(days), closes + timedelta(days=look.settings.churn.settle_days)


def _decisions(select: Select) -> list[Row]:
    return select(
        "SELECT decided_at, alias, verdict, model_name, model_version, decided_by, reason "
        "FROM models.promotions ORDER BY promotion_id DESC LIMIT :limit",
        limit=_SHOWN,
    )
