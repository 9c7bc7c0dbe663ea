"""The door `publish`: fenced, audited inside its transaction, all or nothing."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from retention_ml.errors import PublicationRefused, UsageError
from retention_ml.receipts import Receipt
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import rounds
from tests.worlds.scores import DAY, PlainBundle, World

NEXT = DAY + timedelta(days=7)
_VISIBLE = "SELECT DISTINCT snapshot_id, as_of FROM reports.customer_risk"


def test_published_scores_are_what_readers_see(world: World) -> None:
    snapshot_id = world.score_and_publish()
    assert world.rows(_VISIBLE) == [{"snapshot_id": snapshot_id, "as_of": DAY}]
    assert len(world.rows("SELECT * FROM reports.customer_risk")) == 60
    audits = world.rows("SELECT * FROM scores.audits")
    assert len(audits) == 20
    assert all(audit["is_success"] for audit in audits)


def test_publishing_twice_changes_nothing(world: World) -> None:
    snapshot_id = world.score_and_publish()
    state = "SELECT *, (SELECT count(*) FROM scores.tier_transitions) AS transitions FROM scores.published"
    before = world.rows(state)
    receipt = world.publish(snapshot_id)
    assert receipt.details["is_repeat"]
    assert (receipt.read, receipt.written, receipt.duplicates) == (60, 0, 60)
    assert world.rows(state) == before


@pytest.mark.fault("zombie wakes up after its retry", promises="P3", row=4, counted="zombies")
@pytest.mark.parametrize("number", rounds("zombies", 1))
def test_a_zombie_whose_retry_published_is_refused(world: World, number: int) -> None:
    world.features(seed=number + 10)
    zombie = int(world.score().details["snapshot_id"])
    world.features(seed=2)
    retried = world.score_and_publish()
    with pytest.raises(PublicationRefused, match=r"another run has begun.*the newest is run 2"):
        world.publish(zombie)
    assert world.rows(_VISIBLE) == [{"snapshot_id": retried, "as_of": DAY}]


@pytest.mark.fault("zombie publishes while its retry scores", promises="P3", row=4)
def test_a_zombie_is_refused_even_while_its_retry_is_still_scoring(world: World) -> None:
    zombie = int(world.score().details["snapshot_id"])
    newer = int(world.score().details["snapshot_id"])
    with pytest.raises(PublicationRefused, match="another run has begun"):
        world.publish(zombie)
    assert world.rows(_VISIBLE) == []
    world.publish(newer)
    assert world.rows(_VISIBLE) == [{"snapshot_id": newer, "as_of": DAY}]
    status = world.rows("SELECT status, reason FROM scores.snapshots ORDER BY snapshot_id")
    assert [row["status"] for row in status] == ["refused", "published"]
    assert "another run has begun" in status[0]["reason"]


def test_a_refused_snapshot_stays_refused(world: World) -> None:
    zombie = int(world.score().details["snapshot_id"])
    world.score()
    for _ in range(2):
        with pytest.raises(PublicationRefused, match="another run has begun"):
            world.publish(zombie)


def test_a_naive_publisher_without_a_fence_lets_the_zombie_win(world: World) -> None:
    """Negative control: without the epoch the older scores replace the newer ones."""
    zombie = int(world.score().details["snapshot_id"])
    world.features(seed=2)
    world.score_and_publish()
    with world.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.published SET snapshot_id = :id WHERE as_of = :day", id=zombie, day=DAY
        )
    assert world.rows(_VISIBLE) == [{"snapshot_id": zombie, "as_of": DAY}]


@pytest.mark.fault(
    "publishers started at once", promises="P3", row=7, counted="rounds of publishers at once"
)
@pytest.mark.parametrize("number", rounds("rounds of publishers at once", 2))
@pytest.mark.parametrize("same", [True, False])
def test_of_publishers_at_once_exactly_one_wins(world: World, same: bool, number: int) -> None:
    first = int(world.score().details["snapshot_id"])
    second = first if same else int(world.score().details["snapshot_id"])
    publishers = [first, second] * (1 + number % 4)
    start = threading.Barrier(len(publishers))
    outcomes: list[Receipt | Exception] = []

    def publish(snapshot_id: int) -> None:
        start.wait()
        try:
            outcomes.append(world.publish(snapshot_id))
        except PublicationRefused as error:
            outcomes.append(error)

    threads = [threading.Thread(target=publish, args=(each,)) for each in publishers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [o for o in outcomes if isinstance(o, Receipt) and not o.details["is_repeat"]]
    assert len(outcomes) == len(publishers)
    assert len(written) == 1
    assert written[0].details["snapshot_id"] == second
    assert world.rows(_VISIBLE) == [{"snapshot_id": second, "as_of": DAY}]
    assert len(world.rows("SELECT * FROM scores.tier_transitions")) == 60


def test_tiers_that_went_on_from_an_outdated_day_are_scored_again(world: World) -> None:
    world.score_and_publish(DAY)
    world.features(NEXT)
    world.features(DAY + timedelta(days=3), seed=2)
    waiting = int(world.score(NEXT).details["snapshot_id"])
    world.score_and_publish(DAY + timedelta(days=3))
    with pytest.raises(
        PublicationRefused, match=r"tiers continue those of snapshot \d+, but snapshot"
    ):
        world.publish(waiting)
    assert world.score_and_publish(NEXT) != waiting


def test_a_backfill_of_an_older_day_leaves_the_latest_view_as_it_is(world: World) -> None:
    world.features(NEXT, seed=3)
    world.score_and_publish(NEXT)
    before = world.rows("SELECT * FROM reports.customer_risk ORDER BY customer_id")
    world.score_and_publish(DAY)
    assert world.rows("SELECT * FROM reports.customer_risk ORDER BY customer_id") == before
    history = world.rows(
        "SELECT as_of, count(*) AS n FROM reports.customer_risk_history GROUP BY 1 ORDER BY 1"
    )
    assert history == [{"as_of": DAY, "n": 60}, {"as_of": NEXT, "n": 60}]


def test_input_older_than_the_watch_accepts_is_noted_by_the_publication(world: World) -> None:
    world.features(NEXT, newest_input_at=datetime(2025, 3, 5, tzinfo=UTC))
    snapshot = int(world.score(NEXT).details["snapshot_id"])
    world.set("monitoring", stale_days_max=2)
    assert [warned.split(":")[0] for warned in world.publish(snapshot).details["warnings"]] == [
        "input_is_fresh"
    ]


def test_a_critical_audit_refuses_and_is_stored_with_its_reason(world: World) -> None:
    earlier = world.score_and_publish()
    world.features(NEXT, newest_input_at=datetime(2025, 2, 10, tzinfo=UTC))
    stale = int(world.score(NEXT).details["snapshot_id"])
    with pytest.raises(PublicationRefused, match=r"input_is_not_stale: newest input 26\.0 days"):
        world.publish(stale)
    assert world.rows(_VISIBLE) == [{"snapshot_id": earlier, "as_of": DAY}]
    failed = world.rows(
        f"SELECT audit FROM scores.audits WHERE snapshot_id = {stale} AND NOT is_success ORDER BY 1"
    )
    assert failed == [{"audit": "input_is_fresh"}, {"audit": "input_is_not_stale"}]
    manifest = world.rows(
        f"SELECT status, reason FROM scores.snapshots WHERE snapshot_id = {stale}"
    )
    assert manifest[0]["status"] == "refused"
    assert "input_is_not_stale" in manifest[0]["reason"]
    assert world.rows(f"SELECT * FROM scores.tier_transitions WHERE snapshot_id = {stale}") == []


@pytest.mark.parametrize(
    ("sabotage", "audit"),
    [
        ("DELETE FROM scores.customer_daily WHERE customer_id = 'c00007'", "rows_account"),
        ("DELETE FROM features.customer_daily WHERE customer_id = 'c00007'", "rows_account"),
        ("UPDATE scores.customer_daily SET model_version = '9'", "rows_are_of_the_manifest"),
        ("UPDATE scores.customer_daily SET risk_tier = 'none'", "tiers_are_known"),
        ("UPDATE scores.customer_daily SET churn_probability = 0.5", "probabilities_vary"),
        ("UPDATE scores.customer_daily SET expected_value_at_risk_cents = -1", "values_are_not"),
        (
            "INSERT INTO scores.exclusions SELECT snapshot_id, customer_id, 'no_features' "
            "FROM scores.customer_daily LIMIT 1",
            "one_row_per_customer",
        ),
    ],
)
def test_rows_spoilt_after_scoring_are_caught_inside_the_transaction(
    world: World, sabotage: str, audit: str
) -> None:
    snapshot_id = int(world.score().details["snapshot_id"])
    with world.warehouse.transaction() as transaction:
        transaction.execute(sabotage)
    with pytest.raises(PublicationRefused, match=audit):
        world.publish(snapshot_id)
    assert world.rows(_VISIBLE) == []


@pytest.mark.fault("a probability that is no number", promises="P3", row=33)
def test_a_probability_that_is_no_number_cannot_even_be_written(world: World) -> None:
    world.score()
    from retention_ml.errors import WarehouseError

    with (
        pytest.raises(WarehouseError, match="check constraint"),
        world.warehouse.transaction() as t,
    ):
        t.execute("UPDATE scores.customer_daily SET churn_probability = 'NaN'")


def test_features_built_anew_after_scoring_refuse_the_old_scores(world: World) -> None:
    snapshot_id = int(world.score().details["snapshot_id"])
    world.features(seed=2)
    with pytest.raises(PublicationRefused, match="features_are_current"):
        world.publish(snapshot_id)


def test_scores_made_before_a_promotion_are_published_and_the_next_are_the_new_champions(
    world: World,
) -> None:
    snapshot_id = int(world.score().details["snapshot_id"])
    world.champion(PlainBundle(bias=0.1), version="2")
    world.publish(snapshot_id)
    served = "SELECT DISTINCT model_version FROM reports.customer_risk"
    assert world.rows(served) == [{"model_version": "1"}]
    world.score_and_publish()
    assert world.rows(served) == [{"model_version": "2"}]


def test_scores_of_a_champion_that_was_rolled_back_from_are_refused(world: World) -> None:
    world.champion(PlainBundle(bias=0.1), version="2")
    snapshot_id = int(world.score().details["snapshot_id"])
    world.champion(version="1", verdict="rollback")
    with pytest.raises(PublicationRefused, match=r"model_is_served.*which was rolled back from"):
        world.publish(snapshot_id)
    assert world.rows(_VISIBLE) == []


def test_the_last_good_champion_may_serve_while_the_newest_cannot(world: World) -> None:
    last_good = world.models["champion"]
    world.champion(PlainBundle(bias=0.1), version="2")
    world.models["champion"] = last_good
    world.score_and_publish()
    assert world.rows("SELECT DISTINCT model_version FROM reports.customer_risk") == [
        {"model_version": "1"}
    ]


def test_a_model_that_nobody_approved_is_not_published(world: World) -> None:
    world.champion(PlainBundle(bias=0.1), version="2")
    with world.warehouse.transaction() as transaction:
        transaction.execute("UPDATE models.promotions SET verdict = 'refuse'")
    with pytest.raises(PublicationRefused, match="nobody approved as champion"):
        world.score_and_publish()


def test_an_unknown_snapshot_is_a_usage_error(world: World) -> None:
    with pytest.raises(UsageError, match="no snapshot 42"):
        world.publish(42)


def test_transitions_tell_who_came_moved_and_went(world: World) -> None:
    world.score_and_publish(DAY)
    world.features(NEXT, customers=60, first=5, seed=1)
    world.score_and_publish(NEXT)
    after = world.rows(
        f"SELECT customer_id, from_tier, to_tier FROM scores.tier_transitions WHERE as_of = '{NEXT}'"
    )
    tiers = {
        (row["customer_id"], row["as_of"]): row["risk_tier"]
        for row in world.rows("SELECT customer_id, as_of, risk_tier FROM scores.customer_daily")
    }
    everybody = {customer for customer, _ in tiers}
    expected = {
        (customer, tiers.get((customer, DAY)), tiers.get((customer, NEXT)))
        for customer in everybody
        if tiers.get((customer, DAY)) != tiers.get((customer, NEXT))
    }
    assert {(row["customer_id"], row["from_tier"], row["to_tier"]) for row in after} == expected
    assert ("c00000", tiers["c00000", DAY], None) in expected
    assert any(old is None for _, old, _ in expected)


def test_replaying_the_transition_log_gives_the_published_tiers(world: World) -> None:
    days = [DAY, NEXT, date(2025, 3, 15)]
    for number, day in enumerate(days):
        world.features(day, seed=number, first=number * 3)
        world.score_and_publish(day)
    state: dict[str, str | None] = {}
    for row in world.rows("SELECT * FROM scores.tier_transitions ORDER BY as_of"):
        assert state.get(row["customer_id"]) == row["from_tier"]
        state[row["customer_id"]] = row["to_tier"]
    rows = world.rows("SELECT customer_id, risk_tier FROM reports.customer_risk")
    assert {k: v for k, v in state.items() if v} == {r["customer_id"]: r["risk_tier"] for r in rows}


@pytest.mark.fault("connection cut while publishing", promises="P3", row=11)
def test_nothing_is_kept_when_the_connection_dies_while_publishing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retention_ml import failpoints
    from retention_ml.errors import WarehouseError

    snapshot_id = int(world.score().details["snapshot_id"])
    killer = Warehouse(world.warehouse.url)

    def cut(name: str) -> None:
        if name == "publish.before_commit":
            with killer.transaction() as transaction:
                transaction.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                    "datname = current_database() AND pid <> pg_backend_pid()"
                )

    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "failpoint", cut)
        with pytest.raises(WarehouseError):
            world.publish(snapshot_id)
    killer.close()
    assert world.rows(_VISIBLE) == []
    world.publish(snapshot_id)
    assert world.rows(_VISIBLE) == [{"snapshot_id": snapshot_id, "as_of": DAY}]
