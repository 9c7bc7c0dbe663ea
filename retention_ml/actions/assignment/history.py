"""Contacts that count against another one: those of all campaigns, the platform's own included."""

from datetime import date, timedelta

import ibis

from retention_ml import clock, tables
from retention_ml.curated.known import known

YEAR_DAYS = 365
_CONTACTS = tables.CANONICAL["campaign_contacts"].ibis_table("curated", tables.LINEAGE)
_DAYS = ibis.table({"as_of": "date", "status": "string"}, name="days", database="actions")
_ASSIGNMENTS = ibis.table(
    {"as_of": "date", "customer_id": "string", "action_id": "string"},
    name="assignments",
    database="actions",
)
_OUTBOX = ibis.table(
    {"as_of": "date", "customer_id": "string", "state": "string"},
    name="outbox",
    database="actions",
)
# What certainly never arrived. Whatever is open or unknown counts as a contact.
_NOT_SENT = ("failed", "expired", "suppressed")
_SOURCE = "actions"


def contact_counts(as_of: date, timezone: str, fatigue_days: int) -> ibis.Table:
    """How often each customer was contacted before a day, as far as is known at its start.

    Contacts of others come from `curated`, the platform's own from its ledger: they may not have
    come back through the ingest yet, so those that have are left out there.

    Returns
    -------
    ibis.Table
        `customer_id`; `recent_contacts` in `[as_of - fatigue_days, as_of)`; `year_contacts` in
        `[as_of - 365, as_of)`. Customers with at least one.
    """
    recent_from, year_from = (as_of - timedelta(days=days) for days in (fatigue_days, YEAR_DAYS))
    delivered = known(_CONTACTS, clock.midnight(as_of, timezone))
    of_others = delivered.filter(
        delivered.kind == "sent",
        delivered.source != _SOURCE,
        delivered.event_at >= _instant(year_from, timezone),
    ).select(
        "customer_id",
        is_recent=ibis.ifelse(delivered.event_at >= _instant(recent_from, timezone), 1, 0),
    )
    released = _ASSIGNMENTS.join(_DAYS, "as_of").filter(
        _DAYS.status == "released",
        _ASSIGNMENTS.action_id != "none",
        _ASSIGNMENTS.as_of >= year_from,
        _ASSIGNMENTS.as_of < as_of,
    )
    ledger = released.left_join(_OUTBOX, ["as_of", "customer_id"])
    platform = ledger.filter(
        ledger.state.isnull() | ledger.state.notin(_NOT_SENT),
    ).select("customer_id", is_recent=ibis.ifelse(ledger.as_of >= ibis.literal(recent_from), 1, 0))
    both = ibis.union(of_others, platform)
    return both.group_by("customer_id").agg(
        recent_contacts=both.is_recent.sum(), year_contacts=both.count()
    )


def _instant(day: date, timezone: str) -> ibis.Value:
    return ibis.literal(clock.midnight(day, timezone), "timestamp('UTC')")
