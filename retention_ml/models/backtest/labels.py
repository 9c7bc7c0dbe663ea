"""Labels of past days, as well as they are known by now."""

from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa

from retention_ml.errors import NotReady
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import feed, labels_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

# Models know only their own day; they are evaluated on everything that is known by now, late
# deliveries and corrections too.
_ALL_THERE_IS = date(9999, 1, 1)


def require_outcomes(warehouse: Warehouse, settings: Settings, days: Sequence[date]) -> None:
    """Refuse days whose outcome the orders at hand do not cover.

    Raises
    ------
    NotReady
        The window of a day reaches beyond the last day with orders.
    """
    definition = churn_definition(settings)
    coverage = feed(warehouse, timezone=definition.timezone, known_as_of=_ALL_THERE_IS)
    if coverage is None:
        raise NotReady("There are no orders to backtest on. Ingest a source with orders first.")
    ends_on = coverage.ends_on
    for day in sorted(days):
        closes = definition.window(day)[1]
        if closes > ends_on:
            newest = ends_on - timedelta(days=definition.lead_days + definition.horizon_days)
            raise NotReady(
                f"The outcome of {day} is not known: its window ends with "
                f"{closes - timedelta(days=1)}, and orders end on {ends_on - timedelta(days=1)}. "
                f"Nothing was fitted. Choose days up to {newest}, shorten the horizon, or ingest "
                "what followed."
            )


def read_labels(warehouse: Warehouse, settings: Settings, as_of: date) -> pa.Table:
    """`customer_id, is_churned` of the customers active on a day, ordered by customer."""
    table = labels_of(warehouse, settings=settings, days=[as_of], known_as_of=_ALL_THERE_IS)
    return table.select(["customer_id", "is_churned"]).sort_by("customer_id")
