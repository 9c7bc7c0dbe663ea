"""The door `publish_profiles`: audit the profiles of a day and flip the pointer, in one transaction.

Readers see the previous profiles until the commit and all of the new ones after it.
"""

import time
from functools import partial

import ibis

from retention_ml.failpoints import failpoint
from retention_ml.profiles.snapshots.audits import Limits, audits
from retention_ml.profiles.snapshots.pruning import prune
from retention_ml.profiles.snapshots.snapshot import SNAPSHOTS, WORDS
from retention_ml.profiles.snapshots.value_audits import value_audits
from retention_ml.publication.audit import Audit
from retention_ml.publication.publish import Manifest, Steps, publish, read_manifest
from retention_ml.quality.check import check_table
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

SUITE = "profiles.customer_daily"
_ROWS = ibis.table(
    {
        "snapshot_id": "int64",
        **dict.fromkeys(
            ("as_of", "stage_since", "acquired_on", "first_order_on", "last_order_on"), "date"
        ),
        **dict.fromkeys(
            ("customer_id", "lifecycle_stage", "previous_stage", "rfm_group"), "string"
        ),
        **dict.fromkeys(("purchase_days_count", "orders_count", "revenue_cents"), "int64"),
        **dict.fromkeys(("rfm_recency", "rfm_frequency", "rfm_value"), "int32"),
        **dict.fromkeys(
            ("purchase_interval_days", "overdue_after_days", "still_customer_probability"),
            "float64",
        ),
        "is_overdue": "boolean",
        "persona_id": "int32",
    },
    name="customer_daily",
    database="profiles",
)


def publish_profiles(warehouse: Warehouse, *, settings: Settings, snapshot_id: int) -> Receipt:
    """Make a snapshot of profiles what readers see for its day.

    Publishing the snapshot that readers see already changes nothing. Rows of customers of days long
    past are deleted afterwards.

    Raises
    ------
    UsageError
        There is no such snapshot.
    PublicationRefused
        A newer run has begun for the day, or a critical audit failed. The snapshot is then marked
        `refused` with the reason.
    """
    started = time.perf_counter()
    manifest = read_manifest(warehouse, SNAPSHOTS, WORDS, snapshot_id)
    steps = Steps(
        check=partial(_check_expectations, warehouse, settings),
        audit=partial(_audited, settings),
        before_commit=_before_commit,
    )
    results = publish(warehouse, SNAPSHOTS, WORDS, manifest, steps)
    failpoint("publish_profiles.after_commit")
    pruned_count = prune(
        warehouse, manifest.as_of, history_days=settings.profiles.customer_history_days
    )
    count, is_repeat = manifest.row["customers_count"], results is None
    receipt = Receipt(
        door="publish_profiles",
        as_of=manifest.as_of,
        read=count,
        written=0 if is_repeat else count,
        duplicates=count if is_repeat else 0,
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": snapshot_id,
            "is_repeat": is_repeat,
            "audits": len(results or ()),
            "pruned_snapshots": pruned_count,
            "warnings": [f"{a.name}: {a.observed}" for a in results or () if not a.is_success],
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _check_expectations(warehouse: Warehouse, settings: Settings, manifest: Manifest) -> None:
    rows = _ROWS.filter(_ROWS.snapshot_id == manifest.snapshot_id)
    check_table(warehouse, settings=settings, suite=SUITE, as_of=manifest.as_of, rows=rows)


def _audited(settings: Settings, transaction: Transaction, manifest: Manifest) -> list[Audit]:
    limits = Limits(
        changed_warning=settings.profiles.stage_change_warning,
        shrink_max=settings.tiers.share_change_max,
        persona_changed_warning=settings.profiles.persona_change_max,
    )
    results = [
        *audits(transaction, manifest, limits, settings.calendar.timezone),
        *value_audits(transaction, manifest),
    ]
    failpoint("publish_profiles.after_audits")
    return results


def _before_commit() -> None:
    failpoint("publish_profiles.before_commit")
