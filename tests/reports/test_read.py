"""The reading functions of the command line."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from retention_ml.errors import UsageError
from retention_ml.reports import read
from retention_ml.scores.explain import explain
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.reports.conftest import NEXT
from tests.worlds.scores import DAY, PlainBundle, World
from tests.worlds.trials import insert


def test_tiers_of_the_latest_day_and_of_any(shop: World) -> None:
    latest, earlier = read.tiers(shop.warehouse), read.tiers(shop.warehouse, DAY)
    assert [row["risk_tier"] for row in latest] == ["critical", "high", "medium", "low"]
    assert latest == read.tiers(shop.warehouse, NEXT) != earlier
    assert isinstance(latest[0]["expected_value_at_risk"], float)


def test_the_customers_most_at_risk_come_first_with_their_reasons(shop: World) -> None:
    top = read.top_customers(shop.warehouse, limit=5)
    probabilities = [row["churn_probability"] for row in top]
    assert len(top) == 5
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(row["reason_1"] for row in top)


def test_the_customers_of_a_day_are_read_by_snapshot_and_not_from_the_whole_history(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan for large tables: the snapshot is looked up first, and is the key of the scores."""
    monkeypatch.setattr(read, "select", _plan)
    text = "\n".join(row["QUERY PLAN"] for row in read.top_customers(shop.warehouse, as_of=DAY))
    assert "customer_daily" in text
    assert "(snapshot_id = (InitPlan " in text
    monkeypatch.undo()
    customers = {row["customer_id"] for row in read.top_customers(shop.warehouse, 99, DAY)}
    assert customers == {f"c{number:05d}" for number in range(60)}
    assert len(read.top_customers(shop.warehouse, 99, NEXT)) == 60
    assert read.top_customers(shop.warehouse, as_of=NEXT) == read.top_customers(shop.warehouse)
    assert read.top_customers(shop.warehouse, as_of=date(2024, 1, 1)) == []


