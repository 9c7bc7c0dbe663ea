"""Messages that nobody knows of, wait too long or were too late, and channels that do not send."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

_NAMED_MAX = 5
# Messages that wait are named in the last quarter of their time.
_LAST_PART = 0.25
_STOPPED_FOR = timedelta(days=1)

_ENDED = (
    "SELECT channel, as_of, count(*) AS messages_count, (array_agg(left(message_id, 12) "
    "ORDER BY changed_at, message_id))[1:{named}] AS numbers FROM actions.outbox "
    "WHERE state = :state AND as_of > :after AND as_of <= :as_of "
    "GROUP BY channel, as_of ORDER BY as_of, channel"
)
_EXPIRING = (
    "SELECT channel, count(*) AS messages_count, min(expires_at) AS expires_at "
    "FROM actions.outbox WHERE state = 'pending' AND expires_at > :now AND expires_at <= :until "
    "GROUP BY channel ORDER BY channel"
)
_WAITING = "SELECT DISTINCT channel FROM actions.outbox WHERE state IN ('pending', 'sending')"
_NEWEST_RUN = (
    "SELECT finished_at, details -> 'problems' ->> :channel AS problem FROM ops.receipts "
    "WHERE door = 'dispatch' AND jsonb_exists(details -> 'by_channel', :channel) "
    "AND jsonb_typeof(details -> 'problems') = 'object' ORDER BY receipt_id DESC LIMIT 1"
)
_SWITCHES = (
    "SELECT * FROM (SELECT DISTINCT ON (channel) channel, is_stopped, changed_at, who, why, "
    "switch_id FROM actions.switches ORDER BY channel, switch_id DESC) AS newest "
    "WHERE is_stopped ORDER BY channel"
)
_TRIES = (
    "SELECT count(*) FROM actions.attempts WHERE channel = :channel AND started_at > :since "
    "AND started_at <= :now"
)
_TROUBLE = (
    "SELECT code, text FROM actions.attempts WHERE channel = :channel AND result <> 'sent' "
    "AND started_at > :since ORDER BY started_at DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A switch that is on: `channel` may be `all`."""

    channel: str
    changed_at: datetime
    who: str
    why: str
    switch_id: int

    @property
    def words(self) -> str:
        """Since when, by whom, and why."""
        return f"since {_minute(self.changed_at)} by {self.who} ({self.why})"


def message_alerts(
    transaction: Transaction, settings: Settings, *, as_of: date, now: datetime
) -> Iterator[Alert]:
    """An alert for everything about messages that may need a person.

    Messages of the last `monitoring.cooldown_days` are looked at. Where nothing may leave the
    house (`actions.enabled` is false) only unknown messages are named.
    """
    after = as_of - timedelta(days=max(settings.monitoring.cooldown_days, 1))
    named = _ENDED.format(named=_NAMED_MAX)
    for row in transaction.execute(named, state="unknown", after=after, as_of=as_of):
        yield _unknown(row)
    if not settings.actions.enabled:
        return
    for row in transaction.execute(named, state="expired", after=after, as_of=as_of):
        yield _expired(row)
    stops = [
        Stop(**{name: row._mapping[name] for name in Stop.__slots__})
        for row in transaction.execute(_SWITCHES)
    ]
    for stop in stops:
        if stop.changed_at <= now - _STOPPED_FOR:
            yield _stopped(stop)
    for row in transaction.execute(_WAITING):
        yield from _failing(transaction, row.channel)
    until = now + timedelta(hours=_LAST_PART * settings.actions.send_within_hours)
    for row in transaction.execute(_EXPIRING, now=now, until=until):
        cause = _cause(transaction, settings, row.channel, stops, now)
        yield _expiring(row, cause)


