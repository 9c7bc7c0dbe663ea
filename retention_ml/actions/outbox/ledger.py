"""The ledger of messages and tries: the only writer of `actions.outbox` once they are there.

A worker claims messages for a time (`lease_until`) and gets a fencing token (`epoch`). It begins a
try before anything leaves, and says afterwards how it ended; both only with the newest token, and
both may be repeated where an answer of the database was lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from retention_ml.actions.outbox.message import ClaimedMessage, Outcome, Result, State
from retention_ml.actions.outbox.statements import Statements
from retention_ml.warehouse import Transaction

Executor = Transaction | Statements
WORKER_LOST = "worker_lost"

# A message that may have been delivered must not be called undelivered.
_GIVEN_UP = (
    "CASE WHEN EXISTS (SELECT 1 FROM actions.attempts AS attempt WHERE attempt.message_id = "
    "message.message_id AND attempt.result = 'unknown') THEN 'unknown' ELSE '{state}' END"
)
_STOPPED = (
    "EXISTS (SELECT 1 FROM (SELECT DISTINCT ON (channel) is_stopped FROM actions.switches "
    "WHERE channel IN ('all', :channel) ORDER BY channel, switch_id DESC) AS newest "
    "WHERE is_stopped)"
)
_IS_FREE = "(message.lease_until IS NULL OR message.lease_until <= :now)"
_CLAIM = (
    "WITH due AS (SELECT message_id FROM actions.outbox AS message WHERE channel = :channel "
    f"AND state = 'pending' AND not_before <= :now AND expires_at > :now AND {_IS_FREE} "
    "ORDER BY not_before, message_id LIMIT :limit FOR UPDATE SKIP LOCKED) "
    "UPDATE actions.outbox AS message SET epoch = message.epoch + 1, lease_until = :lease_until "
    "FROM due WHERE message.message_id = due.message_id RETURNING message.message_id, "
    "message.as_of, message.customer_id, message.action_id, message.channel, message.permission_channel, "
    "message.purpose, message.address, message.payload, message.attempts + 1 AS attempt, message.epoch, "
    "message.provider_ref"
)
_BEGUN = (
    "work AS (SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:epochs AS bigint[]), "
    "CAST(:attempts AS integer[])) AS work (message_id, epoch, attempt)), "
    "begun AS (UPDATE actions.outbox AS message SET state = 'sending', "
    "attempts = work.attempt, lease_until = :lease_until, provider_ref = "
    "coalesce(:provider_ref, message.provider_ref), changed_at = :now FROM work "
    "WHERE message.message_id = work.message_id AND message.epoch = work.epoch "
    "AND (message.state = 'pending' "
    "OR (message.state = 'sending' AND message.attempts = work.attempt)) "
    f"AND message.expires_at > :now AND NOT {_STOPPED} "
    "RETURNING message.message_id, message.attempts, message.epoch, message.channel), "
    # There is one only of a worker that was overtaken and had been refused before it began.
    "begun_tries AS (INSERT INTO actions.attempts AS attempt (message_id, attempt, epoch, channel, "
    "started_at, run_id) SELECT message_id, attempts, epoch, channel, :now, :run_id FROM begun "
    "ON CONFLICT (message_id, attempt) DO UPDATE SET epoch = excluded.epoch, "
    "started_at = excluded.started_at, ended_at = NULL, result = NULL, code = NULL, text = NULL, "
    "run_id = excluded.run_id WHERE attempt.epoch < excluded.epoch)"
)
_ENDED = (
    "ended AS (SELECT * FROM unnest(CAST(:ended_ids AS text[]), CAST(:ended_epochs AS bigint[]), "
    "CAST(:ended_attempts AS integer[]), CAST(:channels AS text[]), CAST(:states AS text[]), "
    "CAST(:results AS text[]), CAST(:codes AS text[]), CAST(:texts AS text[]), "
    "CAST(:references AS text[]), CAST(:retries_at AS timestamptz[]), "
    "CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS ended "
    "(message_id, epoch, attempt, channel, state, result, code, text, provider_ref, not_before, "
    "started_at, ended_at)), "
    "ended_tries AS (INSERT INTO actions.attempts AS attempt (message_id, attempt, epoch, channel, "
    "started_at, ended_at, result, code, text, run_id) SELECT message_id, attempt, epoch, "
    "channel, started_at, ended_at, result, code, text, :run_id FROM ended "
    "ON CONFLICT (message_id, attempt) DO UPDATE SET ended_at = excluded.ended_at, "
    "result = excluded.result, code = excluded.code, text = excluded.text "
    "WHERE attempt.epoch = excluded.epoch "
    f"AND (attempt.ended_at IS NULL OR attempt.code = '{WORKER_LOST}')), "
    "finished AS (UPDATE actions.outbox AS message SET state = ended.state, "
    "attempts = greatest(message.attempts, ended.attempt), lease_until = NULL, "
    "provider_ref = coalesce(ended.provider_ref, message.provider_ref), "
    "not_before = coalesce(ended.not_before, message.not_before), changed_at = ended.ended_at "
    "FROM ended WHERE message.message_id = ended.message_id AND message.epoch = ended.epoch "
    "AND message.state IN ('pending', 'sending', 'unknown') RETURNING message.message_id)"
)
_LOST = (
    "WITH lost AS (UPDATE actions.outbox AS message SET state = :state, lease_until = NULL, "
    "changed_at = :now WHERE channel = :channel AND state = 'sending' AND lease_until <= :now "
    # A file that was begun is written as it was, unless it is too late.
    "AND (channel <> 'file' OR expires_at <= :now) "
    "RETURNING message_id, attempts), "
    f"named AS (UPDATE actions.attempts AS attempt SET ended_at = :now, result = 'unknown', "
    f"code = '{WORKER_LOST}', text = 'the worker ended between beginning and result' FROM lost "
    "WHERE attempt.message_id = lost.message_id AND attempt.attempt = lost.attempts "
    "AND attempt.ended_at IS NULL) SELECT message_id FROM lost"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A try that ended: of which message, how, and when it is tried again at the earliest."""

    message: ClaimedMessage
    outcome: Outcome
    state: State
    started_at: datetime
    ended_at: datetime
    not_before: datetime | None = None


