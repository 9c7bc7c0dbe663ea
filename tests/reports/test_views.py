"""The schema `reports`: complete, explained, readable by BI and by nobody's mistake more."""

import pytest

from retention_ml.errors import WarehouseError
from retention_ml.warehouse import Warehouse
from tests.reports.conftest import NEXT
from tests.scores.world import DAY, World

VIEWS = {
    "customer_risk",
    "customer_risk_history",
    "data_quality",
    "model_comparison",
    "model_performance",
    "pipeline_freshness",
    "quarantine_summary",
    "risk_tier_daily",
}
RISK_COLUMNS = [
    "customer_id", "as_of", "churn_probability", "risk_percentile", "risk_tier", "tier_since",
    "expected_value_at_risk", "reason_1_code", "reason_1", "reason_2_code", "reason_2",
    "reason_3_code", "reason_3", "model_name", "model_version", "arm", "run_id", "snapshot_id",
    "scored_at", "no_order_probability_7d", "no_order_probability_14d", "no_order_probability_30d",
    "no_order_probability_60d", "no_order_probability_90d", "next_order_expected_on",
    "is_calibrated",
]  # fmt: skip
PERSONAL = ("name", "mail", "phone", "address", "birth", "age_band", "income", "household", "raw_")
ALLOWED_NAMES = {"model_name", "table_name", "column_name", "baseline_name", "name"}


def _columns(warehouse: Warehouse) -> dict[str, dict[str, str | None]]:
    rows = warehouse.read(
        "SELECT c.relname, obj_description(c.oid) AS about, a.attname, "
        "col_description(c.oid, a.attnum) AS meaning FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 "
        "WHERE c.relnamespace = 'reports'::regnamespace AND c.relkind = 'v' ORDER BY a.attnum"
    ).to_pylist()
    found: dict[str, dict[str, str | None]] = {}
    for row in rows:
        found.setdefault(row["relname"], {"": row["about"]})[row["attname"]] = row["meaning"]
    return found


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
    warehouse.migrate()  # a role made after the views is given its rights
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


def test_tiers_by_day_add_up_to_everybody(shop: World) -> None:
    rows = shop.rows("SELECT * FROM reports.risk_tier_daily ORDER BY as_of, tier_rank")
    assert [row["risk_tier"] for row in rows] == ["critical", "high", "medium", "low"] * 2
    for day, newcomers, leavers in ((DAY, 60, 0), (NEXT, 6, 6)):
        own = [row for row in rows if row["as_of"] == day]
        assert sum(row["customers_count"] for row in own) == 60
        assert sum(row["customers_share"] for row in own) == pytest.approx(1)
        entered = sum(row["entered_count"] for row in own)
        left = sum(row["left_count"] for row in own)
        assert entered - newcomers == left - leavers
    value = shop.rows("SELECT sum(expected_value_at_risk) AS v FROM reports.customer_risk")[0]["v"]
    assert sum(float(r["expected_value_at_risk"]) for r in rows if r["as_of"] == NEXT) == float(
        value
    )


def test_a_day_without_customers_in_a_tier_says_zero(own_shop: World) -> None:
    with own_shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.customer_daily SET risk_tier = 'low'")
    rows = own_shop.rows(
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
