"""How the log, the worker and the warnings are, for who asks."""

from retention_ml.live.event_log import CHANNEL
from retention_ml.live.listening import listening
from retention_ml.reports.live_state import live_in_words, live_state, of_warehouse
from retention_ml.reports.site.answer import answer
from tests.worlds.live_shop import LiveShop, now


def test_what_waits_and_what_is_fresh_is_said(shop: LiveShop) -> None:
    shop.send("clicks", shop.clicks(range(4)))
    words = live_in_words(shop.warehouse, now())
    assert words["live_events_last_hour"] == 4
    assert words["live_events_waiting"].startswith("4, the oldest for ")
    assert words["live_worker"].startswith("not running")
    assert words["fresh_scores"] == "0"
    shop.worker.work()
    words = live_in_words(shop.warehouse, now())
    assert words["live_events_waiting"] == "0"
    assert words["fresh_scores"].startswith("4, the last at ")
    assert words["live_warnings_last_hour"].endswith("while no purchase comes as an event")


def test_a_worker_that_listens_is_seen_and_one_that_ended_is_not(shop: LiveShop) -> None:
    select = of_warehouse(shop.warehouse)
    assert live_state(select, now())["is_worker_listening"] is False
    with listening(shop.warehouse, CHANNEL):
        assert live_state(select, now())["is_worker_listening"] is True
    assert live_state(select, now())["is_worker_listening"] is False


def test_the_page_shows_events_and_warnings_of_the_last_hour(shop: LiveShop) -> None:
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.customer_daily SET risk_tier = 'low'")
    shop.send("clicks", shop.clicks(range(60)))
    shop.worker.work()
    page = answer(lambda: shop.warehouse, shop.settings, "now", {})
    assert page.status == 200
    assert "No worker runs" in page.body
    assert "Events a second" in page.body
    assert "tier rose" in page.body
