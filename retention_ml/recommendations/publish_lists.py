"""The door `publish_lists`: audit the lists of a day and flip the pointer, in one transaction.

Readers see the previous lists until the commit and all of the new ones after it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis

from retention_ml import clock
from retention_ml.errors import PublicationRefused, QualityError, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.quality.check import check_table
from retention_ml.receipts import Receipt
from retention_ml.recommendations.snapshots.audits import Audit, audits, published_day, refusal
from retention_ml.recommendations.snapshots.snapshot import fence
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


class _Refusal(Exception):
    """Leaves the publishing transaction, so that nothing of it is kept."""

    def __init__(self, why: str, advice: str = "", results: Sequence[Audit] = ()) -> None:
        super().__init__(why)
        self.why, self.advice, self.results = why, advice, results


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manifest:
    snapshot_id: int
    as_of: date
    status: str
    epoch: int
    population_count: int
    listed_count: int
    excluded_count: int
    reason: str | None


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
    manifest = _manifest(warehouse, snapshot_id)
    try:
        if manifest.status == "built":
            _check_expectations(warehouse, settings, manifest)
        with warehouse.transaction() as transaction:
            results = _publish(transaction, settings, manifest)
            failpoint("publish_lists.before_commit")
    except _Refusal as refused:
        with warehouse.transaction() as transaction:
            if transaction.change(
                "UPDATE recommendations.snapshots SET status = 'refused', reason = :why "
                "WHERE snapshot_id = :id AND status = 'built'",
                id=snapshot_id,
                why=refused.why,
            ):
                _store(transaction, snapshot_id, refused.results)
        raise PublicationRefused(
            f"The lists {snapshot_id} of {manifest.as_of} were not published: {refused.why}. "
            f"Readers still see what they saw before. {refused.advice}Make them again: "
            f"`retention recommend --as-of {manifest.as_of}`."
        ) from None
    failpoint("publish_lists.after_commit")
    is_repeat = results is None
    receipt = Receipt(
        door="publish_lists",
        as_of=manifest.as_of,
        read=manifest.population_count,
        written=0 if is_repeat else manifest.listed_count,
        left_out=0 if is_repeat else manifest.excluded_count,
        duplicates=manifest.population_count if is_repeat else 0,
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": snapshot_id,
            "is_repeat": is_repeat,
            "audits": len(results or ()),
            "warnings": [f"{a.name}: {a.observed}" for a in results or () if not a.is_success],
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _manifest(warehouse: Warehouse, snapshot_id: int) -> _Manifest:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT snapshot_id, as_of, status, epoch, population_count, listed_count, "
            "excluded_count, reason FROM recommendations.snapshots WHERE snapshot_id = :id",
            id=snapshot_id,
        )
    if not rows:
        raise UsageError(
            f"There are no lists {snapshot_id}. Make those of the day first: "
            "`retention recommend --as-of D`."
        )
    return _Manifest(**rows[0]._asdict())


def _check_expectations(warehouse: Warehouse, settings: Settings, manifest: _Manifest) -> None:
    """The suite of the lists on the snapshot's rows.

    Before the transaction: Great Expectations brings its own connections and takes seconds. What
    must hold at the moment of the flip is checked again by the audits inside.
    """
    rows = _ROWS.filter(_ROWS.snapshot_id == manifest.snapshot_id)
    try:
        check_table(warehouse, settings=settings, suite=SUITE, as_of=manifest.as_of, rows=rows)
    except QualityError as error:
        raise _Refusal(str(error).rstrip(".")) from error


def _publish(
    transaction: Transaction, settings: Settings, manifest: _Manifest
) -> list[Audit] | None:
    """Audit and flip; the audits, or None if readers see the snapshot already."""
    epoch = transaction.execute(
        "SELECT epoch FROM ops.fences WHERE name = :name FOR UPDATE", name=fence(manifest.as_of)
    )
    # One publisher at a time, over all days: what came before must not change under us.
    transaction.execute("LOCK TABLE recommendations.published IN SHARE ROW EXCLUSIVE MODE")
    if published_day(transaction, manifest.as_of) == manifest.snapshot_id:
        return None
    if manifest.status == "refused":
        raise _Refusal(f"they were refused before ({manifest.reason})")
    if not epoch or int(epoch[0][0]) != manifest.epoch:
        newest_run = f"run {epoch[0][0]}" if epoch else "no run"
        raise _Refusal(
            "another run has begun to make the lists of the day since, and its lists count (this "
            f"is run {manifest.epoch}, the newest is {newest_run})",
            "The newer run publishes; there is nothing to do unless it failed. ",
        )
    results = audits(
        transaction,
        manifest.snapshot_id,
        shrink_warning=settings.tiers.share_change_warning,
        shrink_max=settings.tiers.share_change_max,
    )
    failpoint("publish_lists.after_audits")
    why = refusal(results)
    if why:
        raise _Refusal(why, "Fix what the audit names. ", results)
    _store(transaction, manifest.snapshot_id, results)
    _flip(transaction, manifest)
    return results


def _flip(transaction: Transaction, manifest: _Manifest) -> None:
    now = clock.now()
    transaction.insert_row(
        "recommendations.published",
        {
            "as_of": manifest.as_of,
            "snapshot_id": manifest.snapshot_id,
            "epoch": manifest.epoch,
            "published_at": now,
        },
        on_conflict="(as_of) DO UPDATE SET snapshot_id = excluded.snapshot_id, "
        "epoch = excluded.epoch, published_at = excluded.published_at",
    )
    transaction.execute(
        "UPDATE recommendations.snapshots SET status = 'published', published_at = :now "
        "WHERE snapshot_id = :id",
        id=manifest.snapshot_id,
        now=now,
    )


def _store(transaction: Transaction, snapshot_id: int, results: Sequence[Audit]) -> None:
    for audit in results:
        transaction.insert_row(
            "recommendations.audits",
            {
                "snapshot_id": snapshot_id,
                "audit": audit.name,
                "severity": audit.severity,
                "is_success": audit.is_success,
                "observed": audit.observed,
                "audited_at": clock.now(),
            },
            on_conflict="(snapshot_id, audit) DO NOTHING",
        )
