"""The page Now says first what is worst."""

from datetime import UTC, datetime, timedelta
from typing import Any

from retention_ml.pages import now
from retention_ml.pages.now import NowRows
from tests.pages.worlds import EVIL, frame

AT = datetime(2026, 3, 2, 14, 30, 20, tzinfo=UTC)
STATE: dict[str, Any] = {
    "waiting_events": 0, "open_batches": 0, "events_last_hour": 720, "warnings_last_hour": 1,
    "held_last_hour": 0, "seconds_to_score_p95": 1.5, "fresh_scores": 3, "refreshed_at": AT,
    "has_orders": True, "is_worker_listening": True, "lag_seconds": 0.0,
}  # fmt: skip


def _rows(**changes: Any) -> NowRows:
    return NowRows(at=AT, is_enabled=True, state={**STATE, **changes})


def test_a_missing_worker_comes_before_a_lag_and_a_lag_before_what_was_held() -> None:
    tones = [
        now.verdict(_rows(is_worker_listening=False, lag_seconds=900.0))[0],
        now.verdict(_rows(lag_seconds=900.0, held_last_hour=2))[1],
        now.verdict(_rows(held_last_hour=2))[1],
        now.verdict(_rows())[0],
    ]
    assert tones[0] == "bad"
    assert tones[1].startswith("The oldest event has waited for 900 seconds")
    assert tones[2].startswith("A check held 2 batches back")
    assert tones[3] == "good"


def test_events_warnings_and_tiers_are_shown_and_data_is_escaped() -> None:
    warning = {
        "warned_at": AT, "customer_id": EVIL, "kind": "cart_left", "risk_tier": "high",
        "previous_tier": None, "reason": EVIL, "is_current": True,
    }  # fmt: skip
    rows = NowRows(
        at=AT,
        is_enabled=True,
        state=STATE,
        minutes=[{"minute": AT.replace(second=0) - timedelta(minutes=2), "events_count": 720}],
        tiers={"high": 3},
        warnings=[warning],
        by_kind=[{"kind": "cart_left", "warnings_count": 1}],
    )
    html = now.page(frame(), rows)
    assert EVIL not in html
    assert "1 cart left behind." in html
    assert '<td class="number">12.000</td>' in html  # 720 in a minute
    assert "Events are taken in" in html


def test_a_shop_without_events_is_told_what_fills_the_page() -> None:
    rows = NowRows(
        at=AT,
        is_enabled=False,
        state={**STATE, "refreshed_at": None, "is_worker_listening": False},
    )
    html = now.page(frame(), rows)
    assert "No event came yet" in html
    assert "No worker runs" not in html
