"""What people ask of the outbox, and what they know better: what became of unknown messages."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.actions.outbox.message import State
from retention_ml.errors import UsageError
from retention_ml.warehouse import Warehouse

_SHORTEST = 8  # digits of a message's number that name it, if no other begins with them
_ANSWERS = (State.SENT, State.FAILED)


def messages_in(
    warehouse: Warehouse, *, state: str | None = None, as_of: date | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Messages, those that moved last first, with what became of their newest try.

    Raises
    ------
    UsageError
        There is no such state.
    """
    states = [each.value for each in State]
    if state is not None and state not in states:
        raise UsageError(f"{state!r} is no state; expected one of {', '.join(states)}.")
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT message.message_id, as_of, customer_id, action_id, message.channel, state, "
            "attempts, newest.started_at AS tried_at, newest.code, newest.text, expires_at "
            "FROM actions.outbox AS message LEFT JOIN actions.attempts AS newest "
            "ON newest.message_id = message.message_id AND newest.attempt = message.attempts "
            "WHERE (CAST(:state AS text) IS NULL OR state = :state) "
            "AND (CAST(:as_of AS date) IS NULL OR as_of = :as_of) "
            "ORDER BY changed_at DESC, message.message_id LIMIT :limit",
            state=state,
            as_of=as_of,
            limit=limit,
        )
    return [row._asdict() for row in rows]


def settle_message(warehouse: Warehouse, *, number: str, state: State, who: str) -> str:
    """Say what became of an unknown message; its whole number. It is not sent again either way.

    Parameters
    ----------
    number : str
        Its number, or so many of its first digits that no other begins with them.
    state : State
        `SENT` or `FAILED`.
    who : str
        The person who knows it.

    Raises
    ------
    UsageError
        No message or several begin so, or it is not unknown.
    """
    if state not in _ANSWERS or not who.strip():
        raise UsageError("Say that it was sent or that it failed, and who knows it.")
    with warehouse.transaction() as transaction:
        message_id, current = _beginning_with(
            transaction.execute(
                "SELECT message_id, state FROM actions.outbox "
                "WHERE message_id >= :digits AND message_id < :digits || 'g' LIMIT 2 FOR UPDATE",
                digits=number.strip().strip("<>").partition("@")[0].lower(),
            ),
            number,
        )
        if current == state:
            return message_id
        if current != State.UNKNOWN:
            raise UsageError(
                f"Message {message_id[:12]} is {current}; only one that is unknown can be settled. "
                "Nothing was changed."
            )
        transaction.execute(
            "UPDATE actions.outbox SET state = :state, settled_by = :who, changed_at = :now "
            "WHERE message_id = :message_id",
            state=state.value,
            who=who.strip(),
            now=clock.now(),
            message_id=message_id,
        )
    return message_id


def _beginning_with(rows: Sequence[Any], number: str) -> tuple[str, str]:
    """Number and state of the one message."""
    if len(number.strip()) < _SHORTEST or len(rows) != 1:
        count = "several messages begin" if len(rows) > 1 else "no message begins"
        raise UsageError(
            f"{number!r} names no single message: {count} so. Expected its number, or its first "
            f"{_SHORTEST} or more digits; `retention outbox list` has them. Nothing was changed."
        )
    return str(rows[0].message_id), str(rows[0].state)
