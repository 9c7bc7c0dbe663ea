"""The door `detect`: which customers of a day are none, with evidence, and who is excluded."""

import hashlib
import time
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import __version__, clock
from retention_ml.abnormal import ledger
from retention_ml.abnormal.behaviour import Behaviour, read_behaviour
from retention_ml.abnormal.findings import Findings, findings
from retention_ml.abnormal.kinds import KINDS, Kind
from retention_ml.failpoints import failpoint
from retention_ml.features.roll_up import roll_up
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import column_bytes
from retention_ml.warehouse import Transaction, Warehouse


def detect(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Put the abnormal customers of a day in place of what was stored for it.

    Only what was known at the start of the day counts, people's decisions among it. Who is flagged
    for the first time, or again after having been cleared, enters the ledger. If the newest
    detection of the day had the same result, nothing is written (`details["is_repeat"]`).

    Returns
    -------
    Receipt
        read (customers looked at, and confirmed ones) = written + left out, or duplicates.
    """
    started = time.perf_counter()
    roll_up(warehouse, settings=settings)
    with warehouse.transaction() as transaction:
        ledger.lock_ledger(transaction)
        # Under the lock: of two runs the one that commits last must not have read first.
        b = read_behaviour(warehouse, as_of=as_of, window_days=settings.abnormal.window_days)
        made = findings(
            b,
            ledger.newest_decisions(transaction, as_of, by_people=True),
            excluded_kinds=excluded_kinds(settings),
            excluded_share_max=settings.abnormal.excluded_share_max,
            minor_units=settings.calendar.minor_units,
        )
        content = _content(transaction, settings, as_of, b, made)
        is_repeat = _is_repeat(transaction, content)
        if not is_repeat:
            _write(transaction, made.rows, content, as_of, settings.run_id)
        failpoint("detect.before_commit")
    failpoint("detect.after_commit")
    rows = made.rows.num_rows
    read = max(len(b), rows)
    receipt = Receipt(
        door="detect",
        as_of=as_of,
        read=read,
        written=0 if is_repeat else rows,
        duplicates=rows if is_repeat else 0,
        left_out=read - rows,
        seconds=time.perf_counter() - started,
        details={
            "is_repeat": is_repeat,
            "rows_digest": content["rows_digest"],
            "kinds": _counts(made.rows, "kind"),
            "statuses": _counts(made.rows, "status"),
            "excluded": made.excluded_count,
            "alert": made.alert,
            "caveat": made.caveat,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def excluded_kinds(settings: Settings) -> tuple[Kind, ...]:
    """The kinds that the settings exclude."""
    return tuple(kind for kind in KINDS if getattr(settings.abnormal, kind) == "exclude")


def _content(
    transaction: Transaction, settings: Settings, as_of: date, b: Behaviour, made: Findings
) -> dict[str, Any]:
    """A detection's row, without what differs between equal ones."""
    return {
        "as_of": as_of,
        "window_days": settings.abnormal.window_days,
        "excluded_kinds": ",".join(excluded_kinds(settings)),
        "customers_count": len(b),
        "buyers_count": b.buyers_count,
        **{f"{status}_count": made.count(status) for status in ("flagged", "confirmed", "cleared")},
        "excluded_count": made.excluded_count,
        "revenue_cents": int(b.net_revenue_cents.sum()),
        "alert": made.alert,
        "caveat": made.caveat,
        "newest_decision_id": ledger.newest_decision_id(transaction),
        "rows_digest": _digest(made.rows),
        "library_version": __version__,
    }


def _is_repeat(transaction: Transaction, content: Mapping[str, Any]) -> bool:
    """Whether the newest detection of the day was equal in every respect.

    Decisions that came since about other days or other customers make no difference.
    """
    names = [name for name in content if name != "newest_decision_id"]
    rows = transaction.execute(
        f"SELECT {', '.join(names)} FROM abnormal.detections WHERE as_of = :as_of "
        "ORDER BY detection_id DESC LIMIT 1",
        as_of=content["as_of"],
    )
    if not rows or dict(rows[0]._mapping) != {name: content[name] for name in names}:
        return False
    # What was decided since is in these rows: it must not come on top of them once more.
    transaction.execute(
        "UPDATE abnormal.detections SET newest_decision_id = :newest WHERE detection_id = "
        "(SELECT max(detection_id) FROM abnormal.detections WHERE as_of = :as_of)",
        newest=content["newest_decision_id"],
        as_of=content["as_of"],
    )
    return True


def _write(
    transaction: Transaction,
    rows: pa.Table,
    content: Mapping[str, Any],
    as_of: date,
    run_id: str,
) -> None:
    _add_flags(transaction, rows, as_of, run_id)
    transaction.execute("DELETE FROM abnormal.customer_daily WHERE as_of = :as_of", as_of=as_of)
    days = pa.array([as_of] * rows.num_rows, pa.date32())
    transaction.copy("abnormal.customer_daily", rows.append_column("as_of", days))
    failpoint("detect.after_rows")
    newest = ledger.newest_decision_id(transaction)
    transaction.insert_row(
        "abnormal.detections",
        {**content, "newest_decision_id": newest, "run_id": run_id, "detected_at": clock.now()},
    )


def _add_flags(transaction: Transaction, rows: pa.Table, as_of: date, run_id: str) -> None:
    """Enter who is flagged and was not, by all that was decided up to the day."""
    newest = ledger.newest_decisions(transaction, as_of, by_people=False)
    flags = []
    for row in rows.filter(pc.equal(rows["status"], "flagged")).to_pylist():
        before = newest.get((row["customer_id"], Kind(row["kind"])))
        if before is None or before.decision == "cleared":
            reason = (
                "detected" if before is None else "the evidence has grown since they were cleared"
            )
            flags.append(
                {
                    **{name: row[name] for name in ("customer_id", "kind", "strength", "evidence")},
                    "decision": "flagged",
                    "is_excluded": False,
                    "decided_by": ledger.DETECTED_BY,
                    "reason": reason,
                }
            )
    ledger.add(transaction, flags, as_of=as_of, run_id=run_id)


def _digest(rows: pa.Table) -> str:
    sha256 = hashlib.sha256()
    for name in rows.column_names:
        values = rows[name].combine_chunks()
        values = values.cast(pa.int32()) if pa.types.is_boolean(values.type) else values
        sha256.update(f"{name}:{len(values)}\n".encode())
        sha256.update(column_bytes(values))
    return sha256.hexdigest()


def _counts(rows: pa.Table, name: str) -> dict[str, int]:
    values = rows[name].to_pylist()
    return {value: values.count(value) for value in sorted(set(values))}
