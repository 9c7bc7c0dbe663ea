"""The rows of the page Drift."""

from retention_ml.pages import drift
from retention_ml.pages.drift import DriftRows
from retention_ml.reports.site.days import DAYS_SHOWN
from retention_ml.reports.site.look import Look

_ALERTS_SHOWN = 15


def drift_page(look: Look) -> str:
    """The page as of the day of a look."""
    as_of = look.day.as_of if look.day else None
    watched = look.select(
        "SELECT as_of, kind, name, measure, value, threshold, is_beyond, reference "
        "FROM reports.drift WHERE as_of IN (SELECT DISTINCT as_of FROM reports.drift "
        "WHERE as_of <= :as_of ORDER BY as_of DESC LIMIT :limit) ORDER BY as_of",
        as_of=as_of,
        limit=DAYS_SHOWN,
    )
    alerts = look.select(
        "SELECT as_of, severity, sentence, runbook, cleared_at FROM reports.alerts "
        "WHERE as_of <= :as_of AND (kind LIKE '%drift' OR kind = 'estimated_performance') "
        "ORDER BY as_of DESC, alert_id DESC LIMIT :limit",
        as_of=as_of,
        limit=_ALERTS_SHOWN,
    )
    return drift.page(look.frame, DriftRows(watched=watched, alerts=alerts))
