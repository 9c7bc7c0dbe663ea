"""The door `publish_lists`: audit the lists of a day and flip the pointer, in one transaction.

Readers see the previous lists until the commit and all of the new ones after it.
"""

import time
from functools import partial

import ibis

from retention_ml.failpoints import failpoint
from retention_ml.publication.audit import Audit
from retention_ml.publication.publish import Manifest, Steps, Words, publish, read_manifest
from retention_ml.quality.check import check_table
from retention_ml.receipts import Receipt
from retention_ml.recommendations.snapshots.audits import audits
from retention_ml.recommendations.snapshots.snapshot import SNAPSHOTS
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

SUITE = "recommendations.customer_daily"
_ROWS = ibis.table(
    {
        "snapshot_id": "int64",
        "as_of": "date",
        "rank": "int32",
        **dict.fromkeys(
            ("customer_id", "list", "product_id", "source", "reason_code", "reason"), "string"
        ),
        **dict.fromkeys(("purchase_probability", "propensity"), "float64"),
        "expected_margin_cents": "int64",
    },
    name="customer_daily",
    database="recommendations",
)


_WORDS = Words(content="lists", command="retention recommend")


def publish_lists(warehouse: Warehouse, *, settings: Settings, snapshot_id: int) -> Receipt:
    """Make a snapshot of lists what readers see for its day.

    Publishing the snapshot that readers see already changes nothing.

    Raises
    ------
    UsageError
        There is no such snapshot.
    PublicationRefused
        A newer run has begun for the day, or a critical audit failed. The snapshot is then marked
        `refused` with the reason.
    """
    started = time.perf_counter()
    manifest = read_manifest(warehouse, SNAPSHOTS, _WORDS, snapshot_id)
    steps = Steps(
        check=partial(_check_expectations, warehouse, settings),
        audit=partial(_audited, settings),
        before_commit=_before_commit,
    )
    results = publish(warehouse, SNAPSHOTS, _WORDS, manifest, steps)
    failpoint("publish_lists.after_commit")
    is_repeat = results is None
    receipt = Receipt(
        door="publish_lists",
        as_of=manifest.as_of,
        read=manifest.row["population_count"],
        written=0 if is_repeat else manifest.row["listed_count"],
        left_out=0 if is_repeat else manifest.row["excluded_count"],
        duplicates=manifest.row["population_count"] if is_repeat else 0,
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": snapshot_id,
            "is_repeat": is_repeat,
            "audits": len(results or ()),
            "warnings": [f"{a.name}: {a.observed}" for a in results or () if not a.is_success],
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _check_expectations(warehouse: Warehouse, settings: Settings, manifest: Manifest) -> None:
    rows = _ROWS.filter(_ROWS.snapshot_id == manifest.snapshot_id)
    check_table(warehouse, settings=settings, suite=SUITE, as_of=manifest.as_of, rows=rows)


def _audited(settings: Settings, transaction: Transaction, manifest: Manifest) -> list[Audit]:
    results = audits(
        transaction,
        manifest.snapshot_id,
        shrink_warning=settings.tiers.share_change_warning,
        shrink_max=settings.tiers.share_change_max,
    )
    failpoint("publish_lists.after_audits")
    return results


def _before_commit() -> None:
    failpoint("publish_lists.before_commit")
