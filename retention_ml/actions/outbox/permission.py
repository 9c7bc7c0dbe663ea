"""Who may still be contacted when their message is about to leave."""

from collections.abc import Sequence
from datetime import datetime

import ibis

from retention_ml.actions.outbox.message import ClaimedMessage
from retention_ml.actions.permissions import PERMISSIONS, permitted
from retention_ml.warehouse import Warehouse

_OUTBOX = ibis.table(
    {
        "customer_id": "string",
        "channel": "string",
        "state": "string",
        "lease_until": "timestamp('UTC')",
    },
    name="outbox",
    database="actions",
)


def still_permitted(
    warehouse: Warehouse, messages: Sequence[ClaimedMessage], instant: datetime
) -> set[str]:
    """The numbers of those messages whose customer permits channel and purpose at an instant.

    The messages are claimed beyond that instant: statements are read of whoever has such a one.
    """
    rows = warehouse.read(_grants(sorted({message.channel for message in messages}), instant))
    grants = set(zip(*rows.to_pydict().values(), strict=True))
    return {
        message.message_id
        for message in messages
        if (message.customer_id, message.permission_channel, message.purpose) in grants
    }


def _grants(channels: Sequence[str], instant: datetime) -> ibis.Table:
    """Customer, channel and purpose of the grants of all whose messages are claimed."""
    claimed = _OUTBOX.filter(
        _OUTBOX.channel.isin(channels),
        _OUTBOX.state == "pending",
        _OUTBOX.lease_until > ibis.literal(instant, type="timestamp('UTC')"),
    )
    statements = PERMISSIONS.semi_join(claimed, "customer_id")
    return permitted(instant, statements).select("customer_id", "channel", "purpose")
