"""The ledger of what was published: releases, what each cost, and their cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from retention_ml.aggregates.kinds import Cell, Kind
from retention_ml.failpoints import failpoint
from retention_ml.warehouse import Transaction, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What stands published for a period: it is never drawn again.

    Parameters
    ----------
    release_id : int
    kind : Kind
    period_on : date
        First day of the week or month.
    as_of : date
        The day whose published scores were counted.
    epsilon : Decimal
        What it cost.
    epsilon_month : Decimal
        The month's budget when it was published.
    released_at : datetime
    published_count, suppressed_count : int
        Cells with a count, and cells below the bound.
    """

    release_id: int
    kind: Kind
    period_on: date
    as_of: date
    epsilon: Decimal
    epsilon_month: Decimal
    released_at: datetime
    published_count: int
    suppressed_count: int


_RELEASES = """
SELECT release_id, kind, period_on, as_of, epsilon, epsilon_month, released_at,
    count(customers_count) AS published_count,
    count(*) FILTER (WHERE customers_count IS NULL) AS suppressed_count
FROM privacy.releases JOIN privacy.released_cells USING (release_id)
WHERE (CAST(:kind AS text) IS NULL OR kind = :kind)
    AND (CAST(:period_on AS date) IS NULL OR period_on = :period_on)
GROUP BY release_id
ORDER BY period_on DESC, kind
"""


def read_releases(warehouse: Warehouse) -> list[Release]:
    """All releases, the newest period first."""
    with warehouse.transaction() as transaction:
        return _read(transaction)


def release_of(transaction: Transaction, kind: Kind, period_on: date) -> Release | None:
    """What stands published for a period; None where nothing does."""
    releases = _read(transaction, kind, period_on)
    return releases[0] if releases else None


def write_release(
    transaction: Transaction,
    release: dict[str, object],
    cells: Sequence[Cell],
    counts: Sequence[int | None],
) -> int:
    """Write a release and its cells; its number.

    Parameters
    ----------
    transaction : Transaction
    release : dict
        A row of `privacy.releases` without its number.
    cells, counts : sequences of equal length
        None for a cell that is suppressed.
    """
    row = transaction.insert_row("privacy.releases", release, returning="release_id")
    assert row is not None
    failpoint("publish_aggregates.after_ledger")
    for place, (cell, count) in enumerate(zip(cells, counts, strict=True), 1):
        transaction.insert_row(
            "privacy.released_cells",
            {
                "release_id": row.release_id,
                "place": place,
                "cohort_on": cell.cohort_on,
                "risk_tier": cell.risk_tier,
                "customers_count": count,
            },
        )
    return int(row.release_id)


def _read(
    transaction: Transaction, kind: Kind | None = None, period_on: date | None = None
) -> list[Release]:
    rows = transaction.execute(
        _RELEASES, kind=None if kind is None else str(kind), period_on=period_on
    )
    return [Release(**{**row._asdict(), "kind": Kind(row.kind)}) for row in rows]
