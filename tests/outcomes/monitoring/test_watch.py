"""The door `watch` on a small shop: thirty clean days, planted shifts, staleness, refusals."""

import dataclasses
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.features.definition import definition_sha256
from retention_ml.features.roll_up import roll_up
from retention_ml.maintenance import invariants
from retention_ml.maintenance.invariants import INVARIANTS
from retention_ml.models.training.schedule import due
from retention_ml.outcomes.monitoring import queries
from retention_ml.outcomes.monitoring.alerts import Alert, is_drift_alerted, raise_alerts
from retention_ml.outcomes.monitoring.watch import watch
from retention_ml.reports.read import status
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import PlainBundle, World, digest_of, make_world
from tests.worlds.seasonal_shop import SeasonalShop, seasonal_shop
from tests.worlds.shops import fill

FIRST = date(2025, 1, 6)
BEGINS = 240  # the day of the shop on which watching begins
CUTOFFS = [BEGINS - 30 - 14 * place for place in range(10)]


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)


class Watched:
    """A seasonal shop behind the door."""

    def __init__(self, world: World, shop: SeasonalShop) -> None:
        self.world, self.shop = world, shop
        with world.warehouse.transaction() as transaction:
            transaction.execute("DELETE FROM features.customer_daily")
            transaction.execute("DELETE FROM features.builds")

    def build(self, number: int, **shift: float) -> None:
        """Write a day's features; `shift` moves some by so many standard deviations."""
        day = day_of(number)
        who, features = self.shop.features(number)
        for name, deviations in shift.items():
            features[name] = features[name] + deviations * np.nanstd(features[name])
        rows = pa.table(
            {
                "as_of": pa.array([day] * len(who), pa.date32()),
                "customer_id": [f"c{place:05d}" for place in who],
                **{
                    name: pa.array(values, mask=np.isnan(values))
                    for name, values in features.items()
                },
            }
        )
        with self.world.warehouse.transaction() as transaction:
            transaction.execute("DELETE FROM features.customer_daily WHERE as_of = :day", day=day)
            transaction.copy("features.customer_daily", rows)
            transaction.execute(
                "INSERT INTO features.builds (as_of, features_digest, catalogue_sha256, "
                "customers_count, newest_input_at, newest_rollup_id, engine, built_at) VALUES "
                "(:day, :digest, :catalogue, :n, :newest, 0, 'test', :newest)",
                day=day,
                digest=digest_of(rows),
                catalogue=definition_sha256(self.world.settings),
                n=len(who),
                newest=datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=3),
            )

    def run(self, number: int, *, add_to_scores: float = 0.0, **shift: float) -> dict[str, Any]:
        """Build, score, publish and watch a day; what the receipt says."""
        self.build(number, **shift)
        snapshot = self.world.score_and_publish(day_of(number))
        if add_to_scores:
            with self.world.warehouse.transaction() as transaction:
                transaction.execute(
                    "UPDATE scores.customer_daily SET champion_probability = least(1, "
                    "coalesce(champion_probability, churn_probability) + :more) "
                    "WHERE snapshot_id = :id",
                    more=add_to_scores,
                    id=snapshot,
                )
        return self.watch(number)

    def watch(self, number: int) -> dict[str, Any]:
        """Watch a day again; what the receipt says."""
        door = watch(self.world.warehouse, settings=self.world.settings, as_of=day_of(number))
        return dict(door.details)

    def alerts(self) -> list[dict[str, Any]]:
        return self.world.rows("SELECT * FROM ops.alerts ORDER BY alert_id")

    def drift(self, number: int) -> dict[tuple[str, str, str], dict[str, Any]]:
        rows = self.world.rows(f"SELECT * FROM outcomes.drift WHERE as_of = '{day_of(number)}'")
        return {(row["kind"], row["name"], row["measure"]): row for row in rows}


