"""The door `watch`: how a published day differs from earlier ones, and what is worth an alert."""

import time
from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from retention_ml import clock
from retention_ml.outcomes.monitoring import queries
from retention_ml.outcomes.monitoring.alerts import (
    DRIFT_ALERTS,
    Key,
    drift_alerts,
    persistent,
    raise_alerts,
)
from retention_ml.outcomes.monitoring.drift_report import Found, changes_of
from retention_ml.outcomes.monitoring.freshness import standing_alerts
from retention_ml.outcomes.monitoring.queries import Published
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def watch(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Compare what was published for a day with earlier days; store every size; raise alerts.

    Without a published snapshot of the day only freshness and refusals are looked at. Sizes of
    the snapshot that were stored before are replaced; an alert is written once.

    Returns
    -------
    Receipt
        `details["alerts"]`: those that are news (kind, subject, severity, sentence, runbook);
        `details["wants_training"]`: whether the day's drift asks for a training.
    """
    started = time.perf_counter()
    limits = settings.monitoring
    days = queries.published(warehouse, as_of)
    now = days[-1] if days and days[-1].as_of == as_of else None
    found = changes_of(warehouse, settings, now, days) if now else []
    alerts = standing_alerts(
        queries.standing(warehouse, settings, as_of), stale_days_max=limits.stale_days_max
    )
    with warehouse.transaction() as transaction:
        if now is not None:
            _store(transaction, now, found)
            windows = _beyond(transaction, days[-limits.windows :])
            alerts += drift_alerts(
                found,
                persistent(windows, at_least=limits.windows_beyond),
                as_of=as_of,
                windows=limits.windows,
                windows_beyond=limits.windows_beyond,
            )
        news = raise_alerts(
            transaction,
            alerts,
            as_of=as_of,
            cooldown_days=limits.cooldown_days,
            run_id=settings.run_id,
        )
    receipt = Receipt(
        door="watch",
        as_of=as_of,
        read=len(found),
        written=len(found),
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": now.snapshot_id if now else None,
            "beyond": sum(change.is_beyond for change, _ in found),
            "alerts": [alert.to_dict() for alert in news],
            "wants_training": limits.drift_starts_training
            and any(alert.kind in DRIFT_ALERTS for alert in news),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _store(transaction: Transaction, now: Published, found: Found) -> None:
    """Put the sizes in the place of those stored for the snapshot before."""
    transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=f"drift:{now.snapshot_id}"
    )
    transaction.execute("DELETE FROM outcomes.drift WHERE snapshot_id = :id", id=now.snapshot_id)
    changes = [change for change, _ in found]
    n = len(changes)
    transaction.copy(
        "outcomes.drift",
        pa.table(
            {
                "as_of": pa.repeat(pa.scalar(now.as_of, pa.date32()), n),
                "snapshot_id": pa.repeat(pa.scalar(now.snapshot_id, pa.int64()), n),
                "kind": pa.array([change.kind for change in changes], pa.string()),
                "name": pa.array([change.name for change in changes], pa.string()),
                "measure": pa.array([change.measure for change in changes], pa.string()),
                "value": pa.array([change.value for change in changes], pa.float64()),
                "threshold": pa.array([change.threshold for change in changes], pa.float64()),
                "is_beyond": pa.array([change.is_beyond for change in changes], pa.bool_()),
                "reference": pa.array([reference for _, reference in found], pa.string()),
                "measured_at": pa.repeat(pa.scalar(clock.now(), pa.timestamp("us", tz="UTC")), n),
            }
        ),
    )


def _beyond(transaction: Transaction, days: Sequence[Published]) -> list[set[Key]]:
    """What was beyond on each of some published days."""
    rows = transaction.execute(
        "SELECT snapshot_id, kind, name, measure FROM outcomes.drift "
        "WHERE is_beyond AND snapshot_id = ANY (:ids)",
        ids=[day.snapshot_id for day in days],
    )
    return [
        {(row.kind, row.name, row.measure) for row in rows if row.snapshot_id == day.snapshot_id}
        for day in days
    ]
