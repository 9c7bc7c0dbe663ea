"""Rows of customers of days long past are deleted; their figures, and what follows, stay right."""

from datetime import date, timedelta
from typing import Any

import pytest

from retention_ml.maintenance.invariants import violations
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.profiles.read_stages import read_stages
from retention_ml.profiles.snapshots import pruning
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop

DAY = date(2024, 12, 1)
OLD = DAY - timedelta(days=63)


@pytest.fixture
def short(settings: Settings) -> Settings:
    """Rows of customers are figures for 62 days."""
    chosen = settings.profiles.model_copy(update={"customer_history_days": 62})
    return settings.model_copy(update={"profiles": chosen})


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    random_shop(warehouse, customers=60, days=400)
    return warehouse


def make(warehouse: Warehouse, settings: Settings, day: date) -> Receipt:
    made = profile(warehouse, settings=settings, as_of=day)
    return publish_profiles(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])


def rows(warehouse: Warehouse, name: str, day: date) -> list[dict[str, Any]]:
    table = warehouse.read(f"SELECT * FROM profiles.{name} WHERE as_of = DATE '{day}'")
    columns = [each for each in table.column_names if each not in ("snapshot_id", "epoch")]
    return sorted(table.select(columns).to_pylist(), key=str)


def test_rows_of_customers_go_and_figures_of_the_day_stay(shop: Warehouse, short: Settings) -> None:
    edge = OLD + timedelta(days=1)
    for day in (OLD, edge):
        make(shop, short, day)
    figures = {
        name: rows(shop, name, OLD) for name in ("stage_daily", "transitions", "value_daily")
    }
    assert all(figures.values())
    receipt = make(shop, short, DAY)
    assert receipt.details["pruned_snapshots"] == 1
    for table in ("customer_daily", "customer_value"):
        assert rows(shop, table, OLD) == []
        assert rows(shop, table, edge)
    assert {name: rows(shop, name, OLD) for name in figures} == figures
    assert shop.read(f"SELECT 1 AS x FROM reports.lifecycle_daily WHERE as_of = '{OLD}'").num_rows
    assert violations(shop) == []
    assert make(shop, short, DAY).details["pruned_snapshots"] == 0


def test_a_day_that_begins_from_deleted_rows_is_replayed_and_published(
    shop: Warehouse, short: Settings
) -> None:
    make(shop, short, OLD)
    before = read_stages(shop, settings=short, as_of=OLD).sort_by("customer_id")
    make(shop, short, DAY)
    assert read_stages(shop, settings=short, as_of=OLD).sort_by("customer_id").equals(before)
    after = OLD + timedelta(days=1)
    made = profile(shop, settings=short, as_of=after)
    assert str(OLD) in made.details["replayed_days"]
    publish_profiles(shop, settings=short, snapshot_id=made.details["snapshot_id"])
    assert violations(shop) == []


def test_a_deleted_day_made_again_comes_out_as_it_was(shop: Warehouse, short: Settings) -> None:
    make(shop, short, OLD)
    before = rows(shop, "customer_daily", OLD)
    make(shop, short, DAY)
    again = profile(shop, settings=short, as_of=OLD)
    assert not again.details["is_repeat"]
    publish_profiles(shop, settings=short, snapshot_id=again.details["snapshot_id"])
    assert rows(shop, "customer_daily", OLD) == before


def test_at_most_thirty_days_are_deleted_at_a_time(shop: Warehouse, short: Settings) -> None:
    make(shop, short, OLD)
    with shop.transaction() as transaction:
        columns = [
            row[0]
            for row in transaction.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'profiles' "
                "AND table_name = 'snapshots' AND column_name NOT IN ('snapshot_id', 'as_of', "
                "'status')"
            )
        ]
        names = ", ".join(columns)
        transaction.execute(
            f"INSERT INTO profiles.snapshots (as_of, status, {names}) SELECT as_of - n, 'built', "
            f"{names} FROM profiles.snapshots CROSS JOIN generate_series(1, 40) AS n"
        )
    assert make(shop, short, DAY).details["pruned_snapshots"] == 30
    assert rows(shop, "customer_daily", OLD)
    assert make(shop, short, DAY).details["pruned_snapshots"] == 11
    assert rows(shop, "customer_daily", OLD) == []


def test_after_a_minute_no_further_day_is_begun(
    shop: Warehouse, settings: Settings, short: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (OLD - timedelta(days=1), OLD):
        make(shop, settings, day)
    monkeypatch.setattr(pruning, "_SECONDS_MAX", 0.0)
    assert make(shop, short, DAY).details["pruned_snapshots"] == 1
