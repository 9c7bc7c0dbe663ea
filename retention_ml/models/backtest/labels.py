"""Labels of past days, as well as they are known by now."""

from collections.abc import Sequence
from datetime import date, timedelta

from retention_ml.errors import NotReady
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import feed
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

# Models know only their own day; they are evaluated on everything that is known by now, late
# deliveries and corrections too.
ALL_THERE_IS = date(9999, 1, 1)


def require_outcomes(warehouse: Warehouse, settings: Settings, days: Sequence[date]) -> None:
    """Refuse days whose outcome the orders at hand do not cover.

    Raises
    ------
    NotReady
        The window of a day reaches beyond the last day with orders.
    """
    definition = churn_definition(settings)
    coverage = feed(warehouse, timezone=definition.timezone, known_as_of=ALL_THERE_IS)
    if coverage is None:
        raise NotReady("There are no orders to backtest on. Ingest a source with orders first.")
    newest = coverage.ends_on - timedelta(days=definition.lead_days + definition.horizon_days)
    late = [day for day in sorted(days) if day > newest]
    if late:
        last = definition.window(late[0])[1] - timedelta(days=1)
        raise NotReady(
            f"The outcome of {late[0]} is not known: its window ends with {last}, and orders end "
            f"on {coverage.ends_on - timedelta(days=1)}. Nothing was fitted. Choose days up to "
            f"{newest}, shorten the horizon, or ingest what followed."
        )