@pytest.fixture
def watched(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Watched:
    shop = seasonal_shop(customers=400, days=BEGINS + 40, seed=3)
    world = make_world(warehouse, settings, monkeypatch)
    names = tuple(shop.features(BEGINS)[1])
    monkeypatch.setattr(queries, "features_read", lambda settings, snapshot: names)
    watched = Watched(world, shop)
    for number in CUTOFFS:
        watched.build(number)
    return watched


@pytest.mark.fault("thirty clean days, then a shift", promises="P6", row=35)
@pytest.mark.slow
@pytest.mark.thorough
def test_thirty_clean_days_raise_at_most_one_alarm_and_a_shift_is_found_within_three_runs(
    watched: Watched,
) -> None:
    for number in range(BEGINS, BEGINS + 30):
        watched.run(number)
    assert len(watched.alerts()) <= 1
    raised: list[dict[str, Any]] = []
    for number in range(BEGINS + 30, BEGINS + 33):
        raised += watched.run(number, revenue_cents_30d=3.0)["alerts"]
    drift_alerts = [alert for alert in raised if alert["kind"] == "input_drift"]
    assert len(drift_alerts) == 1
    assert "revenue_cents_30d" in drift_alerts[0]["sentence"]


def test_a_shift_in_the_scores_is_found_within_three_runs(watched: Watched) -> None:
    for number in range(BEGINS, BEGINS + 10):
        assert watched.run(number)["alerts"] == []
    deviation = watched.world.rows(
        "SELECT stddev(churn_probability) AS s FROM scores.customer_daily"
    )[0]["s"]
    raised = []
    for number in range(BEGINS + 10, BEGINS + 13):
        raised += watched.run(number, add_to_scores=3 * deviation)["alerts"]
    assert "score_drift" in {alert["kind"] for alert in raised}


def test_watching_a_day_again_changes_nothing(watched: Watched) -> None:
    watched.run(BEGINS)
    watched.run(BEGINS + 1, revenue_cents_30d=3.0)
    watched.run(BEGINS + 2, revenue_cents_30d=3.0)
    before = watched.drift(BEGINS + 2), watched.alerts()
    watched.watch(BEGINS + 2)
    after = watched.drift(BEGINS + 2), watched.alerts()
    for drift in (before[0], after[0]):
        for row in drift.values():
            row.pop("measured_at")
    assert before == after
    assert [alert["kind"] for alert in after[1]] == ["input_drift"]
    shown = status(watched.world.warehouse, watched.world.settings)["alerts"]
    assert shown == {f"{day_of(BEGINS + 2)} input drift: input": after[1][0]["sentence"]}


def test_the_features_that_changed_most_are_stored_with_their_distribution(
    watched: Watched,
) -> None:
    watched.run(BEGINS)
    watched.run(BEGINS + 28, revenue_cents_30d=3.0)
    query = (
        "SELECT * FROM outcomes.distributions JOIN scores.published USING (snapshot_id) "
        f"WHERE as_of = '{day_of(BEGINS + 28)}' ORDER BY place"
    )
    stored = watched.world.rows(query)
    psi = {
        name: row["value"]
        for (kind, name, measure), row in watched.drift(BEGINS + 28).items()
        if (kind, measure) == ("input", "psi") and row["threshold"] is not None
    }
    assert [row["name"] for row in stored] == sorted(psi, key=lambda name: (-psi[name], name))[:6]
    [reference] = {row["reference_as_of"] for row in stored}
    compared = watched.drift(BEGINS + 28)["input", "revenue_cents_30d", "psi"]["reference"]
    assert compared.startswith(f"the features of {reference}")
    [shifted] = [row for row in stored if row["name"] == "revenue_cents_30d"]
    assert shifted["counts"][-1] > 3 * shifted["reference_counts"][-1]
    for row in stored:
        plain = watched.world.rows(
            f"SELECT count({row['name']}) FILTER (WHERE as_of = '{day_of(BEGINS + 28)}') AS now, "
            f"count({row['name']}) FILTER (WHERE as_of = '{reference}') AS earlier "
            "FROM features.customer_daily"
        )
        assert plain == [{"now": sum(row["counts"]), "earlier": sum(row["reference_counts"])}]
    watched.watch(BEGINS + 28)
    assert watched.world.rows(query) == stored


def test_one_bad_day_is_stored_but_no_alert(watched: Watched) -> None:
    watched.run(BEGINS)
    assert watched.run(BEGINS + 1, sessions_count_7d=3.0)["alerts"] == []
    assert watched.drift(BEGINS + 1)["input", "sessions_count_7d", "psi"]["is_beyond"]
    assert watched.run(BEGINS + 2)["alerts"] == []
    assert not watched.drift(BEGINS + 2)["input", "sessions_count_7d", "psi"]["is_beyond"]


def test_a_lasting_shift_raises_one_alert_in_the_cooldown_and_then_another(
    watched: Watched,
) -> None:
    watched.world.set("monitoring", cooldown_days=3)
    raised = [
        {alert["kind"] for alert in watched.run(number, revenue_cents_30d=3.0)["alerts"]}
        for number in range(BEGINS, BEGINS + 6)
    ]
    assert raised == [set(), {"input_drift"}, set(), set(), {"input_drift"}, set()]


def test_a_run_that_was_cut_off_raises_its_alert_again_and_another_run_does_not(
    watched: Watched,
) -> None:
    watched.run(BEGINS, revenue_cents_30d=3.0)
    watched.world.settings = watched.world.settings.model_copy(update={"run_id": "first"})
    first = watched.run(BEGINS + 1, revenue_cents_30d=3.0)
    assert [alert["kind"] for alert in first["alerts"]] == ["input_drift"]
    assert watched.watch(BEGINS + 1) == first
    watched.world.settings = watched.world.settings.model_copy(update={"run_id": "second"})
    assert watched.watch(BEGINS + 1)["alerts"] == []
    assert len(watched.alerts()) == 1


def test_drift_makes_a_training_due_unless_the_settings_forbid_it(watched: Watched) -> None:
    world = watched.world
    world.set("training", every_days=60)
    with world.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO models.trainings (training_id, as_of, definition_hash, cutoffs, "
            "evaluation_days, final_days, data_digest, status, readiness, created_at) VALUES "
            "('t', :day, 'd', '{}', '{}', '{}', '', 'selected', '{}', :at)",
            day=day_of(BEGINS - 10),
            at=datetime(2025, 1, 1, tzinfo=UTC),
        )

    def is_due(number: int) -> bool:
        receipt = due(
            world.warehouse,
            settings=world.settings,
            as_of=day_of(number),
            is_drift_alerted=is_drift_alerted,
        )
        return bool(receipt.details["is_due"])

    assert not watched.run(BEGINS, revenue_cents_30d=3.0)["wants_training"]
    assert not is_due(BEGINS)
    assert watched.run(BEGINS + 1, revenue_cents_30d=3.0)["wants_training"]
    assert is_due(BEGINS + 1)
    assert not is_due(BEGINS - 5)
    world.set("monitoring", drift_starts_training=False)
    assert not is_due(BEGINS + 1)
    with world.warehouse.transaction() as transaction:
        transaction.execute("UPDATE models.trainings SET as_of = :day", day=day_of(BEGINS + 1))
    world.set("monitoring", drift_starts_training=True)
    assert not is_due(BEGINS + 9)
    assert world.rows("SELECT count(*) AS n FROM models.promotions")[0]["n"] == 1


@pytest.mark.parametrize("age_days", [100, 300])
def test_a_window_that_begins_before_the_first_order_is_shown_and_asks_for_nothing(
    watched: Watched, age_days: int
) -> None:
    """At 100 days the reference day is 72 days old; at 300, 180 days are filled on all days."""
    first = day_of(BEGINS - age_days)
    fill(
        watched.world.warehouse,
        "orders",
        [
            {
                "order_id": "o1",
                "customer_id": "c00001",
                "event_at": datetime.combine(first, time(12), UTC),
            }
        ],
    )
    roll_up(watched.world.warehouse, settings=watched.world.settings)
    receipts = [watched.run(BEGINS + n, orders_count_180d=3.0) for n in range(3)]
    kinds = {alert["kind"] for receipt in receipts for alert in receipt["alerts"]}
    index = watched.drift(BEGINS + 2)["input", "orders_count_180d", "psi"]
    assert index["value"] > 1
    if age_days == 100:
        assert kinds == set()
        assert not any(receipt["wants_training"] for receipt in receipts)
        assert (index["threshold"], index["is_beyond"]) == (None, False)
        assert index["reference"].endswith(
            f"only shown: it looks back 180 days, to before the shop's first order on {first}"
        )
    else:
        assert kinds == {"input_drift"}
        assert index["is_beyond"]
        assert "only shown" not in index["reference"]


def _deliver(watched: Watched, table: str, first: date, known_on: date | None, **row: Any) -> None:
    """One row of a feed on a day, known from then on, or from `known_on` in a live delivery."""
    loaded_at = known_on and datetime.combine(known_on, time(0), UTC)
    fill(
        watched.world.warehouse,
        table,
        [{"customer_id": "c00001", "event_at": datetime.combine(first, time(12), UTC), **row}],
        available_at=loaded_at,
        loaded_at=loaded_at,
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gap_mean_days", "input_drift"),
        ("gap_mean_days", "missing_drift"),
        ("orders_count_180d", "missing_drift"),
    ],
)
def test_a_young_shop_is_watched_but_for_windows_that_still_fill(
    watched: Watched, name: str, kind: str
) -> None:
    """On the reference day the shop is 172 days old."""
    _deliver(watched, "orders", day_of(BEGINS - 200), None, order_id="o1")
    roll_up(watched.world.warehouse, settings=watched.world.settings)
    shift = {name: 3.0 if kind == "input_drift" else float("nan")}
    receipts = [watched.run(BEGINS + n, **shift) for n in range(3)]
    assert {alert["kind"] for each in receipts for alert in each["alerts"]} == {kind}
    index = watched.drift(BEGINS + 2)[kind.partition("_")[0], name, "psi"]
    assert index["is_beyond"]
    assert "only shown" not in index["reference"]


