"""Which trial runs: only the present ends one or lets it go on."""

from datetime import date

import pytest

from retention_ml.outcomes.measure import measure
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outcomes import Shop, weeks

pytestmark = pytest.mark.usefixtures("no_page")


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings) -> Shop:
    quick = settings.training.model_copy(update={"bootstrap_draws": 60})
    return Shop(warehouse, settings.model_copy(update={"training": quick}))


def _status_after(shop: Shop, day: date) -> str:
    measure(shop.warehouse, settings=shop.settings, as_of=day)
    [row] = shop.rows("SELECT status FROM outcomes.trials")
    return str(row["status"])


def test_an_old_day_without_the_challenger_measured_again_does_not_end_the_trial(
    shop: Shop,
) -> None:
    first, second, third = weeks(3)
    shop.publish(first, shop.noisy(1), shop.truth)
    assert _status_after(shop, first) == "open"
    shop.publish(second, shop.noisy(1))
    assert _status_after(shop, second) == "abandoned"
    shop.publish(third, shop.noisy(1), shop.truth)
    assert _status_after(shop, third) == "open"
    assert _status_after(shop, second) == "open"


def test_another_churn_definition_ends_the_trials_of_the_former(shop: Shop) -> None:
    first, second = weeks(2)
    shop.publish(first, shop.noisy(1), shop.truth)
    assert _status_after(shop, first) == "open"
    churn = shop.settings.churn.model_copy(update={"horizon_days": 14})
    shop.settings = shop.settings.model_copy(update={"churn": churn})
    shop.publish(second, shop.noisy(1), shop.truth)
    measure(shop.warehouse, settings=shop.settings, as_of=second)
    rows = shop.rows("SELECT status, reason FROM outcomes.trials ORDER BY trial_id")
    assert [row["status"] for row in rows] == ["abandoned", "open"]
    assert "churn definition was changed" in rows[0]["reason"]
