"""Personas in the database: decided once, in force until the next decision, replayed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.errors import PublicationRefused, UsageError
from retention_ml.profiles.personas import decide
from retention_ml.profiles.personas.decide import Request, request_of
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill, random_shop

DAY = date(2024, 12, 1)
ASKED = Request(decided_by="ada", reason="a new season")


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    random_shop(warehouse, customers=260, days=400)
    return warehouse


@pytest.fixture
def chosen(settings: Settings) -> Settings:
    """Three personas whatever their stability: the shop's customers are all of one kind."""
    profiles = settings.profiles.model_copy(
        update={"personas_count": 3, "persona_steady_days": 20, "persona_drift_max": 1e9}
    )
    return settings.model_copy(update={"profiles": profiles})


def run(
    warehouse: Warehouse, settings: Settings, day: date, refit: Request | None = None
) -> Receipt:
    made = profile(warehouse, settings=settings, as_of=day, refit=refit)
    publish_profiles(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])
    return made


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    return warehouse.read(sql).to_pylist()


def test_every_buyer_has_a_persona_that_readers_see(shop: Warehouse, chosen: Settings) -> None:
    made = run(shop, chosen, DAY)
    customers = rows(shop, "SELECT * FROM reports.customer_profile")
    personas = rows(shop, "SELECT * FROM reports.personas ORDER BY persona_id")
    assert [one["persona_id"] for one in personas] == [1, 2, 3]
    assert {one["persona_name"] for one in personas} == set(made.details["personas"])
    for one in personas:
        members = [row for row in customers if row["persona_name"] == one["persona_name"]]
        assert len(members) == one["customers_count"] > 0
    assert all((row["persona_id"] is None) == (row["first_order_on"] is None) for row in customers)
    assert sum(one["customers_share"] for one in personas) == pytest.approx(1)
    assert {(one["decided_by"], one["decided_as_of"]) for one in personas} == {("platform", DAY)}


def test_days_assign_and_do_not_fit(shop: Warehouse, chosen: Settings) -> None:
    first = run(shop, chosen, DAY)
    later = run(shop, chosen, DAY + timedelta(days=40))
    assert later.details["persona_fit_id"] == first.details["persona_fit_id"]
    assert len(rows(shop, "SELECT * FROM profiles.persona_fits")) == 1
    assert run(shop, chosen, DAY).details["is_repeat"]


def test_an_old_day_has_the_personas_in_force_then(shop: Warehouse, chosen: Settings) -> None:
    first = run(shop, chosen, DAY)
    late = run(shop, chosen, DAY + timedelta(days=40), ASKED)
    assert late.details["persona_fit_id"] != first.details["persona_fit_id"]
    again = run(shop, chosen, DAY)
    assert again.details["is_repeat"]
    assert again.details["profiles_digest"] == first.details["profiles_digest"]
    between = run(shop, chosen, DAY + timedelta(days=39))
    assert between.details["persona_fit_id"] == first.details["persona_fit_id"]
    [fit] = rows(shop, "SELECT * FROM profiles.persona_fits WHERE trigger = 'request'")
    assert (fit["decided_by"], fit["reason"]) == ("ada", "a new season")
    assert set(late.details["personas"]) & set(first.details["personas"])  # names stay


def test_a_day_before_the_first_decision_borrows_its_personas(
    shop: Warehouse, chosen: Settings
) -> None:
    first = run(shop, chosen, DAY)
    earlier = run(shop, chosen, DAY - timedelta(days=3))
    before_it = run(shop, chosen, DAY - timedelta(days=4))
    late = run(shop, chosen, DAY, ASKED)
    assert late.details["persona_fit_id"] != first.details["persona_fit_id"]
    for made in (earlier, before_it, run(shop, chosen, DAY - timedelta(days=3))):
        assert made.details["persona_fit_id"] == first.details["persona_fit_id"]
        assert made.details["personas"] == first.details["personas"]
    assert len(rows(shop, "SELECT * FROM profiles.persona_fits")) == 2