def _plan(warehouse: Warehouse, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    with warehouse.transaction() as transaction:
        transaction.execute("SET LOCAL enable_seqscan TO off")
        return [dict(row._mapping) for row in transaction.execute(f"EXPLAIN {sql}", **parameters)]


def test_candidates_are_compared_with_intervals_best_first(shop: World) -> None:
    rows = read.training_comparison(shop.warehouse)
    assert [row["model"] for row in rows] == ["lightgbm", "forest", "recency"]
    assert rows == read.training_comparison(shop.warehouse, "t-new")
    best = rows[0]
    assert best["is_selected"]
    assert (best["roc_auc"], best["roc_auc_lower"], best["roc_auc_upper"]) == (0.78, 0.75, 0.81)
    assert best["roc_auc_minus_recency_lower"] == 0.05
    assert rows[2]["roc_auc_minus_recency"] is None
    assert len({tuple(row) for row in rows}) == 1


def test_a_training_without_candidates_is_a_usage_error(warehouse: Warehouse) -> None:
    with pytest.raises(UsageError, match="No candidate"):
        read.training_comparison(warehouse)


def test_ingestion_adds_up_and_reasons_have_a_meaning(shop: World) -> None:
    files = read.ingestion(shop.warehouse)
    assert len(files) == 1
    assert files[0]["delivered_count"] == (
        files[0]["accepted_count"] + files[0]["quarantined_count"] + files[0]["duplicate_count"]
    )
    summary = read.quarantine_summary(shop.warehouse, shop.settings)
    assert [(row["reason_code"], row["rows_count"]) for row in summary] == [
        ("zero_quantity", 2),
        ("negative_price", 1),
    ]
    assert summary[0]["meaning"] == "The quantity is zero."


def test_quarantined_rows_can_be_narrowed_down(shop: World) -> None:
    everything = read.quarantined_rows(shop.warehouse)
    assert [row["line_number"] for row in everything] == [2, 5, 7]
    some = read.quarantined_rows(shop.warehouse, reason="zero_quantity", source="test", limit=1)
    assert [row["raw_text"] for row in some] == ["row 2"]
    assert read.quarantined_rows(shop.warehouse, source="'; DROP TABLE quarantine.rows; --") == []


def test_churn_rates_come_newest_first(shop: World) -> None:
    rates = read.churn_rates(shop.warehouse)
    assert [row["churn_rate"] for row in rates] == [0.25, 0.25]
    assert rates[0]["as_of"] > rates[1]["as_of"]


def test_promotions_come_newest_first(fresh_shop: World) -> None:
    fresh_shop.champion(PlainBundle(bias=0.0), version="2")
    assert [row["model_version"] for row in read.promotions(fresh_shop.warehouse)] == ["2", "1"]


def test_the_status_names_what_is_published_and_who_serves(shop: World) -> None:
    status = read.status(shop.warehouse, shop.settings)
    assert status["published_as_of"] == NEXT
    assert status["champion"] == "plain v1"
    assert status["challenger"] is None
    assert (status["scored_count"], status["published_days_count"]) == (60, 2)
    assert status["quarantined_count"] == 3
    assert set(status["steps"]) >= {"score", "publish"}
    assert "c000" not in json.dumps(status, default=str)


def test_a_challenger_that_was_retired_does_not_serve(fresh_shop: World) -> None:
    decision = {
        "alias": "challenger",
        "model_name": "plain",
        "bundle_sha256": "b",
        "decided_by": "test",
        "reason": "test",
        "evidence": {},
        "decided_at": datetime(2025, 3, 1, tzinfo=UTC),
    }
    warehouse, settings = fresh_shop.warehouse, fresh_shop.settings
    insert(warehouse, "models.promotions", model_version="2", verdict="promote", **decision)
    insert(warehouse, "models.promotions", model_version="3", verdict="refuse", **decision)
    assert read.status(warehouse, settings)["challenger"] == "plain v2"
    insert(warehouse, "models.promotions", model_version="2", verdict="retire", **decision)
    status = read.status(warehouse, settings)
    assert (status["champion"], status["challenger"]) == ("plain v1", None)


def test_who_serves_a_shop_without_a_champion_is_named(fresh_shop: World) -> None:
    warehouse, settings = fresh_shop.warehouse, fresh_shop.settings
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM models.promotions")
        transaction.execute(
            "UPDATE scores.snapshots SET model_name = 'starter', model_version = '7'"
        )
    assert read.status(warehouse, settings)["champion"] == (
        "starter v7, trained on other shops: not calibrated for this one (docs/starter.md)"
    )


def test_what_the_status_leaves_out_is_counted(fresh_shop: World) -> None:
    warehouse, settings = fresh_shop.warehouse, fresh_shop.settings
    for number in range(read._ALERTS_SHOWN):
        _alert(warehouse, number)
    assert len(read.status(warehouse, settings)["alerts"]) == read._ALERTS_SHOWN
    _alert(warehouse, 98)
    _alert(warehouse, 99)
    alerts = read.status(warehouse, settings)["alerts"]
    assert len(alerts) == read._ALERTS_SHOWN + 1
    assert alerts["and 2 more"] == "in reports.alerts"
    with warehouse.transaction() as transaction:  # over: no reader has to do anything
        transaction.execute(
            "UPDATE ops.alerts SET cleared_at = raised_at WHERE subject <> 'feed 1'"
        )
    assert list(read.status(warehouse, settings)["alerts"]) == [f"{DAY} stale feed: feed 1"]


def _alert(warehouse: Warehouse, number: int) -> None:
    insert(
        warehouse,
        "ops.alerts",
        as_of=DAY,
        kind="stale_feed",
        subject=f"feed {number}",
        severity="warning",
        sentence="Nothing came.",
        evidence={},
        runbook="docs/runbook.md#stale-feed",
        run_id="test",
        raised_at=datetime(2025, 3, 1, tzinfo=UTC),
    )


def test_files_in_a_misspelt_folder_of_the_inbox_are_named(
    warehouse: Warehouse, settings: Settings
) -> None:
    folder = settings.home / "inbox" / "cd_now"
    folder.mkdir(parents=True)
    assert read.status(warehouse, settings)["left_alone_in_the_inbox"] == {}
    (folder / "a.csv").write_text("x", encoding="utf-8")
    assert read.status(warehouse, settings)["left_alone_in_the_inbox"] == {
        "cd_now": "a folder of no source, with 1 file; did you mean cdnow?"
    }
    for number in range(read._FILES_SHOWN):
        (folder.parent / f"{number}.csv").write_text("x", encoding="utf-8")
    strays = read.status(warehouse, settings)["left_alone_in_the_inbox"]
    assert strays["and 1 more"] == "in the log of collect"


def test_the_status_of_an_empty_warehouse_has_no_values(
    warehouse: Warehouse, settings: Settings
) -> None:
    status = read.status(warehouse, settings)
    assert status["published_as_of"] is None
    assert status["champion"] is None
    assert status["steps"] == {}
    assert read.tiers(warehouse) == []
    assert read.top_customers(warehouse) == []


def test_a_score_is_explained_to_the_last_contribution(served_shop: World) -> None:
    customer = read.top_customers(served_shop.warehouse, limit=1)[0]["customer_id"]
    explanation = explain(
        served_shop.warehouse, settings=served_shop.settings, customer_id=customer
    )
    total = explanation["base_log_odds"] + sum(one["log_odds"] for one in explanation["families"])
    by_feature = explanation["base_log_odds"] + sum(
        one["log_odds"] for one in explanation["features"]
    )
    assert total == pytest.approx(by_feature)
    assert explanation["note"] is None
    reason_family = explanation["reason_1_code"].split("/")[0]
    assert reason_family in {one["family"] for one in explanation["families"]}
    assert json.dumps(explanation, default=str)


def test_a_score_of_a_model_that_is_gone_keeps_its_stored_reasons(fresh_shop: World) -> None:
    fresh_shop.bundles.clear()
    customer = read.top_customers(fresh_shop.warehouse, limit=1)[0]["customer_id"]
    explanation = explain(fresh_shop.warehouse, settings=fresh_shop.settings, customer_id=customer)
    assert "cannot be read" in explanation["note"]
    assert explanation["features"] == []
    assert explanation["reason_1"]


def test_features_rebuilt_since_are_not_used_to_explain(fresh_shop: World) -> None:
    fresh_shop.features(NEXT, seed=9, first=6)
    explanation = explain(fresh_shop.warehouse, settings=fresh_shop.settings, customer_id="c00030")
    assert "rebuilt since" in explanation["note"]


def test_a_customer_without_a_score_is_not_named_in_the_sentence(served_shop: World) -> None:
    with pytest.raises(UsageError, match="no published score of the latest day") as error:
        explain(served_shop.warehouse, settings=served_shop.settings, customer_id="secret-person")
    assert "secret-person" not in str(error.value)
