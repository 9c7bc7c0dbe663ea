"""Whom the shop may contact, on which channel and for what: as it was known at an instant."""

from datetime import datetime

import ibis

from retention_ml import tables
from retention_ml.curated.known import known

PERMISSIONS = tables.CONTACT_PERMISSIONS.ibis_table("curated", tables.LINEAGE)
_GRANT = ["customer_id", "channel", "purpose"]
_CHANNEL = ["customer_id", "channel"]
_INSTANT = "timestamp('UTC')"


def permitted(instant: datetime, statements: ibis.Table = PERMISSIONS) -> ibis.Table:
    """Customers that may be contacted at an instant, with channel, purpose and address.

    A grant holds if it is the newest statement of its customer, channel and purpose, and nothing
    on the channel bounced and nobody complained since, for whatever purpose. A bounce that names
    an address other than the customer's newest one, capitals aside, says nothing of that. Of
    statements of one moment the forbidding one counts. All sources are heard.

    Parameters
    ----------
    instant : datetime
        Aware; for a day it is `clock.midnight(as_of, timezone)`. Statements count once they
        have happened and been loaded.
    statements : ibis.Table
        Those of all customers, or of some.

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
    never = ibis.literal(datetime.min.replace(tzinfo=instant.tzinfo, year=1900), _INSTANT)
    return joined.filter(
        joined.granted_at > ibis.coalesce(joined.withdrawn_at, never),
        joined.granted_at > ibis.coalesce(joined.failed_at, never),
    ).select(*_GRANT, "address")


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
