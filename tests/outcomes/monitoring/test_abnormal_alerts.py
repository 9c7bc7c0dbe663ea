"""Too many abnormal customers are an alert of their day, and of no other."""

from datetime import timedelta

from retention_ml.abnormal.detect import detect
from retention_ml.outcomes.monitoring.abnormal_alerts import abnormal_alerts
from retention_ml.outcomes.monitoring.watch import watch
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.abnormal_shop import DAY, abnormal_shop


def test_too_many_to_exclude_are_an_alert_of_the_day(
    warehouse: Warehouse, settings: Settings
) -> None:
    abnormal_shop(warehouse)
    detect(warehouse, settings=settings, as_of=DAY)
    assert abnormal_alerts(warehouse, DAY) == []
    section = settings.abnormal.model_copy(update={"excluded_share_max": 0.01})
    strict = settings.model_copy(update={"abnormal": section})
    detect(warehouse, settings=strict, as_of=DAY)
    [alert] = abnormal_alerts(warehouse, DAY)
    assert alert.sentence.startswith("3 of 65 buyers (5%) would be excluded as abnormal")
    assert abnormal_alerts(warehouse, DAY + timedelta(days=1)) == []
    new = watch(warehouse, settings=strict, as_of=DAY).details["alerts"]
    assert "abnormal_share" in [each["kind"] for each in new]
