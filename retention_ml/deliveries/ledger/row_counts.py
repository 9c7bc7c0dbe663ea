"""Where the rows of one delivery are now, and the sum that must hold."""

from collections.abc import Iterable
from dataclasses import dataclass

from retention_ml.errors import WarehouseError


@dataclass(slots=True, kw_only=True)
class RowCounts:
    """The rows of one delivery, each counted where it is now.

    Attributes
    ----------
    delivered : int
        Rows of the file, as the ledger noted when it was staged.
    staged : int
        Rows in `staging`, derived ones excluded.
    accepted : int
        Rows in `curated`.
    quarantined : int
        Rows in `quarantine.rows`, or among the rejects of staging.
    corrected : int
        Of the accepted rows, those that replaced another version.
    """

    delivery_id: int
    feed: str
    replay_of: int | None
    delivered: int
    staged: int = 0
    accepted: int = 0
    quarantined: int = 0
    corrected: int = 0

    @property
    def duplicates(self) -> int:
        """Staged rows that brought nothing new."""
        return self.staged - self.accepted


def verify_staged(batch_id: int, row_counts: Iterable[RowCounts]) -> None:
    """Fail if a delivery does not have all of its rows in `staging`.

    Raises
    ------
    WarehouseError
        `staging` is scratch and is emptied when the database crashes.
    """
    for counts in row_counts:
        present = counts.staged + counts.quarantined
        if present != counts.delivered:
            raise WarehouseError(
                f"Delivery {counts.delivery_id} of batch {batch_id} was staged with "
                f"{counts.delivered:,} rows but {present:,} are there now: the database was "
                "restarted after a crash, which empties staging. Nothing was recorded. "
                "Deliver the same files again; they are staged anew."
            )
