"""The page Today from rows."""

from dataclasses import replace
from datetime import timedelta

from retention_ml.pages import today
from retention_ml.pages.shell import Frame
from tests.pages.worlds import DAY, EVIL, frame


def _rows() -> today.TodayRows:
    tiers = [
        {"as_of": day, "risk_tier": tier, "customers_count": count, "value": 10.0 * count}
        for day, shift in ((DAY - timedelta(days=7), 0), (DAY, 5))
        for tier, count in (("critical", 10 + shift), ("high", 20), ("medium", 30), ("low", 40))
    ]
    return today.TodayRows(
        freshness={"verdict": "in time", "sentence": "Scores of today: published 06:12, in time."},
        tiers=tiers,
        bins=[{"place": 19, "risk_tier": "critical", "customers_count": 15}],
        bounds={"medium": 0.35, "high": 0.6, "critical": 0.8},
        transitions=[{"from_tier": None, "to_tier": "high", "customers_count": 3}],
        contacts=[
            {
                "customer_id": EVIL,
                "risk_tier": "critical",
                "churn_probability": 0.9,
                "expected_value_at_risk": 12.5,
                "reason_1": f"No order since {EVIL}",
                "contact": "may be contacted",
                "may_contact": True,
            }
        ],
    )


def test_what_is_at_risk_is_compared_with_a_week_ago() -> None:
    html = today.page(frame(), _rows())
    assert "Scores of today: published 06:12, in time." in html
    assert "<b>35</b>" in html  # critical and high
    assert "+5 since 2026-02-23" in html


def test_how_many_of_those_on_the_list_may_be_contacted_is_said_where_it_is_known() -> None:
    [row] = _rows().contacts
    for states, sentence in (
        ((True, False), "1 of these 2 may be contacted now."),
        ((False,), "None of these 1 may be contacted now."),
        ((None, True), None),
    ):
        contacts = [{**row, "may_contact": state} for state in states]
        html = today.page(frame(), replace(_rows(), contacts=contacts))
        assert "may be contacted now" not in html if sentence is None else sentence in html


def test_what_comes_from_data_is_escaped() -> None:
    html = today.page(frame(), _rows())
    assert EVIL not in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") == 2


def test_a_shop_without_scores_is_told_what_fills_the_page() -> None:
    html = today.page(Frame(), today.TodayRows())
    assert "This page fills as soon as a day is scored" in html
