"""Who is excluded leaves training, scores, lists, campaigns, stages and curves, and is counted."""

from datetime import date, timedelta
from typing import Any, Literal

import pytest

from retention_ml.abnormal.decide import decide
from retention_ml.abnormal.detect import detect
from retention_ml.abnormal.excluded import excluded_customers
from retention_ml.actions.assignment.population import Population, load_population
from retention_ml.actions.catalogue.action import leave_alone
from retention_ml.clock import day_number
from retention_ml.errors import PublicationRefused
from retention_ml.features.build import ensure
from retention_ml.models.training.data.training_data import load_training_data, training_days
from retention_ml.models.training.data.volumes import read_volumes
from retention_ml.profiles.histories import read_histories
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.recommendations.publish_lists import publish_lists
from retention_ml.recommendations.purchases import read_log
from retention_ml.recommendations.recommend import recommend
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.abnormal_shop import (
    BOT,
    BRUSHER,
    BRUSHER_TOO,
    DAY,
    PUSHED,
    RESELLER,
    STRANGERS,
    abnormal_shop,
)

EXCLUDED = {BOT, BRUSHER, BRUSHER_TOO}
ACTIVE_DAYS = 90


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    abnormal_shop(warehouse)
    return warehouse


def customers(warehouse: Warehouse, sql: str) -> set[str]:
    return set(warehouse.read(sql)["customer_id"].to_pylist())


def population(warehouse: Warehouse, settings: Settings) -> Population:
    return load_population(warehouse, settings=settings, as_of=DAY, actions=[leave_alone()])


def test_who_is_excluded_has_no_score_and_no_action_and_is_counted(
    shop: Warehouse, settings: Settings
) -> None:
    detect(shop, settings=settings, as_of=DAY)
    scored = score(shop, settings=settings, as_of=DAY)
    assert scored.details["excluded"] == {"abnormal": 3}
    assert scored.read == scored.written + 3
    publish(shop, settings=settings, snapshot_id=scored.details["snapshot_id"])
    listed = customers(shop, "SELECT customer_id FROM reports.customer_risk")
    assert not EXCLUDED & listed
    assert len(listed) == scored.written
    assert (
        customers(shop, "SELECT customer_id FROM scores.exclusions WHERE reason_code = 'abnormal'")
        == EXCLUDED
    )


def test_without_a_detection_everybody_has_a_score(shop: Warehouse, settings: Settings) -> None:
    scored = score(shop, settings=settings, as_of=DAY)
    assert scored.details["excluded"] == {}
    assert scored.read == scored.written


def test_lists_and_best_sellers_do_without_fake_orders(shop: Warehouse, settings: Settings) -> None:
    made = recommend(shop, settings=settings, as_of=DAY)
    before = read_log(shop, as_of=DAY, timezone="UTC")
    assert PUSHED in before.product_ids.to_pylist()
    assert "abnormal" not in made.details["excluded"]
    detect(shop, settings=settings, as_of=DAY)
    after = read_log(shop, as_of=DAY, timezone="UTC")
    assert PUSHED not in after.product_ids.to_pylist()
    assert len(before.customer_ids) - len(after.customer_ids) == 3
    again = recommend(shop, settings=settings, as_of=DAY)
    assert again.details["excluded"]["abnormal"] == 3
    assert again.read == made.read
    publish_lists(shop, settings=settings, snapshot_id=again.details["snapshot_id"])
    assert not EXCLUDED & customers(shop, "SELECT customer_id FROM reports.recommendations")


def test_stages_and_curves_are_of_the_others_and_say_how_many_are_left_out(
    shop: Warehouse, settings: Settings
) -> None:
    made = profile(shop, settings=settings, as_of=DAY - timedelta(days=1))
    publish_profiles(shop, settings=settings, snapshot_id=made.details["snapshot_id"])
    assert made.left_out == 0
    detect(shop, settings=settings, as_of=DAY)
    without = profile(shop, settings=settings, as_of=DAY)
    publish_profiles(shop, settings=settings, snapshot_id=without.details["snapshot_id"])
    assert (without.left_out, without.written) == (3, made.written - 3)
    assert not EXCLUDED & customers(shop, "SELECT customer_id FROM reports.customer_profile")
    [row] = shop.read(
        f"SELECT abnormal_count FROM profiles.snapshots WHERE as_of = '{DAY}'"
    ).to_pylist()
    assert row["abnormal_count"] == 3
    # An earlier day is made as it was: nobody had been noticed then.
    early = read_histories(shop, DAY - timedelta(days=1), "UTC")
    assert set(early.customer_ids.to_pylist()) >= EXCLUDED


