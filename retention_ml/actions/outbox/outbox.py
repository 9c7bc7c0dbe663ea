"""Messages are put into the outbox inside the transaction that decides about them."""

import hashlib
from collections.abc import Sequence
from uuid import uuid4

import pyarrow as pa

from retention_ml import clock
from retention_ml.actions.outbox.message import OutboxRow, canonical_json
from retention_ml.errors import UsageError
from retention_ml.warehouse import Transaction

CHANNELS = ("email", "webhook", "file")
_INSTANT = pa.timestamp("us", tz="UTC")
_COLUMNS = pa.schema(
    [
        ("message_id", pa.string()),
        ("as_of", pa.date32()),
        ("customer_id", pa.string()),
        ("action_id", pa.string()),
        ("channel", pa.string()),
        ("permission_channel", pa.string()),
        ("purpose", pa.string()),
        ("address", pa.string()),
        ("payload", pa.string()),
        ("payload_sha256", pa.string()),
        ("not_before", _INSTANT),
        ("expires_at", _INSTANT),
    ]
)


def enqueue(transaction: Transaction, messages: Sequence[OutboxRow], *, run_id: str) -> int:
    """Put messages into the outbox; how many were not there yet.

    A message that is there already stays as it is, and so does one of the same customer and day
    with another action: nobody gets two.

    Parameters
    ----------
    transaction : Transaction
        That of the caller: the messages are there if it is kept, and not otherwise.
    messages : sequence of OutboxRow
        About 5 µs each beside their payload.

    Raises
    ------
    UsageError
        A message would be sent on an unknown channel, or expires before it may be sent.
    """
    for message in messages:
        _require_sound(message)
    if not messages:
        return 0
    texts = [canonical_json(message.payload) for message in messages]
    columns = {
        name: [getattr(message, name) for message in messages]
        for name in _COLUMNS.names
        if not name.startswith("payload")
    }
    columns["permission_channel"] = [
        None if message.purpose is None else message.permission_channel or message.channel
        for message in messages
    ]
    columns["payload"] = texts
    columns["payload_sha256"] = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    staged = f"enqueued_{uuid4().hex}"
    transaction.execute(
        f"CREATE TEMP TABLE {staged} (message_id text, as_of date, customer_id text, "
        "action_id text, channel text, permission_channel text, purpose text, address text, payload text, "
        "payload_sha256 text, not_before timestamptz, expires_at timestamptz) ON COMMIT DROP"
    )
    transaction.copy(staged, pa.table(columns, schema=_COLUMNS))
    names = ", ".join(name for name in _COLUMNS.names if name != "payload")
    return transaction.change(
        f"INSERT INTO actions.outbox ({names}, payload, changed_at, run_id) "
        f"SELECT {names}, CAST(payload AS jsonb), :now, :run_id FROM {staged} "
        "ORDER BY message_id ON CONFLICT DO NOTHING",
        now=clock.now(),
        run_id=run_id,
    )


def _require_sound(message: OutboxRow) -> None:
    if message.channel not in CHANNELS:
        raise UsageError(
            f"The action {message.action_id!r} is for the channel {message.channel!r}; expected "
            f"one of {', '.join(CHANNELS)}. Correct its file under actions/."
        )
    if not message.not_before < message.expires_at:
        raise UsageError(
            f"A message of {message.as_of} would expire ({message.expires_at}) before it may be "
            f"sent ({message.not_before}). Nothing was put into the outbox. Raise "
            "send_within_hours."
        )
