"""Whether so many customers would be excluded as abnormal that none was."""

from datetime import date

from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.warehouse import Warehouse


def abnormal_alerts(warehouse: Warehouse, as_of: date) -> list[Alert]:
    """An alert where the newest detection of a day excluded nobody because there were too many."""
    with warehouse.transaction() as transaction:
        detections = transaction.execute(
            "SELECT alert, flagged_count, buyers_count FROM abnormal.detections "
            "WHERE as_of = :as_of ORDER BY detection_id DESC LIMIT 1",
            as_of=as_of,
        )
    return [
        Alert(
            kind="abnormal_share",
            subject="abnormal customers",
            severity="warning",
            sentence=row.alert,
            evidence={"flagged_count": row.flagged_count, "buyers_count": row.buyers_count},
        )
        for row in detections
        if row.alert
    ]
