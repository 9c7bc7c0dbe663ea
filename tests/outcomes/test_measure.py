"""Published scores meet what then happened."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from retention_ml import clock
from retention_ml.labels.maturity import mature
from retention_ml.maintenance.erasure.comparisons import note_in_comparisons
from retention_ml.maintenance.erasure.persons import create_forgotten
from retention_ml.outcomes.measure import measure
from retention_ml.outcomes.trial.report import load_comparison
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import score
from retention_ml.warehouse import Warehouse
from tests.worlds.excluded import exclude
from tests.worlds.outcomes import FIRST, Shop, sha, weeks

WINDOW = timedelta(days=29)  # horizon and settling


pytestmark = pytest.mark.usefixtures("no_page")


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings) -> Shop:
    quick = settings.training.model_copy(update={"bootstrap_draws": 60})
    return Shop(warehouse, settings.model_copy(update={"training": quick}))


def _measure(shop: Shop, as_of: date) -> DecisionReceipt:
    return measure(shop.warehouse, settings=shop.settings, as_of=as_of)


def _performance(shop: Shop, columns: str = "*", where: str = "true") -> list[dict[str, object]]:
    rows = shop.rows(
        f"SELECT {columns} FROM outcomes.performance WHERE {where} "
        "ORDER BY snapshot_id, role, segment, metric"
    )
    return [{k: v for k, v in row.items() if k != "measured_at"} for row in rows]


def _looks(shop: Shop, table: str = "trial_looks") -> list[dict[str, object]]:
    order = "as_of" if table == "trial_looks" else "as_of, comparison, segment, metric"
    rows = shop.rows(f"SELECT * FROM outcomes.{table} ORDER BY {order}")
    return [{k: v for k, v in row.items() if k != "measured_at"} for row in rows]


def test_nothing_published_is_said_not_raised(shop: Shop) -> None:
    receipt = _measure(shop, FIRST + timedelta(days=60))
    assert receipt.details["scores_count"] == receipt.details["outcomes_count"] == 0
    assert receipt.details["verdict"] == "inconclusive"
    assert "Nothing was published" in receipt.details["reason"]


def test_an_empty_warehouse_is_said_not_raised(warehouse: Warehouse, settings: Settings) -> None:
    receipt = measure(warehouse, settings=settings, as_of=FIRST)
    assert receipt.details["trial"] is None


def test_a_day_is_measured_when_its_window_has_closed_and_settled(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    before = _measure(shop, day + WINDOW - timedelta(days=1))
    assert before.details["scored_days"] == []
    after = _measure(shop, day + WINDOW)
    assert after.details["scored_days"] == [str(day)]
    counts = after.details["scores_count"], after.details["outcomes_count"]
    assert counts == (shop.customers, shop.customers)


def test_figures_are_those_of_the_outcomes(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    _measure(shop, day + WINDOW)
    labels = {
        row["customer_id"]: row["is_churned"] for row in shop.rows("SELECT * FROM models.labels")
    }
    churned = np.array([labels[name] for name in shop.names], dtype=float)
    expected = score(shop.truth, churned)
    recency_days = np.array(
        [row["recency_days"] for row in shop.rows(
            "SELECT recency_days FROM features.customer_daily ORDER BY customer_id"
        )]
    )  # fmt: skip
    by_recency = score(recency_days / 100, churned)["roc_auc"]
    expected["roc_auc_minus_recency"] = expected["roc_auc"] - by_recency
    assert {row["metric"] for row in _performance(shop, where="segment = 'all'")} == set(expected)
    for row in _performance(shop, where="segment = 'all'"):
        assert row["value"] == pytest.approx(expected[str(row["metric"])][0])
        assert row["lower"] <= row["upper"]
        assert row["customers_count"] == shop.customers
    segments = {row["segment"] for row in _performance(shop)}
    assert {"all", "bought_once", "newest_third", "value_high"} <= segments


def test_measuring_twice_changes_nothing(shop: Shop) -> None:
    for day in weeks(2):
        shop.publish(day, shop.noisy(1), shop.truth)
    as_of = weeks(2)[-1] + WINDOW
    first = _measure(shop, as_of)
    rows, looks = _performance(shop), _looks(shop)
    second = _measure(shop, as_of)
    assert second.details["scored_days"] == []
    assert (second.details["verdict"], second.details["reason"]) == (
        first.details["verdict"], first.details["reason"],
    )  # fmt: skip
    assert (_performance(shop), _looks(shop)) == (rows, looks)


def test_a_score_by_a_model_that_knew_later_days_is_not_judged(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth, model_as_of=day + timedelta(days=1))
    receipt = _measure(shop, day + WINDOW)
    assert receipt.details["scores_count"] == 0
    assert _performance(shop) == []


def test_a_backfill_by_a_later_model_leaves_the_real_forecast_standing(shop: Shop) -> None:
    [day] = weeks(1)
    real = shop.publish(day, shop.noisy(1))
    shop.publish(day, shop.truth, versions=("9", "2"), model_as_of=day + timedelta(days=50))
    _measure(shop, day + WINDOW)
    assert {row["snapshot_id"] for row in _performance(shop)} == {real}


def test_a_challenger_that_knew_later_days_is_not_on_trial(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.noisy(1), shop.truth, challenger_as_of=day + timedelta(days=1))
    receipt = _measure(shop, day + WINDOW)
    assert receipt.details["trial"] is None
    assert {row["role"] for row in _performance(shop)} == {"champion"}


def test_refused_and_unpublished_snapshots_are_not_judged(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth, status="refused")
    shop.publish(day, shop.truth, status="built")
    assert _measure(shop, day + WINDOW).details["scores_count"] == 0


def test_the_starter_is_judged_and_needs_no_day_of_its_own(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.noisy(1), model_name="starter", model_as_of=None)
    _measure(shop, day + WINDOW)
    assert {row["role"] for row in _performance(shop)} == {"champion"}


def test_scores_of_another_churn_definition_are_not_judged(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    shorter = shop.settings.churn.model_copy(update={"horizon_days": 14})
    settings = shop.settings.model_copy(update={"churn": shorter})
    receipt = measure(shop.warehouse, settings=settings, as_of=day + WINDOW)
    assert receipt.details["scores_count"] == 0


def test_customers_reached_meanwhile_are_left_out_and_counted(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    reached = shop.names[:150]
    shop.contact(reached, shop.moment((day - FIRST).days + 3))
    _measure(shop, day + WINDOW)
    [row] = _performance(shop, where="segment = 'all' AND metric = 'brier'")
    assert (row["customers_count"], row["contacted_count"]) == (450, 150)
    assert not _performance(shop, where="segment = 'all, weighted for campaigns'")


def test_holdouts_stand_for_customers_reached_in_rows_of_their_own(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    moment = shop.moment((day - FIRST).days + 3)
    shop.contact(shop.names[:150], moment)
    shop.contact(shop.names[150:300], moment, kind="holdout")
    _measure(shop, day + WINDOW)
    labels = {
        row["customer_id"]: row["is_churned"] for row in shop.rows("SELECT * FROM models.labels")
    }
    churned = np.array([labels[name] for name in shop.names], dtype=float)
    weights = np.repeat([0.0, 2.0, 1.0], [150, 150, 300])
    [row] = _performance(shop, where="segment = 'all, weighted for campaigns' AND metric = 'brier'")
    assert row["value"] == pytest.approx(score(shop.truth, churned, weights[None, :])["brier"][0])
    assert (row["customers_count"], row["contacted_count"]) == (450, 0)
    [plain] = _performance(shop, where="segment = 'all' AND metric = 'brier'")
    alone = score(shop.truth[150:], churned[150:])["brier"][0]
    assert plain["value"] == pytest.approx(alone)


def test_an_order_that_arrives_late_rewrites_the_day(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    _measure(shop, day + WINDOW)
    [before] = _performance(shop, where="segment = 'all' AND metric = 'brier'")
    labels = shop.rows("SELECT customer_id FROM models.labels WHERE is_churned ORDER BY 1")
    late = clock.midnight(day + WINDOW + timedelta(days=2), "UTC")
    shop.order([labels[0]["customer_id"]], [shop.moment((day - FIRST).days + 5)], available_at=late)
    assert _measure(shop, day + WINDOW + timedelta(days=1)).details["scored_days"] == []
    assert _measure(shop, day + WINDOW + timedelta(days=2)).details["scored_days"] == [str(day)]
    [after] = _performance(shop, where="segment = 'all' AND metric = 'brier'")
    assert after["value"] != before["value"]
    assert after["known_as_of"] == day + WINDOW + timedelta(days=2)


def test_outcomes_counted_anew_by_a_training_rewrite_the_day_too(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    _measure(shop, day + WINDOW)
    labels = shop.rows("SELECT customer_id FROM models.labels WHERE is_churned ORDER BY 1")
    matured_on = day + WINDOW + timedelta(days=2)
    late = clock.midnight(matured_on, "UTC")
    shop.order([labels[0]["customer_id"]], [shop.moment((day - FIRST).days + 5)], available_at=late)
    mature(shop.warehouse, settings=shop.settings, days=[day], known_as_of=matured_on)
    after = _measure(shop, matured_on + timedelta(days=1))
    assert after.details["scored_days"] == [str(day)]
    assert _measure(shop, matured_on + timedelta(days=1)).details["scored_days"] == []


def test_a_contact_that_becomes_known_late_rewrites_the_day(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    _measure(shop, day + WINDOW)
    late = clock.midnight(day + WINDOW + timedelta(days=2), "UTC")
    shop.contact(shop.names[:10], shop.moment((day - FIRST).days + 5), available_at=late)
    assert _measure(shop, day + WINDOW + timedelta(days=2)).details["scored_days"] == [str(day)]
    [after] = _performance(shop, where="segment = 'all' AND metric = 'brier'")
    assert after["contacted_count"] == 10


def test_a_look_at_an_old_day_gives_the_old_answer_and_overwrites_no_later_knowledge(
    shop: Shop,
) -> None:
    for day in weeks(6):
        shop.publish(day, shop.noisy(0.6), shop.truth)
    days = [weeks(6)[0] + WINDOW + timedelta(days=7 * k) for k in range(6)]
    for day in days:
        _measure(shop, day)
    late = clock.midnight(days[3], "UTC")
    shop.order(shop.names[:40], [shop.moment(20 + i / 7) for i in range(40)], available_at=late)
    looks, comparisons = _looks(shop), _looks(shop, "comparisons")
    again = _measure(shop, days[2])
    assert again.details["scored_days"] == []
    assert _looks(shop)[:3] == looks[:3]
    assert _looks(shop, "comparisons") == comparisons
    _measure(shop, days[5])
    performance = _performance(shop)
    assert _looks(shop)[5] != looks[5]
    _measure(shop, days[0])
    assert _performance(shop) == performance
    assert _looks(shop)[0] == looks[0]


def test_scores_without_an_outcome_are_accounted_for(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth, some=400)
    with shop.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM features.customer_daily WHERE customer_id < 'c00030'")
    receipt = _measure(shop, day + WINDOW)
    assert receipt.details["scores_count"] == 400
    assert receipt.details["outcomes_count"] == 370


def test_the_trial_begins_with_the_first_day_both_scored_and_a_plan(shop: Shop) -> None:
    first, second, third = weeks(3)
    shop.publish(first, shop.noisy(1))
    shop.publish(second, shop.noisy(1), shop.truth)
    shop.publish(third, shop.noisy(1), shop.truth)
    receipt = _measure(shop, third)
    [trial] = shop.rows("SELECT * FROM outcomes.trials")
    assert trial["began_on"] == second
    assert trial["status"] == "open"
    assert "chance of" in receipt.details["trial"]["foreseen"]
    assert "the first closes on" in receipt.details["reason"]
    assert _looks(shop) == []


def test_a_running_trial_notes_how_many_of_each_arm_were_forgotten(shop: Shop) -> None:
    for day in weeks(2):
        shop.publish(day, shop.noisy(1), shop.truth)
    _measure(shop, weeks(2)[1])
    arms = {
        row["customer_id"]: row["arm"]
        for row in shop.rows("SELECT DISTINCT customer_id, arm FROM scores.customer_daily")
    }
    gone = [
        *[name for name, arm in arms.items() if arm == "champion"][:3],
        *[name for name, arm in arms.items() if arm == "challenger"][:1],
    ]

    def forget(names: list[str]) -> None:
        with shop.warehouse.transaction() as transaction:
            create_forgotten(transaction, names)
            note_in_comparisons(transaction)
            transaction.execute(
                "DELETE FROM scores.customer_daily WHERE customer_id = ANY(:gone)", gone=names
            )

    forget(gone)
    forget(gone)  # again: there is nobody left to count
    sentence = (
        "Persons who were forgotten while it was open are no longer counted: "
        "challenger 1, champion 3."
    )
    receipt = _measure(shop, weeks(1)[0] + WINDOW)
    assert receipt.details["reason"].endswith(sentence)
    [row] = shop.rows("SELECT * FROM reports.trials WHERE is_newest")
    assert row["forgotten_by_arm"] == "challenger 1, champion 3"
    comparison = load_comparison(shop.warehouse, settings=shop.settings, trial_id=row["trial_id"])
    assert comparison.reason.endswith(sentence)
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE outcomes.trials SET status = 'won', ended_on = began_on + 40")
    forget([name for name in arms if name not in gone][:5])
    assert sum(row["persons_count"] for row in shop.rows("SELECT * FROM outcomes.forgotten")) == 4


def test_the_same_bundle_twice_is_no_trial(shop: Shop) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth, shop.truth, shas=(sha("1"), sha("1")))
    assert _measure(shop, day).details["trial"] is None


def test_a_clearly_better_challenger_is_to_be_promoted_not_before_enough_days(shop: Shop) -> None:
    for day in weeks(5):
        shop.publish(day, shop.noisy(1), shop.truth)
    verdicts = [
        _measure(shop, weeks(1)[0] + WINDOW + timedelta(days=7 * k)).details["verdict"]
        for k in range(5)
    ]
    # Until the fifth day there was one outcome window, however many days were scored in it.
    assert verdicts == ["inconclusive"] * 4 + ["promote"]
    looks = _looks(shop)
    assert [look["scored_days_count"] for look in looks] == [1, 2, 3, 4, 5]
    # 28 days: the fifth weekly day counts everybody anew, those between count nobody.
    assert [look["customers_count"] for look in looks] == [600, 600, 600, 600, 1200]
    rows = shop.rows("SELECT * FROM outcomes.comparisons WHERE as_of = (SELECT max(as_of) "
                     "FROM outcomes.comparisons)")  # fmt: skip
    rows = {(row["comparison"], row["segment"], row["metric"]): row for row in rows}
    assert rows["paired", "all", "brier"]["upper"] < 0
    assert rows["paired", "all", "roc_auc"]["lower"] > 0
    arms = rows["arms", "all", "retention_rate"]
    assert arms["lower"] < arms["difference"] < arms["upper"]
    assert arms["customers_count"] == 1200


def test_a_clearly_worse_challenger_loses(shop: Shop) -> None:
    for day in weeks(5):
        shop.publish(day, shop.truth, shop.noisy(1))
    receipt = _measure(shop, weeks(5)[-1] + WINDOW)
    assert receipt.details["verdict"] == "keep"
    assert "predicts worse" in receipt.details["reason"]


def test_an_equal_challenger_stays_open_until_its_time_is_over(shop: Shop) -> None:
    for day in weeks(5):
        shop.publish(day, shop.noisy(0.4, seed=1), shop.noisy(0.4, seed=2))
    receipt = _measure(shop, weeks(5)[-1] + WINDOW)
    assert receipt.details["verdict"] == "inconclusive"
    over = weeks(1)[0] + timedelta(days=shop.settings.trial.days_max)
    receipt = _measure(shop, over)
    assert receipt.details["verdict"] == "inconclusive"
    assert "gives its place to the next" in receipt.details["reason"]


def test_contacted_customers_do_not_enter_the_test(shop: Shop) -> None:
    for day in weeks(4):
        shop.publish(day, shop.noisy(1), shop.truth)
    shop.contact(shop.names[:200], shop.moment((weeks(4)[-1] - FIRST).days + 2))
    _measure(shop, weeks(4)[-1] + WINDOW)
    [look] = _looks(shop)
    assert look["customers_count"] == 400
    assert look["contacted_count"] == 4 * 200
    rows = shop.rows("SELECT segment, customers_count FROM outcomes.comparisons "
                     "WHERE comparison = 'arms'")  # fmt: skip
    assert {row["segment"]: row["customers_count"] for row in rows} == {
        "all": 400,
        "all, contacted or not": 600,
    }


def test_where_everybody_was_reached_nothing_is_counted_and_nothing_decided(shop: Shop) -> None:
    for day in weeks(4):
        shop.publish(day, shop.noisy(1), shop.truth)
    shop.contact(shop.names, shop.moment((weeks(4)[-1] - FIRST).days + 2))
    receipt = _measure(shop, weeks(4)[-1] + WINDOW)
    assert receipt.details["verdict"] == "inconclusive"
    assert receipt.details["trial"]["customers_count"] == 0
    assert _performance(shop) == []


def test_a_trial_ends_when_another_model_serves(shop: Shop) -> None:
    first, second, third = weeks(3)
    shop.publish(first, shop.noisy(1), shop.truth)
    _measure(shop, first)
    shop.publish(second, shop.noisy(2), shop.truth, versions=("3", "2"))
    _measure(shop, second)
    trials = shop.rows("SELECT champion_version, status FROM outcomes.trials ORDER BY trial_id")
    assert [(row["champion_version"], row["status"]) for row in trials] == [
        ("1", "abandoned"), ("3", "open"),
    ]  # fmt: skip
    # Both serve again: it goes on. A look at the past changes nothing.
    _measure(shop, first)
    [old, _] = shop.rows("SELECT status FROM outcomes.trials ORDER BY trial_id")
    assert old["status"] == "abandoned"
    shop.publish(third, shop.noisy(1), shop.truth)
    _measure(shop, third)
    [old, new] = shop.rows("SELECT status FROM outcomes.trials ORDER BY trial_id")
    assert (old["status"], new["status"]) == ("open", "abandoned")


def test_who_is_found_out_by_the_time_the_outcome_has_settled_leaves_the_figures_and_is_counted(
    shop: Shop,
) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth)
    exclude(shop.warehouse, shop.names[:40], since=day + WINDOW)
    exclude(shop.warehouse, shop.names[40:90], since=day + WINDOW + timedelta(days=1))
    _measure(shop, day + WINDOW)
    [row] = _performance(shop, where="segment = 'all' AND metric = 'brier'")
    assert (row["customers_count"], row["abnormal_count"]) == (shop.customers - 40, 40)
    labels = {
        row["customer_id"]: row["is_churned"] for row in shop.rows("SELECT * FROM models.labels")
    }
    churned = np.array([labels[name] for name in shop.names], dtype=float)
    assert row["value"] == pytest.approx(float(((shop.truth - churned) ** 2)[40:].mean()))
    for one in _performance(shop):
        in_segment = one["customers_count"], one["abnormal_count"]
        assert sum(map(int, in_segment)) <= shop.customers  # type: ignore[call-overload]
    # What is found out later rewrites nothing.
    before = _performance(shop)
    again = _measure(shop, day + WINDOW + timedelta(days=20))
    assert again.details["scored_days"] == []
    assert _performance(shop) == before


def test_a_trial_compares_models_on_ordinary_customers_and_arms_on_all_who_were_assigned(
    shop: Shop,
) -> None:
    [day] = weeks(1)
    shop.publish(day, shop.truth, shop.noisy(1.0))
    exclude(shop.warehouse, shop.names[::10], since=day + WINDOW)
    _measure(shop, day + WINDOW)
    [look] = _looks(shop)
    assert look["customers_count"] == shop.customers * 9 // 10
    arms = [row for row in _looks(shop, "comparisons") if row["comparison"] == "arms"]
    assert {row["segment"]: row["customers_count"] for row in arms} == {
        "all": shop.customers * 9 // 10,
        "all, contacted or not": shop.customers,
    }
    evidence = shop.rows("SELECT evidence FROM outcomes.trial_looks")[0]["evidence"]
    assert json.loads(str(evidence))["abnormal_count"] == shop.customers // 10
