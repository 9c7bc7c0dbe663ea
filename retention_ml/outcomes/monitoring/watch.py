"""The door `watch`: how a published day differs from earlier ones, and what raises an alert."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

import pyarrow as pa

from retention_ml import clock
from retention_ml.errors import WarehouseError
from retention_ml.maintenance.invariants import violations
from retention_ml.outcomes.distributions import (
    NAMES_MAX,
    Distribution,
    distributions,
    write_distributions,
)
from retention_ml.outcomes.monitoring import queries
from retention_ml.outcomes.monitoring.abnormal_alerts import abnormal_alerts
from retention_ml.outcomes.monitoring.actions.watch_actions import action_alerts
from retention_ml.outcomes.monitoring.alerts import (
    DRIFT_ALERTS,
    Alert,
    drift_alerts,
    invariant_alerts,
    persistent,
    raise_alerts,
    unchecked_invariants_alert,
)
from retention_ml.outcomes.monitoring.delivery_alerts import (
    delivery_alerts,
    stray_alerts,
    stray_files,
    unusable_files,
)
from retention_ml.outcomes.monitoring.drift import NOT_COMPARED, Change, Key
from retention_ml.outcomes.monitoring.drift_report import drift_report, features_reference
from retention_ml.outcomes.monitoring.freshness import freshness_alerts
from retention_ml.outcomes.monitoring.gate_alerts import gate_alerts
from retention_ml.outcomes.monitoring.list_alerts import list_alerts
from retention_ml.outcomes.monitoring.quality_alerts import quality_alerts
from retention_ml.outcomes.monitoring.queries import PublishedSnapshot
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_SCHEMA = pa.schema(
    {
        "as_of": pa.date32(),
        "snapshot_id": pa.int64(),
        **dict.fromkeys(("kind", "name", "measure", "reference"), pa.string()),
        **dict.fromkeys(("value", "threshold"), pa.float64()),
        "is_beyond": pa.bool_(),
        "measured_at": pa.timestamp("us", tz="UTC"),
    }
)


def watch(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Compare what was published for a day with earlier days; store every size; raise alerts.

    Without a published snapshot of the day only freshness, refusals, deliveries, gates, lists,
    actions and the cheap invariants are checked; that they cannot be checked is an alert too. Sizes
    and distributions stored for the snapshot before are replaced; an alert is written once.

    Returns
    -------
    Receipt
        `details["alerts"]`: those that are new (kind, subject, severity, sentence, runbook);
        `details["wants_training"]`: whether the day's drift asks for a training;
        `details["not_compared"]`: by kind, why there was nothing to compare with.
    """
    started = time.perf_counter()
    monitoring = settings.monitoring
    days = queries.published(warehouse, as_of)
    now = days[-1] if days and days[-1].as_of == as_of else None
    changes = drift_report(warehouse, settings, now, days) if now else []
    reference = features_reference(warehouse, as_of) if now else None
    shown = _distributions(warehouse, now, reference, changes) if now and reference else []
    freshness = queries.freshness(warehouse, settings, as_of)
    alerts = [
        *freshness_alerts(freshness, stale_days_max=monitoring.stale_days_max),
        *quality_alerts(warehouse, as_of),
        *gate_alerts(warehouse, settings, as_of),
        *list_alerts(warehouse, settings, as_of),
        *abnormal_alerts(warehouse, as_of),
        *delivery_alerts(unusable_files(warehouse, as_of), settings, as_of=as_of),
        *stray_alerts(stray_files(warehouse, settings, as_of)),
        *_check_invariants(warehouse, as_of),
    ]
    with warehouse.transaction() as transaction:
        if now is not None:
            _write_drift(transaction, now, changes)
            write_distributions(transaction, now.snapshot_id, reference, shown)
            windows = _keys_beyond(transaction, days[-monitoring.windows :])
            alerts += drift_alerts(
                changes,
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
    new_alerts += action_alerts(warehouse, settings, as_of=as_of, now=clock.now())
    receipt = Receipt(
        door="watch",
        as_of=as_of,
        read=len(changes),
        written=len(changes),
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": now.snapshot_id if now else None,
            "beyond": sum(change.is_beyond for change in changes),
            "not_compared": {
                change.kind: change.reference
                for change in changes
                if change.measure == NOT_COMPARED
            },
            "alerts": [alert.to_dict() for alert in new_alerts],
            "wants_training": monitoring.drift_starts_training
            and any(alert.kind in DRIFT_ALERTS for alert in new_alerts),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _check_invariants(warehouse: Warehouse, as_of: date) -> list[Alert]:
    """Alerts about broken invariants; a query that fails keeps no other alert from being raised."""
    try:
        return invariant_alerts(violations(warehouse, as_of=as_of))
    except WarehouseError as error:
        return [unchecked_invariants_alert(error)]


def _distributions(
    warehouse: Warehouse, now: PublishedSnapshot, reference: date, changes: Sequence[Change]
) -> list[Distribution]:
    """Of the features that changed most, as far as it counts."""
    features = [
        change
        for change in changes
        if (change.kind, change.measure) == ("input", "psi") and change.threshold is not None
    ]
    most_changed = sorted(features, key=lambda change: (-change.value, change.name))[:NAMES_MAX]
    with warehouse.transaction() as transaction:
        return distributions(
            transaction,
            [change.name for change in most_changed],
            as_of=now.as_of,
            reference=reference,
        )


def _write_drift(
    transaction: Transaction, now: PublishedSnapshot, changes: Sequence[Change]
) -> None:
    """Replace the sizes that were stored for the snapshot before."""
    transaction.lock(f"drift:{now.snapshot_id}")
    transaction.execute("DELETE FROM outcomes.drift WHERE snapshot_id = :id", id=now.snapshot_id)
    stamps = {"as_of": now.as_of, "snapshot_id": now.snapshot_id, "measured_at": clock.now()}
    rows = [{**asdict(change), "is_beyond": change.is_beyond, **stamps} for change in changes]
    transaction.copy("outcomes.drift", pa.Table.from_pylist(rows, _SCHEMA))


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
