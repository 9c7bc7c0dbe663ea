"""Who may still be contacted when their message is about to leave."""

from collections.abc import Sequence
from datetime import datetime

from retention_ml.actions.outbox.message import ClaimedMessage
from retention_ml.actions.permissions import PERMISSIONS, permitted
from retention_ml.warehouse import Warehouse


def still_permitted(
    warehouse: Warehouse, messages: Sequence[ClaimedMessage], instant: datetime
) -> set[str]:
    """The numbers of those messages whose customer permits channel and purpose at an instant."""
    customers = sorted({message.customer_id for message in messages})
    statements = PERMISSIONS.filter(PERMISSIONS.customer_id.isin(customers))
    granted = permitted(instant, statements)
    rows = warehouse.read(granted.select("customer_id", "channel", "purpose"))
    grants = set(zip(*rows.to_pydict().values(), strict=True))
    return {
        message.message_id
        for message in messages
        if (message.customer_id, message.permission_channel, message.purpose) in grants
    }
