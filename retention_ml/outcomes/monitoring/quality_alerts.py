"""Whether an expectation of the day's features or scores failed that stops nothing."""

from datetime import date

from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.quality.results import Severity
from retention_ml.warehouse import Warehouse


def quality_alerts(warehouse: Warehouse, as_of: date) -> list[Alert]:
    """An alert for each warning of the newest check of every table of a day.

    A critical expectation needs none: it stops the day, which is told as what it stopped. Checks
    of batches are in the report of the batch.
    """
    with warehouse.transaction() as transaction:
        failed = transaction.execute(
            "SELECT suite, column_name, expected, observed, reason FROM quality.results AS result "
            "WHERE as_of = :as_of AND severity = :warning AND NOT is_success AND checked_at = "
            "(SELECT max(checked_at) FROM quality.results "
            "WHERE as_of = :as_of AND suite = result.suite) ORDER BY suite, expected",
            as_of=as_of,
            warning=str(Severity.WARNING),
        )
    return [
        Alert(
            kind="failed_expectation",
            subject=f"{row.suite}: {row.expected}",
            severity="warning",
            sentence=f"{row.suite} of {as_of} is not as expected: {row.observed}; expected: "
            f"{row.expected}. {row.reason} Nothing was stopped by it. See what changed in that "
            "column, and change the expectation if it asks for the wrong thing.",
            evidence={"column": row.column_name, "observed": row.observed},
        )
        for row in failed
    ]
