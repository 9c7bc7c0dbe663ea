"""The door `deliver`: what was sent, and who was left alone by lot, goes back to the ingest.

It writes files into the inbox of the built-in source `actions`. `ingest_deliveries` takes them in as
it takes in a shop's: with digest, ledger and receipts, known from when they were loaded.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from retention_ml import clock
from retention_ml.actions.own_contacts import (
    HOLDOUT,
    SEND_DAYS_MAX,
    SENT,
    OwnContact,
    contact_row,
    json_lines,
)
from retention_ml.atomic_files import replacing
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.deliveries.description.loading import OWN_CONTACTS
from retention_ml.deliveries.ledger.landing import existing_deliveries
from retention_ml.failpoints import failpoint
from retention_ml.people.lookup import numbers_of
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

RETURN_DAYS = SEND_DAYS_MAX
"""So many days before the given one are looked at again: for what was sent or bounced since."""

# Replies of mail servers that say there is no such mailbox (RFC 5321); 5.7.x is a matter of policy
# (RFC 3463) and says nothing of the address.
BOUNCE_CODES = ("550", "551", "553")
_POLICY = "5.7."

_SENT = (
    "SELECT message.customer_id, message.action_id, "
    "(SELECT max(attempt.started_at) FROM actions.attempts AS attempt WHERE attempt.message_id = "
    "message.message_id AND attempt.result IN ('sent', 'unknown')) AS started_at, "
    "coalesce(assignment.experiment_id, assignment.policy_id) AS decided_by, "
    "CASE WHEN NOT assignment.is_capped "
    "THEN CAST(assignment.propensities ->> 'none' AS double precision) END AS none_propensity "
    "FROM actions.outbox AS message JOIN actions.assignments AS assignment "
    "USING (as_of, customer_id) WHERE as_of = :day AND message.state IN ('sent', 'unknown')"
)
_LEFT_ALONE = (
    "SELECT customer_id, action_id, coalesce(experiment_id, assignment.policy_id) AS decided_by, "
    "CASE WHEN is_holdout OR NOT is_capped "
    "THEN CAST(propensities ->> 'none' AS double precision) END AS none_propensity "
    "FROM actions.assignments AS assignment JOIN actions.days AS day USING (as_of) "
    "WHERE as_of = :day AND day.status = 'released' AND action_id = 'none' "
    "AND (is_holdout OR (propensity < 1 AND NOT is_capped))"
)
_BOUNCED = (
    "SELECT message.customer_id, coalesce(message.permission_channel, message.channel) AS channel, "
    "coalesce(message.purpose, 'all') AS purpose, message.address, attempt.ended_at "
    "FROM actions.outbox AS message "
    "JOIN actions.attempts AS attempt ON attempt.message_id = message.message_id "
    "AND attempt.attempt = message.attempts WHERE message.as_of = :day "
    "AND message.state = 'failed' AND message.channel = 'email' AND attempt.result = 'refused' "
    "AND attempt.code = ANY (:codes) AND NOT starts_with(coalesce(attempt.text, ''), :policy)"
)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a decision day: its name holds the digest of its bytes."""

    feed: str
    name: str
    sha256: str
    content: bytes
    rows_count: int


