"""An experiment begins after the days that were decided without it."""

from datetime import date, timedelta

import pytest

from retention_ml.actions.release.release import released_until
from retention_ml.errors import UsageError
from retention_ml.experiments import ledger
from retention_ml.experiments.design import Design
from retention_ml.experiments.start import start
from retention_ml.receipts import DecisionReceipt
from tests.worlds.decisions import DAY, DecisionShop


def _start(shop: DecisionShop, as_of: date) -> DecisionReceipt:
    return start(
        shop.warehouse,
        settings=shop.settings,
        as_of=as_of,
        experiment_id="spring",
        by="Kim",
        released_until=released_until(shop.warehouse),
    )


def test_a_day_that_was_released_without_it_is_not_its_first(shop: DecisionShop) -> None:
    design = Design(experiment_id="spring", arms={"none": 0.5, "mail": 0.5}, tiers=("high",))
    with shop.warehouse.transaction() as transaction:
        ledger.add(
            transaction,
            design,
            question="",
            sizes=[],
            assumptions={},
            planned_count=100,
            missing_count=0,
            as_of=DAY,
            by="Kim",
            run_id="test",
        )
    assert shop.assign(DAY).details["status"] == "released"
    tomorrow = DAY + timedelta(days=1)
    for day in (DAY - timedelta(days=20), DAY):
        with pytest.raises(UsageError, match=f"{DAY} was released .*Use --as-of {tomorrow}"):
            _start(shop, day)
    assert _start(shop, tomorrow).details["is_new"]
    assert not _start(shop, DAY).details["is_new"]  # started before: left as it is
