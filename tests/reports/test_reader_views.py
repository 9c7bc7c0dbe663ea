"""What the views for readers say in cases that a quiet shop does not have."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from retention_ml.warehouse import Warehouse
from tests.reports.conftest import NEXT
from tests.worlds.scores import DAY, PlainBundle, World
from tests.worlds.shops import delivery

_AT = datetime(2025, 2, 1, 12, tzinfo=UTC)


def _change(warehouse: Warehouse, sql: str, **parameters: Any) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(sql, **parameters)


def _refuse(warehouse: Warehouse, name: str, at: datetime, status: str = "refused") -> int:
    number = delivery(warehouse, loaded_at=at)
    _change(
        warehouse,
        "UPDATE raw.deliveries SET file_name = :name, feed = 'orders', status = :status, "
        "reason_code = CASE WHEN :status = 'refused' THEN 'unreadable' END, "
        "reason = CASE WHEN :status = 'refused' THEN 'No header.' END, landed_at = :at "
        "WHERE delivery_id = :number",
        name=name,
        status=status,
        at=at,
        number=number,
    )
    return number


def test_a_refused_file_stays_listed_when_a_good_one_came(warehouse: Warehouse) -> None:
    first = _refuse(warehouse, "a.csv", _AT)
    second = _refuse(warehouse, "b.csv", _AT)
    _refuse(warehouse, "a.csv", _AT + timedelta(hours=2), status="accepted")
    rows = warehouse.read(
        "SELECT delivery_id, file_name, reason, is_missing, mended_at FROM reports.refused_files "
        "ORDER BY delivery_id"
    ).to_pylist()
    assert [(row["delivery_id"], row["is_missing"]) for row in rows] == [
        (first, False), (second, True),
    ]  # fmt: skip
    assert [row["mended_at"] for row in rows] == [_AT + timedelta(hours=2), None]
    assert {row["reason"] for row in rows} == {"No header."}
    unusable = warehouse.read("SELECT file_name FROM reports.unusable_files")
    assert unusable["file_name"].to_pylist() == ["b.csv"]


def test_a_change_of_the_model_is_marked_as_such(fresh_shop: World) -> None:
    day = NEXT + timedelta(days=7)
    fresh_shop.features(day, seed=2, first=6)
    fresh_shop.champion(PlainBundle(bias=1.5), version="9")
    fresh_shop.score_and_publish(day)
    rows = fresh_shop.rows(f"SELECT * FROM reports.customer_changes WHERE as_of = '{day}'")
    assert {row["direction"] for row in rows} == {"worse"}
    assert all(row["is_other_model"] and row["steps"] > 0 for row in rows)
    assert {row["previous_as_of"] for row in rows} == {NEXT}
    assert all(row["probability_change"] > 0 for row in rows)
    earlier = fresh_shop.rows(f"SELECT * FROM reports.customer_changes WHERE as_of = '{NEXT}'")
    assert not any(row["is_other_model"] for row in earlier)


def test_who_left_is_said_to_be_inactive_or_excluded(fresh_shop: World) -> None:
    left = fresh_shop.rows(
        "SELECT customer_id, to_tier, why FROM reports.customer_changes "
        f"WHERE as_of = '{NEXT}' AND direction = 'left' ORDER BY 1"
    )
    assert len(left) == 6
    assert {row["why"] for row in left} == {"no longer active: no order in the active days before"}
    _change(
        fresh_shop.warehouse,
        "INSERT INTO scores.exclusions SELECT snapshot_id, :name, 'abnormal' "
        "FROM scores.published WHERE as_of = :day",
        name=left[0]["customer_id"],
        day=NEXT,
    )
    [row] = fresh_shop.rows(
        "SELECT why FROM reports.customer_changes WHERE direction = 'left' "
        f"AND customer_id = '{left[0]['customer_id']}'"
    )
    assert row["why"] == "excluded as abnormal"


def test_a_day_scored_by_a_later_model_is_no_forecast(fresh_shop: World) -> None:
    for model_as_of, is_forecast in ((DAY, True), (DAY + timedelta(days=1), False), (None, False)):
        _change(
            fresh_shop.warehouse,
            "UPDATE scores.snapshots SET model_as_of = :day WHERE as_of = :as_of",
            day=model_as_of,
            as_of=DAY,
        )
        for view in ("warning_outcomes", "customer_risk_history"):
            rows = fresh_shop.rows(f"SELECT is_forecast FROM reports.{view} WHERE as_of = '{DAY}'")
            assert {row["is_forecast"] for row in rows} == {is_forecast}, view


def _scanned(plan: dict[str, Any]) -> int:
    """Rows of scores that a plan has looked at."""
    looked_at = 0
    if plan.get("Relation Name") == "customer_daily":
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        looked_at = rows * plan["Actual Loops"]
    return int(looked_at) + sum(_scanned(part) for part in plan.get("Plans", ()))


def test_of_a_day_that_is_asked_for_its_scores_alone_are_read(fresh_shop: World) -> None:
    [of_day] = fresh_shop.rows(
        f"SELECT count(*) AS n FROM scores.customer_daily WHERE as_of = '{DAY}'"
    )
    [of_all] = fresh_shop.rows("SELECT count(*) AS n FROM scores.customer_daily")
    assert of_day["n"] < of_all["n"]
    for view in ("customer_risk_history", "warning_outcomes", "reason_themes"):
        with fresh_shop.warehouse.transaction() as transaction:
            transaction.execute("SET LOCAL enable_seqscan = off")
            [row] = transaction.execute(
                f"EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) SELECT * FROM reports.{view} "
                f"WHERE as_of = '{DAY}'"
            )
        assert 0 < _scanned(row[0][0]["Plan"]) <= of_day["n"], view


def test_a_window_that_nobody_knows_is_left_empty(fresh_shop: World) -> None:
    rows = fresh_shop.rows("SELECT * FROM reports.warning_outcomes")
    assert rows
    assert {(row["outcome_from"], row["outcome"], row["is_churned"]) for row in rows} == {
        (None, "open", None)
    }


def _measure(world: World, day: date, value: float, lower: float, upper: float) -> None:
    for metric, numbers in (
        ("roc_auc", (0.8, 0.78, 0.82)),
        ("roc_auc_minus_recency", (value, lower, upper)),
    ):
        _change(
            world.warehouse,
            "INSERT INTO outcomes.performance SELECT as_of, snapshot_id, 'champion', '1', 'all', "
            ":metric, :value, :lower, :upper, 54, 0, 'd', :day, :at FROM scores.published "
            "WHERE as_of = :day ON CONFLICT (snapshot_id, role, segment, metric) DO UPDATE SET "
            "value = excluded.value, lower = excluded.lower, upper = excluded.upper",
            metric=metric,
            value=numbers[0],
            lower=numbers[1],
            upper=numbers[2],
            day=day,
            at=_AT,
        )


def _grade(world: World) -> dict[str, Any]:
    [row] = world.rows("SELECT * FROM reports.model_grade WHERE is_serving")
    return row


def test_a_grade_follows_outcomes_and_else_the_training(fresh_shop: World) -> None:
    ungraded = _grade(fresh_shop)
    assert (ungraded["grade"], ungraded["evidence"]) == ("C", "none")
    _change(fresh_shop.warehouse, "UPDATE models.trainings SET model_version = '1'")
    at_training = _grade(fresh_shop)
    assert (at_training["grade"], at_training["evidence"]) == ("B", "training")
    assert "ROC AUC 0.780 against 0.700, a difference of +0.080" in at_training["sentence"]
    for day, numbers, grade in (
        (DAY, (0.04, 0.01, 0.07), "A"),
        (NEXT, (0.02, -0.01, 0.05), "B"),
        (NEXT, (-0.03, -0.05, -0.01), "C"),
    ):
        _measure(fresh_shop, day, *numbers)
        row = _grade(fresh_shop)
        assert (row["grade"], row["evidence"], row["measured_as_of"]) == (grade, "outcomes", day)
        assert (row["difference"], row["lower"], row["upper"]) == numbers
    assert row["sentence"].startswith("Worse than the days since the last order")


def test_a_difference_is_no_metric_of_model_performance(fresh_shop: World) -> None:
    _measure(fresh_shop, DAY, 0.04, 0.01, 0.07)
    rows = fresh_shop.rows(
        "SELECT metric FROM reports.model_performance WHERE evidence = 'outcomes'"
    )
    assert {row["metric"] for row in rows} == {"roc_auc"}
