"""Purchase histories of the rollups agree with the features, also after late corrections."""

from datetime import date

import ibis
import pyarrow as pa
import pytest

from retention_ml.clock import day_number
from retention_ml.features.inputs import stored_inputs
from retention_ml.features.roll_up import roll_up
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.training.data.purchase_histories import purchase_histories, read_histories
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.features import oracle
from tests.worlds import shops
from tests.worlds.features import in_zone, late_shop, rows_of


def _histories(warehouse: Warehouse, day: date) -> dict[str, dict[str, float]]:
    number = day_number(day)
    table = warehouse.read(purchase_histories(stored_inputs([number]).customer_day, number))
    assert table.schema.field("repeats_count").type == pa.int64()
    assert table.schema.field("day_value_cents").type == pa.float64()
    histories = {row["customer_id"]: row for row in table.to_pylist()}
    assert len(histories) == table.num_rows
    return histories


def _assert_they_agree(warehouse: Warehouse, settings: Settings, day: date) -> None:
    histories = _histories(warehouse, day)
    features = {row["customer_id"]: row for row in rows_of(warehouse, settings, [day]).to_pylist()}
    assert len(features) >= 3
    assert set(features) < set(histories), "nobody has been silent for longer than active_days"
    for customer, row in features.items():
        history = histories[customer]
        assert history["repeats_count"] == row["purchase_days_count"] - 1
        assert history["tenure_days"] == row["tenure_days"]
        assert history["last_at_days"] == row["tenure_days"] - row["recency_days"]


def test_they_agree_with_the_features_of_a_plain_history(
    warehouse: Warehouse, settings: Settings
) -> None:
    shops.random_shop(warehouse, customers=150, seed=5)
    roll_up(warehouse, settings=settings)
    for day in (date(2024, 6, 1), date(2025, 1, 15)):
        _assert_they_agree(warehouse, settings, day)


def test_they_agree_with_the_features_when_deliveries_come_late_and_are_corrected(
    warehouse: Warehouse, settings: Settings
) -> None:
    settings = in_zone(settings, "Pacific/Auckland", active_days=60)
    late_shop(warehouse, settings, seed=4, passes=(3, 5, 6))
    days = (date(2025, 8, 17), date(2026, 1, 1))
    for day in days:
        _assert_they_agree(warehouse, settings, day)
    # A reading that takes every rollup row for known from the start sees corrections too early.
    number = day_number(days[0])
    rollup = stored_inputs([number]).customer_day
    naive = rollup.mutate(known_from_day=ibis.literal(0, "int64"))
    assert warehouse.read(purchase_histories(naive, number)).num_rows > 0
    assert _sorted(warehouse, naive, number) != _sorted(warehouse, rollup, number)


def _sorted(warehouse: Warehouse, rollup: ibis.Table, number: int) -> list[dict[str, object]]:
    table = warehouse.read(purchase_histories(rollup, number))
    return table.sort_by("customer_id").to_pylist()


def test_everybody_who_ever_bought_is_there_with_the_mean_paid_on_a_purchase_day(
    warehouse: Warehouse, settings: Settings
) -> None:
    shops.random_shop(warehouse, customers=60, seed=9)
    roll_up(warehouse, settings=settings)
    day = date(2025, 1, 15)
    histories = _histories(warehouse, day)
    expected = oracle.features(
        warehouse, day, active_days=10_000, timezone=settings.calendar.timezone
    )
    assert set(histories) == set(expected)
    for customer, features in expected.items():
        paid, days = features["revenue_cents"], features["purchase_days_count"]
        assert paid is not None
        assert days is not None
        assert histories[customer]["day_value_cents"] == pytest.approx(paid / days)


def test_what_happens_or_is_loaded_later_changes_no_history(
    warehouse: Warehouse, settings: Settings
) -> None:
    shops.random_shop(warehouse, customers=60, seed=9)
    roll_up(warehouse, settings=settings)
    day = date(2024, 9, 1)
    before = _histories(warehouse, day)
    later = shops.at("2025-06-01")
    customer = next(iter(before))
    shops.fill(
        warehouse,
        "orders",
        [
            {"order_id": "new1", "customer_id": customer, "event_at": shops.at("2024-09-01", 0)},
            {"order_id": "new2", "customer_id": customer, "event_at": shops.at("2024-05-05")},
        ],
        available_at=later,
        loaded_at=later,
    )
    roll_up(warehouse, settings=settings)
    assert _histories(warehouse, day) == before
    assert _histories(warehouse, date(2025, 6, 3)) != before


def test_histories_read_are_those_of_the_table(warehouse: Warehouse, settings: Settings) -> None:
    shops.random_shop(warehouse, customers=60, seed=9)
    roll_up(warehouse, settings=settings)
    number = day_number(date(2025, 1, 15))
    summary = read_histories(warehouse, as_of_day=number)
    rows = _histories(warehouse, date(2025, 1, 15)).values()
    assert summary.counts.sum() == len(rows)
    triples = sorted((r["repeats_count"], r["last_at_days"], r["tenure_days"]) for r in rows)
    counted = zip(summary.frequency, summary.recency, summary.T, summary.counts, strict=True)
    assert [triple for *triple, count in counted for _ in range(int(count))] == [
        list(triple) for triple in triples
    ]


def test_a_shop_without_orders_has_no_histories(warehouse: Warehouse, settings: Settings) -> None:
    summary = read_histories(warehouse, as_of_day=20_000)
    assert isinstance(summary, PurchaseSummary)
    assert len(summary.counts) == 0
