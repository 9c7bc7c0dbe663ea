"""What the customers of past days did afterwards."""

from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa

from retention_ml.errors import NotReady
from retention_ml.models.definition import churn_definition
from retention_ml.models.maturity import feed, labels_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def known_on(settings: Settings, as_of: date) -> date:
    """The day at whose start the outcome of `as_of` is known: its window closed and settled."""
    closes = churn_definition(settings).window(as_of)[1]
    return closes + timedelta(days=settings.churn.settle_days)


def demand(warehouse: Warehouse, settings: Settings, days: Sequence[date]) -> None:
    """Refuse days whose outcome the orders at hand do not cover.

    Raises
    ------
    NotReady
        The window of a day reaches beyond the last day with orders.
    """
    definition = churn_definition(settings)
    for day in days:
        closes = definition.window(day)[1]
        covered = feed(warehouse, timezone=definition.timezone, known_as_of=known_on(settings, day))
        if covered is None or covered.ends_on < closes:
            ends = f"end on {covered.ends_on - timedelta(days=1)}" if covered else "have not begun"
            newest = (
                covered.ends_on - timedelta(days=definition.lead_days + definition.horizon_days)
                if covered
                else None
            )
            raise NotReady(
                f"The outcome of {day} is not known: its window ends with {closes - timedelta(days=1)}, "
                f"and orders {ends}. Nothing was fitted. "
                + (
                    f"Choose days up to {newest}, shorten the horizon, or ingest what followed."
                    if newest
                    else "Ingest a source with orders first."
                )
            )


def outcomes(warehouse: Warehouse, settings: Settings, as_of: date) -> pa.Table:
    """`customer_id, is_churned` of the customers active on a day, ordered by customer."""
    found = labels_of(
        warehouse, settings=settings, days=[as_of], known_as_of=known_on(settings, as_of)
    )
    return found.select(["customer_id", "is_churned"]).sort_by("customer_id")
