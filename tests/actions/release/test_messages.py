"""What the messages of a released day say of the customer's own purchases."""

from datetime import timedelta

from retention_ml.maintenance.invariants import violations
from tests.worlds.decisions import DAY, DecisionShop
from tests.worlds.shops import at, fill

PRODUCTS = """title = "For you"
kind = "recommendation"
channel = "email"
template = "products"
subject = "More {{ favourite_category }}"
unsubscribe_url = "https://shop.test/u?m={message_id}"
[rule]
tiers = ["low", "medium", "high", "critical"]
"""
TEXT = """{% for product in products %}{{ product.name }}, {% endfor %}
{{ favourite_category | default("") }} {{ unsubscribe_url }}
"""


def test_products_are_recommended_to_who_bought_and_to_nobody_else(shop: DecisionShop) -> None:
    for path in shop.folder.glob("*.toml"):
        path.unlink()
    subject = PRODUCTS.replace("{{ favourite_category }}", "{{ products[0].name }}")
    (shop.folder / "products.toml").write_text(subject, encoding="utf-8")
    (shop.folder / "templates" / "products.txt").write_text(TEXT, encoding="utf-8")
    buyers = set(shop.shop.names[::2])
    fill(shop.warehouse, "products", [
        {"product_id": f"p{number}", "name": f"Tea <{number}>", "category": "Tea & more"}
        for number in range(3)
    ], available_at=at("2020-01-01"))  # fmt: skip
    fill(shop.warehouse, "order_lines", [
        {"order_id": f"{name}-{number}", "product_id": f"p{number % 2}", "customer_id": name,
         "event_at": shop.shop.moment(95 + number % 3)}
        for name in sorted(buyers) for number in range(4)
    ])  # fmt: skip
    shop.set(actions={"explore_share": 1.0, "quiet_after_order_days": 0})
    receipt = shop.assign(DAY)
    assert receipt.details["status"] == "released"
    rows = shop.rows("SELECT customer_id, payload FROM actions.outbox")
    assert rows
    assert {row["customer_id"] for row in rows} <= buyers
    for row in rows:
        assert "Tea <0>, Tea <1>" in str(row["payload"])
        assert "Tea & more" in str(row["payload"])
    refused = receipt.details["messages"]["refused: products"]
    assert refused > 0
    assert len(rows) + refused == receipt.details["contacts_count"]
    later = DAY + timedelta(days=1)
    shop.publish(later)
    excluded = shop.assign(later).details["excluded"]
    alone = shop.rows(
        "SELECT 1 AS one FROM actions.assignments WHERE is_explored AND action_id = 'none' "
        f"AND as_of = DATE '{DAY}'"
    )
    # Who got no message was not contacted; who was left alone by lot rests.
    assert excluded["fatigue"] == len(rows) + len(alone)
    assert violations(shop.warehouse) == []


def test_a_published_list_is_what_is_recommended(shop: DecisionShop) -> None:
    for path in shop.folder.glob("*.toml"):
        path.unlink()
    subject = PRODUCTS.replace("{{ favourite_category }}", "For you")
    (shop.folder / "products.toml").write_text(subject, encoding="utf-8")
    (shop.folder / "templates" / "products.txt").write_text(TEXT, encoding="utf-8")
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO recommendations.snapshots (as_of, status, epoch, method, caveat, list_size, "
            "horizon_days, explore_share, minor_units, features_digest, population_count, "
            "listed_count, excluded_count, rows_count, lists_digest, library_version, run_id, "
            "built_at) VALUES (:day, 'published', 1, 'frequency', 'x', 10, 28, 0, 100, 'x', 1, 1, 0, "
            "3, 'x', 'x', 'x', now())",
            day=DAY - timedelta(days=1),
        )
        transaction.execute(
            "INSERT INTO recommendations.published SELECT as_of, snapshot_id, 1, now() "
            "FROM recommendations.snapshots"
        )
        for rank, name in ((1, "Oolong"), (2, "oolong "), (3, "Sencha")):
            transaction.execute(
                "INSERT INTO recommendations.product_daily (snapshot_id, as_of, product_id, name, "
                "buyers_count_28d, buyers_count_90d, is_sellable) SELECT snapshot_id, as_of, :id, "
                ":name, 1, 1, true FROM recommendations.snapshots",
                id=f"p{rank}",
                name=name,
            )
            for customer in shop.shop.names:
                transaction.execute(
                    "INSERT INTO recommendations.customer_daily SELECT snapshot_id, as_of, :customer,"
                    " 'mixed', :rank, :id, 0.5, NULL, 'own', 'x', 'x', 1 "
                    "FROM recommendations.snapshots",
                    customer=customer,
                    rank=rank,
                    id=f"p{rank}",
                )
    shop.set(actions={"explore_share": 1.0, "quiet_after_order_days": 0})
    assert shop.assign(DAY).details["status"] == "released"
    rows = shop.rows("SELECT payload FROM actions.outbox")
    assert rows
    assert all("Oolong, Sencha, " in str(row["payload"]) for row in rows)
    assert not any("oolong " in str(row["payload"]) for row in rows)


def test_a_message_that_cannot_be_written_uses_up_no_code(shop: DecisionShop) -> None:
    for path in shop.folder.glob("*.toml"):
        path.unlink()
    coupon = (
        PRODUCTS.replace('kind = "recommendation"', 'kind = "coupon"\ndiscount_share = 0.1')
        .replace("[rule]", 'coupons = "spring"\n[rule]')
        .replace('subject = "More {{ favourite_category }}"', 'subject = "For you"')
    )
    (shop.folder / "gift.toml").write_text(coupon, encoding="utf-8")
    text = (
        "{{ coupon_code }} {{ unsubscribe_url }} "
        '{% if favourite_category | default("") == "Tea" %}{{ products[5].name }}{% endif %}'
    )
    (shop.folder / "templates" / "products.txt").write_text(text, encoding="utf-8")
    (shop.folder / "coupons").mkdir(exist_ok=True)
    codes = "\n".join(f"GIFT-{number}" for number in range(1_000))
    (shop.folder / "coupons" / "spring.txt").write_text(codes, encoding="utf-8")
    fill(shop.warehouse, "products", [
        {"product_id": "p0", "name": "Tea", "category": "Tea"}
    ], available_at=at("2020-01-01"))  # fmt: skip
    fill(shop.warehouse, "order_lines", [
        {"order_id": f"{name}-{number}", "product_id": "p0", "customer_id": name,
         "event_at": shop.shop.moment(95 + number % 3)}
        for name in sorted(shop.shop.names[::2]) for number in range(4)
    ])  # fmt: skip
    shop.set(actions={"explore_share": 1.0, "quiet_after_order_days": 0})
    receipt = shop.assign(DAY)
    assert receipt.details["messages"]["refused: gift"] > 0
    used_up = shop.rows("SELECT code, message_id FROM actions.coupons WHERE given_to IS NOT NULL")
    sent = shop.rows("SELECT payload ->> 'coupon_code' AS code, message_id FROM actions.outbox")
    assert sent
    codes_sent = {(row["code"], row["message_id"]) for row in sent}
    assert codes_sent == {(row["code"], row["message_id"]) for row in used_up}
    assert violations(shop.warehouse) == []
