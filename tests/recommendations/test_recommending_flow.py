"""From order lines to published lists, with the real features and the real expectations."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.errors import NotReady, PublicationRefused, UsageError
from retention_ml.receipts import Receipt
from retention_ml.recommendations.publish_lists import publish_lists
from retention_ml.recommendations.recommend import recommend
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill, random_shop

DAY = date(2024, 12, 1)
POPULAR = "p007"


def run(warehouse: Warehouse, settings: Settings, day: date = DAY) -> Receipt:
    made = recommend(warehouse, settings=settings, as_of=day)
    publish_lists(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])
    return made


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    return warehouse.read(sql).to_pylist()


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    random_shop(warehouse, customers=150, days=400)
    return warehouse


def test_every_active_customer_has_three_lists_with_reasons(
    shop: Warehouse, settings: Settings
) -> None:
    made = run(shop, settings)
    active = rows(shop, f"SELECT customer_id FROM features.customer_daily WHERE as_of = '{DAY}'")
    assert made.read == made.written == len(active) > 50
    assert made.details["method"] == "frequency"
    listed = rows(
        shop,
        "SELECT listed.* FROM recommendations.customer_daily AS listed "
        "JOIN recommendations.published USING (snapshot_id) ORDER BY customer_id, list, rank",
    )
    assert {row["customer_id"] for row in listed} == {row["customer_id"] for row in active}
    assert {row["list"] for row in listed} == {"mixed", "again", "new"}
    assert all(row["reason"] and 0 <= row["purchase_probability"] <= 1 for row in listed)
    assert all(row["expected_margin_cents"] >= 0 for row in listed)
    assert all(row["is_success"] for row in rows(shop, "SELECT * FROM recommendations.audits"))
    asked = rows(
        shop, "SELECT * FROM quality.results WHERE suite = 'recommendations.customer_daily'"
    )
    assert len(asked) >= 5


def test_run_again_nothing_is_written_and_the_digest_is_equal(
    shop: Warehouse, settings: Settings
) -> None:
    first = run(shop, settings)
    again = run(shop, settings)
    assert again.details["is_repeat"]
    assert (again.written, again.duplicates) == (0, first.read)
    assert again.details["lists_digest"] == first.details["lists_digest"]
    assert len(rows(shop, "SELECT * FROM recommendations.snapshots")) == 1


def test_what_happened_later_changes_no_byte(shop: Warehouse, settings: Settings) -> None:
    first = run(shop, settings)
    late = datetime(2024, 12, 1, 0, 0, tzinfo=UTC) + timedelta(hours=6)
    noise = [
        {"order_id": f"n{i}", "product_id": f"p{i % 70:03d}", "customer_id": f"c{i % 150:05d}",
         "event_at": late, "occurrence": 1, "kind": "return" if i % 3 == 0 else "sale"}
        for i in range(600)
    ]  # fmt: skip
    fill(shop, "order_lines", noise)
    fill(
        shop,
        "orders",
        [{k: row[k] for k in ("order_id", "customer_id", "event_at")} for row in noise],
    )
    fill(
        shop, "products",
        [{"product_id": f"p{i:03d}", "name": "X", "category": "other", "is_available": False}
         for i in range(0, 60, 3)],
        available_at=late,
    )  # fmt: skip
    again = run(shop, settings)
    assert again.details["lists_digest"] == first.details["lists_digest"]
    later = run(shop, settings, DAY + timedelta(days=1))  # which is not blind to it
    assert later.details["lists_digest"] != first.details["lists_digest"]


def test_a_product_withdrawn_today_is_on_no_list_tomorrow(
    shop: Warehouse, settings: Settings
) -> None:
    run(shop, settings)
    listed = f"SELECT * FROM reports.recommendations_history WHERE product_id = '{POPULAR}'"
    assert len(rows(shop, listed)) > 10
    withdrawn = {"product_id": POPULAR, "name": "Product 7", "is_available": False}
    fill(shop, "products", [withdrawn], available_at=datetime(2024, 12, 1, 12, tzinfo=UTC))
    run(shop, settings, DAY + timedelta(days=1))
    assert {row["as_of"] for row in rows(shop, listed)} == {DAY}
    counted = rows(
        shop, "SELECT * FROM reports.recommendation_filters WHERE reason = 'not_available'"
    )
    assert [row["as_of"] for row in counted] == [DAY + timedelta(days=1)]
    assert counted[0]["products_count"] == 1


def test_shorter_lists_by_the_settings_are_no_loss(shop: Warehouse, settings: Settings) -> None:
    run(shop, settings)
    shorter = settings.model_copy(
        update={"recommendations": settings.recommendations.model_copy(update={"list_size": 3})}
    )
    made = run(shop, shorter)
    assert not made.details["is_repeat"]
    assert rows(shop, "SELECT max(rank) AS last FROM reports.recommendations") == [{"last": 3}]


def test_a_return_between_two_seconds_is_read(shop: Warehouse, settings: Settings) -> None:
    moment = datetime(2024, 11, 20, 10, 0, 0, 123_000, tzinfo=UTC)
    line = {"order_id": "r1", "product_id": POPULAR, "customer_id": "c00001", "event_at": moment}
    fill(shop, "order_lines", [{**line, "occurrence": 1, "kind": "return"}])
    assert run(shop, settings).written


def test_confirming_an_attack_is_no_loss_of_lists(shop: Warehouse, settings: Settings) -> None:
    first = run(shop, settings)
    with shop.transaction() as transaction:
        transaction.execute(
            "INSERT INTO abnormal.decisions (customer_id, kind, decision, as_of, strength, "
            "is_excluded, decided_by, reason, decided_at, run_id) SELECT customer_id, 'bot', "
            "'confirmed', :day, 0, true, 'Ada', 'an attack', now(), 'test' FROM (SELECT DISTINCT "
            "customer_id FROM recommendations.customer_daily ORDER BY 1 LIMIT (SELECT "
            "count(DISTINCT customer_id) * 7 / 10 FROM recommendations.customer_daily)) AS listed",
            day=DAY + timedelta(days=1),
        )
    second = run(shop, settings, DAY + timedelta(days=1))
    assert second.details["excluded"]["abnormal"] > 0
    assert second.details["rows"] < 0.5 * first.details["rows"]  # which alone would be refused
    assert len(rows(shop, "SELECT as_of FROM recommendations.published")) == 2


def test_a_full_publication_is_not_replaced_by_an_empty_one(
    shop: Warehouse, settings: Settings
) -> None:
    first = run(shop, settings)
    gone = [{"product_id": f"p{i:03d}", "is_available": False} for i in range(59)]
    fill(shop, "products", gone, available_at=datetime(2024, 11, 30, tzinfo=UTC))
    with pytest.raises(PublicationRefused, match="lists_did_not_shrink"):
        run(shop, settings)
    assert rows(shop, "SELECT snapshot_id FROM recommendations.published") == [
        {"snapshot_id": first.details["snapshot_id"]}
    ]


def test_a_shop_of_one_week_gets_best_sellers_and_is_told_so(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(
        warehouse, "order_lines",
        [{"order_id": f"o{i}", "product_id": f"p{i % 3}", "customer_id": f"c{i}",
          "event_at": datetime(2024, 11, 25 + i % 6, tzinfo=UTC)} for i in range(12)],
    )  # fmt: skip
    fill(
        warehouse, "orders",
        [{"order_id": f"o{i}", "customer_id": f"c{i}",
          "event_at": datetime(2024, 11, 25 + i % 6, tzinfo=UTC)} for i in range(12)],
    )  # fmt: skip
    made = run(warehouse, settings)
    assert made.details["method"] == "best_sellers"
    assert "purchases are known from 2024-11-25 on, 6 days" in made.details["caveat"]
    assert made.details["sources"].keys() == {"best_seller"}
    [shown] = rows(warehouse, "SELECT DISTINCT caveat FROM reports.recommendations")
    assert "From 2024-12-23 on" in shown["caveat"]


def test_nobody_active_is_not_ready(warehouse: Warehouse, settings: Settings) -> None:
    with pytest.raises(NotReady, match="no orders of known customers"):
        recommend(warehouse, settings=settings, as_of=DAY)


def test_unknown_lists_are_a_usage_error(warehouse: Warehouse, settings: Settings) -> None:
    with pytest.raises(UsageError, match="There are no lists 7"):
        publish_lists(warehouse, settings=settings, snapshot_id=7)


def test_an_older_run_does_not_publish(shop: Warehouse, settings: Settings) -> None:
    older = recommend(shop, settings=settings, as_of=DAY)
    newer = recommend(shop, settings=settings, as_of=DAY)
    with pytest.raises(PublicationRefused, match="another run has begun"):
        publish_lists(shop, settings=settings, snapshot_id=older.details["snapshot_id"])
    publish_lists(shop, settings=settings, snapshot_id=newer.details["snapshot_id"])
