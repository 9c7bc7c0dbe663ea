"""Who is silent beyond their rhythm, or left a cart, is warned of once, until it is over."""

from datetime import timedelta
from typing import Any

from retention_ml.live.warnings.warn import warn
from retention_ml.receipts import Receipt
from tests.worlds.excluded import exclude
from tests.worlds.live_shop import LiveShop, now


def _warn(shop: LiveShop, hours: float = 0) -> Receipt:
    """As the worker does, some hours from now."""
    at = now() + timedelta(hours=hours)
    return warn(shop.warehouse, settings=shop.settings, as_of=shop.tomorrow, now=at)


def _warnings(shop: LiveShop, kind: str) -> list[dict[str, Any]]:
    return shop.rows(
        f"SELECT * FROM reports.fresh_warnings WHERE kind = '{kind}' ORDER BY warned_at, customer_id"
    )


def test_who_becomes_overdue_during_the_day_is_warned_of_once_until_they_order(
    profiled: LiveShop,
) -> None:
    assert _warn(profiled).written == 1
    assert _warn(profiled, hours=1).written == 0
    [row] = _warnings(profiled, "overdue")
    assert (row["customer_id"], row["is_current"], row["ended_at"]) == ("c001", True, None)
    assert row["reason"].startswith("No order for ")
    assert "90 % order within" in row["reason"]
    profiled.order("c001", name="again")
    assert _warn(profiled).details["ended"] == 1
    assert _warn(profiled).written == 0
    [row] = _warnings(profiled, "overdue")
    assert row["is_current"] is False
    assert row["ended_at"] is not None


def test_the_next_moment_of_the_rhythm_is_not_reached_before_its_hour(profiled: LiveShop) -> None:
    with profiled.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE profiles.customer_daily SET overdue_after_days = overdue_after_days + 1.5 "
            "WHERE customer_id = 'c001'"
        )
    assert _warn(profiled).written == 0
    assert _warn(profiled, hours=36).written == 1


def test_a_cart_is_left_after_its_hours_once_and_over_with_an_order(profiled: LiveShop) -> None:
    profiled.send("clicks", profiled.clicks([2, 3, 4], "cart"), name="cart")
    profiled.send("clicks", profiled.clicks([3], "remove_from_cart"), name="out")
    profiled.worker.work()
    profiled.order("c004")
    assert _warn(profiled, hours=2).written == 1  # c001 is overdue, no cart is old enough
    assert _warn(profiled, hours=4).written == 1
    assert _warn(profiled, hours=5).written == 0
    [row] = _warnings(profiled, "cart_left")
    assert (row["customer_id"], row["is_current"]) == ("c002", True)
    assert row["reason"].startswith("One product in the cart since ")
    profiled.order("c002", name="bought")
    _warn(profiled, hours=6)
    assert _warnings(profiled, "cart_left")[0]["is_current"] is False
    assert _warn(profiled, hours=7).written == 0


def test_events_in_another_order_or_again_leave_the_same_carts(profiled: LiveShop) -> None:
    """An order that is known before the cart that it emptied still empties it."""
    carts = profiled.clicks([5], "cart")
    profiled.order("c005")
    profiled.send("clicks", carts, name="late")
    profiled.worker.work()
    assert [row["customer_id"] for row in profiled.rows("SELECT * FROM live.carts")] == ["c005"]
    _warn(profiled, hours=5)
    assert _warnings(profiled, "cart_left") == []


def test_without_purchases_as_events_nobody_knows_who_is_silent(profiled: LiveShop) -> None:
    with profiled.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM live.last_orders")
    profiled.send("clicks", profiled.clicks([2], "cart"))
    profiled.worker.work()
    receipt = _warn(profiled, hours=5)
    assert (receipt.written, receipt.details["knows_orders"]) == (0, False)


def test_who_may_not_be_scored_and_who_has_no_score_is_not_warned_of(profiled: LiveShop) -> None:
    exclude(profiled.warehouse, ["c001", "c002"], since=profiled.today)
    profiled.send("clicks", profiled.clicks([2, 900], "cart"))
    profiled.worker.work()
    assert _warn(profiled, hours=5).written == 0


def test_what_is_switched_off_warns_of_nobody(profiled: LiveShop) -> None:
    live = profiled.settings.live.model_copy(update={"warn_overdue": False, "cart_left_hours": 0})
    profiled.settings = profiled.settings.model_copy(update={"live": live})
    profiled.send("clicks", profiled.clicks([2], "cart"))
    profiled.worker.work()
    assert _warn(profiled, hours=5).written == 0


def test_carts_and_orders_of_more_than_a_week_ago_are_forgotten(profiled: LiveShop) -> None:
    profiled.send("clicks", profiled.clicks([2], "cart"))
    profiled.worker.work()
    _warn(profiled, hours=5)
    _warn(profiled, hours=24 * 8)
    assert profiled.rows("SELECT * FROM live.carts") == []
    assert profiled.rows("SELECT * FROM live.last_orders") == []
    assert _warnings(profiled, "cart_left")[0]["is_current"] is False