@pytest.mark.parametrize(
    ("event_on", "known_on", "remark"),
    [
        (BEGINS - 60, BEGINS - 5, f"first event was not known before {day_of(BEGINS - 5)}"),
        (BEGINS - 60, BEGINS - 50, "it looks back 90 days, to before the shop's first event on"),
        (BEGINS - 700, None, None),
    ],
)
def test_a_feed_that_an_old_shop_connects_is_no_drift_while_its_windows_fill(
    watched: Watched, event_on: int, known_on: int | None, remark: str | None
) -> None:
    _deliver(watched, "orders", day_of(BEGINS - 1_000), None, order_id="o1")
    known_on_day = None if known_on is None else day_of(known_on)
    _deliver(watched, "events", day_of(event_on), known_on_day, event_type="view")
    roll_up(watched.world.warehouse, settings=watched.world.settings)
    receipts = [watched.run(BEGINS + n, sessions_count_90d=3.0) for n in range(3)]
    index = watched.drift(BEGINS + 2)["input", "sessions_count_90d", "psi"]
    assert index["value"] > 1
    assert any(receipt["wants_training"] for receipt in receipts) == (remark is None)
    assert (index["threshold"] is None) == (remark is not None)
    assert (remark or "the features of") in index["reference"]


def test_where_there_is_nothing_to_compare_with_it_says_so(watched: Watched) -> None:
    first = watched.run(BEGINS)
    assert set(first["not_compared"]) == {"score"}
    with watched.world.warehouse.transaction() as transaction:
        transaction.execute("UPDATE features.builds SET catalogue_sha256 = 'another'")
    second = watched.run(BEGINS + 1)
    assert set(second["not_compared"]) == {"input"}
    assert "features of the same definition" in second["not_compared"]["input"]
    assert second["alerts"] == []
    row = watched.drift(BEGINS + 1)["input", "all", "not_compared"]
    assert (row["value"], row["threshold"], row["is_beyond"]) == (0, None, False)
    state = status(watched.world.warehouse, watched.world.settings)
    assert state["drift_not_compared"] == second["not_compared"]
    assert watched.run(BEGINS + 2)["not_compared"] == {}
    assert status(watched.world.warehouse, watched.world.settings)["drift_not_compared"] == {}


