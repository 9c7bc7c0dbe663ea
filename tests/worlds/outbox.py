"""Messages that wait, and settings of channels that lead to servers of the tests."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from retention_ml.actions.outbox.message import OutboxRow
from retention_ml.actions.outbox.outbox import enqueue
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.receivers import SECRET

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def row(customer: str, channel: str = "email", **changes: Any) -> OutboxRow:
    """A message that may be sent from `NOON` for a day and needs no permission."""
    values: dict[str, Any] = {
        "as_of": DAY,
        "customer_id": customer,
        "action_id": "come_back",
        "channel": channel,
        "purpose": None,
        "address": f"{customer}@shop.example",
        "payload": {"subject": "We miss you", "text": f"Dear customer {customer},\n.come back.\n"},
        "not_before": NOON,
        "expires_at": NOON + timedelta(days=1),
    }
    return OutboxRow(**{**values, **changes})


def put(warehouse: Warehouse, rows: Sequence[OutboxRow]) -> int:
    """Put messages into the outbox in a transaction of their own."""
    with warehouse.transaction() as transaction:
        return enqueue(transaction, rows, run_id="test")


def channel_settings(settings: Settings, **changes: Any) -> Settings:
    """Enabled, without quotas, with addresses; `changes` are keys of every channel, or addresses."""
    channels = settings.channels
    addresses = {"smtp_url": None, "webhook_url": None, "webhook_secret": SECRET}
    options = {name: value for name, value in changes.items() if name not in addresses}
    base = {"per_hour": 0, "lease_seconds": 60.0, "timeout_seconds": 20.0, "retry_seconds": 60.0}

    def changed(section: Any) -> Any:
        fields = {**base, **options}
        return section.model_copy(
            update={k: v for k, v in fields.items() if k in type(section).model_fields}
        )

    return settings.model_copy(
        update={
            "actions": settings.actions.model_copy(update={"enabled": True}),
            "channels": channels.model_copy(
                update={
                    "email": changed(channels.email).model_copy(update={"security": "none"}),
                    "webhook": changed(channels.webhook),
                    "file": changed(channels.file),
                }
            ),
            **{name: changes.get(name, value) for name, value in addresses.items()},
        }
    )
