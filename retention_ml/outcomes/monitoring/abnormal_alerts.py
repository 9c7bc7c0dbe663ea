"""Whether too many would be excluded as abnormal, and whether the day was looked at at all."""

from datetime import date

from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.warehouse import Warehouse


def abnormal_alerts(warehouse: Warehouse, as_of: date) -> list[Alert]:
    """Alerts about the newest detection up to a day, none without any detection.

    One where it excluded nobody because there were too many; one where it is of an earlier day,
    and who is excluded on this one is as old.
    """
    with warehouse.transaction() as transaction:
        detections = transaction.execute(
            "SELECT as_of, alert, flagged_count, customers_count, buyers_count "
            "FROM abnormal.detections WHERE as_of <= :as_of "
            "ORDER BY as_of DESC, detection_id DESC LIMIT 1",
            as_of=as_of,
        )
    alerts = []
    for row in detections:
        if row.as_of < as_of:
            alerts.append(
                Alert(
                    kind="stale_abnormal",
                    subject="abnormal customers",
                    severity="warning",
                    sentence=f"Abnormal customers were last looked for on {row.as_of}, which is before "
                    f"{as_of}: who is excluded is of that day. See why `retention abnormal detect` "
                    "failed or did not run, and run it.",
                    evidence={"detected_on": row.as_of.isoformat()},
                )
            )
        if row.alert:
            alerts.append(
                Alert(
                    kind="abnormal_share",
                    subject="abnormal customers",
                    severity="warning",
                    sentence=row.alert,
                    evidence={
                        "flagged_count": row.flagged_count,
                        "customers_count": row.customers_count,
                        "buyers_count": row.buyers_count,
                    },
                )
            )
    return alerts
