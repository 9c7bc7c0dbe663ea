"""Customers whom a person excludes as abnormal from a day on, written straight into the ledger."""

from collections.abc import Sequence
from datetime import date

from retention_ml import clock
from retention_ml.warehouse import Warehouse


def exclude(warehouse: Warehouse, customers: Sequence[str], *, since: date) -> None:
    """Confirm customers as bots."""
    with warehouse.transaction() as transaction:
        for customer_id in customers:
            transaction.insert_row(
                "abnormal.decisions",
                {
                    "customer_id": customer_id,
                    "kind": "bot",
                    "decision": "confirmed",
                    "as_of": since,
                    "strength": 0.0,
                    "is_excluded": True,
                    "decided_by": "Ada",
                    "reason": "looked",
                    "decided_at": clock.now(),
                    "run_id": "test",
                },
            )
