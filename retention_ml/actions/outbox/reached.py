"""Which messages of a day may have reached their customers."""

from datetime import date
from typing import NamedTuple

from retention_ml.people.lookup import numbers_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


class Reached(NamedTuple):
    """A message that was delivered, or of which nobody knows that it was not; by shop's number."""

    as_of: date
    customer_id: str
    action_id: str


def reached(warehouse: Warehouse, day: date, *, settings: Settings) -> list[Reached]:
    """The messages of a decision day that were `sent` or are `unknown`, by customer number."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT as_of, customer_id, action_id FROM actions.outbox "
            "WHERE as_of = :day AND state IN ('sent', 'unknown')",
            day=day,
        )
        numbers = numbers_of(transaction, settings, {row.customer_id for row in rows})
    return sorted(
        Reached(row.as_of, numbers[row.customer_id], row.action_id)
        for row in rows
        if row.customer_id in numbers
    )
