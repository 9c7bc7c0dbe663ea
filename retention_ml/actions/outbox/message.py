"""A message to a customer, its number, and what may become of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where a message stands; the last five are final, but for `UNKNOWN`, which a person may settle."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"


class Result(StrEnum):
    """What one try did: delivered, certainly not delivered, or perhaps."""

    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a try ended.

    Parameters
    ----------
    result : Result
        Whether the receiver has it.
    code : str
        The receiver's reply code, or a word for what happened on this side.
    text : str
        The first words of the reply: no address, no customer's number.
    is_final : bool
        Whether the receiver will never take it; only of a refusal.
    provider_ref : str, optional
        What the receiver calls it.
    retry_seconds : float, optional
        How long the receiver asks to be left alone.
    """

    result: Result
    code: str
    text: str = ""
    is_final: bool = False
    provider_ref: str | None = None
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A message as it is put into the outbox.

    Parameters
    ----------
    as_of : date
        The decision day.
    channel : str
        `email`, `webhook` or `file`.
    purpose : str or None
        What a permission must cover when it is sent; None if it needs none.
    address : str or None
        E-mail address or device token.
    payload : mapping
        JSON values. Of a mail `subject`, `text`, and perhaps `html` and `unsubscribe_url`.
    not_before, expires_at : datetime
        Aware; it is sent in `[not_before, expires_at)` or never.
    permission_channel : str, optional
        The channel that the permission must be for, such as `push`; default `channel`.
    """

    as_of: date
    customer_id: str
    action_id: str
    channel: str
    purpose: str | None
    address: str | None
    payload: Mapping[str, Any]
    not_before: datetime
    expires_at: datetime
    permission_channel: str | None = None

    @property
    def message_id(self) -> str:
        """SHA-256 of day, customer and action, in hex."""
        return message_id(self.as_of, self.customer_id, self.action_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedMessage:
    """A message that a worker may send until `lease_until`, as long as nobody else claims it.

    `attempt` is the number of the try that would be next, `epoch` the fencing token. Where
    `customer_id` is a pseudonym, `customer_number` is what a receiver knows the customer by.
    """

    message_id: str
    as_of: date
    customer_id: str
    action_id: str
    channel: str
    permission_channel: str | None
    purpose: str | None
    address: str | None
    payload: Mapping[str, Any]
    attempt: int
    epoch: int
    provider_ref: str | None = None
    customer_number: str | None = field(default=None, repr=False)

    @property
    def number(self) -> str:
        """The shop's number of the customer."""
        return self.customer_number or self.customer_id


def message_id(as_of: date, customer_id: str, action_id: str) -> str:
    """SHA-256 in hex of day, customer and action: equal for whoever decides the same again.

    Examples
    --------
    >>> message_id(date(2026, 3, 1), "c1", "come_back")[:12]
    '881bcd18f998'
    >>> message_id(date(2026, 3, 1), "c1c", "ome_back") == message_id(
    ...     date(2026, 3, 1), "c1", "come_back")
    False
    """
    parts = json.dumps([as_of.isoformat(), customer_id, action_id], ensure_ascii=False)
    return hashlib.sha256(parts.encode()).hexdigest()


def canonical_json(payload: Mapping[str, Any]) -> str:
    """The payload as text, equal for equal payloads.

    Raises
    ------
    ValueError
        A number is not finite.
    """
    return json.dumps(
        dict(payload), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def backoff_seconds(attempt: int, first_seconds: float) -> float:
    """How long to wait after a try: doubling from `first_seconds`, at most an hour.

    Examples
    --------
    >>> [backoff_seconds(attempt, 60) for attempt in (1, 2, 3, 20)]
    [60.0, 120.0, 240.0, 3600.0]
    """
    return float(min(first_seconds * 2 ** min(attempt - 1, 30), max(first_seconds, 3_600.0)))