def test_a_new_champion_is_not_taken_for_a_drift_of_the_scores(watched: Watched) -> None:
    for number in range(BEGINS, BEGINS + 3):
        watched.run(number)
    watched.world.champion(PlainBundle(bias=-0.7), version="2")
    for number in range(BEGINS + 3, BEGINS + 6):
        assert watched.run(number)["alerts"] == []
    assert ("score", "all", "psi") not in watched.drift(BEGINS + 3)
    assert watched.drift(BEGINS + 5)["score", "all", "psi"]["threshold"] is not None


@pytest.mark.parametrize("column", ["reasons_version = 0", "policy_sha256 = 'another'"])
def test_reasons_made_by_other_rules_are_not_taken_for_a_drift(
    watched: Watched, column: str
) -> None:
    for number in range(BEGINS, BEGINS + 4):
        watched.run(number)
    newest, key = BEGINS + 3, ("explanation", "all", "psi")
    before = f"WHERE as_of < '{day_of(newest)}'"
    with watched.world.warehouse.transaction() as transaction:
        transaction.execute(f"UPDATE scores.customer_daily SET reason_1_code = 'a/b' {before}")
    watched.watch(newest)
    assert watched.drift(newest)[key]["is_beyond"]
    with watched.world.warehouse.transaction() as transaction:
        transaction.execute(f"UPDATE scores.snapshots SET {column} {before}")
    watched.watch(newest)
    shown = watched.drift(newest)[key]
    assert (shown["threshold"], shown["is_beyond"]) == (None, False)


