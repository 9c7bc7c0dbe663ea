"""Published lists against what was bought: figures by hand, late purchases, runs again."""

from datetime import date, timedelta
from math import log2
from typing import Any

import pytest

from retention_ml.outcomes.lists.measure_lists import measure_lists
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.outcomes.lists.hand_made import DAY, MATURED, buy, publish
from tests.worlds.excluded import exclude

# On the day: ann bought tea on three days and jam on one, bob jam on two; cid's bread sells best.
BEFORE = [
    ("ann", "tea", -60), ("ann", "tea", -40), ("ann", "tea", -20), ("ann", "jam", -15),
    ("bob", "jam", -30), ("bob", "jam", -10),
    ("cid", "bread", -9), ("dan", "bread", -9), ("eve", "bread", -9),
]  # fmt: skip
# Ann buys jam again and bread for the first time, bob something that nobody had bought before.
WINDOW = [("ann", "jam", 3), ("ann", "bread", 4), ("bob", "figs", 27), ("ann", "tea", 28)]
LISTS = {
    ("ann", "mixed"): ["tea", "bread", "jam"],
    ("ann", "again"): ["jam", "tea"],
    ("ann", "new"): ["bread"],
    ("bob", "mixed"): ["jam", "tea"],
    ("bob", "new"): ["tea", "bread"],
    ("cid", "mixed"): ["bread"],
}


def stored(warehouse: Warehouse, **wanted: str) -> list[dict[str, Any]]:
    rows = warehouse.read(
        "SELECT * FROM outcomes.list_performance ORDER BY as_of, method, list, metric"
    ).to_pylist()
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def value(warehouse: Warehouse, method: str, kind: str, metric: str, of: str = "value") -> float:
    [row] = stored(warehouse, method=method, list=kind, metric=metric)
    return float(row[of])


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    buy(warehouse, BEFORE)
    buy(warehouse, WINDOW)
    buy(warehouse, [("cid", "bread", 60)])
    publish(warehouse, LISTS)
    return warehouse


def test_figures_are_those_computed_by_hand(shop: Warehouse, settings: Settings) -> None:
    receipt = measure_lists(shop, settings=settings, as_of=MATURED)
    assert (receipt.read, receipt.written, receipt.left_out, receipt.duplicates) == (1, 1, 0, 0)
    # Of ann's mixed list the second and the third were bought, both of two; of bob's nothing.
    second, third = 1 / log2(3), 1 / log2(4)
    ann = (second + third) / (1 + second)
    assert value(shop, "published", "mixed", "ndcg") == pytest.approx(ann / 2)
    assert value(shop, "published", "mixed", "recall") == pytest.approx(1 / 2)
    assert value(shop, "published", "mixed", "hit") == pytest.approx(1 / 2)
    assert value(shop, "published", "mixed", "coverage") == pytest.approx(1)
    # Again counts ann alone, new counts both.
    assert value(shop, "published", "again", "ndcg") == pytest.approx(1)
    assert value(shop, "published", "new", "ndcg") == pytest.approx(1 / 2)
    counts = {row["list"]: row["customers_count"] for row in stored(shop, metric="ndcg")}
    assert counts == {"mixed": 2, "again": 1, "new": 2}
    # By frequency ann's list is tea, jam, bread: the same two ranks. The best seller is bread,
    # then jam with two buyers, then tea.
    assert value(shop, "personal_frequency", "mixed", "ndcg") == pytest.approx(ann / 2)
    assert value(shop, "personal_frequency", "again", "ndcg") == pytest.approx(second)
    assert value(shop, "best_sellers", "mixed", "ndcg") == pytest.approx(1 / 2)
    assert value(shop, "personal_frequency", "again", "ndcg", of="difference") == pytest.approx(
        1 - second
    )
    [offered] = receipt.details["days"]
    assert offered["ndcg"] == offered["personal_frequency_ndcg"] == pytest.approx(ann / 2)


def test_a_purchase_after_the_window_does_not_count(shop: Warehouse, settings: Settings) -> None:
    measure_lists(shop, settings=settings, as_of=MATURED + timedelta(days=9))
    assert value(shop, "published", "again", "recall") == 1  # tea came a day too late to count


@pytest.mark.parametrize("days_early", [1, 20])
def test_a_window_that_is_open_or_not_settled_waits(
    shop: Warehouse, settings: Settings, days_early: int
) -> None:
    receipt = measure_lists(shop, settings=settings, as_of=MATURED - timedelta(days=days_early))
    assert (receipt.read, receipt.written, receipt.left_out) == (1, 0, 1)
    assert stored(shop) == []


def test_a_window_beyond_the_last_purchase_waits(warehouse: Warehouse, settings: Settings) -> None:
    buy(warehouse, BEFORE)
    buy(warehouse, [("ann", "jam", 3)])
    publish(warehouse, LISTS)
    receipt = measure_lists(warehouse, settings=settings, as_of=MATURED + timedelta(days=90))
    assert receipt.left_out == 1


def test_run_again_nothing_is_written(shop: Warehouse, settings: Settings) -> None:
    measure_lists(shop, settings=settings, as_of=MATURED)
    first = stored(shop)
    again = measure_lists(shop, settings=settings, as_of=MATURED + timedelta(days=1))
    assert (again.written, again.duplicates) == (0, 1)
    assert stored(shop) == first


