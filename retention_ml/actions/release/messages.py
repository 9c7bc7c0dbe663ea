"""The messages of a day: what each contacted customer is told, and where."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import ibis

from retention_ml import clock
from retention_ml.actions.catalogue.catalogue import Catalogue
from retention_ml.actions.catalogue.coupons import give_codes, take_back
from retention_ml.actions.catalogue.message import Renderer
from retention_ml.actions.catalogue.products import read_history, read_lists
from retention_ml.actions.catalogue.variables import Recipient
from retention_ml.actions.outbox.message import OutboxRow, message_id
from retention_ml.actions.permissions import permitted
from retention_ml.errors import MessageRefused
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

_ASSIGNMENTS = ibis.table(
    {"as_of": "date", "customer_id": "string", "action_id": "string"},
    name="assignments",
    database="actions",
)
_CONTACTED = """
SELECT assignment.customer_id, assignment.action_id, assignment.tier, score.reason_1 AS reason,
    score.expected_value_at_risk_cents AS value_cents, feature.recency_days
FROM actions.assignments AS assignment
JOIN scores.customer_daily AS score ON score.snapshot_id = assignment.snapshot_id
    AND score.customer_id = assignment.customer_id
LEFT JOIN features.customer_daily AS feature ON feature.as_of = assignment.as_of
    AND feature.customer_id = assignment.customer_id
WHERE assignment.as_of = :as_of AND assignment.action_id <> 'none'
ORDER BY assignment.customer_id
"""


def messages(
    transaction: Transaction,
    settings: Settings,
    catalogue: Catalogue,
    *,
    as_of: date,
    not_before: datetime,
    expires_at: datetime,
    given_at: datetime,
) -> tuple[list[OutboxRow], dict[str, int]]:
    """A message for each customer with an action, and how many could not be written, by action.

    Coupon codes are given here, and are kept only if the message could be written and the
    transaction is.
    """
    rows = transaction.execute(_CONTACTED, as_of=as_of)
    renderer = Renderer(
        catalogue.templates,
        currency=settings.calendar.currency,
        minor_units=settings.calendar.minor_units,
    )
    codes = _codes(transaction, catalogue, rows, as_of, given_at, settings.run_id)
    contacted = _ASSIGNMENTS.filter(
        _ASSIGNMENTS.as_of == as_of, _ASSIGNMENTS.action_id != "none"
    ).select("customer_id")
    midnight = clock.midnight(as_of, settings.calendar.timezone)
    addresses = _addresses(transaction, contacted, midnight)
    products, shelves = read_history(transaction, contacted, midnight) if rows else ({}, {})
    products |= read_lists(transaction, [row.customer_id for row in rows], as_of)
    written: list[OutboxRow] = []
    refused: dict[str, str] = {}  # the action by message
    for row in rows:
        action = catalogue.action(row.action_id)
        number = message_id(as_of, row.customer_id, row.action_id)
        recipient = Recipient(
            tier=row.tier,
            reason=row.reason,
            value_cents=row.value_cents,
            last_order_on=None
            if row.recency_days is None
            else as_of - timedelta(days=int(row.recency_days)),
            favourite_category=shelves.get(row.customer_id),
            products=products.get(row.customer_id, ()),
            coupon_code=codes.get(number),
        )
        try:
            payload = renderer.render(action, recipient, number).payload()
        except MessageRefused:
            refused[number] = row.action_id
            continue
        assert action.channel is not None
        written.append(
            OutboxRow(
                as_of=as_of,
                customer_id=row.customer_id,
                action_id=row.action_id,
                channel=action.channel,
                purpose=action.rule.purpose if action.rule.needs_permission else None,
                address=addresses.get((row.customer_id, str(action.permission_channel))),
                permission_channel=action.permission_channel,
                payload=payload,
                not_before=not_before,
                expires_at=expires_at,
            )
        )
    take_back(transaction, list(refused), run_id=settings.run_id)
    return written, dict(Counter(f"refused: {action_id}" for action_id in refused.values()))


def _addresses(
    transaction: Transaction, contacted: ibis.Table, instant: datetime
) -> dict[tuple[str, str], str]:
    """Address by customer and channel, of those who are contacted."""
    grants = permitted(instant).semi_join(contacted, "customer_id")
    rows = transaction.select(grants.filter(grants.address.notnull()))
    return {(row.customer_id, row.channel): row.address for row in rows}


def _codes(
    transaction: Transaction,
    catalogue: Catalogue,
    rows: Any,
    as_of: date,
    given_at: datetime,
    run_id: str,
) -> dict[str, str]:
    """Coupon code by message, from the pool of each action."""
    codes: dict[str, str] = {}
    for action in catalogue.contacts.values():
        if action.coupons is not None:
            requests = {
                message_id(as_of, row.customer_id, row.action_id): row.customer_id
                for row in rows
                if row.action_id == action.action_id
            }
            codes |= give_codes(
                transaction, action.coupons, requests,
                as_of=as_of, given_at=given_at, run_id=run_id,
            )  # fmt: skip
    return codes
