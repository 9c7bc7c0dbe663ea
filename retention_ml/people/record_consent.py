"""The door through which a person's agreement, or refusal, is written down."""

import time
from collections.abc import Sequence

from retention_ml import clock
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.errors import UsageError
from retention_ml.failpoints import failpoint
from retention_ml.people.consents import Statement, unknown_customers
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_NAMED = 10


def record_consent(
    warehouse: Warehouse, statements: Sequence[Statement], *, settings: Settings, by: str
) -> Receipt:
    """Write down what persons said; all of it, or nothing.

    Statements that are there already are recognised. Scoring asks for them at its next run, the
    outbox one moment before it sends, the list for the CRM when it is filled next.

    Parameters
    ----------
    warehouse : Warehouse
    statements : sequence of Statement
        In the order of the list that they are from.
    settings : Settings
    by : str
        Who writes them down.

    Returns
    -------
    Receipt
        Counts statements: written, and duplicates.

    Raises
    ------
    UsageError
        One is about nobody that a delivery named, or from the future; their places in the list are named.
    """
    started = time.monotonic()
    now = clock.now()
    unknown = unknown_customers(warehouse, [each.customer_id for each in statements])
    _reject(
        [n for n, each in enumerate(statements, 1) if each.customer_id in unknown],
        "no delivery named such a customer",
    )
    _reject(
        [n for n, each in enumerate(statements, 1) if each.event_at > now],
        "what they said lies in the future",
    )
    people = {each.customer_id for each in statements}
    record_event(
        warehouse,
        Event.CONSENT_RECORDED,
        settings=settings,
        subject="privacy.consents",
        customer_id=people.pop() if len(people) == 1 else None,
        details={"statements_count": len(statements), "by": by},
    )
    written = 0
    with warehouse.transaction() as transaction:
        for each in statements:
            row = transaction.insert_row(
                "privacy.consents",
                {
                    "customer_id": each.customer_id,
                    "purpose": str(each.purpose),
                    "is_given": each.is_given,
                    "event_at": each.event_at,
                    "recorded_at": now,
                    "recorded_by": by,
                    "run_id": settings.run_id,
                },
                on_conflict="DO NOTHING",
                returning="customer_id",
            )
            written += row is not None
        failpoint("record_consent.before_commit")
    return warehouse.record(
        Receipt(
            door="record_consent",
            read=len(statements),
            written=written,
            duplicates=len(statements) - written,
            seconds=time.monotonic() - started,
        ),
        settings.run_id,
    )


def _reject(lines: Sequence[int], why: str) -> None:
    if lines:
        named = ", ".join(map(str, lines[:_NAMED]))
        more = f" and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
        raise UsageError(
            f"{len(lines)} statements cannot be written down: {why} (number {named}{more} of the list). Nothing "
            "was. Correct the list and give it again whole."
        )
