"""The door `dispatch`: send what is due, on every channel, and name what is not known."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from retention_ml import clock
from retention_ml.actions.outbox import ledger
from retention_ml.actions.outbox.channels.channel import Channel
from retention_ml.actions.outbox.channels.email import Mailer
from retention_ml.actions.outbox.channels.webhook import Webhook
from retention_ml.actions.outbox.deltas import DeltaWriter
from retention_ml.actions.outbox.outbox import CHANNELS
from retention_ml.actions.outbox.permission import still_permitted
from retention_ml.actions.outbox.sending import Sender
from retention_ml.actions.outbox.worker import Permitted, Worker
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.errors import ChannelError, SettingsError, UsageError
from retention_ml.people.lookup import numbers_of
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

# What a message may have come to in this run.
_ENDS = ("sent", "retried", "failed", "unknown", "expired", "suppressed")


def dispatch(
    warehouse: Warehouse,
    *,
    settings: Settings,
    channels: Sequence[str] = CHANNELS,
    limit: int | None = None,
    now: Callable[[], datetime] = clock.now,
    permitted: Permitted = still_permitted,
) -> Receipt:
    """Send the messages that are due, but none that expired, lost its permission or is to nobody.

    Any number of these may run at once, and each may be killed at any moment. A mail is sent at
    most once: of one whose worker was lost nobody knows, and it becomes `unknown`. A request or a
    file is repeated until it is known to have arrived, and the receiver takes it once. Without
    `actions.enabled` nothing is sent.

    Parameters
    ----------
    channels : sequence of str
        Those to work on.
    limit : int, optional
        At most so many messages are begun on each.
    now : callable
        The time: for leases, expiry and stamps.
    permitted : callable
        Whose message may still be sent, asked again for each message that needs a permission. Who
        is excluded as abnormal by then gets none either, permitted or not.

    Raises
    ------
    UsageError
        A channel is unknown or the limit is none.
    ChannelError
        A channel takes no messages or is not set up; the others were served, and the receipt is
        stored.
    """
    started = time.perf_counter()
    _require_sensible(channels, limit)
    by_channel: dict[str, Counter[str]] = {}
    problems: dict[str, str] = {}

    def numbers(transaction: Transaction, customer_ids: Collection[str]) -> Mapping[str, str]:
        record_event(
            warehouse,
            Event.NUMBERS_OPENED,
            settings=settings,
            subject="outbox",
            details={"customers_count": len(customer_ids)},
        )
        return numbers_of(transaction, settings, customer_ids)

    for channel in channels:
        worker = Worker(
            warehouse=warehouse,
            run_id=settings.run_id,
            timezone=settings.calendar.timezone,
            now=now,
            permitted=permitted,
            limit=limit,
            # A mail goes to an address and needs no number.
            numbers_of=None if channel == Mailer.name else numbers,
        )
        by_channel[channel] = worker.counts
        _tidy(worker, channel)
        if settings.actions.enabled and _is_work(worker, channel):
            try:
                _send(worker, channel, settings)
            except (ChannelError, SettingsError) as error:
                problems[channel] = str(error)
        _tidy(worker, channel)
    totals = Counter[str]()
    for counts in by_channel.values():
        totals.update({end: counts[end] for end in _ENDS})
    receipt = Receipt(
        door="dispatch",
        read=sum(totals.values()),
        written=totals["sent"],
        left_out=sum(totals.values()) - totals["sent"],
        seconds=time.perf_counter() - started,
        details=_details(warehouse, settings, by_channel, totals, problems),
    )
    warehouse.record(receipt, settings.run_id)
    if problems:
        raise ChannelError(" ".join(problems.values()))
    return receipt


def _require_sensible(channels: Sequence[str], limit: int | None) -> None:
    unknown = [channel for channel in channels if channel not in CHANNELS]
    if unknown:
        raise UsageError(
            f"{unknown[0]!r} is no channel; expected one of {', '.join(CHANNELS)}. Nothing was sent."
        )
    if limit is not None and limit < 1:
        raise UsageError(f"The limit is {limit}; expected 1 or more. Nothing was sent.")


def _tidy(worker: Worker, channel: str) -> None:
    """Name what lost workers left, and take out what is too late."""
    with worker.warehouse.transaction() as transaction:
        repeats_safely = channel == Webhook.name
        lost = ledger.name_lost(
            transaction, channel, repeats_safely=repeats_safely, now=worker.now()
        )
        worker.counts["retried" if repeats_safely else "unknown"] += lost
        worker.counts["expired"] += ledger.expire(transaction, channel, now=worker.now())


def _is_work(worker: Worker, channel: str) -> bool:
    """Whether anything is due that may leave: otherwise a channel need not be set up."""
    with worker.warehouse.transaction() as transaction:
        is_stopped = ledger.is_stopped(transaction, channel)
        worker.counts["is_stopped"] = int(is_stopped)
        return not is_stopped and bool(
            transaction.execute(
                "SELECT 1 FROM actions.outbox WHERE channel = :channel "
                "AND state IN ('pending', 'sending') AND not_before <= :now LIMIT 1",
                channel=channel,
                now=worker.now(),
            )
        )


def _send(worker: Worker, name: str, settings: Settings) -> None:
    if name == "file":
        files = settings.channels.file
        DeltaWriter(worker=worker, settings=files, folder=settings.home / files.folder).write_due()
        return
    options = settings.channels.email if name == "email" else settings.channels.webhook
    Sender(
        worker=worker,
        channel=_channel(name, settings),
        per_hour=options.per_hour,
        lease_seconds=options.lease_seconds,
        retry_seconds=options.retry_seconds,
    ).send_due()


def _channel(name: str, settings: Settings) -> Channel:
    if name == "email":
        return Mailer(settings.smtp_url, settings.channels.email)
    return Webhook(settings.webhook_url, settings.webhook_secret, settings.channels.webhook)


def _details(
    warehouse: Warehouse,
    settings: Settings,
    by_channel: dict[str, Counter[str]],
    totals: Counter[str],
    problems: dict[str, str],
) -> dict[str, Any]:
    with warehouse.transaction() as transaction:
        waiting = transaction.execute(
            "SELECT channel, count(*) AS count, min(not_before) AS next_at FROM actions.outbox "
            "WHERE state IN ('pending', 'sending') AND channel = ANY (:channels) "
            "GROUP BY channel ORDER BY channel",
            channels=list(by_channel),
        )
    return {
        "is_enabled": settings.actions.enabled,
        **{end: totals[end] for end in _ENDS},
        "by_channel": {
            channel: {end: counts[end] for end in _ENDS if counts[end]}
            for channel, counts in by_channel.items()
        },
        "stopped": [name for name, counts in by_channel.items() if counts["is_stopped"]],
        "waiting": {row.channel: row.count for row in waiting},
        "next_at": min((row.next_at.isoformat(" ") for row in waiting), default=None),
        "problems": problems,
    }