@pytest.mark.thorough
def test_a_model_is_trained_without_them_on_every_past_day(
    shop: Warehouse, settings: Settings
) -> None:
    days = training_days(shop, settings=settings, as_of=DAY)
    ensure(shop, settings=settings, days=[*days, DAY])
    before = load_training_data(shop, settings=settings, as_of=DAY)
    detect(shop, settings=settings, as_of=DAY)
    after = load_training_data(shop, settings=settings, as_of=DAY)
    assert len(after.sample) < len(before.sample)
    number = (DAY - days[-1]).days
    assert before.sample.populations.keys() == after.sample.populations.keys()
    assert number >= 0
    newest = max(after.sample.populations)
    assert after.sample.populations[newest] == before.sample.populations[newest] - 3
    assert before.sample.current is not None
    assert after.sample.current is not None
    assert len(before.sample.current) - len(after.sample.current) == 3
    assert before.sample.histories is not None
    assert after.sample.histories is not None
    assert before.digest != after.digest


def test_who_is_confirmed_after_the_scores_were_made_gets_no_action(
    shop: Warehouse, settings: Settings
) -> None:
    detect(shop, settings=settings, as_of=DAY)
    scored = score(shop, settings=settings, as_of=DAY)
    publish(shop, settings=settings, snapshot_id=scored.details["snapshot_id"])
    before = population(shop, settings)
    assert (before.abnormal_count, before.unscored_count) == (3, 0)
    assert not EXCLUDED & set(before.customers.customer_ids)
    assert STRANGERS.keys() - EXCLUDED <= set(before.customers.customer_ids)
    someone = before.customers.customer_ids[0]
    decide(
        shop,
        settings=settings,
        customer_id=someone,
        kind="bot",
        decision="confirmed",
        decided_by="Ada",
        reason="caught",
        as_of=DAY,
    )
    after = population(shop, settings)
    assert after.abnormal_count == 4
    assert someone not in after.customers.customer_ids
    assert len(after.customers.customer_ids) + 4 == after.population_count


def say(
    warehouse: Warehouse,
    settings: Settings,
    customer: str,
    decision: Literal["confirmed", "cleared"],
    *,
    kind: str | None = None,
    day: date = DAY,
) -> None:
    decide(
        warehouse,
        settings=settings,
        customer_id=customer,
        kind=kind,
        decision=decision,
        decided_by="Ada",
        reason="looked",
        as_of=day,
    )


