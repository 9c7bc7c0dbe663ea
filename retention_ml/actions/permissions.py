"""Whom the shop may contact, on which channel and for what: as it was known at an instant."""

from datetime import datetime

import ibis

from retention_ml import tables
from retention_ml.curated.known import known

PERMISSIONS = tables.CONTACT_PERMISSIONS.ibis_table("curated", tables.LINEAGE)
_INSTANT = "timestamp('UTC')"
CONSENTS = ibis.table(
    {
        "customer_id": "string",
        "purpose": "string",
        "is_given": "boolean",
        "event_at": _INSTANT,
        "recorded_at": _INSTANT,
    },
    name="consents",
    database="privacy",
)
HOLDS = ibis.table({"customer_id": "string"}, name="holds", database="privacy")
_GRANT = ["customer_id", "channel", "purpose"]
_CHANNEL = ["customer_id", "channel"]


def permitted(
    instant: datetime,
    statements: ibis.Table = PERMISSIONS,
    consents: ibis.Table = CONSENTS,
    holds: ibis.Table = HOLDS,
) -> ibis.Table:
    """Customers that may be contacted at an instant, with channel, purpose and address.

    A grant holds if it is the newest statement of its customer, channel and purpose, and nothing
    on the channel bounced and nobody complained since, for whatever purpose. A bounce that names
    an address other than the customer's newest one, capitals aside, says nothing of that. Of
    statements of one moment the forbidding one counts. All sources are heard. Who refused to be
    contacted at all (`people consent`) is not until they agree again, or grant a channel anew.
    Who is on legal hold is not, by what is known now.

    Parameters
    ----------
    instant : datetime
        Aware; for a day it is `clock.midnight(as_of, timezone)`. Statements count once they
        have happened and been loaded.
    statements : ibis.Table
        Those of all customers, or of some.
    consents : ibis.Table
        What persons said of being contacted at all.
    holds : ibis.Table
        Customers on legal hold.

    Returns
    -------
    ibis.Table
        `customer_id, channel, purpose, address`, one row per customer, channel and purpose.
        `address` is that of the channel's newest grant that has one, else empty.

    Raises
    ------
    ValueError
        If `instant` has no time zone.
    """
    rows = known(statements, instant)
    granted = rows.filter(rows.kind == "granted")
    addresses = _newest_addresses(granted)
    grants = granted.group_by(_GRANT).agg(granted_at=granted.event_at.max())
    withdrawn = rows.filter(rows.kind == "withdrawn")
    withdrawals = withdrawn.group_by(_GRANT).agg(withdrawn_at=withdrawn.event_at.max())
    joined = (
        grants.left_join(withdrawals, _GRANT)
        .select(*_GRANT, "granted_at", "withdrawn_at")
        .left_join(addresses, _CHANNEL)
        .select(*_GRANT, "granted_at", "withdrawn_at", "address")
        .left_join(_faults(rows, addresses), _CHANNEL)
        .select(*_GRANT, "granted_at", "withdrawn_at", "address", "failed_at")
    )
    joined = joined.left_join(_refusals(consents, instant), "customer_id").select(
        *_GRANT, "granted_at", "withdrawn_at", "address", "failed_at", "refused_at"
    )
    never = _never(instant)
    return (
        joined.filter(
            joined.granted_at > ibis.coalesce(joined.withdrawn_at, never),
            joined.granted_at > ibis.coalesce(joined.failed_at, never),
            joined.granted_at > ibis.coalesce(joined.refused_at, never),
        )
        .anti_join(holds, "customer_id")
        .select(*_GRANT, "address")
    )


def _never(instant: datetime) -> ibis.Value:
    return ibis.literal(datetime.min.replace(tzinfo=instant.tzinfo, year=1900), _INSTANT)


def _refusals(consents: ibis.Table, instant: datetime) -> ibis.Table:
    """Per customer who refuses to be contacted at all, since when."""
    at = ibis.literal(instant, _INSTANT)
    rows = consents.filter(
        consents.purpose == "contact", consents.event_at < at, consents.recorded_at <= at
    )
    newest = rows.group_by("customer_id").agg(
        agreed_at=rows.event_at.max(where=rows.is_given),
        refused_at=rows.event_at.max(where=~rows.is_given),
    )
    return newest.filter(
        newest.refused_at >= ibis.coalesce(newest.agreed_at, _never(instant))
    ).select("customer_id", "refused_at")


def _newest_addresses(granted: ibis.Table) -> ibis.Table:
    """Per customer and channel the address of the newest grant that names one."""
    named = granted.filter(granted.address.notnull())
    newest_first = ibis.window(
        group_by=[named.customer_id, named.channel],
        order_by=[named.event_at.desc(), named.address.desc()],
    )
    numbered = named.mutate(place=ibis.row_number().over(newest_first))
    return numbered.filter(numbered.place == 0).select(*_CHANNEL, "address")


def _faults(rows: ibis.Table, addresses: ibis.Table) -> ibis.Table:
    """Per customer and channel the newest complaint, or bounce of the address in use."""
    faults = rows.filter(rows.kind.isin(["bounced", "complained"]))
    current = addresses.rename(current="address")
    faults = faults.left_join(current, _CHANNEL).select(
        *(faults[name] for name in (*_CHANNEL, "kind", "event_at", "address")), current.current
    )
    is_former = (faults.kind == "bounced") & (faults.address.lower() != faults.current.lower())
    counted = faults.filter(~is_former.fill_null(False))
    return counted.group_by(_CHANNEL).agg(failed_at=counted.event_at.max())
