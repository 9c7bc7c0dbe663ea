"""Which messages of a day may have reached their customers."""

from datetime import date
from typing import NamedTuple

from retention_ml.warehouse import Warehouse


class Reached(NamedTuple):
    """A message that was delivered, or of which nobody knows that it was not."""

    as_of: date
    customer_id: str
    action_id: str


def reached(warehouse: Warehouse, day: date) -> list[Reached]:
    """The messages of a decision day that were `sent` or are `unknown`, by customer."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT as_of, customer_id, action_id FROM actions.outbox "
            "WHERE as_of = :day AND state IN ('sent', 'unknown') ORDER BY customer_id",
            day=day,
        )
    return [Reached(*row) for row in rows]
