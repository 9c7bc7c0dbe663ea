"""What counts against another contact: contacts of all campaigns, and lots.

Whom a lot drew, an experiment's or the platform's, rests until the outcome window has passed, left
alone or not: contacted within it, those left alone would no longer say what happens without a
contact. Only whose message never arrived, and was not an experiment's, may get another one.
"""

from datetime import date, timedelta

import ibis

from retention_ml import clock, tables
from retention_ml.curated.known import known

YEAR_DAYS = 365
_CONTACTS = tables.CANONICAL["campaign_contacts"].ibis_table("curated", tables.LINEAGE)
_DAYS = ibis.table({"as_of": "date", "status": "string"}, name="days", database="actions")
_ASSIGNMENTS = ibis.table(
    {
        "as_of": "date",
        "customer_id": "string",
        "action_id": "string",
        "experiment_id": "string",
        "is_explored": "boolean",
    },
    name="assignments",
    database="actions",
)
_OUTBOX = ibis.table(
    {"as_of": "date", "customer_id": "string", "state": "string"},
    name="outbox",
    database="actions",
)
# What certainly never arrived, like a message that could not be written and is not in the outbox.
# Whatever is open or unknown counts as a contact.
_NOT_SENT = ("failed", "expired", "suppressed")
_SOURCE = "actions"


def contact_counts(
    as_of: date, timezone: str, *, fatigue_days: int, window_days: int
) -> ibis.Table:
    """How often each customer was contacted before a day, as far as is known at its start.

    Contacts of others come from `curated`, the platform's own from its ledger: they may not have
    come back through the ingest yet, so those that have are left out there.

    Parameters
    ----------
    window_days : int
        From a decision to the end of its outcome window.

    Returns
    -------
    ibis.Table
        `customer_id`; `recent_contacts` in `[as_of - fatigue_days, as_of)`, with lots since the
        earlier of that and the beginning of the window that ends now; `year_contacts` in
        `[as_of - 365, as_of)`. Customers with at least one of any.
    """
    recent_from, drawn_from, year_from = (
        as_of - timedelta(days=days)
        for days in (fatigue_days, max(fatigue_days, window_days), YEAR_DAYS)
    )
    delivered = known(_CONTACTS, clock.midnight(as_of, timezone))
    of_others = delivered.filter(
        delivered.kind == "sent",
        delivered.source != _SOURCE,
        delivered.event_at >= _instant(year_from, timezone),
        delivered.event_at < _instant(as_of, timezone),
    ).select(
        "customer_id",
        is_recent=ibis.ifelse(delivered.event_at >= _instant(recent_from, timezone), 1, 0),
        is_contact=ibis.literal(1),
    )
    released = _ASSIGNMENTS.join(_DAYS, "as_of").filter(
        _DAYS.status == "released",
        _ASSIGNMENTS.as_of < as_of,
    )
    contacted = released.filter(released.action_id != "none", released.as_of >= year_from)
    ledger = contacted.join(_OUTBOX, ["as_of", "customer_id"])
    rests = ibis.ifelse(ledger.is_explored, drawn_from, recent_from)
    platform = ledger.filter(ledger.state.notin(_NOT_SENT)).select(
        "customer_id",
        is_recent=ibis.ifelse(ledger.as_of >= rests, 1, 0),
        is_contact=ibis.literal(1),
    )
    is_left_alone = released.is_explored & (released.action_id == "none")
    drawn = released.filter(
        is_left_alone | released.experiment_id.notnull(), released.as_of >= drawn_from
    ).select("customer_id", is_recent=ibis.literal(1), is_contact=ibis.literal(0))
    rows = ibis.union(of_others, platform, drawn)
    return rows.group_by("customer_id").agg(
        recent_contacts=rows.is_recent.sum(), year_contacts=rows.is_contact.sum()
    )


def _instant(day: date, timezone: str) -> ibis.Value:
    return ibis.literal(clock.midnight(day, timezone), "timestamp('UTC')")