def test_new_personas_are_not_decided_behind_readers(shop: Warehouse, chosen: Settings) -> None:
    run(shop, chosen, DAY)
    with pytest.raises(UsageError, match=r"profiles up to 2024-12-01 are published"):
        profile(shop, settings=chosen, as_of=DAY - timedelta(days=1), refit=ASKED)
    with pytest.raises(UsageError, match="--by NAME --reason TEXT"):
        request_of("ada", None)


def test_drift_decides_anew_only_after_the_steady_days(shop: Warehouse, chosen: Settings) -> None:
    moved = chosen.model_copy(
        update={"profiles": chosen.profiles.model_copy(update={"persona_drift_max": 1e-9})}
    )
    first = run(shop, moved, DAY)
    soon = run(shop, moved, DAY + timedelta(days=19))
    assert soon.details["persona_fit_id"] == first.details["persona_fit_id"]
    late = run(shop, moved, DAY + timedelta(days=20))
    assert late.details["persona_fit_id"] != first.details["persona_fit_id"]
    [fit] = rows(shop, "SELECT * FROM profiles.persona_fits WHERE trigger = 'drift'")
    assert "in 20 days; at most 0.00 is accepted" in fit["reason"]
    assert fit["drift"] > 0


def test_where_nothing_is_stable_the_ledger_says_so_and_it_is_tried_again(
    shop: Warehouse, settings: Settings
) -> None:
    strict = settings.model_copy(
        update={
            "profiles": settings.profiles.model_copy(
                update={"persona_stability_min": 1.0, "persona_steady_days": 30}
            )
        }
    )
    made = run(shop, strict, DAY)
    assert (
        "There are no personas: on 2024-12-01 no number of them is stable"
        in (made.details["caveat"])
    )
    assert rows(shop, "SELECT * FROM reports.personas") == []
    run(shop, strict, DAY + timedelta(days=29))
    run(shop, strict, DAY + timedelta(days=30))
    fits = rows(shop, "SELECT trigger, personas_count FROM profiles.persona_fits ORDER BY fit_id")
    assert fits == [
        {"trigger": "first", "personas_count": 0},
        {"trigger": "schedule", "personas_count": 0},
    ]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("UPDATE profiles.persona_centroids SET centroid[1] = centroid[1] + 1", "have the digest"),
        (
            "UPDATE profiles.persona_centroids SET centroid = centroid[1:3] WHERE place = 0",
            "cannot be read",
        ),
        ("UPDATE profiles.persona_fits SET tried = '[]'", "cannot be read"),
        ("DELETE FROM profiles.persona_centroids", "have the digest"),
    ],
)
def test_where_personas_were_changed_days_have_none_until_decided_anew(
    shop: Warehouse, chosen: Settings, damage: str, sentence: str
) -> None:
    run(shop, chosen, DAY)
    newest = DAY + timedelta(days=2)
    run(shop, chosen, newest)
    with shop.transaction() as transaction:
        assert transaction.change(damage) > 0
    for day in (DAY, newest):
        made = run(shop, chosen, day)
        assert made.details["personas"] == {}
        assert made.details["persona_fit_id"] is None
        assert f"There are no personas. The personas of fit 1 {sentence}" in made.details["caveat"]
        assert (
            f"`retention profile --as-of {newest} --refit-personas --by NAME --reason TEXT`"
            in made.details["caveat"]
        )
        assert run(shop, chosen, day).details["is_repeat"]
    assert len(run(shop, chosen, newest, ASKED).details["personas"]) == 3
    assert len(run(shop, chosen, newest).details["personas"]) == 3


def test_a_persona_of_nobody_s_decision_is_refused(shop: Warehouse, chosen: Settings) -> None:
    made = profile(shop, settings=chosen, as_of=DAY)
    with shop.transaction() as transaction:
        transaction.change("UPDATE profiles.snapshots SET persona_fit_id = NULL")
    with pytest.raises(PublicationRefused, match="buyers_have_a_persona"):
        publish_profiles(shop, settings=chosen, snapshot_id=made.details["snapshot_id"])


