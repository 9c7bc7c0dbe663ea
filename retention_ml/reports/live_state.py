"""How events and fresh scores are at a moment, out of the log: for the service, the command line, the pages."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from retention_ml.reports.read import Row, select
from retention_ml.warehouse import Warehouse

Select = Callable[..., list[Row]]

_STATE = """
SELECT
    (SELECT count(*) FROM live.events WHERE live_batch_id IS NULL) AS waiting_events,
    (SELECT count(*) FROM live.batches WHERE refreshed_at IS NULL) AS open_batches,
    (SELECT min(at) FROM (
        SELECT min(received_at) AS at FROM live.events WHERE live_batch_id IS NULL
        UNION ALL SELECT min(first_received_at) FROM live.batches WHERE refreshed_at IS NULL
    ) AS oldest) AS oldest_waiting_at,
    (SELECT count(*) FROM live.events WHERE received_at >= :since) AS events_last_hour,
    (SELECT count(*) FROM live.warnings WHERE warned_at >= :since) AS warnings_last_hour,
    (SELECT count(*) FROM live.batches WHERE status = 'held' AND delivered_at >= :since)
        AS held_last_hour,
    (SELECT percentile_cont(0.95) WITHIN GROUP (
        ORDER BY extract(epoch FROM refreshed_at - first_received_at))
        FROM live.batches WHERE refreshed_at >= :since AND status = 'delivered')
        AS seconds_to_score_p95,
    (SELECT count(*) FROM scores.fresh WHERE as_of > coalesce(
        (SELECT max(as_of) FROM scores.published), 'epoch')) AS fresh_scores,
    (SELECT max(refreshed_at) FROM live.batches) AS refreshed_at,
    EXISTS (SELECT FROM live.last_orders) AS has_orders,
    EXISTS (
        SELECT FROM pg_stat_activity WHERE query = 'LISTEN live_events'
        AND datname = current_database()
    ) AS is_worker_listening
"""
_MINUTES = (
    "SELECT date_trunc('minute', received_at) AS minute, count(*) AS events_count "
    "FROM live.events WHERE received_at >= :since GROUP BY 1 ORDER BY 1"
)
_TIERS = (
    "SELECT risk_tier, count(*) AS customers_count FROM scores.fresh WHERE as_of > coalesce("
    "(SELECT max(as_of) FROM scores.published), 'epoch') GROUP BY 1"
)
_WARNINGS = (
    "SELECT warned_at, customer_id, kind, risk_tier, previous_tier, reason, is_current "
    "FROM reports.fresh_warnings WHERE warned_at >= :since ORDER BY warned_at DESC, customer_id "
    "LIMIT :limit"
)
_BY_KIND = (
    "SELECT kind, count(*) AS warnings_count FROM live.warnings WHERE warned_at >= :since "
    "GROUP BY kind ORDER BY 2 DESC, 1"
)
_HOUR = timedelta(hours=1)


def live_state(select_rows: Select, now: datetime) -> Row:
    """How log, worker and fresh scores are at a moment.

    `lag_seconds` is the age of the oldest event that waits, 0 where none does; `seconds_to_score_p95`
    counts from the first event of a batch to its scores, in the last hour.
    """
    [values] = select_rows(_STATE, since=now - _HOUR)
    oldest = values.pop("oldest_waiting_at")
    return {
        **values,
        "lag_seconds": 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()),
    }


def live_minutes(select_rows: Select, now: datetime) -> list[Row]:
    """Events received in each minute of the last hour that had some."""
    return select_rows(_MINUTES, since=now - _HOUR)


def fresh_tiers(select_rows: Select) -> dict[str, int]:
    """Customers with a fresh score, by tier."""
    return {row["risk_tier"]: row["customers_count"] for row in select_rows(_TIERS)}


def newest_warnings(
    select_rows: Select, now: datetime, *, limit: int
) -> tuple[list[Row], list[Row]]:
    """The newest warnings of the last hour, and how many of each kind there were."""
    return (
        select_rows(_WARNINGS, since=now - _HOUR, limit=limit),
        select_rows(_BY_KIND, since=now - _HOUR),
    )


def of_warehouse(warehouse: Warehouse) -> Select:
    """Rows of a warehouse, each statement in a transaction of its own."""
    return partial(select, warehouse)


def live_in_words(warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    """What `retention status` says of events and fresh scores."""
    state = live_state(of_warehouse(warehouse), now)
    fresh, behind = state["refreshed_at"], state["seconds_to_score_p95"]
    return {
        "live_worker": "listening"
        if state["is_worker_listening"]
        else "not running: events wait (`retention serve`, or `make up` with [live] enabled)",
        "live_events_last_hour": state["events_last_hour"],
        "live_events_waiting": f"{state['waiting_events']:,}"
        + (f", the oldest for {state['lag_seconds']:,.0f} s" if state["lag_seconds"] else ""),
        "live_batches_held_last_hour": state["held_last_hour"],
        "fresh_scores": f"{state['fresh_scores']:,}"
        + (f", the last at {fresh:%Y-%m-%d %H:%M} UTC" if fresh else "")
        + (f"; 95 % within {behind:.1f} s in the last hour" if behind is not None else ""),
        "live_warnings_last_hour": f"{state['warnings_last_hour']:,}"
        + (
            ""
            if state["has_orders"]
            else "; none of silence and carts while no purchase comes as an event"
        ),
    }