def state_after(outcome: Outcome, *, repeats_safely: bool) -> State:
    """What becomes of a message whose try ended so.

    Parameters
    ----------
    repeats_safely : bool
        Whether the receiver recognises a message that it has.

    Examples
    --------
    >>> lost = Outcome(result=Result.UNKNOWN, code="no_reply")
    >>> state_after(lost, repeats_safely=False), state_after(lost, repeats_safely=True)
    (<State.UNKNOWN: 'unknown'>, <State.PENDING: 'pending'>)
    """
    if outcome.result is Result.SENT:
        return State.SENT
    if outcome.result is Result.REFUSED:
        return State.FAILED if outcome.is_final else State.PENDING
    return State.PENDING if repeats_safely else State.UNKNOWN


def claim(
    transaction: Transaction,
    channel: str,
    *,
    limit: int,
    per_hour: int,
    now: datetime,
    lease_until: datetime,
) -> list[ClaimedMessage]:
    """The next messages of a channel that are due, for this worker alone until `lease_until`.

    Parameters
    ----------
    per_hour : int
        At most so many tries begin in any hour, of all workers together; 0: no limit.
    """
    if per_hour:
        transaction.lock(f"outbox:{channel}")
        [[used]] = transaction.execute(
            "SELECT (SELECT count(*) FROM actions.attempts WHERE channel = :channel "
            "AND started_at > :since) + (SELECT count(*) FROM actions.outbox "
            "WHERE channel = :channel AND state = 'pending' AND lease_until > :now)",
            channel=channel,
            since=now - timedelta(hours=1),
            now=now,
        )
        limit = min(limit, per_hour - used)
    if limit <= 0:
        return []
    rows = transaction.execute(
        _CLAIM, channel=channel, now=now, limit=limit, lease_until=lease_until
    )
    claimed = [ClaimedMessage(**row._asdict()) for row in rows]
    return sorted(claimed, key=lambda message: message.message_id)


