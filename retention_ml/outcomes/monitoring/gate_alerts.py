"""Gates that did not work: nobody is promoted, and somebody has to mend it."""

from datetime import date, timedelta

from retention_ml.models.training.gate_errors import gate_errors
from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def gate_alerts(warehouse: Warehouse, settings: Settings, as_of: date) -> list[Alert]:
    """An alert for each recent training whose candidates could not be compared by a defect."""
    after = as_of - timedelta(days=settings.training.every_days)
    return [
        Alert(
            kind="gate_error",
            subject=f"training {failed.training_id}",
            severity="critical",
            sentence=f"The candidates of the training of {failed.as_of} could not be compared: "
            f"{failed.error} in {failed.place}. The champion stays, and every run of train_models "
            "compares them again. Report it as a defect; models.trainings.gate_error holds the "
            "trace.",
            evidence={
                "training_id": failed.training_id,
                "error": failed.error,
                "place": failed.place,
            },
        )
        for failed in gate_errors(warehouse, after=after, until=as_of)
    ]
