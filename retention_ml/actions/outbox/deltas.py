"""Messages that leave together in a file: what is in it is written down, then it is written."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

from retention_ml import failpoints
from retention_ml.actions.outbox import ledger
from retention_ml.actions.outbox.channels import delta as files
from retention_ml.actions.outbox.channels.delta import Delta, delta_of
from retention_ml.actions.outbox.ledger import Ended
from retention_ml.actions.outbox.message import ClaimedMessage, Outcome, Result, State
from retention_ml.actions.outbox.worker import Worker
from retention_ml.errors import ChannelError, explain_refusal
from retention_ml.settings.sections import FileChannel
from retention_ml.warehouse import Transaction

CHANNEL = "file"

_IN_FILE = (
    "SELECT message_id, as_of, customer_id, action_id, channel, permission_channel, purpose, address, payload, "
    "attempts AS attempt, epoch, provider_ref FROM actions.outbox "
    "WHERE channel = 'file' AND provider_ref = :file_name"
)
# Begun by a worker that is gone: its leases have ended. Not too late for any of its messages.
_UNWRITTEN = (
    "SELECT file_name, as_of, sequence, sha256 FROM actions.deltas AS delta "
    "WHERE written_at IS NULL AND NOT EXISTS (SELECT 1 FROM actions.outbox AS message "
    "WHERE message.channel = 'file' AND message.provider_ref = delta.file_name "
    "AND (message.lease_until > :now OR message.expires_at <= :now)) "
    "ORDER BY as_of, sequence LIMIT 1 FOR UPDATE SKIP LOCKED"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaWriter:
    """Writes what is due on the channel `file`.

    Parameters
    ----------
    folder : Path
        Where files are put.
    """

    worker: Worker
    settings: FileChannel
    folder: Path

    def write_due(self) -> None:
        """First the files that others began, then new ones, until nothing is due.

        Raises
        ------
        ChannelError
            The folder takes no file; it is written again later, byte for byte.
        """
        while (unwritten := self._take_over()) is not None:
            self._write(*unwritten)
        while messages := self.worker.claim(
            CHANNEL,
            batch=self.settings.rows_max,
            per_hour=self.settings.per_hour,
            lease_seconds=self.settings.lease_seconds,
        ):
            try:
                if not self._write_days(messages):
                    return
            finally:
                with self.worker.warehouse.transaction() as transaction:
                    ledger.release(transaction, messages)  # those that were not begun

    def _write_days(self, messages: list[ClaimedMessage]) -> bool:
        """Write a file for each day; whether any was begun."""
        has_begun = False
        for as_of, of_day in groupby(
            sorted(messages, key=lambda message: message.as_of), lambda message: message.as_of
        ):
            composed = self._compose(as_of, list(of_day))
            if composed is not None:
                has_begun = True
                failpoints.failpoint("dispatch.after_delta")
                self._write(*composed)
        return has_begun

    def _take_over(self) -> tuple[Delta, list[ClaimedMessage]] | None:
        """The next file that somebody began and did not end, for this worker alone."""
        now = self.worker.now()
        with self.worker.warehouse.transaction() as transaction:
            if self._is_stopped(transaction):
                return None
            rows = transaction.execute(_UNWRITTEN, now=now)
            if not rows:
                return None
            [entry] = rows
            transaction.execute(
                "UPDATE actions.outbox SET lease_until = :until WHERE channel = 'file' "
                "AND provider_ref = :file_name AND state = 'sending'",
                until=now + timedelta(seconds=self.settings.lease_seconds),
                file_name=entry.file_name,
            )
            in_file = transaction.execute(_IN_FILE, file_name=entry.file_name)
            messages = self.worker.with_numbers(
                transaction, [ClaimedMessage(**row._asdict()) for row in in_file]
            )
        delta = delta_of(messages, as_of=entry.as_of, sequence=entry.sequence)
        if delta.sha256 != entry.sha256:
            raise ChannelError(
                f"{delta.file_name} would not be what it was when its messages were fixed, so it "
                "was not written. Find out who changed actions.outbox."
            )
        return delta, messages

    def _is_stopped(self, transaction: Transaction) -> bool:
        is_stopped = ledger.is_stopped(transaction, CHANNEL)
        self.worker.counts["is_stopped"] = int(is_stopped)
        return is_stopped

    def _compose(
        self, as_of: date, messages: list[ClaimedMessage]
    ) -> tuple[Delta, list[ClaimedMessage]] | None:
        """Fix which messages are in the next file of the day; None where none may begin."""
        now = self.worker.now()
        with self.worker.warehouse.transaction() as transaction:
            transaction.lock("outbox:deltas")
            [[newest]] = transaction.execute(
                "SELECT coalesce(max(sequence), 0) FROM actions.deltas WHERE as_of = :as_of",
                as_of=as_of,
            )
            named = delta_of([], as_of=as_of, sequence=newest + 1)
            begun = ledger.begin(
                transaction,
                messages,
                now=now,
                lease_until=now + timedelta(seconds=self.settings.lease_seconds),
                run_id=self.worker.run_id,
                provider_ref=named.file_name,
            )
            if not begun:
                self._is_stopped(transaction)
                return None
            composed = [message for message in messages if message.message_id in begun]
            delta = delta_of(composed, as_of=as_of, sequence=newest + 1)
            transaction.insert_row(
                "actions.deltas",
                {
                    "file_name": delta.file_name,
                    "as_of": as_of,
                    "sequence": delta.sequence,
                    "messages_count": delta.messages_count,
                    "sha256": delta.sha256,
                    "created_at": now,
                    "run_id": self.worker.run_id,
                },
            )
            failpoints.failpoint("dispatch.before_commit")
        self.worker.counts["tries"] += len(composed)
        return delta, composed

    def _write(self, delta: Delta, messages: list[ClaimedMessage]) -> None:
        """Write the file, then that it is written."""
        started_at = self.worker.now()
        try:
            files.write(delta, self.folder)
        except OSError as error:
            raise ChannelError(str(explain_refusal(error))) from error
        failpoints.failpoint("dispatch.after_manifest")
        now = self.worker.now()
        outcome = Outcome(result=Result.SENT, code="written")
        ended = [
            Ended(
                message=message,
                outcome=outcome,
                state=State.SENT,
                started_at=started_at,
                ended_at=now,
            )
            for message in messages
        ]

        def work() -> None:
            with self.worker.warehouse.transaction() as transaction:
                ledger.finish(transaction, ended, run_id=self.worker.run_id)
                transaction.execute(
                    "UPDATE actions.deltas SET written_at = :now WHERE file_name = :file_name "
                    "AND written_at IS NULL",
                    now=now,
                    file_name=delta.file_name,
                )

        self.worker.patiently(work)
        self.worker.counts["sent"] += len(messages)
