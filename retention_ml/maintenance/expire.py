"""The door that deletes what was kept long enough, by the periods of `[privacy]`.

Only what nothing is computed from: texts of rows that could not be used, addresses and contents of
messages that are through, the assistant's calls, archived files that were taken in.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from retention_ml import clock
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.deliveries.archive import path_of
from retention_ml.failpoints import failpoint
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How long something is kept: the setting in days, and what ends it for all before an instant."""

    table: str
    setting: str
    sql: str


# Rows stay where a ledger counts them; what they hold of persons goes.
PERIODS = (
    Period(
        table="quarantine.rows",
        setting="quarantine_days",
        sql="UPDATE quarantine.rows AS bad SET raw_text = '', raw_bytes = NULL, detail = NULL, "
        "expired_at = :now WHERE expired_at IS NULL AND quarantined_at < :before AND NOT EXISTS ("
        "SELECT FROM raw.deliveries AS replay WHERE replay.replay_of = bad.delivery_id "
        "AND replay.status IN ('landed', 'staged', 'held'))",
    ),
    Period(
        table="actions.outbox",
        setting="messages_days",
        sql="UPDATE actions.outbox SET address = NULL, payload = '{}', provider_ref = NULL, "
        "expired_content_at = :now WHERE expired_content_at IS NULL AND changed_at < :before "
        "AND state IN ('sent', 'failed', 'unknown', 'expired', 'suppressed')",
    ),
    Period(
        table="ops.assistant_calls",
        setting="assistant_calls_days",
        sql="DELETE FROM ops.assistant_calls WHERE called_at < :before",
    ),
)
# A file that came again since is kept from then on; one whose batch is open may be read again.
_ARCHIVED = """
SELECT file_sha256 FROM raw.deliveries
WHERE file_sha256 <> '' AND replay_of IS NULL
GROUP BY file_sha256
HAVING max(landed_at) < :before AND bool_or(archive_expired_at IS NULL)
    AND NOT bool_or(status IN ('landed', 'staged', 'held'))
ORDER BY 1
"""


def expire(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Delete what was kept for longer than `[privacy]` says; a period of 0 days is for ever.

    Returns
    -------
    Receipt
        Counts rows and files: written (those that were ended); details: by table, and `landing`.
    """
    started = time.monotonic()
    now = clock.now()
    counts: dict[str, int] = {}
    for period in PERIODS:
        if before := _before(settings, period.setting, now):
            counts[period.table] = _expire_rows(warehouse, settings, period, before, now)
    if before := _before(settings, "archive_days", now):
        counts["landing"] = _expire_files(warehouse, settings, before, now)
    total = sum(counts.values())
    return warehouse.record(
        Receipt(
            door="expire",
            read=total,
            written=total,
            seconds=time.monotonic() - started,
            details={"expired": counts},
        ),
        settings.run_id,
    )


def _before(settings: Settings, setting: str, now: datetime) -> datetime | None:
    days = int(getattr(settings.privacy, setting))
    return now - timedelta(days=days) if days else None


def _expire_rows(
    warehouse: Warehouse, settings: Settings, period: Period, before: datetime, now: datetime
) -> int:
    with warehouse.transaction() as transaction:
        count = transaction.change(period.sql, **_used(period.sql, before=before, now=now))
        if count:
            _record(warehouse, settings, period.table, count, before)
        failpoint("expire.before_commit")
    return count


def _expire_files(warehouse: Warehouse, settings: Settings, before: datetime, now: datetime) -> int:
    """Delete archived files; the ledger says so afterwards, so that a killed run is made good."""
    with warehouse.transaction() as transaction:
        digests = [str(row.file_sha256) for row in transaction.execute(_ARCHIVED, before=before)]
    if not digests:
        return 0
    _record(warehouse, settings, "landing", len(digests), before)
    for sha256 in digests:
        path_of(settings.home, sha256).unlink(missing_ok=True)
    with warehouse.transaction() as transaction:
        _mark(transaction, digests, before, now)
    return len(digests)


def _mark(transaction: Transaction, digests: list[str], before: datetime, now: datetime) -> None:
    transaction.execute(
        "UPDATE raw.deliveries SET archive_expired_at = :now WHERE file_sha256 = ANY(:digests) "
        "AND archive_expired_at IS NULL AND landed_at < :before",
        now=now,
        digests=digests,
        before=before,
    )


def _record(
    warehouse: Warehouse, settings: Settings, table: str, count: int, before: datetime
) -> None:
    record_event(
        warehouse,
        Event.EXPIRED,
        settings=settings,
        subject=table,
        details={"expired_count": count, "before": before.isoformat()},
    )


def _used(sql: str, **values: datetime) -> Mapping[str, datetime]:
    """The parameters that a statement names."""
    return {name: value for name, value in values.items() if f":{name}" in sql}
