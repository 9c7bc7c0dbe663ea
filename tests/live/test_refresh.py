"""A fresh score is what the next daily run says."""

from typing import Any

import pytest

from tests.worlds.excluded import exclude
from tests.worlds.live_shop import LiveShop, now

_COLUMNS = (
    "customer_id, as_of, churn_probability, risk_tier, tier_since, expected_value_at_risk_cents, "
    "arm, model_version"
)


def _by_customer(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["customer_id"]: row for row in rows}


def _daily(shop: LiveShop) -> dict[str, dict[str, Any]]:
    return _by_customer(
        shop.rows(
            f"SELECT {_COLUMNS} FROM scores.customer_daily WHERE snapshot_id = "
            "(SELECT snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1)"
        )
    )


def test_a_fresh_score_is_to_the_bit_that_of_the_next_daily_run(shop: LiveShop) -> None:
    at = f"{now():%Y-%m-%d %H:%M:%S}"
    shop.send("clicks", shop.clicks(range(40)))
    shop.send(
        "lines",
        [
            {"order": f"n{n}", "product": f"p{n}", "customer": f"c{n:03d}", "time": at,
             "quantity": 2, "price": "9.50"}
            for n in range(8)
        ],
    )  # fmt: skip
    shop.send(
        "feedback",
        [{"id": "f1", "customer": "c050", "time": at, "kind": "complaint", "comment": "Broken"}],
    )
    assert shop.worker.work() == 1
    fresh = _by_customer(shop.rows(f"SELECT {_COLUMNS} FROM scores.fresh"))
    before = _daily(shop)
    assert {f"c{n:03d}" for n in range(40)} | {"c050"} == set(fresh)
    assert {row["as_of"] for row in fresh.values()} == {shop.tomorrow}
    shop.daily_run(shop.tomorrow)
    after = _daily(shop)
    assert fresh == {customer: after[customer] for customer in fresh}
    changed = [c for c in fresh if fresh[c]["churn_probability"] != before[c]["churn_probability"]]
    assert len(changed) > 30


def test_the_next_daily_run_takes_the_events_in_and_ends_the_fresh_scores(shop: LiveShop) -> None:
    shop.send("clicks", shop.clicks(range(5)))
    shop.worker.work()
    published = shop.rows("SELECT * FROM scores.customer_daily ORDER BY customer_id")
    assert shop.rows("SELECT count(*) AS n FROM curated.events") == [{"n": 5}]
    assert len(shop.rows("SELECT * FROM scores.fresh")) == 5
    assert shop.rows("SELECT * FROM scores.customer_daily ORDER BY customer_id") == published
    assert shop.service.risk(shop.authorization, "c001")["is_fresh"] is True
    shop.daily_run(shop.tomorrow)
    assert shop.rows("SELECT * FROM scores.fresh") == []
    assert shop.service.risk(shop.authorization, "c001")["is_fresh"] is False


def test_a_tier_that_rose_and_a_complaint_at_risk_are_warned_of_once(shop: LiveShop) -> None:
    at = f"{now():%Y-%m-%d %H:%M:%S}"
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.customer_daily SET risk_tier = 'low'")
    shop.send("clicks", shop.clicks(range(60)))
    shop.worker.work()
    at_risk = {
        row["customer_id"]
        for row in shop.rows("SELECT * FROM scores.fresh WHERE risk_tier IN ('high', 'critical')")
    }
    assert at_risk
    rows = shop.rows("SELECT * FROM reports.fresh_warnings")
    assert {row["customer_id"] for row in rows if row["kind"] == "tier_rose"} >= at_risk
    assert {row["previous_tier"] for row in rows} == {"low"}
    [customer, *_] = sorted(at_risk)
    for name in ("one", "two"):
        shop.send(
            "feedback",
            [{"id": name, "customer": customer, "time": at, "kind": "complaint", "comment": name}],
            name=name,
        )
        shop.worker.work()
    complaints = shop.rows("SELECT * FROM reports.fresh_warnings WHERE kind = 'complaint_at_risk'")
    assert [row["customer_id"] for row in complaints] == [customer]


@pytest.mark.parametrize("by", ["share", "value"])
def test_ranks_are_among_the_customers_of_the_published_day(shop: LiveShop, by: str) -> None:
    tiers = shop.settings.tiers.model_copy(update={"by": by})
    settings = shop.settings.model_copy(update={"tiers": tiers})
    shop.settings = shop.worker._settings = settings
    shop.daily_run(shop.today)
    published = _daily(shop)
    shop.send("clicks", shop.clicks(range(60)))
    shop.worker.work()
    fresh = _by_customer(shop.rows(f"SELECT {_COLUMNS} FROM scores.fresh"))
    assert len(fresh) == len(published) == 60
    shop.daily_run(shop.tomorrow)
    assert _daily(shop) == fresh


def test_who_may_not_be_scored_has_no_fresh_score_either(shop: LiveShop) -> None:
    exclude(shop.warehouse, ["c000"], since=shop.today)
    at = now()
    with shop.warehouse.transaction() as transaction:
        transaction.insert_row(
            "privacy.consents",
            {
                "customer_id": "c001", "purpose": "profiling", "is_given": False, "event_at": at,
                "recorded_at": at, "recorded_by": "test", "run_id": "test",
            },
        )  # fmt: skip
        transaction.insert_row(
            "privacy.holds",
            {
                "customer_id": "c002", "hold_until": shop.tomorrow, "reason": "lawsuit",
                "requested_at": at, "recorded_at": at, "recorded_by": "test", "run_id": "test",
            },
        )  # fmt: skip
    shop.send("clicks", shop.clicks(range(5)))
    assert shop.worker.work() == 1
    scored = {row["customer_id"] for row in shop.rows("SELECT customer_id FROM scores.fresh")}
    assert scored == {"c003", "c004"}
