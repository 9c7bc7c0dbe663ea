"""Campaigns of a shop: one that went to the better customers is observational, a lot is not."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.settings import Settings
from retention_ml.stack.actions_demo import campaigns
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.outcomes import FIRST, Shop
from tests.worlds.shops import fill

BEGAN = 100
UNTIL = FIRST + timedelta(days=140)
COUNT = 500


@pytest.fixture(scope="module")
def campaigning(new_warehouse: NewWarehouse) -> Iterator[Warehouse]:
    """A shop with a campaign by lot, one for those who buy most, one too early and one too late."""
    with new_warehouse() as warehouse:
        shop = Shop(warehouse, Settings(), customers=COUNT)
        orders = warehouse.read("SELECT order_id, event_at FROM curated.orders").to_pydict()
        lines = {"order_id": orders["order_id"], "product_id": ["p"] * len(orders["order_id"])}
        when = pa.array(orders["event_at"], pa.timestamp("us", tz="UTC"))
        fill(warehouse, "order_lines", pa.table({**lines, "event_at": when}))
        draw = np.random.default_rng(3)
        lot = draw.random(COUNT) < 0.5
        best = draw.random(COUNT) < np.where(shop.rates > np.median(shop.rates), 0.9, 0.1)
        for name, mask, day in (
            ("lot", lot, BEGAN), ("best", best, BEGAN), ("early", draw.random(COUNT) < 0.3, 20), ("late", best, 130),
        ):  # fmt: skip
            chosen = [shop.names[i] for i in np.flatnonzero(mask)]
            shop.contact(chosen, shop.moment(day + 0.5), campaign=name)
        yield warehouse


@pytest.fixture
def results(campaigning: Warehouse, settings: Settings) -> dict[str, dict[str, object]]:
    rows = campaigns.examine(
        campaigning, settings, source="test", until=UNTIL, count=5, say=lambda _: None
    )
    return {str(row["campaign"]): row for row in rows}


def test_only_a_campaign_drawn_by_lot_may_count_as_an_experiment(
    results: dict[str, dict[str, object]],
) -> None:
    assert set(results) == {"lot", "best"}
    best, lot = results["best"], results["lot"]
    assert (best["is_observational"], lot["is_observational"]) == (True, False)
    assert float(str(best["auc"])) > 0.6
    assert 0.4 < float(str(lot["auc"])) < 0.6
    assert "No effect here may be called causal" in str(best["reason"])
    assert best["decision"] == "rule"
    assert "observational" not in str(lot["reason"])


def test_a_file_has_each_active_customer_once_and_no_number_of_theirs(
    results: dict[str, dict[str, object]],
) -> None:
    lines = Path(str(results["lot"]["file"])).read_text().splitlines()
    header = lines[0].split(",")
    assert header[:2] == [campaigns.TREATMENT, campaigns.OUTCOME]
    assert not {"customer_id", "as_of"} & set(header)
    assert len(lines) - 1 == results["lot"]["customers"]
    sent = sum(line.startswith("1,") for line in lines[1:])
    assert sent / (len(lines) - 1) == pytest.approx(results["lot"]["sent_share"])
