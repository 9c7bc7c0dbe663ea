"""The rows of the page Now: events as they come, and what they led to."""

from retention_ml import clock
from retention_ml.pages import now
from retention_ml.pages.now import NowRows
from retention_ml.reports.live_state import (
    fresh_tiers,
    live_minutes,
    live_state,
    newest_warnings,
)
from retention_ml.reports.site.look import Look

_WARNINGS_SHOWN = 50


def now_page(look: Look) -> str:
    """The page as of this moment, whatever day is chosen."""
    moment = clock.now()
    warnings, by_kind = newest_warnings(look.select, moment, limit=_WARNINGS_SHOWN)
    rows = NowRows(
        at=moment,
        is_enabled=look.settings.live.enabled,
        state=live_state(look.select, moment),
        minutes=live_minutes(look.select, moment),
        tiers=fresh_tiers(look.select),
        warnings=warnings,
        by_kind=by_kind,
    )
    return now.page(look.frame, rows)
