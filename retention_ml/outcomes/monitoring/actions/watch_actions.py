"""The door `watch_actions`: what may need a person between decision, message and verdict."""

import time
from datetime import date, datetime

from retention_ml import clock
from retention_ml.outcomes.monitoring.actions.decisions import decision_alerts
from retention_ml.outcomes.monitoring.actions.experiments import experiment_alerts
from retention_ml.outcomes.monitoring.actions.messages import message_alerts
from retention_ml.outcomes.monitoring.actions.standing import update_alerts
from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def watch_actions(
    warehouse: Warehouse, *, settings: Settings, as_of: date, now: datetime | None = None
) -> Receipt:
    """Raise alerts about actions that are new or worse, and clear those that are over.

    The door `watch` does the same every day; this one is for the runs in between.

    Parameters
    ----------
    as_of : date
        Today; of a day before the newest published one nothing is looked at, since messages and
        switches are known only as they are now.
    now : datetime, optional
        The moment for which messages and switches are looked at; by default the clock's.

    Returns
    -------
    Receipt
        `details["alerts"]`: those that are new (kind, subject, severity, sentence, runbook).
    """
    started = time.perf_counter()
    raised = action_alerts(warehouse, settings, as_of=as_of, now=now or clock.now())
    return warehouse.record(
        Receipt(
            door="watch_actions",
            as_of=as_of,
            read=len(raised),
            written=len(raised),
            seconds=time.perf_counter() - started,
            details={"alerts": [alert.to_dict() for alert in raised]},
        ),
        settings.run_id,
    )


def action_alerts(
    warehouse: Warehouse, settings: Settings, *, as_of: date, now: datetime
) -> list[Alert]:
    """Look at messages, decisions and experiments; the alerts that were raised now."""
    with warehouse.transaction() as transaction:
        if transaction.execute(
            "SELECT 1 FROM scores.published WHERE as_of > :as_of LIMIT 1", as_of=as_of
        ):
            return []
        alerts = [
            *message_alerts(transaction, settings, as_of=as_of, now=now),
            *decision_alerts(transaction, settings, as_of=as_of),
            *experiment_alerts(
                transaction, as_of=as_of, cooldown_days=settings.monitoring.cooldown_days
            ),
        ]
        return update_alerts(transaction, alerts, as_of=as_of, now=now, run_id=settings.run_id)
