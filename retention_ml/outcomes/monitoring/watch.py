"""The door `watch`: how a published day differs from earlier ones, and what raises an alert."""

import time
from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from retention_ml import clock
from retention_ml.maintenance.invariants import violations
from retention_ml.outcomes.monitoring import queries
from retention_ml.outcomes.monitoring.alerts import (
    DRIFT_ALERTS,
    Key,
    drift_alerts,
    persistent,
    raise_alerts,
)
from retention_ml.outcomes.monitoring.drift_report import DriftRows, drift_report
from retention_ml.outcomes.monitoring.freshness import freshness_alerts
from retention_ml.outcomes.monitoring.integrity import invariant_alerts
from retention_ml.outcomes.monitoring.queries import PublishedSnapshot
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def watch(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Compare what was published for a day with earlier days; store every size; raise alerts.

    Without a published snapshot of the day only freshness, refusals and the cheap invariants are
    checked. Sizes stored for the snapshot before are replaced; an alert is written once.

    Returns
    -------
    Receipt
        `details["alerts"]`: those that are new (kind, subject, severity, sentence, runbook);
        `details["wants_training"]`: whether the day's drift asks for a training.
    """
    started = time.perf_counter()
    monitoring = settings.monitoring
    days = queries.published(warehouse, as_of)
    now = days[-1] if days and days[-1].as_of == as_of else None
    rows = drift_report(warehouse, settings, now, days) if now else []
    alerts = freshness_alerts(
        queries.freshness(warehouse, settings, as_of), stale_days_max=monitoring.stale_days_max
    )
    alerts += invariant_alerts(violations(warehouse, as_of=as_of))
    with warehouse.transaction() as transaction:
        if now is not None:
            _write_drift(transaction, now, rows)
            windows = _keys_beyond(transaction, days[-monitoring.windows :])
            alerts += drift_alerts(
                rows,
                persistent(windows, at_least=monitoring.windows_beyond),
                as_of=as_of,
                windows=monitoring.windows,
                windows_beyond=monitoring.windows_beyond,
            )
        new_alerts = raise_alerts(
            transaction,
            alerts,
            as_of=as_of,
            cooldown_days=monitoring.cooldown_days,
            run_id=settings.run_id,
        )
    receipt = Receipt(
        door="watch",
        as_of=as_of,
        read=len(rows),
        written=len(rows),
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": now.snapshot_id if now else None,
            "beyond": sum(change.is_beyond for change, _ in rows),
            "alerts": [alert.to_dict() for alert in new_alerts],
            "wants_training": monitoring.drift_starts_training
            and any(alert.kind in DRIFT_ALERTS for alert in new_alerts),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _write_drift(transaction: Transaction, now: PublishedSnapshot, rows: DriftRows) -> None:
    """Replace the sizes that were stored for the snapshot before."""
    transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=f"drift:{now.snapshot_id}"
    )
    transaction.execute("DELETE FROM outcomes.drift WHERE snapshot_id = :id", id=now.snapshot_id)
    changes = [change for change, _ in rows]
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
                "reference": pa.array([reference for _, reference in rows], pa.string()),
                "measured_at": pa.repeat(pa.scalar(clock.now(), pa.timestamp("us", tz="UTC")), n),
            }
        ),
    )


def _keys_beyond(transaction: Transaction, days: Sequence[PublishedSnapshot]) -> list[set[Key]]:
    """What exceeded its threshold on each of some published days."""
    rows = transaction.execute(
        "SELECT snapshot_id, kind, name, measure FROM outcomes.drift "
        "WHERE is_beyond AND snapshot_id = ANY (:ids)",
        ids=[day.snapshot_id for day in days],
    )
    return [
        {(row.kind, row.name, row.measure) for row in rows if row.snapshot_id == day.snapshot_id}
        for day in days
    ]
