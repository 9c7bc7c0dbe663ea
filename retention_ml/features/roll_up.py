"""The door that brings the daily rollups up to date with the deliveries."""

import logging
import time

from retention_ml import clock
from retention_ml.curated.load_sql import tune_session
from retention_ml.errors import NotReady
from retention_ml.expressions import insertion
from retention_ml.features import rollups
from retention_ml.features.cache import origin
from retention_ml.features.cache.sql_files import cached_sql, sql_folder
from retention_ml.features.local_time import calendar
from retention_ml.feedback.label import label, labels_sha256, lock_labels
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)


def roll_up(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Add the deliveries accepted since the last pass to the rollups, in one transaction.

    Messages that nobody has read yet are read first. A pass with nothing new changes nothing. When
    `calendar.timezone` or the topics of messages have changed since the last pass, all days are
    rebuilt.

    Returns
    -------
    Receipt
        `written` counts rollup rows; details: deliveries, rollup_id (of the newest pass).

    Raises
    ------
    NotReady
        Another run reads the messages with other topics or another calendar at the same time.
    """
    started = time.perf_counter()
    timezone, labels = settings.calendar.timezone, labels_sha256(settings)
    label(warehouse, settings=settings)
    with warehouse.transaction() as transaction:
        tune_session(transaction)
        transaction.lock("features.rolled_up", minutes_max=10)  # a rebuild may come first
        lock_labels(transaction)  # after the other, never before it
        origin.write_as_door(transaction, "rollups")
        _require_labels(transaction, labels)
        newest = int(
            transaction.execute("SELECT coalesce(max(rollup_id), 0) FROM features.rolled_up")[0][0]
        )
        is_first = (
            _empty_if_the_calendar_changed(transaction, timezone)
            or _empty_if_the_topics_changed(transaction, labels)
            or newest == 0
        )
        if is_first:
            transaction.execute("DELETE FROM features.calendar")
            transaction.copy("features.calendar", calendar(timezone))
            transaction.execute("ANALYZE features.calendar")
        deliveries = transaction.change(
            "INSERT INTO features.rolled_up (delivery_id, rollup_id, timezone, rolled_up_at, "
            "labels_sha256) SELECT delivery_id, :rollup_id, :timezone, :now, :labels "
            "FROM raw.deliveries AS delivery JOIN feedback.labelled USING (delivery_id) "
            "WHERE status = 'accepted' AND labelled.labels_sha256 = :labels "
            "AND NOT EXISTS (SELECT FROM features.rolled_up AS rolled "
            "WHERE rolled.delivery_id = delivery.delivery_id)",
            labels=labels,
            rollup_id=newest + 1,
            timezone=timezone,
            now=clock.now(),
        )
        written = 0
        if deliveries:
            newest += 1
            # Without these the planner takes the join to millions of rows for one of a few.
            transaction.execute("ANALYZE features.rolled_up")
            _create_pass(transaction, newest)
            _create_line_instants(transaction)
            written = sum(
                transaction.insert_by(_addition(settings, table, is_first))
                for table in rollups.TABLES
            )
    return warehouse.record(
        Receipt(
            door="roll_up",
            read=written,
            written=written,
            seconds=time.perf_counter() - started,
            details={"deliveries": deliveries, "rollup_id": newest},
        ),
        settings.run_id,
    )


def _addition(settings: Settings, table: str, is_first: bool) -> str:
    """The statement that adds a pass to a rollup: it is the same for all but the first one."""
    name = f"{table}_{'first' if is_first else 'later'}_pass"
    return cached_sql(
        sql_folder(settings.home),
        name,
        lambda: insertion(table, rollups.additions(is_first=is_first)[table]),
    )


def _create_pass(transaction: Transaction, rollup_id: int) -> None:
    """Create the tables that `rollups.PASS` and `rollups.PASS_DELIVERIES` describe."""
    transaction.execute(
        "CREATE TEMP TABLE pass_deliveries ON COMMIT DROP AS "
        "SELECT delivery_id FROM features.rolled_up WHERE rollup_id = :rollup_id",
        rollup_id=rollup_id,
    )
    transaction.execute("ANALYZE pass_deliveries")
    transaction.execute(
        "CREATE TEMP TABLE this_pass ON COMMIT DROP AS SELECT CAST(:rollup_id AS bigint) AS "
        "rollup_id, min(event_at) AS events_from, max(event_at) AS events_to "
        "FROM curated.events JOIN pass_deliveries USING (delivery_id) "
        "WHERE customer_id IS NOT NULL",
        rollup_id=rollup_id,
    )


def _create_line_instants(transaction: Transaction) -> None:
    transaction.execute(
        "CREATE TEMP TABLE line_instants (event_at timestamptz, known_from_at timestamptz, "
        "event_day bigint, known_from_day bigint) ON COMMIT DROP"
    )
    transaction.insert("line_instants", rollups.line_instants())
    transaction.execute("ANALYZE line_instants")


def _require_labels(transaction: Transaction, labels: str) -> None:
    """Rollups of some messages by these topics, of others by those, are nobody's."""
    [others] = transaction.execute(
        "SELECT count(*) AS deliveries FROM raw.deliveries JOIN feedback.labelled "
        "USING (delivery_id) WHERE status = 'accepted' AND labels_sha256 <> :labels",
        labels=labels,
    )
    if others.deliveries:
        raise NotReady(
            f"The messages of {others.deliveries} deliveries were read meanwhile with other topics "
            "or another calendar.timezone than this run has; expected one for all. The rollups "
            "stay as they were. Give all machines the same settings and topics file, then run the "
            "same command again."
        )


def _empty_if_the_calendar_changed(transaction: Transaction, timezone: str) -> bool:
    before = transaction.execute(
        "SELECT DISTINCT timezone FROM features.rolled_up WHERE timezone <> :timezone",
        timezone=timezone,
    )
    if not before:
        return False
    logger.warning(
        "calendar.timezone was %s and is now %s: all rollups are rebuilt, and features of past "
        "days will be rebuilt when they are next needed.",
        before[0][0],
        timezone,
    )
    _empty(transaction)
    return True


def _empty_if_the_topics_changed(transaction: Transaction, labels: str) -> bool:
    """Whether deliveries with messages were counted by other topics than those in force."""
    if not transaction.execute(
        "SELECT FROM features.rolled_up AS rolled JOIN feedback.labelled USING (delivery_id) "
        "WHERE rolled.labels_sha256 IS DISTINCT FROM :labels AND messages_count > 0 LIMIT 1",
        labels=labels,
    ):
        return False
    logger.warning(
        "The topics of messages have changed: all rollups are rebuilt, and features of past days "
        "will be rebuilt when they are next needed."
    )
    _empty(transaction)
    return True


def _empty(transaction: Transaction) -> None:
    for table in (*rollups.TABLES, "features.rolled_up"):
        transaction.execute(f"DELETE FROM {table}")
