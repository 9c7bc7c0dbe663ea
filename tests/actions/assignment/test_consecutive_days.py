"""Ordinary days one after the other: contacted customers leave, the holdout never does."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from retention_ml.actions.assignment import audits as module
from retention_ml.errors import AssignmentRefused
from retention_ml.settings import Settings
from tests.worlds.databases import NewWarehouse
from tests.worlds.decisions import DAY, DecisionShop


@pytest.fixture
def large_shop(
    new_warehouse: NewWarehouse, settings: Settings, tmp_path: Path
) -> Iterator[DecisionShop]:
    with new_warehouse() as warehouse:
        yield DecisionShop(warehouse, settings, tmp_path / "actions", customers=3_000)


@pytest.mark.slow
def test_ten_days_on_which_everybody_is_drawn_are_all_kept(large_shop: DecisionShop) -> None:
    large_shop.set(actions={"explore_share": 1.0, "budget_per_day": 1e6})
    contacts, holdouts = [], []
    for number in range(10):
        day = DAY + timedelta(days=number)
        if number:
            large_shop.publish(day)
        details = large_shop.assign(day).details
        assert details["status"] == "released"
        contacts.append(details["contacts_count"])
        holdouts.append(details["holdout_count"])
    assert contacts[0] > 500 > 100 > contacts[-1]
    assert min(holdouts) > 0.9 * max(holdouts)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_day_is_kept_with_and_without_a_lot(shop: DecisionShop, share: float) -> None:
    shop.set(actions={"explore_share": share})
    details = shop.assign().details
    assert details["status"] == "released"
    assert (details["contacts_count"] > 0) == (share > 0)
    assert details["holdout_count"] > 10


def test_a_holdout_of_another_share_is_noticed_before_anybody_was_contacted(
    shop: DecisionShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted defect: decision and audit draw with one and the same wrong condition."""
    monkeypatch.setattr(
        module, "in_holdout_sql", lambda salt, share, customer: f"({customer} < 'c00300')"
    )
    with pytest.raises(AssignmentRefused, match="holdout_has_its_share"):
        shop.assign()
