"""Profiles made, audited, published and read: day after day, point in time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.errors import NotReady, PublicationRefused, UsageError
from retention_ml.features.roll_up import roll_up
from retention_ml.maintenance.invariants import violations
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.profiles.read_stages import read_stages
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill, random_shop

DAY = date(2024, 12, 1)


def run(warehouse: Warehouse, settings: Settings, day: date = DAY) -> Receipt:
    made = profile(warehouse, settings=settings, as_of=day)
    publish_profiles(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])
    return made


def rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    return warehouse.read(sql).to_pylist()


def counts(warehouse: Warehouse, day: date) -> dict[str, int]:
    return {
        row["lifecycle_stage"]: row["customers_count"]
        for row in rows(warehouse, f"SELECT * FROM reports.lifecycle_daily WHERE as_of = '{day}'")
    }


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    random_shop(warehouse, customers=150, days=400)
    return warehouse


def test_every_customer_has_one_stage_and_it_is_read_beside_the_risk(
    shop: Warehouse, settings: Settings
) -> None:
    made = run(shop, settings)
    profiles = rows(shop, "SELECT * FROM reports.customer_profile")
    history = rows(
        shop,
        "SELECT DISTINCT customer_id FROM (SELECT customer_id FROM curated.orders "
        f"WHERE kind = 'purchase' AND event_at < '{DAY}Z' UNION SELECT customer_id "
        f"FROM curated.events WHERE event_at < '{DAY}Z') AS contacts",
    )
    assert {row["customer_id"] for row in profiles} == {row["customer_id"] for row in history}
    assert made.read == made.written == len(profiles) > 100
    assert len({row["lifecycle_stage"] for row in profiles}) >= 5
    assert all(row["risk_tier"] is None for row in profiles)  # nothing is scored yet
    assert all(row["rfm_group"] and row["purchase_interval_days"] > 0 for row in profiles)
    assert counts(shop, DAY) == made.details["stages"]
    assert sum(made.details["stages"].values()) == len(profiles)
    assert all(row["is_success"] for row in rows(shop, "SELECT * FROM profiles.audits"))
    assert (
        len(rows(shop, "SELECT * FROM quality.results WHERE suite = 'profiles.customer_daily'"))
        >= 5
    )
    assert violations(shop) == []


def test_stages_are_read_alike_before_and_after_they_are_published(
    shop: Warehouse, settings: Settings
) -> None:
    roll_up(shop, settings=settings)
    replayed = read_stages(shop, settings=settings, as_of=DAY)
    run(shop, settings)
    published = read_stages(shop, settings=settings, as_of=DAY)
    assert published.equals(replayed)
    assert published.num_rows > 100


def test_the_matrix_adds_up_to_the_day_before_as_published(
    shop: Warehouse, settings: Settings
) -> None:
    run(shop, settings)
    run(shop, settings, DAY + timedelta(days=1))
    moved = rows(
        shop,
        "SELECT * FROM reports.lifecycle_transitions WHERE period = 'day' "
        f"AND as_of = '{DAY + timedelta(days=1)}'",
    )
    assert not any(row["is_replayed"] for row in moved)
    before, after = counts(shop, DAY), counts(shop, DAY + timedelta(days=1))
    for stage in before:
        begins = sum(row["customers_count"] for row in moved if row["from_stage"] == stage)
        ends = sum(row["customers_count"] for row in moved if row["to_stage"] == stage)
        assert (begins, ends) == (before[stage], after[stage])
        if begins:
            shares = [row["from_share"] for row in moved if row["from_stage"] == stage]
            assert sum(shares) == pytest.approx(1)
    steps = {
        row["lifecycle_stage"]: row["entered_count"] - row["left_count"]
        for row in rows(
            shop, f"SELECT * FROM reports.lifecycle_daily WHERE as_of = '{DAY + timedelta(days=1)}'"
        )
    }
    assert steps == {stage: after[stage] - before[stage] for stage in before}


def test_a_replayed_day_moves_nobody_otherwise_than_a_published_one(
    shop: Warehouse, settings: Settings
) -> None:
    """Nothing came late: what readers saw and what a replay gives are the same."""
    first = run(shop, settings)
    assert len(first.details["replayed_days"]) == 3
    replayed = rows(
        shop,
        "SELECT from_stage, to_stage, customers_count FROM reports.lifecycle_transitions WHERE period = 'day' ORDER BY 1, 2",
    )
    run(shop, settings, DAY - timedelta(days=1))
    second = run(shop, settings)
    assert not second.details["is_repeat"]  # it names the snapshot that it begins from
    assert len(second.details["replayed_days"]) == 2
    assert replayed == rows(
        shop,
        f"SELECT from_stage, to_stage, customers_count FROM reports.lifecycle_transitions WHERE period = 'day' AND as_of = '{DAY}' ORDER BY 1, 2",
    )


def test_run_again_nothing_is_written_and_the_digest_is_equal(
    shop: Warehouse, settings: Settings
) -> None:
    first = run(shop, settings)
    again = run(shop, settings)
    assert again.details["is_repeat"]
    assert (again.written, again.duplicates) == (0, first.read)
    assert again.details["profiles_digest"] == first.details["profiles_digest"]
    assert len(rows(shop, "SELECT * FROM profiles.snapshots")) == 1


def test_an_old_day_replays_its_old_stages_whatever_came_later(
    shop: Warehouse, settings: Settings
) -> None:
    first = run(shop, settings)
    late = datetime(2024, 12, 1, 6, tzinfo=UTC)
    noise = [
        {"order_id": f"n{i}", "customer_id": f"c{i:05d}", "event_at": late - timedelta(days=i % 3)}
        for i in range(150)
    ]  # some happened before the day, all became known after its start
    fill(shop, "orders", noise, available_at=late)
    assert run(shop, settings).details["profiles_digest"] == first.details["profiles_digest"]
    later = run(shop, settings, DAY + timedelta(days=1))
    assert later.details["stages"]["lapsed"] < first.details["stages"]["lapsed"]
    warnings = rows(shop, "SELECT observed FROM profiles.audits WHERE NOT is_success")
    assert "changed their stage in a day" in warnings[0]["observed"]


def test_a_day_published_anew_meanwhile_is_not_the_one_that_was_begun_from(
    shop: Warehouse, settings: Settings
) -> None:
    yesterday = DAY - timedelta(days=1)
    run(shop, settings, yesterday)
    made = profile(shop, settings=settings, as_of=DAY)
    fill(
        shop, "orders",
        [{"order_id": "late", "customer_id": "c99999", "event_at": datetime(2024, 11, 20, tzinfo=UTC)}],
    )  # fmt: skip
    run(shop, settings, yesterday)
    with pytest.raises(PublicationRefused, match="published anew since"):
        publish_profiles(shop, settings=settings, snapshot_id=made.details["snapshot_id"])
    run(shop, settings)


def test_a_run_that_was_overtaken_is_refused(shop: Warehouse, settings: Settings) -> None:
    made = profile(shop, settings=settings, as_of=DAY)
    newer = profile(shop, settings=settings, as_of=DAY)
    with pytest.raises(
        PublicationRefused, match=r"its profiles count .this is run 1, the newest is run 2"
    ):
        publish_profiles(shop, settings=settings, snapshot_id=made.details["snapshot_id"])
    publish_profiles(shop, settings=settings, snapshot_id=newer.details["snapshot_id"])
    with pytest.raises(UsageError, match="There are no profiles 999"):
        publish_profiles(shop, settings=settings, snapshot_id=999)


def test_a_damaged_snapshot_is_refused_and_readers_keep_the_old_one(
    shop: Warehouse, settings: Settings
) -> None:
    run(shop, settings)
    damages = {
        "everybody_has_one_stage": "DELETE FROM profiles.customer_daily WHERE snapshot_id = :id AND customer_id = 'c00001'",
        "transitions_end_in_the_stages": "UPDATE profiles.transitions SET customers_count = customers_count + 1 WHERE snapshot_id = :id AND period = 'week'",
        "transitions_begin_in_the_stages": "UPDATE profiles.stage_daily SET customers_count = customers_count + 1 WHERE snapshot_id <> :id AND lifecycle_stage = 'loyal'",
        "nothing_is_ahead": "UPDATE profiles.customer_daily SET last_order_on = as_of WHERE snapshot_id = :id",
        "visitors_have_no_order": "UPDATE profiles.customer_daily SET lifecycle_stage = 'visitor' WHERE snapshot_id = :id",
        "survival_does_not_rise": "UPDATE profiles.survival SET survival_share = 1 - survival_share WHERE snapshot_id = :id",
        "cohorts_are_nested": "UPDATE profiles.cohorts SET ordered_count = ordered_later_count + 1 WHERE snapshot_id = :id",
    }  # fmt: skip
    for audit, damage in damages.items():
        made = profile(shop, settings=settings, as_of=DAY + timedelta(days=1))
        with shop.transaction() as transaction:
            assert transaction.change(damage, id=made.details["snapshot_id"]) > 0
        with pytest.raises(PublicationRefused, match=audit):
            publish_profiles(shop, settings=settings, snapshot_id=made.details["snapshot_id"])
        if audit == "transitions_begin_in_the_stages":
            with shop.transaction() as transaction:
                transaction.change(
                    "UPDATE profiles.stage_daily SET customers_count = customers_count - 1 WHERE snapshot_id <> :id AND lifecycle_stage = 'loyal'",
                    id=made.details["snapshot_id"],
                )
    assert [row["as_of"] for row in rows(shop, "SELECT as_of FROM profiles.published")] == [DAY]


def test_stages_change_little_in_a_day(shop: Warehouse, settings: Settings) -> None:
    """The shop has no season: 30 days, each beside the one before."""
    from retention_ml.features.roll_up import roll_up
    from retention_ml.profiles.histories import read_histories
    from retention_ml.profiles.profile import choices_of
    from retention_ml.profiles.stages import stages

    roll_up(shop, settings=settings)
    rules = choices_of(settings).rules
    before: dict[str, int] = {}
    shares = []
    for step in range(30):
        history = read_histories(shop, DAY + timedelta(days=step), "UTC")
        now = dict(
            zip(
                history.customer_ids.to_pylist(), stages(history, rules).stage.tolist(), strict=True
            )
        )
        if before:
            shares.append(sum(now[name] != stage for name, stage in before.items()) / len(before))
        before = now
    assert sum(shares) / len(shares) < 0.04  # of 150 customers, each is .7 %


def test_nobody_ordered_is_not_ready(warehouse: Warehouse, settings: Settings) -> None:
    with pytest.raises(NotReady, match="No order of a customer is known before 2024-12-01"):
        profile(warehouse, settings=settings, as_of=DAY)