def test_the_expected_performance_is_stored_with_the_scores(watched: Watched) -> None:
    watched.run(BEGINS)
    drift = watched.drift(BEGINS)
    assert 0.5 < drift["estimate", "all", "roc_auc"]["value"] < 1
    assert drift["estimate", "all", "roc_auc"]["threshold"] is None
    predictions = watched.world.rows(
        "SELECT avg(churn_probability) AS p FROM scores.customer_daily"
    )
    assert drift["estimate", "all", "churn_rate"]["value"] == pytest.approx(predictions[0]["p"])


def _outcomes(watched: Watched, number: int, *, more: float, known_as_of: int) -> None:
    """Outcomes of a scored day: true to the scores, but for so many more that churn."""
    day = day_of(number)
    draw = np.random.default_rng(number)
    with watched.world.warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT customer_id, churn_probability FROM scores.customer_daily WHERE as_of = :day",
            day=day,
        )
        churned = draw.random(len(rows)) < np.array([row[1] for row in rows]) + more
        transaction.execute("UPDATE scores.snapshots SET model_as_of = as_of")
        transaction.execute(
            "INSERT INTO models.label_windows (as_of, definition_hash, definition, "
            "window_starts_at, window_ends_at, settles_at, customers_count, churned_count, "
            "known_as_of, matured_at) VALUES (:day, :hash, '{}', :at, :at, :settled, :n, :churned, "
            ":known_as_of, :at)",
            day=day,
            hash="d" * 16,
            at=datetime(2025, 1, 1, tzinfo=UTC),
            settled=datetime.combine(day_of(known_as_of - 1), time(12), UTC),
            n=len(rows),
            churned=int(churned.sum()),
            known_as_of=day_of(known_as_of),
        )
        transaction.copy(
            "models.labels",
            pa.table(
                {
                    "as_of": pa.array([day] * len(rows), pa.date32()),
                    "definition_hash": ["d" * 16] * len(rows),
                    "customer_id": [row[0] for row in rows],
                    "is_churned": churned.tolist(),
                }
            ),
        )


def test_forecasts_that_prove_wrong_raise_an_alert_and_true_ones_do_not(watched: Watched) -> None:
    for number in range(BEGINS, BEGINS + 4):
        watched.run(number)
    for place, more in enumerate((0.0, 0.0, 0.3, 0.3)):
        _outcomes(watched, BEGINS + place, more=more, known_as_of=BEGINS + 30 + place)
    receipts = [watched.run(BEGINS + 30 + place) for place in range(4)]
    kinds = [{alert["kind"] for alert in each["alerts"]} for each in receipts]
    assert kinds[0] | kinds[1] == set()
    assert "calibration_drift" in kinds[3]
    gap = watched.drift(BEGINS + 33)["calibration", "all", "observed_minus_expected"]
    assert gap["value"] > 0.15
    assert gap["reference"] == f"the forecasts of {day_of(BEGINS + 3)}"
    assert receipts[3]["wants_training"]


def test_a_customer_reached_by_a_campaign_does_not_count_for_the_calibration(
    watched: Watched,
) -> None:
    watched.run(BEGINS)
    _outcomes(watched, BEGINS, more=0.0, known_as_of=BEGINS + 30)
    now = queries.published(watched.world.warehouse, day_of(BEGINS))[-1]

    def counted() -> int:
        cohort = queries.cohort(
            watched.world.warehouse, watched.world.settings, now, day_of(BEGINS + 40)
        )
        return cohort.customers_count if cohort else 0

    everybody = counted()
    reached = watched.world.rows("SELECT customer_id FROM scores.customer_daily LIMIT 20")
    sent_at = datetime.combine(day_of(BEGINS + 3), time(12), UTC)
    contacts = [
        {"campaign_id": "k", "customer_id": row["customer_id"], "kind": "sent", "event_at": sent_at}
        for row in reached
    ]
    fill(watched.world.warehouse, "campaign_contacts", contacts)
    assert counted() == everybody - 20


