"""Value is learnt when due, counts from its day on, and is published with the profiles."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.errors import PublicationRefused
from retention_ml.maintenance.invariants import violations
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.profiles.value.fit_value import fit_value
from retention_ml.profiles.value.learning import learn
from retention_ml.receipts import Receipt
from retention_ml.reports.profiles import value_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill, random_shop

DAY = date(2024, 12, 1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    shorter = settings.profiles.model_copy(update={"value_horizon_days": 60})
    return settings.model_copy(update={"profiles": shorter})


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    random_shop(warehouse, customers=500, days=400)
    return warehouse


def run(warehouse: Warehouse, settings: Settings, day: date = DAY) -> Receipt:
    made = profile(warehouse, settings=settings, as_of=day)
    publish_profiles(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])
    return made


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    return warehouse.read(sql).to_pylist()


def test_everybody_with_an_order_has_a_value_within_the_published_profiles(
    shop: Warehouse, settings: Settings
) -> None:
    learned = fit_value(shop, settings=settings, as_of=DAY)
    assert learned.details["is_new"]
    assert set(learned.details["errors"]) == {"process", "blend"}
    run(shop, settings)
    values = rows(shop, "SELECT * FROM reports.customer_value")
    buyers = rows(
        shop, "SELECT customer_id FROM reports.customer_profile WHERE first_order_on IS NOT NULL"
    )
    assert {row["customer_id"] for row in values} == {row["customer_id"] for row in buyers}
    assert {row["value_tier"] for row in values} == {"top", "high", "medium", "low"}
    assert all(0 <= float(row["value_lower"]) <= float(row["value_upper"]) for row in values)
    assert {row["horizon_days"] for row in values} == {60}
    [total] = rows(shop, "SELECT * FROM profiles.value_daily")
    assert total["fit_sha256"] == learned.details["fit_sha256"]
    assert total["total_lower_cents"] < total["total_cents"] < total["total_upper_cents"]
    assert total["total_cents"] == sum(round(100 * float(row["value"])) for row in values)
    brought = rows(
        shop,
        "SELECT sum(line_amount_cents) AS cents FROM curated.order_lines WHERE event_at >= "
        f"'{DAY}' AND event_at < '{DAY + timedelta(days=60)}'",
    )[0]["cents"]
    assert 0.5 * int(brought) < total["total_cents"] < 2 * int(brought)
    best = max(values, key=lambda row: float(row["value"]))
    explained = value_of(shop, best["customer_id"], DAY)
    assert explained is not None
    assert (explained["value_tier"], explained["as_of"]) == ("top", DAY)
    assert explained["value"] == float(best["value"])
    assert value_of(shop, best["customer_id"], DAY - timedelta(days=1)) is None
    assert value_of(shop, "nobody") is None
    assert violations(shop) == []


def test_a_fit_is_young_for_28_days_and_counts_until_the_next(
    shop: Warehouse, settings: Settings
) -> None:
    first = fit_value(shop, settings=settings, as_of=DAY)
    again = fit_value(shop, settings=settings, as_of=DAY)
    assert not again.details["is_new"]
    assert "Not due: value is learnt again on 2024-12-29" in again.sentence
    assert again.details["fit_sha256"] == first.details["fit_sha256"]
    later = fit_value(shop, settings=settings, as_of=DAY + timedelta(days=28))
    assert later.details["is_new"]
    assert later.details["fit_sha256"] != first.details["fit_sha256"]
    run(shop, settings, DAY + timedelta(days=27))
    [total] = rows(shop, "SELECT fit_sha256 FROM profiles.value_daily")
    assert total["fit_sha256"] == first.details["fit_sha256"]


def test_an_old_day_made_again_comes_out_equal_whatever_was_learnt_and_delivered_since(
    shop: Warehouse, settings: Settings
) -> None:
    fit_value(shop, settings=settings, as_of=DAY)
    before = run(shop, settings)
    fit_value(shop, settings=settings, as_of=DAY + timedelta(days=28))
    late = datetime(2024, 12, 20, tzinfo=UTC)
    noise = [
        {"order_id": f"n{i}", "customer_id": f"c{i:05d}", "event_at": late - timedelta(days=40)}
        for i in range(100)
    ]
    fill(shop, "orders", noise, available_at=late)
    assert not fit_value(shop, settings=settings, as_of=DAY).details["is_new"]
    again = run(shop, settings)
    assert again.details["is_repeat"]
    assert again.details["profiles_digest"] == before.details["profiles_digest"]
    # A day before the first fit learns nothing now: with nothing learnt it was made then.
    sooner = fit_value(shop, settings=settings, as_of=DAY - timedelta(days=1))
    assert "a fit of 2024-12-01 exists" in sooner.sentence


def test_equal_knowledge_gives_an_equal_digest(shop: Warehouse, settings: Settings) -> None:
    first = fit_value(shop, settings=settings, as_of=DAY)
    with shop.transaction() as transaction:
        transaction.execute("DELETE FROM profiles.value_fits")
    assert (
        fit_value(shop, settings=settings, as_of=DAY).details["fit_sha256"]
        == first.details["fit_sha256"]
    )


def test_too_young_to_learn_from_the_process_alone_gives_values(
    shop: Warehouse, settings: Settings
) -> None:
    day = date(2024, 3, 1)
    learned = fit_value(shop, settings=settings, as_of=day)
    assert not learned.details["is_new"]
    assert "no past day has 60 days after it and 30 days of orders before it" in learned.sentence
    made = run(shop, settings, day)
    assert "from the process of buying and spending alone" in made.details["value_caveat"]
    [total] = rows(shop, "SELECT * FROM profiles.value_daily")
    assert total["total_cents"] > 0
    assert (total["fit_sha256"], total["total_lower_cents"]) == (None, None)
    values = rows(shop, "SELECT * FROM reports.customer_value")
    assert max(float(row["value_upper"]) for row in values) > 0


def test_too_young_for_that_is_a_sentence_and_no_value(shop: Warehouse, settings: Settings) -> None:
    made = run(shop, settings, date(2024, 1, 20))
    assert made.details["value_caveat"].startswith("Nobody's value is stated yet: orders are known")
    assert "It begins on 2024-01-31." in made.details["value_caveat"]
    assert rows(shop, "SELECT * FROM reports.customer_value") == []
    assert violations(shop) == []


def test_what_was_changed_by_hand_is_left_out_and_said(shop: Warehouse, settings: Settings) -> None:
    fit_value(shop, settings=settings, as_of=DAY)
    with shop.transaction() as transaction:
        assert transaction.change(
            "UPDATE profiles.value_fits SET files = jsonb_set(files, '{manifest.json}', "
            "to_jsonb(replace(files->>'manifest.json', '\"horizon_days\": 60', '\"horizon_days\": 61')))"
        )
    made = run(shop, settings)
    assert "it was changed by hand" in made.details["value_caveat"]
    again = fit_value(shop, settings=settings, as_of=DAY)
    assert "it was changed by hand" in again.sentence
    assert "A day is learnt from once: value is learnt again on 2024-12-02." in again.sentence
    assert (again.details["is_new"], again.details["fit_sha256"]) == (False, None)
    [total] = rows(shop, "SELECT * FROM profiles.value_daily")
    assert (total["fit_sha256"], total["total_cents"] > 0) == (None, True)
    mended = fit_value(shop, settings=settings, as_of=DAY + timedelta(days=1))
    assert mended.details["is_new"]
    assert "The fit of 2024-12-01 cannot be used and gives way to this one." in mended.sentence
    made = run(shop, settings, DAY + timedelta(days=1))
    assert made.details["value_caveat"] is None


def test_a_fit_of_another_version_is_due_at_once(shop: Warehouse, settings: Settings) -> None:
    fit_value(shop, settings=settings, as_of=DAY)
    with shop.transaction() as transaction:
        assert transaction.change(
            "UPDATE profiles.value_fits SET files = jsonb_set(files, '{manifest.json}', "
            "to_jsonb(replace(files->>'manifest.json', '\"format\": 2', '\"format\": 1')))"
        )
    again = fit_value(shop, settings=settings, as_of=DAY)
    assert "it reads other columns, or is of another format" in again.sentence
    assert fit_value(shop, settings=settings, as_of=DAY + timedelta(days=1)).details["is_new"]


def test_where_nothing_can_be_learnt_any_more_the_fit_before_stays_in_force(
    shop: Warehouse, settings: Settings
) -> None:
    first = fit_value(shop, settings=settings, as_of=DAY)
    # The shop's deliveries end with the year: a hundred days on, no past day has its horizon whole.
    later = DAY + timedelta(days=400)
    learned = fit_value(shop, settings=settings, as_of=later)
    assert "Nothing can be learnt about value at 2026-01-05" in learned.sentence
    assert "The fit of 2024-12-01 stays in force." in learned.sentence
    assert "alone" not in learned.sentence
    assert learned.details == {
        "is_new": False,
        "value_fit_id": first.details["value_fit_id"],
        "fit_sha256": first.details["fit_sha256"],
    }
    made = run(shop, settings, later)
    assert "What past days taught is of 2024-12-01, 400 days ago" in made.details["value_caveat"]


def test_a_day_before_the_newest_published_one_learns_nothing(
    shop: Warehouse, settings: Settings
) -> None:
    before = run(shop, settings)
    sooner = fit_value(shop, settings=settings, as_of=DAY - timedelta(days=1))
    assert "profiles up to 2024-12-01 are published" in sooner.sentence
    assert not sooner.details["is_new"]
    again = run(shop, settings)
    assert again.details["profiles_digest"] == before.details["profiles_digest"]
    assert fit_value(shop, settings=settings, as_of=DAY).details["is_new"]


def test_a_day_that_is_published_while_one_before_it_is_learnt_from_keeps_its_values(
    shop: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Receipt] = []

    def slow(*arguments: Any) -> Any:
        made.append(run(shop, settings))
        return learn(*arguments)

    monkeypatch.setattr("retention_ml.profiles.value.fit_value.learn", slow)
    sooner = fit_value(shop, settings=settings, as_of=DAY - timedelta(days=1))
    assert "profiles up to 2024-12-01 are published" in sooner.sentence
    assert not sooner.details["is_new"]
    assert rows(shop, "SELECT 1 AS x FROM profiles.value_fits") == []
    assert run(shop, settings).details["profiles_digest"] == made[0].details["profiles_digest"]


def test_damaged_values_are_refused_and_readers_keep_the_old_ones(
    shop: Warehouse, settings: Settings
) -> None:
    run(shop, settings)
    damages = {
        "everybody_with_an_order_has_a_value_or_nobody": "DELETE FROM profiles.customer_value WHERE snapshot_id = :id AND customer_id = 'c00001'",
        "the_total_lies_in_its_interval": "UPDATE profiles.value_daily SET total_lower_cents = total_cents + 1, total_upper_cents = total_cents + 2 WHERE snapshot_id = :id",
        "values_are_of_the_day": "UPDATE profiles.customer_value SET as_of = as_of - 1 WHERE snapshot_id = :id",
        "values_are_of_buyers": "UPDATE profiles.customer_value SET customer_id = 'nobody' WHERE snapshot_id = :id AND customer_id = 'c00001'",
        "tiers_follow_the_value": "UPDATE profiles.customer_value SET value_tier = 'low' WHERE snapshot_id = :id AND value_tier = 'top'",
    }  # fmt: skip
    for audit, damage in damages.items():
        made = profile(shop, settings=settings, as_of=DAY + timedelta(days=1))
        with shop.transaction() as transaction:
            assert transaction.change(damage, id=made.details["snapshot_id"]) > 0
        with pytest.raises(PublicationRefused, match=audit):
            publish_profiles(shop, settings=settings, snapshot_id=made.details["snapshot_id"])
    assert {row["as_of"] for row in rows(shop, "SELECT as_of FROM reports.customer_value")} == {DAY}
