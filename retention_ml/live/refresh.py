"""The door that computes fresh scores of the customers of whom something came."""

import time
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.failpoints import failpoint
from retention_ml.features.roll_up import roll_up
from retention_ml.features.samples.of_customers import features_of_customers
from retention_ml.live.fresh_scores import fresh_scores, rose
from retention_ml.live.in_force import InForce, read_in_force
from retention_ml.live.touched import Waiting, waiting
from retention_ml.live.warnings.carts import keep_carts
from retention_ml.receipts import Receipt
from retention_ml.scores.score import barred
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

BATCHES_AT_ONCE = 50
_TURN = "live.refresh"
_AT_RISK = ("high", "critical")
_CREATE = "CREATE TEMP TABLE new_scores (LIKE scores.fresh) ON COMMIT DROP"


def refresh(
    warehouse: Warehouse, *, settings: Settings, as_of: date, standing: InForce | None = None
) -> tuple[Receipt, InForce | None]:
    """Write fresh scores of the customers of the batches that wait, and the warnings they give rise to.

    Features, model, arm and tiers are those that the daily run of `as_of`, the next midnight, would
    compute if nothing more came; the published snapshots are left alone. Who had a fresh score that
    continued another published day than the newest gets a new one, too.

    Parameters
    ----------
    standing : InForce, optional
        What the call before returned: models are not loaded again where they still serve.

    Returns
    -------
    Receipt
        Counts customers: written, and left out (not active, or excluded from scoring). `details`:
        batches, warnings.
    InForce or None
        What the scores were computed with; None where nothing waited.

    Raises
    ------
    NotReady
        There is no champion and no starter.
    PublicationRefused
        No champion that was approved can score.
    """
    started = time.perf_counter()
    with warehouse.exclusive(_TURN):
        with warehouse.transaction() as transaction:
            batches = waiting(transaction, batches_max=BATCHES_AT_ONCE)
        if not batches.live_batch_ids:
            empty = Receipt(
                door="refresh",
                as_of=as_of,
                read=0,
                written=0,
                seconds=time.perf_counter() - started,
                details={"batches": 0, "warnings": 0},
            )
            return empty, standing
        in_force = read_in_force(warehouse, settings, as_of, standing)
        with warehouse.transaction() as transaction:
            customer_ids = sorted(
                {*batches.customer_ids, *_outdated(transaction, as_of, in_force.base_snapshot_id)}
            )
        rollup_id = int(roll_up(warehouse, settings=settings).details["rollup_id"])
        rows = _rows(warehouse, settings, in_force, as_of, customer_ids, rollup_id)
        with warehouse.transaction() as transaction:
            _replace(transaction, rows, customer_ids)
            warnings = _warn(transaction, rows, batches, as_of)
            keep_carts(transaction, batches.deliveries, now=clock.now())
            _mark(transaction, batches, rows.num_rows)
            failpoint("refresh.before_commit")
    failpoint("refresh.after_commit")
    receipt = Receipt(
        door="refresh",
        as_of=as_of,
        read=len(customer_ids),
        written=rows.num_rows,
        left_out=len(customer_ids) - rows.num_rows,
        seconds=time.perf_counter() - started,
        details={"batches": len(batches.live_batch_ids), "warnings": warnings},
    )
    return warehouse.record(receipt, settings.run_id), in_force


def next_day(now: datetime, timezone: str) -> date:
    """The day that begins with the next midnight of the shop: what came until now is known by then."""
    return now.astimezone(ZoneInfo(timezone)).date() + timedelta(days=1)


def _outdated(transaction: Transaction, as_of: date, snapshot_id: int | None) -> list[str]:
    """Customers whose fresh score of the day continues another snapshot than the published one."""
    rows = transaction.execute(
        "SELECT customer_id FROM scores.fresh WHERE as_of = :as_of "
        "AND base_snapshot_id IS DISTINCT FROM :snapshot_id",
        as_of=as_of,
        snapshot_id=snapshot_id,
    )
    return [row.customer_id for row in rows]


def _rows(
    warehouse: Warehouse,
    settings: Settings,
    in_force: InForce,
    as_of: date,
    customer_ids: list[str],
    rollup_id: int,
) -> pa.Table:
    """The rows of `scores.fresh` of those of the customers who can be scored."""
    features = features_of_customers(
        warehouse,
        settings=settings,
        as_of=as_of,
        customer_ids=customer_ids,
        newest_rollup_id=rollup_id,
    )
    rows = fresh_scores(
        features,
        in_force,
        settings=settings,
        as_of=as_of,
        barred=barred(warehouse, settings, as_of, features),
    )
    stamps: dict[str, tuple[Any, pa.DataType]] = {
        "base_snapshot_id": (in_force.base_snapshot_id, pa.int64()),
        "newest_rollup_id": (rollup_id, pa.int64()),
        "run_id": (settings.run_id, pa.string()),
        "computed_at": (clock.now(), pa.timestamp("us", tz="UTC")),
    }
    for name, (stamp, kind) in stamps.items():
        rows = rows.append_column(name, pa.repeat(pa.scalar(stamp, kind), rows.num_rows))
    return rows


def _replace(transaction: Transaction, rows: pa.Table, customer_ids: list[str]) -> None:
    """Put the new rows in place of those of the customers; none where nobody can be scored.

    A day that was published meanwhile has the last word: what it knows is not fresh any more.
    """
    transaction.execute("LOCK TABLE scores.fresh IN SHARE ROW EXCLUSIVE MODE")
    transaction.execute("DELETE FROM scores.fresh WHERE customer_id = ANY (:ids)", ids=customer_ids)
    transaction.execute(_CREATE)
    transaction.copy("new_scores", rows)
    transaction.execute(
        "INSERT INTO scores.fresh SELECT * FROM new_scores WHERE NOT EXISTS "
        "(SELECT FROM scores.published WHERE published.as_of >= new_scores.as_of)"
    )


def _warn(transaction: Transaction, rows: pa.Table, batches: Waiting, as_of: date) -> int:
    """Write the warnings that are not there yet; how many."""
    complaining = pc.is_in(
        rows["customer_id"], value_set=pa.array(sorted(batches.complaining), pa.string())
    )
    at_risk = pc.is_in(rows["risk_tier"], value_set=pa.array(_AT_RISK))
    by_kind = {
        "tier_rose": rose(rows),
        "complaint_at_risk": rows.filter(pc.and_(complaining, at_risk)),
    }
    written = 0
    for kind, warned in by_kind.items():
        for row in warned.select(
            ["customer_id", "risk_tier", "previous_tier", "reason_1"]
        ).to_pylist():
            written += transaction.change(
                "INSERT INTO live.warnings (as_of, customer_id, kind, risk_tier, previous_tier, "
                "reason, live_batch_id, warned_at) VALUES (:as_of, :customer_id, :kind, :risk_tier, "
                ":previous_tier, :reason_1, :batch, :now) ON CONFLICT DO NOTHING",
                as_of=as_of,
                kind=kind,
                batch=batches.live_batch_ids[-1],
                now=clock.now(),
                **row,
            )
    return written


def _mark(transaction: Transaction, batches: Waiting, customers_count: int) -> None:
    transaction.execute(
        "UPDATE live.batches SET refreshed_at = :now, customers_count = :count "
        "WHERE live_batch_id = ANY (:ids)",
        ids=list(batches.live_batch_ids),
        count=customers_count,
        now=clock.now(),
    )
