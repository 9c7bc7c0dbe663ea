"""The manifest of a scoring run, `scores.snapshots`: reused, or written with its rows."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from retention_ml import clock, failpoints
from retention_ml.models.registry.model_version import ServedModel
from retention_ml.scores.lease import Lease
from retention_ml.scores.summaries.leading import leading_customers
from retention_ml.scores.summaries.reason_totals import reason_totals
from retention_ml.warehouse import Warehouse


def of_models(
    champion: ServedModel, challenger: ServedModel | None, *, share: float, salt: str
) -> dict[str, Any]:
    """The manifest's columns about the models and who is served by which.

    Without a challenger its columns are empty, and so is the salt where nobody is assigned to one:
    what changes no score must not change the manifest.
    """
    return {
        "definition_hash": str(champion.bundle.manifest["definition_hash"]),
        "model_name": champion.name,
        "model_version": str(champion.version),
        "model_as_of": _as_of(champion),
        "bundle_sha256": champion.bundle.sha256,
        "challenger_name": challenger.name if challenger else None,
        "challenger_version": str(challenger.version) if challenger else None,
        "challenger_as_of": _as_of(challenger) if challenger else None,
        "challenger_bundle_sha256": challenger.bundle.sha256 if challenger else None,
        "challenger_share": share if challenger else None,
        "split_salt": salt if challenger and share > 0 else None,
    }


def _as_of(model: ServedModel) -> date | None:
    """The day up to whose start a model knew anything; None for the starter, trained elsewhere."""
    as_of = model.bundle.manifest.get("as_of")
    return date.fromisoformat(str(as_of)) if as_of else None


def published_alike(warehouse: Warehouse, manifest: Mapping[str, Any]) -> int | None:
    """The snapshot that readers of the day see, if it is equal in every respect."""
    conditions = " AND ".join(f"{name} IS NOT DISTINCT FROM :{name}" for name in manifest)
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT snapshot_id FROM scores.snapshots WHERE snapshot_id = (SELECT snapshot_id "
            f"FROM scores.published WHERE as_of = :as_of) AND {conditions}",
            **manifest,
        )
    return int(rows[0][0]) if rows else None


def write(
    warehouse: Warehouse,
    rows: pa.Table,
    exclusions: pa.Table,
    manifest: Mapping[str, Any],
    lease: Lease,
    run_id: str,
) -> int:
    """Write a manifest, its scores, what is stored beside them, its exclusions; the snapshot's number."""
    stamped = {
        **manifest,
        "status": "built",
        "epoch": lease.epoch,
        "promotion_id": lease.promotion_id,
        "run_id": run_id,
        "built_at": clock.now(),
    }
    with warehouse.transaction() as transaction:
        row = transaction.insert_row("scores.snapshots", stamped, returning="snapshot_id")
        assert row is not None
        snapshot_id = int(row[0])
        for table, content in (
            ("customer_daily", rows),
            ("exclusions", exclusions),
            ("leading_customers", leading_customers(rows)),
            ("reason_totals", reason_totals(rows)),
        ):
            number = pa.repeat(pa.scalar(snapshot_id), content.num_rows)
            transaction.copy(f"scores.{table}", content.append_column("snapshot_id", number))
        failpoints.failpoint("score.after_rows")
        failpoints.failpoint("score.before_commit")
    with warehouse.transaction() as transaction:
        # The planner takes a number that it has never seen for that of a single row.
        transaction.execute("ANALYZE scores.customer_daily (snapshot_id)")
    return snapshot_id
