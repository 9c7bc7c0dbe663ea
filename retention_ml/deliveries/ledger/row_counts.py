"""What became of the rows of one delivery, and the sum that must hold."""

from collections.abc import Iterable
from dataclasses import dataclass

from retention_ml.errors import WarehouseError


@dataclass(slots=True, kw_only=True)
class Account:
    """The rows of one delivery, each counted where it now stands.

    Attributes
    ----------
    delivered : int
        Rows of the file, as the ledger wrote them down when it was staged.
    staged : int
        Rows found in `staging`, derived ones left out.
    accepted : int
        Rows found in `curated`.
    quarantined : int
        Rows put into `quarantine.rows`.
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
        """Staged rows that told nothing new."""
        return self.staged - self.accepted


def verify_staged(batch_id: int, accounts: Iterable[Account]) -> None:
    """Refuse if a delivery has not all of its rows in `staging`.

    Raises
    ------
    WarehouseError
        `staging` is scratch and is emptied when the database crashes.
    """
    for account in accounts:
        found = account.staged + account.quarantined
        if found != account.delivered:
            raise WarehouseError(
                f"Delivery {account.delivery_id} of batch {batch_id} was staged with "
                f"{account.delivered:,} rows but {found:,} are there now: the database was "
                "restarted after a crash, which empties staging. Nothing was recorded. "
                "Deliver the same files again; they are staged anew."
            )