def deliver(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Write the own contacts and bounces of a day, and of the days before it, that are news.

    Contacts are messages that were sent or may have been (`unknown`). Those whom a released day left
    alone by lot, the holdout among them, are delivered with the first contact of their day. A file
    tells its day whole: one with the same bytes that lies in the inbox or was accepted is not
    written again, and of a later one only what is new counts. A message that was `unknown`
    and turns out not to have arrived stays a contact: effects are read by what was intended.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    as_of : date
        The newest decision day to look at.

    Returns
    -------
    Receipt
        read = written + duplicates (rows of files that were delivered before); details: files.
    """
    started = time.perf_counter()
    days = [as_of - timedelta(days=back) for back in range(RETURN_DAYS, -1, -1)]
    written: list[_File] = []
    repeated: list[_File] = []
    for day in days:
        for file in _files_of_day(warehouse, settings, day):
            (written if _write(warehouse, settings, file) else repeated).append(file)
    failpoint("deliver.before_receipt")
    return warehouse.record(
        Receipt(
            door="deliver",
            as_of=as_of,
            read=sum(file.rows_count for file in (*written, *repeated)),
            written=sum(file.rows_count for file in written),
            duplicates=sum(file.rows_count for file in repeated),
            seconds=time.perf_counter() - started,
            details={"files": [file.name for file in written]},
        ),
        settings.run_id,
    )


def _files_of_day(warehouse: Warehouse, settings: Settings, day: date) -> list[_File]:
    midnight = clock.midnight(day, settings.calendar.timezone)
    with warehouse.transaction() as transaction:
        contacts = _contacts(transaction, day)
        bounces = transaction.execute(_BOUNCED, day=day, codes=list(BOUNCE_CODES), policy=_POLICY)
        # The ingest takes them in as a shop's rows, and those name customers by number.
        reached = {contact.customer_id for contact in contacts}
        bounced = {bounce.customer_id for bounce in bounces}
        numbers = numbers_of(transaction, settings, reached | bounced)
    if numbers:
        record_event(
            warehouse,
            Event.NUMBERS_OPENED,
            settings=settings,
            subject="own contacts",
            details={"day": day.isoformat(), "customers_count": len(numbers)},
        )
    bounce_rows = [
        {
            **{name: value for name, value in row._asdict().items() if name != "ended_at"},
            "event_at": row.ended_at.isoformat(timespec="microseconds"),
        }
        for row in bounces
    ]
    contact_rows = [contact_row(contact, day, midnight) for contact in contacts]
    return [
        *_file("contacts", day, _with_numbers(contact_rows, numbers)),
        *_file("bounces", day, _with_numbers(bounce_rows, numbers)),
    ]


def _with_numbers(
    rows: Iterable[Mapping[str, Any]], numbers: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The rows with the shop's numbers; who was erased is left out."""
    return [
        {**row, "customer_id": numbers[row["customer_id"]]}
        for row in rows
        if row["customer_id"] in numbers
    ]


def _contacts(transaction: Transaction, day: date) -> list[OwnContact]:
    """Whom a day contacted, and whom it left alone by lot; nobody while nothing was sent."""
    sent = [OwnContact(kind=SENT, **row._asdict()) for row in transaction.execute(_SENT, day=day)]
    if not sent:
        return []
    left_alone = transaction.execute(_LEFT_ALONE, day=day)
    return [*sent, *(OwnContact(kind=HOLDOUT, **row._asdict()) for row in left_alone)]


def _file(feed: str, day: date, rows: Iterable[Mapping[str, Any]]) -> list[_File]:
    """The file of a feed; none without rows."""
    content = json_lines(rows)
    if not content:
        return []
    digest = hashlib.sha256(content).hexdigest()
    name = f"{feed}_{day.isoformat()}_{digest[:12]}.jsonl"
    return [_File(feed, name, digest, content, content.count(b"\n"))]


def _write(warehouse: Warehouse, settings: Settings, file: _File) -> bool:
    """Put the file into the inbox, whole or not at all; False if it came before."""
    path = inbox(settings) / file.name
    if path.exists() or _is_accepted(warehouse, file):
        return False
    with replacing(path) as draft:
        draft.write_bytes(file.content)
        failpoint("deliver.before_rename")
    return True


def _is_accepted(warehouse: Warehouse, file: _File) -> bool:
    with warehouse.transaction() as transaction:
        entries = existing_deliveries(transaction, OWN_CONTACTS, [file.sha256])
    entry = entries.get((file.feed, file.sha256))
    return entry is not None and entry.status == "accepted"


def inbox(settings: Settings) -> Path:
    """The folder of the source `actions` in the watched folder."""
    return settings.home / "inbox" / OWN_CONTACTS
