"""The door that fills the list of customers who may be contacted, by the shop's own numbers."""

import time

import pyarrow as pa

from retention_ml import clock
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.failpoints import failpoint
from retention_ml.people.lookup import numbers_of
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_LOCK = "privacy.contact_list"
# Whoever never gave a permission may not be contacted: the view need not be asked about them.
_MAY_CONTACT = (
    "CREATE TEMP TABLE may_contact ON COMMIT DROP AS "
    "SELECT customer_id, as_of, risk_tier, churn_probability, expected_value_at_risk, action_id, "
    "channels, reason_1 FROM reports.contact_list WHERE may_contact AND customer_id IN "
    "(SELECT customer_id FROM curated.contact_permissions WHERE kind = 'granted')"
)
_CREATE_DRAFT = (
    "CREATE TEMP TABLE listed_customers (customer_number text, customer_id text) ON COMMIT DROP"
)
_FILL = (
    "INSERT INTO privacy.contact_list (customer_number, as_of, risk_tier, churn_probability, "
    "expected_value_at_risk, action_id, channels, reason_1, filled_at) "
    "SELECT customer_number, as_of, risk_tier, churn_probability, expected_value_at_risk, "
    "action_id, channels, reason_1, :now FROM listed_customers JOIN may_contact USING (customer_id)"
)


def fill_contact_list(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Replace `privacy.contact_list` by those of the newest published day who may be contacted.

    Consent, rest, holdout and limits are those of `reports.contact_list`, as known now; until the
    actions of the day are decided nobody is on it. It holds numbers, so who withdraws leaves it with
    the next call, and one moment before sending the outbox asks once more.

    Returns
    -------
    Receipt
        Counts customers who may be contacted: written, and left out (erased).
    """
    started = time.monotonic()
    with warehouse.transaction() as transaction:
        transaction.lock(_LOCK)
        transaction.execute(_MAY_CONTACT)
        rows = transaction.execute("SELECT customer_id FROM may_contact ORDER BY customer_id")
        numbers = numbers_of(transaction, settings, [row.customer_id for row in rows])
        listed = [row for row in rows if row.customer_id in numbers]
        transaction.execute("DELETE FROM privacy.contact_list")
        transaction.execute(_CREATE_DRAFT)
        transaction.copy(
            "listed_customers",
            pa.table(
                {
                    "customer_number": pa.array([numbers[row.customer_id] for row in listed]),
                    "customer_id": pa.array([row.customer_id for row in listed]),
                },
                pa.schema([("customer_number", pa.string()), ("customer_id", pa.string())]),
            ),
        )
        transaction.change(_FILL, now=clock.now())
        record_event(
            warehouse,
            Event.CONTACT_LIST_FILLED,
            settings=settings,
            subject="privacy.contact_list",
            details={"customers_count": len(listed)},
        )
        failpoint("fill_contact_list.before_commit")
    return warehouse.record(
        Receipt(
            door="fill_contact_list",
            read=len(rows),
            written=len(listed),
            left_out=len(rows) - len(listed),
            seconds=time.monotonic() - started,
        ),
        settings.run_id,
    )
