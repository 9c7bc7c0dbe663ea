"""The readiness report."""

from dataclasses import replace
from datetime import date

import numpy as np

from retention_ml.clock import day_number
from retention_ml.labels.cutoffs import Plan
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.maturity import Feed
from retention_ml.models.training.readiness import Line, Report, of_customers, of_feed
from retention_ml.settings import Readiness
from retention_ml.statistics.arrays import Floats

FIRST = day_number(date(2025, 1, 1))
FEED = Feed(order_days=np.arange(FIRST, FIRST + 400), orders_count=1_000, guests_count=100)
PLAN = Plan(training=(date(2025, 8, 1),), evaluation=(date(2025, 9, 1),), final=(date(2025, 9, 1),))


def _feed(
    feed: Feed | None = FEED, plan: Plan | None = PLAN, most_orders_of_one: int = 40
) -> dict[str, Line]:
    lines = of_feed(
        feed,
        plan,
        definition=ChurnDefinition(active_days=90, lead_days=0, horizon_days=28),
        demands=Readiness(),
        most_orders_of_one=most_orders_of_one,
        settled_on=date(2026, 12, 31),
        cutoff_every_days=14,
        embargo_days=0,
        feature_window_days=365,
    )
    return {line.what: line for line in lines}


def _outcomes(churned: int, retained: int) -> Floats:
    return np.repeat([1.0, 0.0], [churned, retained])


def test_good_data_is_ready() -> None:
    lines = [
        *_feed().values(),
        *of_customers(900, _outcomes(300, 600), _outcomes(90, 200), Readiness()),
    ]
    assert Report(tuple(lines)).is_ready
    assert {line.verdict for line in lines} == {"ok"}


def test_no_orders_at_all_is_the_only_line() -> None:
    assert _feed(None, None)["history"].measured == "no orders"


def test_a_short_history_says_how_long_to_wait() -> None:
    short = replace(FEED, order_days=FEED.order_days[:60])
    line = _feed(short, None)["history"]
    assert line.verdict == "missing"
    assert line.needed == "86 days"
    assert line.change.startswith("wait 26 days")


def test_a_silent_feed_is_found_where_it_matters() -> None:
    late = replace(FEED, order_days=np.delete(FEED.order_days, np.arange(200, 216)))
    assert _feed(late)["longest silence of the feed"].verdict == "missing"
    assert _feed(late)["longest silence of the feed"].measured == "16 days"
    early = replace(FEED, order_days=np.delete(FEED.order_days, np.arange(3, 19)))
    assert _feed(early)["longest silence of the feed"].verdict == "ok"


def test_a_shop_of_guests_is_refused() -> None:
    line = _feed(replace(FEED, guests_count=700))["orders of guests"]
    assert (line.measured, line.verdict) == ("70.0 %", "missing")


def test_one_customer_with_most_orders_is_told() -> None:
    line = _feed(most_orders_of_one=810)["orders of one customer"]
    assert (line.measured, line.verdict) == ("81.0 %", "warning")
    assert "`missing` of customer_id" in line.change


def test_too_few_of_each_is_named() -> None:
    lines = of_customers(150, _outcomes(20, 4_000), _outcomes(4, 900), Readiness())
    assert [line.what for line in lines if line.verdict == "missing"] == [
        "active customers, newest day",
        "churned, training days",
        "of the rarer outcome, evaluation days",
    ]


def test_the_text_is_an_aligned_table_with_what_to_change() -> None:
    readiness_report = Report(
        (
            Line("history", "10 days", "147 days", "missing", "wait."),
            Line("guests", "1 %", "at most 60 %", "ok"),
        )
    )
    assert str(readiness_report).splitlines() == [
        "demand   measured  needed        verdict",
        "-------  --------  ------------  -------",
        "history  10 days   147 days      missing",
        "guests   1 %       at most 60 %  ok",
        "",
        "history: wait.",
    ]
    assert readiness_report.to_dict()["is_ready"] is False
