"""The door `publish`: audit a snapshot and flip the pointer to it, in one transaction.

Readers see the previous snapshot until the commit and the whole new one after it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml import clock, failpoints
from retention_ml.errors import PublicationRefused, QualityError, UsageError
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.starter import NAME as STARTER
from retention_ml.quality.check import check_table
from retention_ml.receipts import Receipt
from retention_ml.scores import served
from retention_ml.scores.audits.audit_inputs import count_inputs
from retention_ml.scores.audits.audit_results import Audit, refusal
from retention_ml.scores.audits.audits import Limits, audits
from retention_ml.scores.lease import published_before
from retention_ml.scores.published_tiers import write_totals
from retention_ml.scores.snapshot import CUSTOMER_DAILY
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_SUITE = "scores.customer_daily"


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
    base_snapshot_id: int | None
    scored_count: int
    definition_hash: str
    model_name: str
    reason: str | None


def publish(warehouse: Warehouse, *, settings: Settings, snapshot_id: int) -> Receipt:
    """Make a snapshot what readers see for its day.

    Publishing the snapshot that readers see already changes nothing.

    Raises
    ------
    UsageError
        There is no such snapshot.
    PublicationRefused
        A newer run has begun for the day, another snapshot was published for the day before,
        or a critical audit failed. The snapshot is then marked `refused` with the reason.
    """
    started = time.perf_counter()
    manifest = _manifest(warehouse, snapshot_id)
    try:
        if manifest.status == "built":
            _check_expectations(warehouse, settings, manifest)
        with warehouse.transaction() as transaction:
            results = _publish(transaction, settings, manifest)
            failpoints.failpoint("publish.before_commit")
    except _Refusal as refused:
        with warehouse.transaction() as transaction:
            if transaction.change(
                "UPDATE scores.snapshots SET status = 'refused', reason = :why "
                "WHERE snapshot_id = :id AND status = 'built'",
                id=snapshot_id,
                why=refused.why,
            ):
                _store(transaction, snapshot_id, refused.results)
        raise PublicationRefused(
            f"Snapshot {snapshot_id} of {manifest.as_of} was not published: {refused.why}. "
            f"Readers still see what they saw before. {refused.advice}Score the day again: "
            f"`retention score --as-of {manifest.as_of}`."
        ) from None
    failpoints.failpoint("publish.after_commit")
    is_repeat = results is None
    receipt = Receipt(
        door="publish",
        as_of=manifest.as_of,
        read=manifest.scored_count,
        written=0 if is_repeat else manifest.scored_count,
        duplicates=manifest.scored_count if is_repeat else 0,
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
            "SELECT snapshot_id, as_of, status, epoch, base_snapshot_id, scored_count, "
            "definition_hash, model_name, reason FROM scores.snapshots WHERE snapshot_id = :id",
            id=snapshot_id,
        )
    if not rows:
        raise UsageError(
            f"There is no snapshot {snapshot_id}. Score the day first: `retention score --as-of D`."
        )
    return _Manifest(**rows[0]._asdict())


def _check_expectations(warehouse: Warehouse, settings: Settings, manifest: _Manifest) -> None:
    """The suite `scores.customer_daily` on the snapshot's rows.

    Before the transaction: Great Expectations brings its own connections and takes seconds. What
    must hold at the moment of the flip is checked again by the audits inside.
    """
    rows = CUSTOMER_DAILY.filter(CUSTOMER_DAILY.snapshot_id == manifest.snapshot_id)
    try:
        check_table(
            warehouse,
            settings=settings,
            suite=_SUITE,
            as_of=manifest.as_of,
            rows=rows,
            is_read_once=True,
        )
    except QualityError as error:
        raise _Refusal(str(error).rstrip(".")) from error


def _publish(
    transaction: Transaction, settings: Settings, manifest: _Manifest
) -> list[Audit] | None:
    """Audit and flip; the audits, or None if readers see the snapshot already."""
    fence = transaction.execute(
        "SELECT epoch FROM ops.fences WHERE name = :name FOR UPDATE",
        name=f"scores:{manifest.as_of}",
    )
    # One publisher at a time, over all days: the day before must not change under us.
    transaction.execute("LOCK TABLE scores.published IN SHARE ROW EXCLUSIVE MODE")
    if transaction.execute(
        "SELECT 1 FROM scores.published WHERE as_of = :as_of AND snapshot_id = :id",
        as_of=manifest.as_of,
        id=manifest.snapshot_id,
    ):
        return None
    if manifest.status == "refused":
        raise _Refusal(f"it was refused before ({manifest.reason})")
    if not fence or int(fence[0][0]) != manifest.epoch:
        newest_run = f"run {fence[0][0]}" if fence else "no run"
        raise _Refusal(
            f"another run has begun to score the day since, and its scores count (this is run "
            f"{manifest.epoch}, the newest is {newest_run})",
            "The newer run publishes; there is nothing to do unless it failed. ",
        )
    newest = published_before(transaction, manifest.as_of)
    if newest != manifest.base_snapshot_id:
        raise _Refusal(
            f"its tiers continue those of snapshot {manifest.base_snapshot_id}, but snapshot {newest} "
            "has been published for the day before since"
        )
    may_starter = manifest.model_name == STARTER and settings.scoring.starter
    inputs = count_inputs(
        transaction,
        manifest.snapshot_id,
        settings.calendar.timezone,
        served.starter(settings).bundle.sha256 if may_starter else None,
    )
    results = audits(inputs, limits_of(settings))
    failpoints.failpoint("publish.after_audits")
    why = refusal(results)
    if why:
        raise _Refusal(why, "Fix what the audit names. ", results)
    _store(transaction, manifest.snapshot_id, results)
    _flip(transaction, settings, manifest)
    return results


def limits_of(settings: Settings) -> Limits:
    """The limits of the settings for changes and ages."""
    return Limits(
        share_change_warning=settings.tiers.share_change_warning,
        share_change_critical=settings.tiers.share_change_max,
        input_age_warning_days=settings.monitoring.stale_days_max,
        input_age_critical_days=settings.readiness.gap_days_max,
    )


def _flip(transaction: Transaction, settings: Settings, manifest: _Manifest) -> None:
    now = clock.now()
    pointer = {
        "as_of": manifest.as_of,
        "snapshot_id": manifest.snapshot_id,
        "epoch": manifest.epoch,
        "published_at": now,
        **_promise(settings, manifest),
    }
    changes = ", ".join(f"{name} = excluded.{name}" for name in pointer if name != "as_of")
    transaction.insert_row(
        "scores.published", pointer, on_conflict=f"(as_of) DO UPDATE SET {changes}"
    )
    transaction.execute(
        "UPDATE scores.snapshots SET status = 'published', published_at = :now "
        "WHERE snapshot_id = :id",
        id=manifest.snapshot_id,
        now=now,
    )
    transaction.execute(
        "INSERT INTO scores.tier_transitions "
        "SELECT :as_of, customer_id, :id, old.risk_tier, new.risk_tier, new.churn_probability "
        "FROM (SELECT * FROM scores.customer_daily WHERE snapshot_id = :id) AS new "
        "FULL JOIN (SELECT * FROM scores.customer_daily WHERE snapshot_id = :base) AS old "
        "USING (customer_id) WHERE old.risk_tier IS DISTINCT FROM new.risk_tier",
        as_of=manifest.as_of,
        id=manifest.snapshot_id,
        base=manifest.base_snapshot_id,
    )
    # What came before the day's first moment is in its snapshot now.
    transaction.execute("DELETE FROM scores.fresh WHERE as_of <= :as_of", as_of=manifest.as_of)
    write_totals(transaction, manifest.snapshot_id)


def _promise(settings: Settings, manifest: _Manifest) -> dict[str, Any]:
    """When scores of the day were due, and the window that they are about where that is known."""
    definition = churn_definition(settings)
    is_known = definition.hash == manifest.definition_hash
    opens, closes = definition.window(manifest.as_of) if is_known else (None, None)
    return {
        "timezone": settings.calendar.timezone,
        "due_time": settings.monitoring.due_time,
        "outcome_from": opens,
        "outcome_until": closes,
    }


def _store(transaction: Transaction, snapshot_id: int, results: Sequence[Audit]) -> None:
    for audit in results:
        transaction.insert_row(
            "scores.audits",
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