@pytest.mark.fault("a feed that falls silent", promises="P6", row=35)
def test_old_scores_and_a_silent_feed_raise_alerts(watched: Watched) -> None:
    watched.run(BEGINS)
    assert watched.watch(BEGINS + 3)["alerts"] == []
    alerts = watched.watch(BEGINS + 4)["alerts"]
    assert [(alert["kind"], alert["severity"]) for alert in alerts] == [
        ("stale_scores", "critical")
    ]
    assert "4 days before" in alerts[0]["sentence"]
    watched.run(BEGINS + 5)
    with watched.world.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE features.builds SET newest_input_at = '2025-08-20' WHERE as_of = :day",
            day=day_of(BEGINS + 5),
        )
    assert [alert["kind"] for alert in watched.watch(BEGINS + 5)["alerts"]] == ["stale_feed"]


def test_a_broken_invariant_is_an_alert_of_its_day_and_once_in_the_cooldown(
    watched: Watched,
) -> None:
    watched.world.set("monitoring", cooldown_days=2)
    assert watched.run(BEGINS)["alerts"] == []
    assert watched.run(BEGINS + 1)["alerts"] == []
    with watched.world.warehouse.transaction() as transaction:
        transaction.execute(
            "DELETE FROM scores.customer_daily WHERE as_of = :day AND customer_id = "
            "(SELECT min(customer_id) FROM scores.customer_daily WHERE as_of = :day)",
            day=day_of(BEGINS + 1),
        )
    assert watched.watch(BEGINS)["alerts"] == []  # scores of another day
    [alert] = watched.watch(BEGINS + 1)["alerts"]
    assert (alert["kind"], alert["severity"]) == ("broken_invariant", "critical")
    assert "P3: 1 × a published snapshot with other rows" in alert["sentence"]
    assert alert["runbook"] == "docs/runbook.md#broken-invariant"
    with watched.world.warehouse.transaction() as transaction:
        transaction.execute("UPDATE features.builds SET newest_input_at = as_of + 1")
    raised = [watched.watch(number)["alerts"] for number in (BEGINS + 2, BEGINS + 3, BEGINS + 4)]
    promises = [[alert["subject"][:2] for alert in alerts] for alerts in raised]
    assert promises == [["P4"], [], ["P4"]]


def test_a_backfill_raises_nothing_about_the_warehouse_as_it_is_now(watched: Watched) -> None:
    watched.run(BEGINS)
    watched.run(BEGINS + 1)
    with watched.world.warehouse.transaction() as transaction:
        transaction.execute("UPDATE features.builds SET newest_input_at = as_of + 1")
    assert watched.watch(BEGINS)["alerts"] == []
    [alert] = watched.watch(BEGINS + 1)["alerts"]
    assert alert["subject"].startswith("P4")


def test_invariants_that_cannot_be_checked_are_an_alert_beside_the_others(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.run(BEGINS)
    broken = dataclasses.replace(INVARIANTS[0], sql="SELECT 1 FROM raw.nowhere")
    monkeypatch.setattr(invariants, "INVARIANTS", (broken,))
    alerts = {alert["kind"]: alert for alert in watched.watch(BEGINS + 9)["alerts"]}
    assert set(alerts) == {"stale_scores", "broken_invariant"}
    assert "could not be checked" in alerts["broken_invariant"]["sentence"]
    assert "raw.nowhere" in alerts["broken_invariant"]["sentence"]


def test_a_refused_snapshot_and_a_refused_model_raise_alerts_with_the_reason(
    watched: Watched,
) -> None:
    watched.run(BEGINS)
    watched.build(BEGINS + 1)
    snapshot = watched.world.score(day_of(BEGINS + 1)).details["snapshot_id"]
    with watched.world.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.snapshots SET status = 'refused', reason = 'a tier jumped' "
            "WHERE snapshot_id = :id",
            id=snapshot,
        )
        transaction.execute(
            "INSERT INTO models.promotions (alias, model_name, model_version, bundle_sha256, "
            "verdict, decided_by, reason, evidence, decided_at) VALUES ('champion', 'plain', '9', "
            "'x', 'refuse', 'mlflow', 'its digest differs', '{}', '2025-01-02')"
        )
    alerts = {alert["kind"]: alert for alert in watched.watch(BEGINS + 1)["alerts"]}
    assert "a tier jumped" in alerts["refused_snapshot"]["sentence"]
    assert "its digest differs" in alerts["refused_model"]["sentence"]
    assert watched.drift(BEGINS + 1) == {}


