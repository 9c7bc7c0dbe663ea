"""The door `label`: every new message gets its language, sentiment, topic and route."""

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa

from retention_ml import clock
from retention_ml.failpoints import failpoint
from retention_ml.feedback.cleaning import CHARACTERS_MAX, clean
from retention_ml.feedback.language import Language, language_of
from retention_ml.feedback.ledger import own_stars
from retention_ml.feedback.sentiment import Sentiment
from retention_ml.feedback.starter.shipped import shipped
from retention_ml.feedback.topics import Topics, load_topics
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

Row = sa.Row[*tuple[Any, ...]]

_PAGE_ROWS = 5_000
_TRANSACTION_ROWS = 50_000
# The index feedback_delivery_line has the rows in this order: no page reads those before it.
PAGE = (
    "SELECT delivery_id, line_number, row_key, feedback_id, kind, rating_share, event_at, "
    f"available_at, left(comment, {CHARACTERS_MAX}) AS comment FROM curated.feedback "
    "WHERE delivery_id = :delivery AND (line_number, row_key) > (:line, :key) "
    "ORDER BY line_number, row_key"
)
_STATED = ("complaint", "return_reason")
_NEGATIVE_UP_TO = 0.1  # an unrated message that sounds at most so positive is a complaint
_SCHEMA = pa.schema(
    {
        "delivery_id": pa.int64(),
        "line_number": pa.int64(),
        "row_key": pa.binary(),
        "feedback_id": pa.string(),
        "given_on": pa.date32(),
        "known_on": pa.date32(),
        "language": pa.string(),
        "characters_count": pa.int32(),
        "sentiment_share": pa.float64(),
        "topic": pa.string(),
        "area": pa.string(),
        "route": pa.string(),
        "is_complaint": pa.bool_(),
        "model_version": pa.string(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What messages are read with."""

    topics: Topics
    sentiment: Sentiment
    timezone: str

    def labels(self, messages: Sequence[Row]) -> list[dict[str, Any]]:
        """Rows of `feedback.messages` for rows of `curated.feedback`, without their texts."""
        zone = ZoneInfo(self.timezone)
        texts = [clean(message.comment) for message in messages]
        languages = [language_of(text) for text in texts]
        shares = self.sentiment.shares(texts, languages)
        fixed = self._starter_shares(texts, languages) if self.sentiment.own_stars else shares
        labels = []
        for message, text, language, share, starter_share in zip(
            messages, texts, languages, shares, fixed, strict=True
        ):
            topic = self.topics.topic_of(text, language, starter_share)
            labels.append(
                {
                    "delivery_id": message.delivery_id,
                    "line_number": message.line_number,
                    "row_key": bytes(message.row_key),
                    "feedback_id": message.feedback_id,
                    "given_on": message.event_at.astimezone(zone).date(),
                    "known_on": message.available_at.astimezone(zone).date(),
                    "language": str(language),
                    "characters_count": len(text),
                    "sentiment_share": share,
                    "topic": topic.name,
                    "area": topic.area,
                    "route": topic.route,
                    "is_complaint": _is_complaint(message.kind, message.rating_share, share),
                    "model_version": self.sentiment.version(language),
                }
            )
        return labels

    def _starter_shares(
        self, texts: Sequence[str], languages: Sequence[Language]
    ) -> list[float | None]:
        """What topics are told by: areas are features, so the shop's later stars change none."""
        return Sentiment(starter=self.sentiment.starter).shares(texts, languages)


def _is_complaint(kind: str, rating_share: float | None, share: float | None) -> bool:
    if kind in _STATED:
        return True
    if rating_share is not None:
        return rating_share < 0.5
    return share is not None and share <= _NEGATIVE_UP_TO


def labels_sha256(settings: Settings) -> str:
    """The digest of what decides topics and days: with another, all messages are read again.

    Raises
    ------
    SettingsError
        The shop's topics have a mistake.
    UnfitModel
        The shipped weights are damaged.
    """
    topics = load_topics(settings.topics_file)
    decisive = (topics.sha256, shipped().sha256, settings.calendar.timezone)
    return hashlib.sha256("\n".join(decisive).encode()).hexdigest()


def label(warehouse: Warehouse, *, settings: Settings, as_of: date | None = None) -> Receipt:
    """Read the messages of deliveries that were not read yet, or with other topics.

    Own weights are those in force on `as_of`, by default the newest. Many messages are read in
    several transactions, whole deliveries in each; a run that is killed goes on where it was.

    Returns
    -------
    Receipt
        read = written: messages; details: deliveries, languages and topics by count, urgent aside.

    Raises
    ------
    SettingsError
        The shop's topics have a mistake.
    UnfitModel
        The shipped weights are damaged.
    """
    started = time.perf_counter()
    digest = labels_sha256(settings)
    counts: dict[str, dict[str, int]] = {"languages": {}, "topics": {}}
    read = deliveries_count = last = 0
    reader: Reader | None = None
    while True:
        with warehouse.transaction() as transaction:
            lock_labels(transaction)
            # Past the last one: two runs with different topics do not take turns for ever.
            unread = _unread(transaction, digest, after=last)
            if not unread:
                break
            reader = reader or Reader(
                topics=load_topics(settings.topics_file),
                sentiment=Sentiment(starter=shipped(), own_stars=own_stars(warehouse, as_of)),
                timezone=settings.calendar.timezone,
            )
            deliveries, written = _label_some(transaction, reader, unread, counts)
            _record(transaction, deliveries, digest, settings.run_id)
            failpoint("label.before_commit")
        failpoint("label.after_commit")
        read += written
        deliveries_count += len(deliveries)
        last = deliveries[-1]
    return warehouse.record(
        Receipt(
            door="label",
            as_of=as_of,
            read=read,
            written=read,
            seconds=time.perf_counter() - started,
            details={"deliveries": deliveries_count, **counts},
        ),
        settings.run_id,
    )


def lock_labels(transaction: Transaction) -> None:
    """Wait until nobody else labels messages or rolls labels up, and keep others from it."""
    transaction.lock("feedback.messages", minutes_max=10)  # a rebuild may come first


def _unread(transaction: Transaction, digest: str, *, after: int) -> list[int]:
    """The accepted deliveries after one whose messages are to be read, rising."""
    rows = transaction.execute(
        "SELECT delivery_id FROM raw.deliveries AS delivery WHERE status = 'accepted' "
        "AND delivery_id > :after AND NOT EXISTS (SELECT FROM feedback.labelled AS labelled "
        "WHERE labelled.delivery_id = delivery.delivery_id AND labelled.labels_sha256 = :digest) "
        "ORDER BY delivery_id",
        digest=digest,
        after=after,
    )
    return [row.delivery_id for row in rows]


def _label_some(
    transaction: Transaction,
    reader: Reader,
    unread: Sequence[int],
    counts: dict[str, dict[str, int]],
) -> tuple[list[int], int]:
    """Label whole deliveries until there are about 50,000 messages; which, and how many."""
    deliveries: list[int] = []
    written = 0
    for delivery in unread:
        transaction.execute(
            "DELETE FROM feedback.messages WHERE delivery_id = :delivery", delivery=delivery
        )
        written += _label(transaction, reader, delivery, counts)
        deliveries.append(delivery)
        if written >= _TRANSACTION_ROWS:
            break
    return deliveries, written


def _label(
    transaction: Transaction, reader: Reader, delivery: int, counts: dict[str, dict[str, int]]
) -> int:
    """Write the labels of all messages of a delivery, page by page; how many."""
    written, line, key = 0, -1, b""
    while True:
        messages = transaction.execute(
            f"{PAGE} LIMIT {_PAGE_ROWS}", delivery=delivery, line=line, key=key
        )
        if not messages:
            return written
        labels = reader.labels(messages)
        written += transaction.copy(
            "feedback.messages", pa.Table.from_pylist(labels, schema=_SCHEMA)
        )
        for row in labels:
            for name, column in (("languages", "language"), ("topics", "topic")):
                counts[name][row[column]] = counts[name].get(row[column], 0) + 1
        line, key = messages[-1].line_number, bytes(messages[-1].row_key)


def _record(transaction: Transaction, deliveries: Sequence[int], digest: str, run_id: str) -> None:
    transaction.execute(
        "INSERT INTO feedback.labelled (delivery_id, labels_sha256, messages_count, labelled_at, "
        "run_id) SELECT identity, :digest, (SELECT count(*) FROM feedback.messages AS message "
        "WHERE message.delivery_id = identity), :now, :run_id FROM unnest(:ids) AS identity "
        "ON CONFLICT (delivery_id) DO UPDATE SET labels_sha256 = excluded.labels_sha256, "
        "messages_count = excluded.messages_count, labelled_at = excluded.labelled_at, "
        "run_id = excluded.run_id",
        digest=digest,
        now=clock.now(),
        run_id=run_id,
        ids=list(deliveries),
    )
