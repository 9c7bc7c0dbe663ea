"""From order lines to `reports.product_pairs`."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.stats import hypergeom

from retention_ml.errors import NotReady
from retention_ml.recommendations.pairs.pair_products import pair_products
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill

DAY = date(2024, 12, 1)


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    return warehouse.read(sql).to_pylist()


def sell(warehouse: Warehouse, *, days: int, names: bool = True) -> None:
    """Fourteen products independent of each other, and tea that is bought with cups."""
    rng = np.random.default_rng(7)
    lines = []
    for number in range(6 * days):
        at = datetime(2024, 12, 1, 12, tzinfo=UTC) - timedelta(days=1 + number % days)
        products = [f"p{p:02d}" for p in np.flatnonzero(rng.random(14) < 0.15)]
        if rng.random() < 0.2:
            products += ["tea", *(["cup"] if rng.random() < 0.7 else [])]
        elif rng.random() < 0.1:
            products.append("cup")
        lines += [
            {"order_id": f"o{number}", "product_id": product, "event_at": at,
             "customer_id": f"c{rng.integers(120):03d}"}
            for product in products
        ]  # fmt: skip
        for line in lines[len(lines) - len(products) :]:
            line["customer_id"] = lines[-1]["customer_id"]
    fill(warehouse, "order_lines", lines)
    if names:
        catalogue = [{"product_id": "cup", "name": "Cup"}, {"product_id": "tea", "name": "Tea"}]
        fill(warehouse, "products", catalogue, available_at=datetime(2024, 2, 1, tzinfo=UTC))


def test_pairs_are_shown_with_names_figures_and_their_proof(
    warehouse: Warehouse, settings: Settings
) -> None:
    sell(warehouse, days=200)
    receipt = pair_products(warehouse, settings=settings, as_of=DAY)
    assert receipt.details["is_new"]
    shown = rows(warehouse, "SELECT * FROM reports.product_pairs ORDER BY rank")
    assert len(shown) == receipt.details["rules_count"] <= 3  # independent ones make hardly any
    best = shown[0]
    names = ("product_id", "product_name", "with_product_id", "with_product_name")
    assert [best[name] for name in names] == ["cup", "Cup", "tea", "Tea"]
    assert best["is_confirmed"]
    assert best["confirmed_share"] == best["confirmed_count"] / best["measurable_count"]
    [stored] = rows(warehouse, "SELECT * FROM recommendations.product_pairs WHERE rank = 1")
    [counted] = rows(warehouse, "SELECT * FROM recommendations.pair_counts")
    both, size = stored["together_count"], counted["baskets_count"]
    product = stored["baskets_count"] * stored["with_baskets_count"]
    assert best["support"] == pytest.approx(both / size)
    assert best["lift"] == pytest.approx(both * size / product)
    population = round(min(size, product / stored["expected_count"]))
    assert best["p_value"] == pytest.approx(
        hypergeom.sf(both - 1, population, stored["baskets_count"], stored["with_baskets_count"])
    )
    by_hand = rows(
        warehouse,
        "SELECT count(*) AS both FROM (SELECT customer_id, event_at::date FROM curated.order_lines "
        f"WHERE product_id IN ('cup', 'tea') AND event_at < '{counted['splits_on']}' "
        f"AND event_at >= '{counted['begins_on']}' GROUP BY 1, 2 "
        "HAVING count(DISTINCT product_id) = 2) AS baskets",
    )
    assert by_hand[0]["both"] == both


def test_counted_when_due_and_what_comes_later_changes_no_byte(
    warehouse: Warehouse, settings: Settings
) -> None:
    sell(warehouse, days=200)
    first = pair_products(warehouse, settings=settings, as_of=DAY)
    again = pair_products(warehouse, settings=settings, as_of=DAY + timedelta(days=3))
    assert not again.details["is_new"]
    assert "Not due: the pairs of 2024-12-01 count until 2024-12-08." in again.sentence
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM recommendations.product_pairs")
        transaction.execute("DELETE FROM recommendations.pair_counts")
    late = datetime(2024, 12, 1, 6, tzinfo=UTC)
    noise = [
        {"order_id": f"n{n}", "product_id": product, "customer_id": f"c{n:03d}", "event_at": late}
        for n in range(90)
        for product in ("p01", "p02")
    ]
    fill(warehouse, "order_lines", noise)
    repeated = pair_products(warehouse, settings=settings, as_of=DAY)
    assert repeated.details["pairs_digest"] == first.details["pairs_digest"]
    later = pair_products(warehouse, settings=settings, as_of=DAY + timedelta(days=7))
    assert later.details["pairs_digest"] != first.details["pairs_digest"]
    assert {row["as_of"] for row in rows(warehouse, "SELECT as_of FROM reports.product_pairs")} == {
        DAY + timedelta(days=7)
    }


def test_without_a_catalogue_pairs_have_numbers_only(
    warehouse: Warehouse, settings: Settings
) -> None:
    sell(warehouse, days=100, names=False)
    pair_products(warehouse, settings=settings, as_of=DAY)
    [best] = rows(warehouse, "SELECT * FROM reports.product_pairs WHERE rank = 1")
    assert (best["product_id"], best["product_name"]) == ("cup", None)


def test_a_shop_of_a_few_weeks_waits(warehouse: Warehouse, settings: Settings) -> None:
    sell(warehouse, days=30)
    with pytest.raises(NotReady, match="purchases of 4 whole weeks are known; expected at least 8"):
        pair_products(warehouse, settings=settings, as_of=DAY)
    assert rows(warehouse, "SELECT * FROM recommendations.pair_counts") == []