def test_a_refusal_is_reported_until_a_decision_moves_the_alias_and_only_for_the_newest_day(
    watched: Watched,
) -> None:
    world = watched.world

    def decide(verdict: str, by: str) -> None:
        with world.warehouse.transaction() as transaction:
            transaction.execute(
                "INSERT INTO models.promotions (alias, model_name, model_version, bundle_sha256, "
                "verdict, decided_by, reason, evidence, decided_at) VALUES ('challenger', 'plain', "
                "'9', 'x', :verdict, :by, 'unfit', '{}', '2025-01-02')",
                verdict=verdict,
                by=by,
            )

    def refused(number: int) -> list[tuple[str, str, str]]:
        of_day = queries.freshness(world.warehouse, world.settings, day_of(number))
        return list(of_day.refused_models)

    watched.run(BEGINS)
    watched.run(BEGINS + 1)
    decide("refuse", "ann")  # her `retention promote` failed; the alias stands where it stood
    assert refused(BEGINS + 1) == []
    decide("refuse", "mlflow")
    decide("keep", "gate")
    assert refused(BEGINS + 1) == [("challenger", "9", "unfit")]
    assert refused(BEGINS + 2) == [("challenger", "9", "unfit")]  # not published yet
    assert refused(BEGINS) == []
    decide("follow", "mlflow")
    assert refused(BEGINS + 1) == []


def test_in_a_backfill_newest_first_a_lasting_fault_is_new_once_in_the_cooldown(
    warehouse: Warehouse,
) -> None:
    fault = Alert(kind="stale_feed", subject="s", severity="warning", sentence="s", evidence={})

    def is_news(number: int) -> bool:
        with warehouse.transaction() as transaction:
            return bool(
                raise_alerts(
                    transaction, [fault], as_of=day_of(number), cooldown_days=3, run_id="r"
                )
            )

    assert [is_news(number) for number in (9, 8, 7, 6, 9)] == [True, False, False, True, True]


def test_channels_and_countries_are_watched_as_known_on_the_day(watched: Watched) -> None:
    def orders(first: int, last: int, channel: str) -> list[dict[str, Any]]:
        return [
            {
                "order_id": f"{channel}{number}-{place}",
                "customer_id": f"c{place:05d}",
                "event_at": datetime.combine(day_of(number), time(12), UTC),
                "channel": channel,
            }
            for number in range(first, last)
            for place in range(10)
        ]

    fill(watched.world.warehouse, "orders", orders(BEGINS - 60, BEGINS, "web"))
    fill(watched.world.warehouse, "orders", orders(BEGINS - 20, BEGINS, "app"))
    fill(
        watched.world.warehouse,
        "customers",
        [{"customer_id": f"c{place:05d}", "country": "France"} for place in range(10)],
        available_at=datetime(2025, 1, 1, tzinfo=UTC),
    )
    watched.run(BEGINS)
    drift = watched.drift(BEGINS)
    assert drift["category", "orders.channel", "psi"]["is_beyond"]
    assert drift["category", "orders.channel", "new_share"]["value"] == pytest.approx(200 / 480)
    assert drift["category", "customers.country", "new_share"]["value"] == 0
    assert not drift["category", "customers.country", "psi"]["is_beyond"]


def test_no_alert_names_a_customer(watched: Watched) -> None:
    for number in range(BEGINS, BEGINS + 3):
        watched.run(number, revenue_cents_30d=3.0, recency_days=-3.0)
    alerts = watched.alerts()
    assert alerts
    for alert in alerts:
        assert not re.search(r"\bc\d{5}\b", f"{alert['sentence']} {alert['evidence']}")
