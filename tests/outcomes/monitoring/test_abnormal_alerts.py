"""Too many abnormal customers are an alert, and so is a day on which nobody looked."""

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
    assert alert.sentence.startswith("3 of 65 customers (5%) would be excluded as abnormal")
    new = watch(warehouse, settings=strict, as_of=DAY).details["alerts"]
    assert "abnormal_share" in [each["kind"] for each in new]


def test_a_day_without_a_detection_of_its_own_is_an_alert(
    warehouse: Warehouse, settings: Settings
) -> None:
    late = DAY + timedelta(days=2)
    abnormal_shop(warehouse)
    assert abnormal_alerts(warehouse, late) == []  # a shop that never looked
    detect(warehouse, settings=settings, as_of=DAY)
    assert abnormal_alerts(warehouse, DAY - timedelta(days=1)) == []
    [alert] = abnormal_alerts(warehouse, late)
    assert (alert.kind, alert.evidence) == ("stale_abnormal", {"detected_on": "2025-07-01"})
    assert "last looked for on 2025-07-01, which is before 2025-07-03" in alert.sentence
    detect(warehouse, settings=settings, as_of=late)
    assert abnormal_alerts(warehouse, late) == []
