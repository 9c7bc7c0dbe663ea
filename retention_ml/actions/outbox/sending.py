"""Messages that leave one at a time: the try is written down, then it is made."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from retention_ml import failpoints
from retention_ml.actions.outbox import ledger
from retention_ml.actions.outbox.channels.channel import Channel
from retention_ml.actions.outbox.ledger import Ended
from retention_ml.actions.outbox.message import ClaimedMessage, Outcome, State, backoff_seconds
from retention_ml.actions.outbox.statements import Statements
from retention_ml.actions.outbox.worker import Worker

_BATCH = 100


@dataclass(slots=True, kw_only=True)
class Sender:
    """Sends what is due on one channel.

    The result of a message is kept with the beginning of the next, in one statement: a commit for
    each message, and at most one of which nobody knows when the process dies.

    Parameters
    ----------
    per_hour : int
        Tries that may begin in an hour; 0: no limit.
    lease_seconds : float
        How long this worker is waited for.
    retry_seconds : float
        The wait before a second try.
    """

    worker: Worker
    channel: Channel
    per_hour: int
    lease_seconds: float
    retry_seconds: float
    ended: list[Ended] = field(default_factory=list)
    _statements: Statements = field(init=False)

    def __post_init__(self) -> None:
        self._statements = Statements(self.worker.warehouse)

    def send_due(self) -> None:
        """Send until nothing is due, the limit is reached or the channel is stopped.

        Raises
        ------
        ChannelError
            The receiver takes no messages; those that are due are given back.
        """
        try:
            while not self._is_stopped():
                until = time.monotonic() + self.lease_seconds
                messages = self.worker.claim(
                    self.channel.name,
                    batch=_BATCH,
                    per_hour=self.per_hour,
                    lease_seconds=self.lease_seconds,
                )
                if not messages:
                    break
                failpoints.failpoint("dispatch.after_claim")
                self._send(messages, until)
        finally:
            self.channel.close()
            self._statements.close()

    def _is_stopped(self) -> bool:
        with self.worker.warehouse.transaction() as transaction:
            is_stopped = ledger.is_stopped(transaction, self.channel.name)
        self.worker.counts["is_stopped"] = int(is_stopped)
        return is_stopped

    def _send(self, messages: list[ClaimedMessage], until: float) -> None:
        """Send a batch; what was not begun is given back, whatever happens."""
        waiting = list(messages)
        try:
            while waiting and time.monotonic() < until:
                message = waiting[0]
                started_at = self.worker.now()
                outcome = self.channel.prepare(message)
                if outcome is None:
                    if not self._begin(message):
                        break  # stopped, or it expired, or somebody else claimed it
                    del waiting[0]
                    failpoints.failpoint("dispatch.after_intent")
                    outcome = self.channel.deliver(message)
                    failpoints.failpoint("dispatch.after_send")
                else:
                    del waiting[0]
                self._end(message, outcome, started_at)
        finally:
            self.worker.patiently(lambda: self._close(waiting))
            self.ended.clear()

    def _begin(self, message: ClaimedMessage) -> bool:
        """Keep the last results and the beginning of a try, unless it may not begin."""
        now = self.worker.now()
        failpoints.failpoint("dispatch.before_intent")
        has_begun = self.worker.patiently(
            lambda: bool(
                ledger.begin(
                    self._statements,
                    [message],
                    now=now,
                    lease_until=now + timedelta(seconds=self.lease_seconds),
                    run_id=self.worker.run_id,
                    ended=self.ended,
                )
            ),
            self.lease_seconds,
        )
        self.ended.clear()
        return has_begun

    def _close(self, waiting: list[ClaimedMessage]) -> None:
        with self.worker.warehouse.transaction() as transaction:
            ledger.finish(transaction, self.ended, run_id=self.worker.run_id)
            ledger.release(transaction, waiting)

    def _end(self, message: ClaimedMessage, outcome: Outcome, started_at: datetime) -> None:
        state = ledger.state_after(outcome, repeats_safely=self.channel.repeats_safely)
        now = self.worker.now()
        wait = max(backoff_seconds(message.attempt, self.retry_seconds), outcome.retry_seconds or 0)
        is_waiting = state is State.PENDING
        self.ended.append(
            Ended(
                message=message,
                outcome=outcome,
                state=state,
                started_at=started_at,
                ended_at=now,
                not_before=now + timedelta(seconds=min(wait, 10 * 86_400)) if is_waiting else None,
            )
        )
        self.worker.counts["tries"] += 1
        self.worker.counts["retried" if is_waiting else state.value] += 1
