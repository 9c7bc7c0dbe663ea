"""Measured outcomes for the command line: plain rows from the ledgers."""

from datetime import date
from typing import Any

from retention_ml.warehouse import Warehouse

_DAYS_SHOWN = 8
_DEFINITION = (
    "(SELECT s.definition_hash FROM scores.published AS p JOIN scores.snapshots AS s "
    "USING (snapshot_id) WHERE p.as_of <= :until ORDER BY p.as_of DESC LIMIT 1)"
)


def performance(warehouse: Warehouse, *, until: date) -> list[dict[str, Any]]:
    """Metrics of the scores of the newest measured days up to a day, about all customers.

    Days of another churn definition than that of the newest published one are left out.
    """
    return _rows(
        warehouse,
        "SELECT as_of, role, model_version, metric, value, lower, upper, customers_count, "
        "contacted_count, known_as_of FROM outcomes.performance WHERE segment = 'all' "
        "AND definition_hash = " + _DEFINITION + " AND as_of IN "
        "(SELECT DISTINCT as_of FROM outcomes.performance WHERE known_as_of <= :until "
        "AND as_of <= :until AND definition_hash = "
        + _DEFINITION
        + " ORDER BY as_of DESC LIMIT :shown) "
        "ORDER BY as_of, role, model_version, metric",
        until=until,
        shown=_DAYS_SHOWN,
    )


def comparisons(warehouse: Warehouse, trial_id: int, as_of: date) -> list[dict[str, Any]]:
    """Champion and challenger compared at a look of a trial, all customers first."""
    return _rows(
        warehouse,
        "SELECT comparison, segment, metric, champion_value, challenger_value, difference, lower, "
        "upper, customers_count FROM outcomes.comparisons WHERE trial_id = :trial AND as_of = :as_of "
        "ORDER BY comparison DESC, segment NOT LIKE 'all%', segment, metric",
        trial=trial_id,
        as_of=as_of,
    )


def _rows(warehouse: Warehouse, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    with warehouse.transaction() as transaction:
        return [dict(row._mapping) for row in transaction.execute(sql, **parameters)]
