"""The ledger of decisions: `abnormal.decisions`, of which rows are only ever added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.abnormal.kinds import Kind
from retention_ml.warehouse import Transaction

DETECTED_BY = "detect"
Key = tuple[str, Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about a customer and a kind.

    Parameters
    ----------
    decision : str
        `flagged`, `confirmed` or `cleared`.
    strength : float
        How strongly the rule spoke then.
    is_excluded : bool
        Confirmed, and the kind was set to be excluded.
    """

    customer_id: str
    kind: Kind
    decision: str
    strength: float
    is_excluded: bool = False


def lock_ledger(transaction: Transaction) -> None:
    """Nobody else detects or decides until the transaction ends."""
    transaction.lock("abnormal.decisions")


def newest_decisions(
    transaction: Transaction, as_of: date, *, by_people: bool
) -> dict[Key, Decision]:
    """The newest decision about each customer and kind, of those that hold on a day.

    `by_people`: flags are left aside.
    """
    rows = transaction.execute(
        "SELECT DISTINCT ON (customer_id, kind) customer_id, kind, decision, strength, "
        "is_excluded "
        "FROM abnormal.decisions WHERE as_of <= :as_of "
        + ("AND decision <> 'flagged' " if by_people else "")
        + "ORDER BY customer_id, kind, decision_id DESC",
        as_of=as_of,
    )
    return {
        (row.customer_id, Kind(row.kind)): Decision(
            customer_id=row.customer_id,
            kind=Kind(row.kind),
            decision=row.decision,
            strength=row.strength,
            is_excluded=row.is_excluded,
        )
        for row in rows
    }


def newest_decision_id(transaction: Transaction) -> int:
    """The number of the newest decision, 0 without any."""
    [row] = transaction.execute("SELECT coalesce(max(decision_id), 0) FROM abnormal.decisions")
    return int(row[0])


def add(
    transaction: Transaction, decisions: Sequence[Mapping[str, Any]], *, as_of: date, run_id: str
) -> None:
    """Add rows; each has the columns that are not stamped here."""
    now = clock.now()
    for row in decisions:
        transaction.insert_row(
            "abnormal.decisions", {**row, "as_of": as_of, "decided_at": now, "run_id": run_id}
        )