def begin(
    connection: Executor,
    messages: Sequence[ClaimedMessage],
    *,
    now: datetime,
    lease_until: datetime,
    run_id: str,
    provider_ref: str | None = None,
    ended: Sequence[Ended] = (),
) -> set[str]:
    """Write down that a try begins; the numbers of the messages that may be sent now.

    Those are left out that somebody else claimed since, that expired, or whose channel is stopped.

    Parameters
    ----------
    ended : sequence of Ended
        Tries of other messages whose end is written down in the same statement.
    """
    parts = [_ENDED, _BEGUN] if ended else [_BEGUN]
    rows = connection.execute(
        f"WITH {', '.join(parts)} SELECT message_id FROM begun",
        ids=[message.message_id for message in messages],
        epochs=[message.epoch for message in messages],
        attempts=[message.attempt for message in messages],
        channel=messages[0].channel,
        now=now,
        lease_until=lease_until,
        run_id=run_id,
        provider_ref=provider_ref,
        **(_columns(ended) if ended else {}),
    )
    return {row.message_id for row in rows}


def finish(connection: Executor, ended: Sequence[Ended], *, run_id: str) -> None:
    """Write down how tries ended; a message that somebody else claimed since is left to them."""
    if ended:
        connection.execute(
            f"WITH {_ENDED} SELECT message_id FROM finished", run_id=run_id, **_columns(ended)
        )


def _columns(tries: Sequence[Ended]) -> dict[str, list[Any]]:
    return {
        "ended_ids": [each.message.message_id for each in tries],
        "ended_epochs": [each.message.epoch for each in tries],
        "ended_attempts": [each.message.attempt for each in tries],
        "channels": [each.message.channel for each in tries],
        "states": [each.state.value for each in tries],
        "results": [each.outcome.result.value for each in tries],
        "codes": [each.outcome.code for each in tries],
        "texts": [each.outcome.text for each in tries],
        "references": [each.outcome.provider_ref for each in tries],
        "retries_at": [each.not_before for each in tries],
        "starts": [each.started_at for each in tries],
        "ends": [each.ended_at for each in tries],
    }


def release(transaction: Transaction, messages: Sequence[ClaimedMessage]) -> None:
    """Give back messages that were claimed and not begun."""
    _give_back(transaction, messages, "lease_until = NULL")


def suppress(transaction: Transaction, messages: Sequence[ClaimedMessage], now: datetime) -> None:
    """Take messages out that may not leave any more: permission withdrawn, or customer excluded."""
    state = _GIVEN_UP.format(state=State.SUPPRESSED)
    _give_back(
        transaction, messages, f"lease_until = NULL, state = {state}, changed_at = :now", now=now
    )


def _give_back(
    transaction: Transaction,
    messages: Sequence[ClaimedMessage],
    changes: str,
    **parameters: datetime,
) -> None:
    transaction.execute(
        "WITH work AS (SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:epochs AS bigint[])) "
        f"AS work (message_id, epoch)) UPDATE actions.outbox AS message SET {changes} FROM work "
        "WHERE message.message_id = work.message_id AND message.epoch = work.epoch "
        "AND message.state = 'pending'",
        ids=[message.message_id for message in messages],
        epochs=[message.epoch for message in messages],
        **parameters,
    )


def name_lost(
    transaction: Transaction, channel: str, *, repeats_safely: bool, now: datetime
) -> int:
    """Name the tries whose worker is gone; how many there were.

    Where the receiver recognises what it has, they are due again; elsewhere the message is
    `unknown` and never sent again. Of files only those that are too late are named.
    """
    state = State.PENDING if repeats_safely else State.UNKNOWN
    rows = transaction.execute(_LOST, channel=channel, state=state.value, now=now)
    return len(rows)


def expire(transaction: Transaction, channel: str, *, now: datetime) -> int:
    """Take out the messages that are too late; how many there were."""
    return transaction.change(
        f"UPDATE actions.outbox AS message SET state = {_GIVEN_UP.format(state=State.EXPIRED)}, "
        "lease_until = NULL, changed_at = :now WHERE channel = :channel AND state = 'pending' "
        f"AND expires_at <= :now AND {_IS_FREE}",
        channel=channel,
        now=now,
    )


def is_stopped(transaction: Transaction, channel: str) -> bool:
    """Whether the channel, or everything, is stopped."""
    return bool(transaction.execute(f"SELECT 1 WHERE {_STOPPED}", channel=channel))