def _unknown(row: Any) -> Alert:
    count, numbers = int(row.messages_count), list(row.numbers)
    more = f" and {count - len(numbers)} more" if count > len(numbers) else ""
    return Alert(
        kind="unknown_messages",
        subject=f"{row.channel}, {row.as_of}",
        severity="warning",
        sentence=f"Nobody knows whether {_messages(count)} of {row.as_of} by {row.channel} "
        f"arrived: {', '.join(numbers)}{more}. They are never sent again and count as contacts. "
        "`retention outbox list --state unknown` lists them; where the receiver's log tells, "
        "`retention outbox settle NUMBER --sent` or `--failed`.",
        evidence={"count": count, "numbers": numbers, "level": count.bit_length()},
    )


def _expired(row: Any) -> Alert:
    count = int(row.messages_count)
    return Alert(
        kind="expired_messages",
        subject=f"{row.channel}, {row.as_of}",
        severity="warning",
        sentence=f"{_messages(count).capitalize()} of {row.as_of} by {row.channel} could not be "
        "sent in time and will not be: these customers were not contacted. "
        "reports.outbox_health has the newest trouble of the channel.",
        evidence={"count": count, "level": count.bit_length()},
    )


def _stopped(stop: Stop) -> Alert:
    what = "every channel" if stop.channel == "all" else stop.channel
    return Alert(
        kind="stopped_channel",
        subject=stop.channel,
        severity="warning",
        sentence=f"Messages by {what} are stopped {stop.words}. What waits expires. "
        f"`retention actions resume {stop.channel} --why TEXT` lets them go on; if it is meant to "
        "last, take the actions out of the catalogue.",
        evidence={"mark": stop.switch_id, "who": stop.who},
    )


def _failing(transaction: Transaction, channel: str) -> Iterator[Alert]:
    """An alert if the newest run that worked on a channel could not send."""
    newest = transaction.execute(_NEWEST_RUN, channel=channel)
    if newest and newest[0].problem:
        yield Alert(
            kind="failing_channel",
            subject=channel,
            severity="critical",
            sentence=f"The channel {channel} takes no messages, as of "
            f"{_minute(newest[0].finished_at)}. {newest[0].problem}",
            evidence={"problem": newest[0].problem},
        )


def _expiring(row: Any, cause: str) -> Alert:
    return Alert(
        kind="expiring_messages",
        subject=row.channel,
        severity="critical",
        sentence=f"{_messages(row.messages_count).capitalize()} by {row.channel} still wait and "
        f"will not be sent any more from {_minute(row.expires_at)} on. {cause}",
        evidence={"count": int(row.messages_count), "expires_at": row.expires_at.isoformat()},
    )


def _cause(
    transaction: Transaction, settings: Settings, channel: str, stops: list[Stop], now: datetime
) -> str:
    """Why messages of a channel still wait, as far as it is known, and what to do."""
    for stop in stops:
        if stop.channel in ("all", channel):
            return (
                f"Stopped {stop.words}. `retention actions resume {stop.channel} --why TEXT` lets "
                "them go on."
            )
    newest = transaction.execute(_NEWEST_RUN, channel=channel)
    if newest and newest[0].problem:
        return str(newest[0].problem)
    since = now - timedelta(hours=1)
    per_hour = int(getattr(settings.channels, channel).per_hour)
    [[tries]] = transaction.execute(_TRIES, channel=channel, since=since, now=now)
    if per_hour and tries >= per_hour:
        return f"channels.{channel}.per_hour ({per_hour:,}) is used up; raise it if you may."
    trouble = transaction.execute(_TROUBLE, channel=channel, since=since)
    if trouble:
        return (
            f"The newest try that was not taken was answered {trouble[0].code} {trouble[0].text}"
        ).rstrip(" .") + ". Look at the receiver."
    return (
        "No run of dispatch has tried in the last hour: see whether the DAG dispatch_messages is "
        "paused, or run `retention dispatch`."
    )


def _messages(count: int) -> str:
    return "one message" if count == 1 else f"{count:,} messages"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