def test_asked_for_again_a_decision_is_not_made_twice(shop: Warehouse, chosen: Settings) -> None:
    run(shop, chosen, DAY)
    profile(shop, settings=chosen, as_of=DAY, refit=ASKED)  # killed before it was published
    made = run(shop, chosen, DAY, ASKED)
    again = run(shop, chosen, DAY, ASKED)
    assert again.details["is_repeat"]
    assert again.details["persona_fit_id"] == made.details["persona_fit_id"] == 2
    triggers = rows(shop, "SELECT trigger FROM profiles.persona_fits ORDER BY fit_id")
    assert [row["trigger"] for row in triggers] == ["first", "request"]


def test_a_later_day_published_during_the_fit_forbids_the_decision(
    shop: Warehouse, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = chosen.model_copy(
        update={"profiles": chosen.profiles.model_copy(update={"persona_drift_max": 1e-9})}
    )
    first = run(shop, chosen, DAY)
    fit_personas = decide.fit_personas

    def fit_slowly(*arguments: Any, **more: Any) -> Any:
        run(shop, chosen, DAY + timedelta(days=31))
        return fit_personas(*arguments, **more)

    monkeypatch.setattr(decide, "fit_personas", fit_slowly)
    late = DAY + timedelta(days=30)
    with pytest.raises(UsageError, match="profiles up to 2025-01-01 are published"):
        profile(shop, settings=chosen, as_of=late, refit=ASKED)
    with shop.transaction() as transaction:
        transaction.change("DELETE FROM profiles.published WHERE as_of = '2025-01-01'")
    made = profile(shop, settings=moved, as_of=late)
    assert made.details["persona_fit_id"] == first.details["persona_fit_id"]
    assert len(rows(shop, "SELECT * FROM profiles.persona_fits")) == 1


def test_customers_who_were_too_few_are_divided_as_soon_as_they_are_enough(
    warehouse: Warehouse, chosen: Settings
) -> None:
    random_shop(warehouse, customers=11, days=300)
    made = run(warehouse, chosen, DAY)
    assert "customers with an order" in made.details["caveat"]
    assert "they begin with 200 customers and 3 traits" in made.details["caveat"]
    run(warehouse, chosen, DAY + timedelta(days=1))
    assert len(rows(warehouse, "SELECT * FROM profiles.persona_fits")) == 1
    fill(
        warehouse, "orders",
        [
            {"order_id": f"n{n}-{step}", "customer_id": f"n{n}",
             "event_at": datetime(2024, 11, 1, tzinfo=UTC) - timedelta(days=n % 90 + step * (n % 7))}
            for n in range(250) for step in range(1 + n % 4)
        ],
        available_at=datetime(2024, 12, 2, 12, tzinfo=UTC),
    )  # fmt: skip
    made = run(warehouse, chosen, DAY + timedelta(days=2))
    assert len(made.details["personas"]) == 3
    fits = rows(warehouse, "SELECT trigger, reason FROM profiles.persona_fits ORDER BY fit_id")
    assert [row["trigger"] for row in fits] == ["first", "schedule"]
    assert fits[1]["reason"] == "what personas lacked on 2024-12-01 is there"
    assert run(warehouse, chosen, DAY + timedelta(days=1)).details["is_repeat"]


def test_a_decision_made_meanwhile_refuses_the_snapshot(shop: Warehouse, chosen: Settings) -> None:
    made = profile(shop, settings=chosen, as_of=DAY)
    with shop.transaction() as transaction:
        transaction.execute(
            "INSERT INTO profiles.persona_fits (as_of, trigger, decided_by, reason, "
            "personas_count, customers_count, tried, why_none, scale_lower, scale_upper, "
            "scale_mean, scale_spread, fit_digest, library_version, run_id, decided_at) "
            "SELECT as_of, 'request', 'ada', 'none', 0, 0, '{}', 'none', scale_lower, "
            "scale_upper, scale_mean, scale_spread, 'x', library_version, run_id, decided_at "
            "FROM profiles.persona_fits"
        )
    with pytest.raises(PublicationRefused, match="personas_are_those_in_force"):
        publish_profiles(shop, settings=chosen, snapshot_id=made.details["snapshot_id"])


def test_damaged_personas_and_forecasts_are_refused(shop: Warehouse, chosen: Settings) -> None:
    damages = {
        "personas_add_up": "UPDATE profiles.personas SET customers_count = customers_count + 1 WHERE snapshot_id = :id AND persona_id = 1",
        "buyers_have_a_persona": "UPDATE profiles.customer_daily SET persona_id = NULL WHERE snapshot_id = :id AND customer_id = (SELECT min(customer_id) FROM profiles.customer_daily WHERE persona_id IS NOT NULL)",
        "days_ahead_follow_each_other": "DELETE FROM profiles.forecasts WHERE snapshot_id = :id AND metric = 'orders' AND days_ahead = 9",
        "totals_ahead_are_there": "DELETE FROM profiles.forecasts WHERE snapshot_id = :id AND metric = 'orders' AND days_ahead = 0",
        "missing_forecasts_are_explained": "DELETE FROM profiles.forecasts WHERE snapshot_id = :id",
        "1 metrics without a forecast": "DELETE FROM profiles.forecasts WHERE snapshot_id = :id AND metric = 'revenue_cents'",
    }  # fmt: skip
    for audit, damage in damages.items():
        made = profile(shop, settings=chosen, as_of=DAY)
        with shop.transaction() as transaction:
            assert transaction.change(damage, id=made.details["snapshot_id"]) > 0
        with pytest.raises(PublicationRefused, match=audit):
            publish_profiles(shop, settings=chosen, snapshot_id=made.details["snapshot_id"])


def test_a_missing_forecast_passes_where_the_caveat_says_so(
    shop: Warehouse, chosen: Settings
) -> None:
    lacks = {
        "There is no forecast of revenue: refunds": "AND metric = 'revenue_cents'",
        "There is no forecast of activity yet: it needs 105 days": "",
    }
    for sentence, which in lacks.items():
        made = profile(shop, settings=chosen, as_of=DAY)
        with shop.transaction() as transaction:
            transaction.change(
                "UPDATE profiles.snapshots SET caveat = :sentence WHERE snapshot_id = :id",
                id=made.details["snapshot_id"],
                sentence=sentence,
            )
            transaction.change(
                f"DELETE FROM profiles.forecasts WHERE snapshot_id = :id {which}",
                id=made.details["snapshot_id"],
            )
        publish_profiles(shop, settings=chosen, snapshot_id=made.details["snapshot_id"])


def test_the_forecast_is_what_readers_see(shop: Warehouse, settings: Settings) -> None:
    run(shop, settings, DAY)
    ahead = rows(shop, "SELECT * FROM reports.activity_forecast ORDER BY metric, days_ahead")
    assert [row["metric"] for row in ahead if row["days_ahead"] == 0] == ["orders", "revenue"]
    days = [row for row in ahead if row["metric"] == "orders" and row["days_ahead"] > 0]
    assert [row["forecast_on"] for row in days] == [DAY + timedelta(days=n) for n in range(28)]
    [total] = [row for row in ahead if row["metric"] == "orders" and row["days_ahead"] == 0]
    assert total["expected"] == pytest.approx(sum(row["expected"] for row in days))
    assert all(row["lower"] <= row["expected"] <= row["upper"] for row in ahead)
    last = rows(
        shop,
        "SELECT count(DISTINCT order_id) AS orders_count FROM curated.orders WHERE kind = 'purchase' "
        f"AND event_at < '{DAY}Z' AND event_at >= '{DAY - timedelta(days=28)}Z'",
    )[0]["orders_count"]
    assert total["expected"] == pytest.approx(last, rel=0.5)