def listed(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    rows = warehouse.read("SELECT * FROM reports.abnormal_customers").to_pylist()
    by_customer = {row["customer_id"]: row for row in rows}
    assert len(by_customer) == len(rows)
    excluded = {customer for customer, row in by_customer.items() if row["is_excluded"]}
    assert excluded == set(excluded_customers(warehouse, DAY).to_pylist())
    return by_customer


def test_the_list_shows_decisions_since_the_detection_as_readers_take_them(
    shop: Warehouse, settings: Settings
) -> None:
    detect(shop, settings=settings, as_of=DAY)
    assert {row["status"] for row in listed(shop).values()} == {"flagged"}
    say(shop, settings, BOT, "cleared")
    say(shop, settings, RESELLER, "confirmed", kind="brusher")
    say(shop, settings, "c001", "confirmed", kind="bot")
    say(shop, settings, BRUSHER, "cleared", day=DAY + timedelta(days=1))
    since = listed(shop)
    shown = {name: (row["kind"], row["status"], row["is_excluded"]) for name, row in since.items()}
    assert shown[BOT] == ("bot", "cleared", False)
    assert shown[RESELLER] == ("brusher", "confirmed", True)
    assert shown["c001"] == ("bot", "confirmed", True)
    assert (since["c001"]["decided_by"], since["c001"]["score"]) == ("Ada", 0)
    # What holds only from the next day on changes nothing of this one.
    assert shown[BRUSHER] == ("brusher", "flagged", True)
    assert since[BRUSHER]["decided_by"] is None
    detect(shop, settings=settings, as_of=DAY)
    after = listed(shop)
    assert shown == {
        name: (row["kind"], row["status"], row["is_excluded"]) for name, row in after.items()
    }


def test_confirming_an_attack_does_not_refuse_the_profiles_that_follow(
    shop: Warehouse, settings: Settings
) -> None:
    strict = settings.tiers.model_copy(update={"share_change_max": 0.2})
    settings = settings.model_copy(update={"tiers": strict})
    before = DAY - timedelta(days=1)
    made = profile(shop, settings=settings, as_of=before)
    publish_profiles(shop, settings=settings, snapshot_id=made.details["snapshot_id"])
    with shop.transaction() as transaction:
        transaction.execute(
            "INSERT INTO abnormal.decisions (customer_id, kind, decision, as_of, strength, "
            "is_excluded, decided_by, reason, decided_at, run_id) SELECT DISTINCT customer_id, "
            "'bot', 'confirmed', CAST(:day AS date), 0, true, 'Ada', 'attack', now(), 'test' "
            "FROM curated.orders WHERE customer_id < 'c030'",
            day=DAY,
        )
        transaction.execute(
            "UPDATE profiles.snapshots SET customers_count = customers_count + 65 "
            "WHERE as_of = :day",
            day=before,
        )
    attacked = profile(shop, settings=settings, as_of=DAY)
    assert attacked.left_out == 30
    # Customers who are neither there nor excluded are lost indeed.
    with pytest.raises(PublicationRefused, match="customers_did_not_shrink"):
        publish_profiles(shop, settings=settings, snapshot_id=attacked.details["snapshot_id"])
    with shop.transaction() as transaction:
        transaction.execute(
            "UPDATE profiles.snapshots SET customers_count = customers_count - 65 "
            "WHERE as_of = :day",
            day=before,
        )
    attacked = profile(shop, settings=settings, as_of=DAY)
    publish_profiles(shop, settings=settings, snapshot_id=attacked.details["snapshot_id"])


def test_volumes_of_a_training_are_those_of_the_others(shop: Warehouse, settings: Settings) -> None:
    detect(shop, settings=settings, as_of=DAY)
    number = day_number(DAY)
    excluded = excluded_customers(shop, DAY)
    everybody = read_volumes(shop, as_of_day=number)
    others = read_volumes(shop, as_of_day=number, excluded=excluded)
    [row] = shop.read(
        "SELECT count(*) AS n FROM curated.orders WHERE kind = 'purchase' AND customer_id IN "
        f"({', '.join(repr(one) for one in EXCLUDED)})"
    ).to_pylist()
    assert everybody.orders.sum() - others.orders.sum() == row["n"] > 0
    days = training_days(shop, settings=settings, as_of=DAY)
    ensure(shop, settings=settings, days=[*days, DAY])
    sample = load_training_data(shop, settings=settings, as_of=DAY).sample
    assert sample.volumes is not None
    assert sample.volumes.orders.sum() == others.orders.sum()


def test_what_flagged_customers_hold_of_the_revenue_is_told_beside_them(
    shop: Warehouse, settings: Settings
) -> None:
    detect(shop, settings=settings, as_of=DAY)
    rows = shop.read("SELECT * FROM reports.abnormal_daily").to_pylist()
    by_kind = {row["kind"]: row for row in rows}
    [everything] = shop.read(
        "SELECT CAST(sum(line_amount_cents) AS bigint) AS cents FROM curated.order_lines"
    ).to_pylist()
    assert by_kind["reseller"]["revenue_cents"] == 8 * 4 * 40 * 1_000
    assert by_kind["returner"]["revenue_cents"] == 0  # bought, and sent all of it back
    assert by_kind["reseller"]["revenue_share"] == pytest.approx(
        8 * 4 * 40 * 1_000 / everything["cents"]
    )
    assert by_kind["reseller"]["excluded_count"] == 0