def test_a_late_purchase_is_measured_and_an_old_look_stays_old(
    shop: Warehouse, settings: Settings
) -> None:
    late_on = MATURED + timedelta(days=4)
    measure_lists(shop, settings=settings, as_of=MATURED)
    before = value(shop, "published", "mixed", "hit")
    buy(shop, [("bob", "jam", 12)], known_on=late_on)
    on_time = measure_lists(shop, settings=settings, as_of=late_on)
    assert (on_time.written, value(shop, "published", "mixed", "hit")) == (0, before)
    receipt = measure_lists(shop, settings=settings, as_of=late_on + timedelta(days=1))
    assert receipt.written == 1
    assert (before, value(shop, "published", "mixed", "hit")) == (0.5, 1)
    newest = stored(shop)
    # Looked at from an earlier day again, what is known better stays.
    old = measure_lists(shop, settings=settings, as_of=MATURED)
    assert (old.written, stored(shop)) == (0, newest)
    assert {row["known_as_of"] for row in newest} == {late_on + timedelta(days=1)}


def test_a_late_purchase_after_the_window_measures_nothing_anew(
    shop: Warehouse, settings: Settings
) -> None:
    measure_lists(shop, settings=settings, as_of=MATURED)
    late_on = MATURED + timedelta(days=20)
    buy(shop, [("bob", "jam", 40)], known_on=late_on)
    receipt = measure_lists(shop, settings=settings, as_of=late_on + timedelta(days=2))
    assert (receipt.written, receipt.duplicates) == (0, 1)


def test_lists_published_anew_are_measured_anew(shop: Warehouse, settings: Settings) -> None:
    measure_lists(shop, settings=settings, as_of=MATURED)
    newer = publish(shop, {("bob", "mixed"): ["figs"]})
    assert measure_lists(shop, settings=settings, as_of=MATURED).written == 1
    assert {row["snapshot_id"] for row in stored(shop)} == {newer}
    assert value(shop, "published", "mixed", "ndcg") == 1  # figs is all that bob bought


def test_simple_lists_leave_out_what_could_not_be_sold(
    warehouse: Warehouse, settings: Settings
) -> None:
    buy(warehouse, [*BEFORE, *WINDOW, ("cid", "bread", 60)])
    publish(warehouse, LISTS, unsellable=["tea"])
    measure_lists(warehouse, settings=settings, as_of=MATURED)
    # Without tea ann's list by frequency is jam, bread: all that she bought, in the first ranks.
    assert value(warehouse, "personal_frequency", "mixed", "recall") == pytest.approx(1 / 2)
    assert value(warehouse, "personal_frequency", "mixed", "ndcg") == pytest.approx(1 / 2)


def test_simple_lists_know_nothing_of_the_window(warehouse: Warehouse, settings: Settings) -> None:
    noise = [(f"n{number}", "figs", 1) for number in range(30)]
    buy(warehouse, [*BEFORE, *WINDOW, *noise, ("cid", "bread", 60)])
    publish(warehouse, LISTS)
    measure_lists(warehouse, settings=settings, as_of=MATURED)
    assert value(warehouse, "best_sellers", "new", "hit") == pytest.approx(1 / 2)


def test_nobody_bought_anything_is_measured_once(warehouse: Warehouse, settings: Settings) -> None:
    buy(warehouse, [*BEFORE, ("dan", "tea", 40)])
    publish(warehouse, LISTS)
    as_of = date(2024, 8, 1)
    assert measure_lists(warehouse, settings=settings, as_of=as_of).written == 1
    assert {row["customers_count"] for row in stored(warehouse)} == {0}
    assert measure_lists(warehouse, settings=settings, as_of=as_of).written == 0


def test_no_lists_no_work(warehouse: Warehouse, settings: Settings) -> None:
    receipt = measure_lists(warehouse, settings=settings, as_of=MATURED)
    assert receipt.read == receipt.written == 0


def test_who_is_abnormal_when_the_window_has_settled_is_no_customer_of_the_lists(
    shop: Warehouse, settings: Settings
) -> None:
    exclude(shop, ["bob"], since=MATURED)
    # Eve's bread sold on the day, whatever is found out about her later.
    exclude(shop, ["ann", "eve"], since=MATURED + timedelta(days=1))
    measure_lists(shop, settings=settings, as_of=MATURED + timedelta(days=5))
    [row] = stored(shop, method="published", list="mixed", metric="ndcg")
    assert (row["customers_count"], row["abnormal_count"]) == (1, 1)
    second, third = 1 / log2(3), 1 / log2(4)
    assert row["value"] == pytest.approx((second + third) / (1 + second))
    best = value(shop, "best_sellers", "mixed", "ndcg")
    assert best == pytest.approx(1.0)  # bread, then jam: as all three sold it


def test_purchases_of_who_was_abnormal_on_the_day_make_no_best_seller(
    shop: Warehouse, settings: Settings
) -> None:
    exclude(shop, ["cid", "dan", "eve"], since=DAY)
    measure_lists(shop, settings=settings, as_of=MATURED)
    [row] = stored(shop, method="best_sellers", list="new", metric="hit")
    assert row["value"] == 0  # bread was nobody's
