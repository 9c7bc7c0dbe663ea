"""Audit a snapshot and flip the pointer of its day, in one transaction.

Readers see the previous snapshot until the commit and all of the new one after it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.errors import PublicationRefused, QualityError, UsageError
from retention_ml.publication.audit import Audit, refusal
from retention_ml.publication.snapshots import Snapshots
from retention_ml.warehouse import Transaction, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How sentences call a snapshot's content (`lists`), and the command that makes it anew."""

    content: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the run that wrote a snapshot says of it; `row` has every column."""

    snapshot_id: int
    as_of: date
    status: str
    epoch: int
    reason: str | None
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What a door does at each step of a publication.

    Parameters
    ----------
    check : callable
        Asks the suite of the rows; before the transaction, as Great Expectations brings its own
        connections and takes seconds. Raises `QualityError`.
    audit : callable
        What must hold at the moment of the flip.
    before_commit : callable
        After the flip, in the same transaction.
    """

    check: Callable[[Manifest], object]
    audit: Callable[[Transaction, Manifest], list[Audit]]
    before_commit: Callable[[], None]


class _Refusal(Exception):
    """Leaves the publishing transaction, so that nothing of it is kept."""

    def __init__(self, why: str, advice: str = "", results: Sequence[Audit] = ()) -> None:
        super().__init__(why)
        self.why, self.advice, self.results = why, advice, results


def read_manifest(
    warehouse: Warehouse, snapshots: Snapshots, words: Words, snapshot_id: int
) -> Manifest:
    """The manifest of a snapshot.

    Raises
    ------
    UsageError
        There is no such snapshot.
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            f"SELECT * FROM {snapshots.schema}.snapshots WHERE snapshot_id = :id", id=snapshot_id
        )
    if not rows:
        raise UsageError(
            f"There are no {words.content} {snapshot_id}. Make those of the day first: "
            f"`{words.command} --as-of D`."
        )
    row = dict(rows[0]._mapping)
    names = ("snapshot_id", "as_of", "status", "epoch", "reason")
    return Manifest(**{name: row[name] for name in names}, row=row)


def publish(
    warehouse: Warehouse, snapshots: Snapshots, words: Words, manifest: Manifest, steps: Steps
) -> list[Audit] | None:
    """Make a snapshot what readers see for its day; its audits, or None if it is that already.

    Raises
    ------
    PublicationRefused
        A newer run has begun for the day, or a critical audit failed. The snapshot is then marked
        `refused` with the reason.
    """
    try:
        if manifest.status == "built":
            _check(manifest, steps)
        with warehouse.transaction() as transaction:
            results = _audit_and_flip(transaction, snapshots, words, manifest, steps)
            steps.before_commit()
    except _Refusal as refused:
        with warehouse.transaction() as transaction:
            if transaction.change(
                f"UPDATE {snapshots.schema}.snapshots SET status = 'refused', reason = :why "
                "WHERE snapshot_id = :id AND status = 'built'",
                id=manifest.snapshot_id,
                why=refused.why,
            ):
                _store(transaction, snapshots, manifest, refused.results)
        raise PublicationRefused(
            f"The {words.content} {manifest.snapshot_id} of {manifest.as_of} were not published: "
            f"{refused.why}. Readers still see what they saw before. {refused.advice}Make them "
            f"again: `{words.command} --as-of {manifest.as_of}`."
        ) from None
    return results


def _check(manifest: Manifest, steps: Steps) -> None:
    try:
        steps.check(manifest)
    except QualityError as error:
        raise _Refusal(str(error).rstrip(".")) from error


def _audit_and_flip(
    transaction: Transaction, snapshots: Snapshots, words: Words, manifest: Manifest, steps: Steps
) -> list[Audit] | None:
    """Audit and flip; the audits, or None if readers see the snapshot already."""
    epoch = transaction.execute(
        "SELECT epoch FROM ops.fences WHERE name = :name FOR UPDATE",
        name=snapshots.fence(manifest.as_of),
    )
    # One publisher at a time, over all days: what came before must not change under us.
    transaction.execute(f"LOCK TABLE {snapshots.schema}.published IN SHARE ROW EXCLUSIVE MODE")
    if snapshots.published(transaction, manifest.as_of) == manifest.snapshot_id:
        return None
    if manifest.status == "refused":
        raise _Refusal(f"they were refused before ({manifest.reason})")
    if not epoch or int(epoch[0][0]) != manifest.epoch:
        newest_run = f"run {epoch[0][0]}" if epoch else "no run"
        raise _Refusal(
            f"another run has begun to make the {words.content} of the day since, and its "
            f"{words.content} count (this is run {manifest.epoch}, the newest is {newest_run})",
            "The newer run publishes; there is nothing to do unless it failed. ",
        )
    results = steps.audit(transaction, manifest)
    why = refusal(results)
    if why:
        raise _Refusal(why, "Fix what the audit names. ", results)
    _store(transaction, snapshots, manifest, results)
    _flip(transaction, snapshots, manifest)
    return results


def _flip(transaction: Transaction, snapshots: Snapshots, manifest: Manifest) -> None:
    now = clock.now()
    transaction.insert_row(
        f"{snapshots.schema}.published",
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
        f"UPDATE {snapshots.schema}.snapshots SET status = 'published', published_at = :now "
        "WHERE snapshot_id = :id",
        id=manifest.snapshot_id,
        now=now,
    )


def _store(
    transaction: Transaction, snapshots: Snapshots, manifest: Manifest, results: Sequence[Audit]
) -> None:
    for audit in results:
        transaction.insert_row(
            f"{snapshots.schema}.audits",
            {
                "snapshot_id": manifest.snapshot_id,
                "audit": audit.name,
                "severity": audit.severity,
                "is_success": audit.is_success,
                "observed": audit.observed,
                "audited_at": clock.now(),
            },
            on_conflict="(snapshot_id, audit) DO NOTHING",
        )
