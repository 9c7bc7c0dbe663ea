"""What every worker of the outbox has: the warehouse, the time, who may still be contacted."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from retention_ml.abnormal.excluded import excluded_customers
from retention_ml.actions.outbox import ledger
from retention_ml.actions.outbox.message import ClaimedMessage
from retention_ml.errors import WarehouseError
from retention_ml.warehouse import Transaction, Warehouse

# Who of these may be contacted at an instant, by `message_id`.
Permitted = Callable[[Warehouse, Sequence[ClaimedMessage], datetime], Collection[str]]
# The shop's numbers of customers, by their ids in the warehouse; who was erased has none.
NumbersOf = Callable[[Transaction, Collection[str]], Mapping[str, str]]

Answer = TypeVar("Answer")

# A server that is stopped, not there, or was left: not one that refuses a statement.
_AWAY = ("57P", "08")
_PAUSE_SECONDS_MAX = 1.0
# How long a worker keeps results for a database that restarts; a late one still counts.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One run of the door.

    Parameters
    ----------
    warehouse : Warehouse
        Where the ledger is.
    run_id : str
        The run that tries.
    timezone : str
        The shop's: on whose day customers are excluded as abnormal.
    now : callable
        The time, aware: for leases, expiry and stamps.
    permitted : callable
        Whose message may still be sent.
    limit : int or None
        How many messages this run may begin.
    numbers_of : callable, optional
        The shop's numbers of customers; as they are in the warehouse by default.
    """

    warehouse: Warehouse
    run_id: str
    timezone: str
    now: Callable[[], datetime]
    permitted: Permitted
    limit: int | None = None
    numbers_of: NumbersOf | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def may_begin(self, batch: int) -> int:
        """How many of a batch the limit leaves."""
        return batch if self.limit is None else min(batch, self.limit - self.counts["tries"])

    def patiently(self, work: Callable[[], Answer], seconds: float = PATIENCE_SECONDS) -> Answer:
        """What `work` returns; it is tried again while the database is away, for so many seconds.

        For work that may be done twice: whether a lost answer meant that it was is not known.
        """
        until = time.monotonic() + seconds
        pause = 0.05
        while True:
            try:
                return work()
            except WarehouseError as error:
                is_away = error.sqlstate is None or error.sqlstate.startswith(_AWAY)
                if not is_away or time.monotonic() + pause > until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_SECONDS_MAX)

    def claim(
        self, channel: str, *, batch: int, per_hour: int, lease_seconds: float
    ) -> list[ClaimedMessage]:
        """The next messages that are due, permitted and to customers; others are taken out."""
        now = self.now()
        limit = self.may_begin(batch)
        if limit <= 0:
            return []
        with self.warehouse.transaction() as transaction:
            claimed = ledger.claim(
                transaction,
                channel,
                limit=limit,
                per_hour=per_hour,
                now=now,
                lease_until=now + timedelta(seconds=lease_seconds),
            )
            claimed = self.with_numbers(transaction, claimed)
        asked = [message for message in claimed if message.purpose is not None]
        permitted = set(self.permitted(self.warehouse, asked, now)) if asked else set()
        excluded = self._excluded(now) if claimed else set()
        suppressed = [
            message
            for message in claimed
            if message.customer_id in excluded
            or message.customer_number == ""
            or (message.purpose is not None and message.message_id not in permitted)
        ]
        if suppressed:
            with self.warehouse.transaction() as transaction:
                ledger.suppress(transaction, suppressed, self.now())
            self.counts["suppressed"] += len(suppressed)
        lost = {message.message_id for message in suppressed}
        return [message for message in claimed if message.message_id not in lost]

    def with_numbers(
        self, transaction: Transaction, messages: Sequence[ClaimedMessage]
    ) -> list[ClaimedMessage]:
        """The messages, each with the number of its customer; "" of who was erased."""
        if self.numbers_of is None or not messages:
            return list(messages)
        by_id = self.numbers_of(transaction, {message.customer_id for message in messages})
        return [
            replace(message, customer_number=by_id.get(message.customer_id, ""))
            for message in messages
        ]

    def _excluded(self, now: datetime) -> set[str]:
        """Who is abnormal today; a person may have said so since the day was decided."""
        today = now.astimezone(ZoneInfo(self.timezone)).date()
        return set(excluded_customers(self.warehouse, today).to_pylist())
