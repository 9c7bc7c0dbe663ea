"""The features of some customers are, to the bit, those that the whole day has of them."""

from datetime import date

import pytest

from retention_ml.features.build import ensure_rows
from retention_ml.features.freshness import newest_rollup_id
from retention_ml.features.samples import of_customers
from retention_ml.features.samples.of_customers import features_of_customers
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop

DAY = date(2024, 12, 1)


@pytest.mark.parametrize("is_cached", [True, False])
def test_of_some_they_are_what_the_day_has(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch, is_cached: bool
) -> None:
    random_shop(warehouse)
    whole, _ = ensure_rows(warehouse, settings=settings, as_of=DAY)
    if not is_cached:
        monkeypatch.setattr(of_customers, "open_rollups", lambda *_: None)
    chosen = whole["customer_id"].to_pylist()[::3]
    rows = features_of_customers(
        warehouse,
        settings=settings,
        as_of=DAY,
        customer_ids=[*chosen, "nobody"],
        newest_rollup_id=newest_rollup_id(warehouse),
    )
    expected = {row["customer_id"]: row for row in whole.to_pylist()}
    assert [row["customer_id"] for row in rows.to_pylist()] == sorted(chosen)
    assert all(row == expected[row["customer_id"]] for row in rows.to_pylist())
    assert len(chosen) > 5
