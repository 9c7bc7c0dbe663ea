"""Whose data is kept and hidden until a date, because the law asks for it, and forgotten then."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from retention_ml.errors import UsageError
from retention_ml.warehouse import Transaction, Warehouse

_HOLDS = "SELECT customer_id, hold_until, reason, requested_at FROM privacy.holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold: who, until when (that day included), why, and when forgetting was asked for."""

    customer_id: str
    hold_until: date
    reason: str
    requested_at: datetime

    @property
    def sentence(self) -> str:
        """Why nothing is shown of the person, for staff."""
        return (
            f"This customer asked to be forgotten on {self.requested_at:%Y-%m-%d} and is on legal hold "
            f"until {self.hold_until} ({self.reason}): the data is kept, hidden and used for nothing, "
            "and is erased the night after."
        )


def held_customers(warehouse: Warehouse) -> pa.StringArray:
    """Ids, rising, of all customers on hold, by what is known now: for past days, too."""
    rows = warehouse.read('SELECT customer_id FROM privacy.holds ORDER BY customer_id COLLATE "C"')
    return rows["customer_id"].cast(pa.string()).combine_chunks()


def hold_of(warehouse: Warehouse, customer_id: str) -> Hold | None:
    """The hold of a customer, if there is one."""
    with warehouse.transaction() as transaction:
        return holds_of(transaction, [customer_id]).get(customer_id)


def require_visible(warehouse: Warehouse, customer_id: str) -> None:
    """Nothing is shown to staff of a customer on hold; the person has the right to an export.

    Raises
    ------
    UsageError
        The customer is on hold; says why and until when.
    """
    hold = hold_of(warehouse, customer_id)
    if hold is not None:
        raise UsageError(hold.sentence)


def holds_of(transaction: Transaction, customer_ids: Collection[str]) -> dict[str, Hold]:
    """The holds of some customers, by id."""
    rows = transaction.execute(f"{_HOLDS} WHERE customer_id = ANY(:ids)", ids=list(customer_ids))
    return {row.customer_id: Hold(**dict(row._mapping)) for row in rows}


def ended_holds(transaction: Transaction, today: date) -> list[Hold]:
    """The holds whose last day is over."""
    rows = transaction.execute(f"{_HOLDS} WHERE hold_until < :today ORDER BY 1", today=today)
    return [Hold(**dict(row._mapping)) for row in rows]
