"""The schema `reports`: complete, explained, and all that BI may read."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from retention_ml.errors import UsageError, WarehouseError
from retention_ml.reports import read
from retention_ml.schema.migrate import migrate
from retention_ml.warehouse import Warehouse
from tests.reports.conftest import NEXT
from tests.worlds.scores import DAY, World
from tests.worlds.totals import total_again
from tests.worlds.trials import BEGAN, a_trial, insert

VIEWS = {
    "alerts",
    "contact_list",
    "contacts",
    "customer_changes",
    "customer_risk",
    "customer_risk_history",
    "customer_story",
    "data_quality",
    "drift",
    "exclusions",
    "experiments",
    "incrementality",
    "model_comparison",
    "model_grade",
    "model_performance",
    "next_action",
    "outbox_health",
    "pipeline_freshness",
    "policy_values",
    "public_cohorts",
    "public_risk_tiers",
    "quarantine_summary",
    "reason_themes",
    "refused_files",
    "risk_tier_daily",
    "trials",
    "unusable_files",
    "uplift",
    "warning_outcomes",
}
RISK_COLUMNS = [
    "customer_id", "as_of", "churn_probability", "risk_percentile", "risk_tier", "tier_since",
    "expected_value_at_risk", "reason_1_code", "reason_1", "reason_2_code", "reason_2",
    "reason_3_code", "reason_3", "model_name", "model_version", "arm", "run_id", "snapshot_id",
    "scored_at", "no_order_probability_7d", "no_order_probability_14d", "no_order_probability_30d",
    "no_order_probability_60d", "no_order_probability_90d", "next_order_expected_on",
    "is_calibrated", "is_forecast",
]  # fmt: skip
PERFORMANCE = [
    "training_id", "as_of", "model_name", "is_selected", "metric", "value", "lower", "upper",
    "customers_count", "verdict", "reason", "model_version", "definition_hash", "mlflow_run_id",
    "finished_at",
]  # fmt: skip
COMPARISON = [
    "training_id", "as_of", "model_name", "is_selected", "metric", "baseline_name", "value",
    "baseline_value", "difference", "difference_lower", "difference_upper", "is_better",
    "customers_count", "finished_at",
]  # fmt: skip
PERSONAL = ("name", "mail", "phone", "address", "birth", "age_band", "income", "household", "raw_")
ALLOWED_NAMES = {
    "model_name", "table_name", "column_name", "baseline_name", "name", "file_name",
    "product_name", "again_product_name", "new_product_name", "with_product_name",
    "persona_name",
}  # fmt: skip


def _columns(warehouse: Warehouse) -> dict[str, dict[str, str | None]]:
    rows = warehouse.read(
        "SELECT c.relname, obj_description(c.oid) AS about, a.attname, "
        "col_description(c.oid, a.attnum) AS meaning FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 "
        "WHERE c.relnamespace = 'reports'::regnamespace AND c.relkind = 'v' ORDER BY a.attnum"
    ).to_pylist()
    columns: dict[str, dict[str, str | None]] = {}
    for row in rows:
        columns.setdefault(row["relname"], {"": row["about"]})[row["attname"]] = row["meaning"]
    return columns


def test_every_view_and_column_is_explained(warehouse: Warehouse) -> None:
    columns = _columns(warehouse)
    assert set(columns) >= VIEWS
    silent = [
        f"reports.{view}.{name}"
        for view, explained in columns.items()
        for name, meaning in explained.items()
        if not meaning
    ]
    assert silent == [], "add COMMENT ON COLUMN beside the view in retention_ml/reports/views"


@pytest.mark.parametrize("view", ["customer_risk", "customer_risk_history"])
def test_the_columns_that_others_rely_on_are_there_in_order(
    warehouse: Warehouse, view: str
) -> None:
    assert [name for name in _columns(warehouse)[view] if name] == RISK_COLUMNS


@pytest.mark.fault("columns of persons in reports", promises="P7", row=41)
def test_no_personal_data_can_be_read_from_reports(warehouse: Warehouse) -> None:
    columns = _columns(warehouse)
    assert columns
    suspicious = [
        (view, name)
        for view, explained in columns.items()
        for name in explained
        if name not in ALLOWED_NAMES and any(word in name for word in PERSONAL)
    ]
    assert suspicious == []


def test_the_reader_of_bi_may_select_from_reports_and_do_nothing_else(shop: World) -> None:
    warehouse = shop.warehouse
    with warehouse.transaction() as transaction:
        transaction.execute(
            "DO $$ BEGIN CREATE ROLE retention_bi LOGIN PASSWORD 'for-tests-only'; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    migrate(warehouse)  # a role made after the views is given its rights
    rights = warehouse.read(
        "SELECT n.nspname AS schema, c.relname AS name, "
        "has_schema_privilege('retention_bi', n.oid, 'USAGE') AND "
        "has_table_privilege('retention_bi', c.oid, 'SELECT') AS may_read, "
        "has_table_privilege('retention_bi', c.oid, "
        "'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') AS may_write "
        "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'v', 'm', 'p') AND n.nspname <> 'information_schema' "
        "AND n.nspname NOT LIKE 'pg\\_%'"
    ).to_pylist()
    assert {row["name"] for row in rights if row["may_read"]} >= VIEWS
    assert {row["schema"] for row in rights if row["may_read"]} == {"reports"}
    assert [row["name"] for row in rights if row["may_write"]] == []
    schemas = warehouse.read(
        "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' "
        "AND has_schema_privilege('retention_bi', oid, 'CREATE')"
    )
    assert schemas.num_rows == 0
    with warehouse.transaction() as transaction:
        transaction.execute("SET LOCAL ROLE retention_bi")
        assert len(transaction.execute("SELECT * FROM reports.customer_risk")) == 60
    for forbidden in (
        "SELECT * FROM scores.customer_daily",
        "SELECT * FROM curated.customers",
        "DELETE FROM reports.customer_risk",
        "CREATE TABLE public.mine (x int)",
    ):
        with pytest.raises(WarehouseError, match=r"permission denied|cannot delete"):
            _as_reader(warehouse, forbidden)


def _as_reader(warehouse: Warehouse, sql: str) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("SET LOCAL ROLE retention_bi")
        transaction.execute(sql)


def test_the_latest_view_shows_one_day_and_the_history_all(shop: World) -> None:
    latest = shop.rows("SELECT DISTINCT as_of FROM reports.customer_risk")
    assert latest == [{"as_of": NEXT}]
    days = shop.rows(
        "SELECT as_of, count(*) AS n FROM reports.customer_risk_history GROUP BY 1 ORDER BY 1"
    )
    assert days == [{"as_of": DAY, "n": 60}, {"as_of": NEXT, "n": 60}]
    newest = f"SELECT * FROM reports.customer_risk_history WHERE as_of = '{NEXT}' ORDER BY 1"
    assert shop.rows("SELECT * FROM reports.customer_risk ORDER BY 1") == shop.rows(newest)


def test_the_latest_view_explains_its_columns_as_the_history_does(warehouse: Warehouse) -> None:
    columns = _columns(warehouse)
    latest, history = dict(columns["customer_risk"]), dict(columns["customer_risk_history"])
    assert latest.pop("") != history.pop("")
    assert latest == history


def test_the_latest_view_reads_one_snapshot_and_not_the_whole_history(shop: World) -> None:
    with shop.warehouse.transaction() as transaction:
        transaction.execute("SET LOCAL enable_seqscan TO off")
        plan = [
            row[0] for row in transaction.execute("EXPLAIN SELECT * FROM reports.customer_risk")
        ]
    at = next(number for number, line in enumerate(plan) if " on customer_daily " in line)
    assert re.search(r"\(snapshot_id = \(InitPlan \d+\)\.col1\)", "".join(plan[at : at + 4])), plan


def test_tiers_by_day_add_up_to_everybody(shop: World) -> None:
    rows = shop.rows("SELECT * FROM reports.risk_tier_daily ORDER BY as_of, tier_rank")
    assert [row["risk_tier"] for row in rows] == ["critical", "high", "medium", "low"] * 2
    for day, newcomers, leavers in ((DAY, 60, 0), (NEXT, 6, 6)):
        of_day = [row for row in rows if row["as_of"] == day]
        assert sum(row["customers_count"] for row in of_day) == 60
        assert sum(row["customers_share"] for row in of_day) == pytest.approx(1)
        entered = sum(row["entered_count"] for row in of_day)
        left = sum(row["left_count"] for row in of_day)
        assert entered - newcomers == left - leavers
    value = shop.rows("SELECT sum(expected_value_at_risk) AS v FROM reports.customer_risk")[0]["v"]
    assert sum(float(r["expected_value_at_risk"]) for r in rows if r["as_of"] == NEXT) == float(
        value
    )


def test_a_day_without_customers_in_a_tier_says_zero(fresh_shop: World) -> None:
    with fresh_shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.customer_daily SET risk_tier = 'low'")
        total_again(transaction)
    rows = fresh_shop.rows(
        f"SELECT risk_tier, customers_count FROM reports.risk_tier_daily WHERE as_of = '{NEXT}' "
        "ORDER BY tier_rank"
    )
    assert [row["customers_count"] for row in rows] == [0, 0, 0, 60]


def test_models_are_compared_in_pairs_and_better_means_the_better_side(shop: World) -> None:
    rows = shop.rows(
        "SELECT model_name, metric, baseline_name, difference, baseline_value, is_better "
        "FROM reports.model_comparison WHERE training_id = 't-new' ORDER BY 1, 2"
    )
    assert [(r["model_name"], r["metric"], r["is_better"]) for r in rows] == [
        ("forest", "roc_auc", False),
        ("lightgbm", "log_loss", True),
        ("lightgbm", "roc_auc", True),
    ]
    assert {row["baseline_name"] for row in rows} == {"recency"}
    assert rows[2]["baseline_value"] == 0.70
    plain = shop.rows("SELECT DISTINCT metric FROM reports.model_performance ORDER BY 1")
    assert plain == [{"metric": "log_loss"}, {"metric": "roc_auc"}]


def test_freshness_names_steps_sources_input_and_publication(shop: World) -> None:
    rows = {
        (row["subject"], row["name"]): row
        for row in shop.rows("SELECT * FROM reports.pipeline_freshness")
    }
    assert {("step", "score"), ("step", "publish"), ("source", "test")} <= set(rows)
    assert rows["publication", "scores"]["newest_as_of"] == NEXT
    assert 0 <= rows["step", "publish"]["age_hours"] < 1
    assert ("input", "newest event used by features") in rows


def test_an_empty_warehouse_has_empty_views(warehouse: Warehouse) -> None:
    for view in sorted(VIEWS):
        assert warehouse.read(f"SELECT * FROM reports.{view}").num_rows == 0, view


def test_what_scores_turned_out_to_be_worth_stands_beside_what_training_promised(
    fresh_shop: World,
) -> None:
    snapshot_id = fresh_shop.rows("SELECT min(snapshot_id) AS id FROM scores.published")[0]["id"]
    a_trial(fresh_shop.warehouse, snapshot_id=snapshot_id)
    rows = fresh_shop.rows(
        "SELECT role, segment, model_name, model_version, as_of, known_as_of, training_id, "
        "is_selected, value, contacted_count FROM reports.model_performance "
        "WHERE evidence = 'outcomes' ORDER BY role DESC, segment"
    )
    assert [(row["role"], row["segment"], row["model_version"]) for row in rows] == [
        ("champion", "all", "2"),
        ("champion", "bought_once", "2"),
        ("challenger", "all", "3"),
        ("challenger", "bought_once", "3"),
    ]
    assert {(row["as_of"], row["training_id"], row["is_selected"]) for row in rows} == {
        (BEGAN, None, None)
    }
    # Version 3 was made by trainings of this shop; the champion's kind stands in the snapshot.
    assert [row["model_name"] for row in rows] == ["plain", "plain", "lightgbm", "lightgbm"]
    assert {row["known_as_of"] - row["as_of"] for row in rows} == {timedelta(days=36)}


def test_rows_of_trainings_are_what_they_were_before_there_were_outcomes(fresh_shop: World) -> None:
    """Readers who filter by training see no outcome, and those of before keep their columns."""
    before = read.training_comparison(fresh_shop.warehouse)
    offline = fresh_shop.rows("SELECT * FROM reports.model_performance ORDER BY 1, 3, 5")
    snapshot_id = fresh_shop.rows("SELECT min(snapshot_id) AS id FROM scores.published")[0]["id"]
    a_trial(fresh_shop.warehouse, snapshot_id=snapshot_id)
    assert read.training_comparison(fresh_shop.warehouse) == before
    assert offline == fresh_shop.rows(
        "SELECT * FROM reports.model_performance WHERE evidence = 'offline' ORDER BY 1, 3, 5"
    )
    assert {row["segment"] for row in offline} == {"all"}
    for view, columns in (("model_performance", PERFORMANCE), ("model_comparison", COMPARISON)):
        names = [name for name in _columns(fresh_shop.warehouse)[view] if name]
        assert names[: len(columns)] == columns


def test_without_a_training_outcomes_are_no_training(warehouse: Warehouse) -> None:
    a_trial(warehouse)
    with pytest.raises(UsageError, match="No candidate"):
        read.training_comparison(warehouse)


def test_the_challenger_is_compared_with_the_champion_and_better_means_the_better_side(
    fresh_shop: World,
) -> None:
    a_trial(fresh_shop.warehouse, verdict="promote")
    rows = fresh_shop.rows(
        "SELECT comparison, segment, metric, model_version, baseline_version, model_name, "
        "difference, is_better, trial_status, verdict FROM reports.model_comparison "
        "WHERE evidence = 'outcomes'"
    )
    overall = {
        row["metric"]: row["is_better"]
        for row in rows
        if (row["comparison"], row["segment"]) == ("paired", "all")
    }
    assert overall == {
        "brier": True,
        "log_loss": True,
        "roc_auc": True,
        "ece": False,
        "profit_per_thousand": False,
    }
    assert {(r["model_version"], r["baseline_version"], r["model_name"]) for r in rows} == {
        ("3", "2", "lightgbm")
    }
    assert {(row["trial_status"], row["verdict"]) for row in rows} == {("open", "promote")}
    assert {row["comparison"] for row in rows} == {"paired", "arms"}
    # The worse side is not taken for the better one.
    worse = next(r for r in rows if (r["segment"], r["metric"]) == ("country_France", "brier"))
    assert worse["difference"] > 0
    assert not worse["is_better"]


def test_trials_show_every_look_and_the_plan_and_those_not_looked_at(warehouse: Warehouse) -> None:
    first = a_trial(warehouse, status="lost", verdict="keep", reason="it is worse")
    second = a_trial(warehouse, looks=0, challenger="4")
    rows = warehouse.read("SELECT * FROM reports.trials ORDER BY trial_id, as_of").to_pylist()
    assert [row["trial_id"] for row in rows] == [first] * 8 + [second]
    assert [row["is_newest"] for row in rows] == [False] * 7 + [True, True]
    assert (rows[7]["status"], rows[7]["status_reason"]) == ("lost", "it is worse")
    assert rows[7]["elapsed_days"] == 85
    assert (rows[8]["planned_power_share"], rows[8]["planned_days"]) == (0.87, 71)
    assert (rows[8]["as_of"], rows[8]["e_better"]) == (None, None)


def test_drift_and_alerts_are_read_as_they_were_written(fresh_shop: World) -> None:
    snapshot_id = fresh_shop.rows("SELECT min(snapshot_id) AS id FROM scores.published")[0]["id"]
    insert(
        fresh_shop.warehouse,
        "outcomes.drift",
        as_of=DAY,
        snapshot_id=snapshot_id,
        kind="input",
        name="recency_days",
        measure="psi",
        value=0.31,
        threshold=0.1,
        is_beyond=True,
        reference="2025-02-01",
        measured_at=datetime(2025, 3, 1, tzinfo=UTC),
    )
    insert(
        fresh_shop.warehouse,
        "ops.alerts",
        as_of=DAY,
        kind="input_drift",
        subject="recency_days",
        severity="warning",
        sentence="recency_days has moved by 0.31; 0.1 is accepted.",
        runbook="drift",
        evidence={"psi": 0.31},
        run_id="run",
        raised_at=datetime(2025, 3, 1, tzinfo=UTC),
    )
    drift = fresh_shop.rows("SELECT name, value, is_beyond FROM reports.drift")
    assert drift == [{"name": "recency_days", "value": 0.31, "is_beyond": True}]
    alerts = fresh_shop.rows("SELECT subject, severity, runbook FROM reports.alerts")
    assert alerts == [{"subject": "recency_days", "severity": "warning", "runbook": "drift"}]
