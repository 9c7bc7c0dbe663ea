"""The hand-written suites: complete, explained, about columns that exist, and each able to fail."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from retention_ml import tables
from retention_ml.errors import SettingsError
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.quality import suites
from retention_ml.quality.results import _EXPECTATIONS, Severity
from retention_ml.settings import PROJECT
from retention_ml.warehouse import Warehouse

pytestmark = pytest.mark.suites

FOLDER = PROJECT / "expectations"
EXPECTED = {
    *(f"staging.{name}" for name in tables.CANONICAL),
    "staging.rejects",
    "features.customer_daily",
    "scores.customer_daily",
    "profiles.customer_daily",
    "recommendations.customer_daily",
}
STAGED = sorted(f"staging.{name}" for name in tables.CANONICAL)


def test_every_checked_table_has_its_suite() -> None:
    assert set(suites.suite_names(FOLDER)) == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_suite_names_its_table_and_explains_every_expectation(name: str) -> None:
    suite = suites.load_suite(FOLDER, name)
    assert suite["name"] == name
    assert suite["meta"]["rows"]
    assert len(suite["expectations"]) >= 4
    for entry in suite["expectations"]:
        assert entry["severity"] in list(Severity)
        reason = entry["meta"]["reason"]
        assert reason[0].isupper()
        assert reason.endswith(".")
        assert len(reason.split()) >= 6
        assert entry["type"] in _EXPECTATIONS, "put it into words in quality/results.py"
        assert set(entry["meta"]) <= {"reason", "rows_min"}
        if "rows_min" in entry["meta"]:
            assert "this is a warning" in reason


@pytest.mark.parametrize("name", STAGED)
def test_a_suite_asks_only_for_columns_that_its_table_has(name: str) -> None:
    columns = {column.name for column in tables.CANONICAL[name.partition(".")[2]]}
    assert _columns_of(name) <= columns


def _columns_of(name: str) -> set[str]:
    return {
        value
        for entry in suites.load_suite(FOLDER, name)["expectations"]
        for key, value in entry["kwargs"].items()
        if key.startswith("column")
    }


def test_the_suite_of_features_asks_only_for_features_of_the_catalogue() -> None:
    assert _columns_of("features.customer_daily") <= set(FEATURE_NAMES)


def test_the_suite_of_scores_asks_only_for_columns_that_the_table_has(warehouse: Warehouse) -> None:
    columns = warehouse.read("SELECT * FROM scores.customer_daily LIMIT 0").column_names
    assert _columns_of("scores.customer_daily") <= set(columns)


def test_the_suite_of_lists_asks_only_for_columns_that_the_table_has(warehouse: Warehouse) -> None:
    columns = warehouse.read("SELECT * FROM recommendations.customer_daily LIMIT 0").column_names
    assert _columns_of("recommendations.customer_daily") <= set(columns)


def test_the_suite_of_profiles_asks_only_for_columns_that_the_table_has(
    warehouse: Warehouse,
) -> None:
    columns = warehouse.read("SELECT * FROM profiles.customer_daily LIMIT 0").column_names
    assert _columns_of("profiles.customer_daily") <= set(columns)


@pytest.mark.parametrize("name", STAGED)
def test_a_suite_knows_exactly_the_closed_sets_of_its_table(name: str) -> None:
    table = name.partition(".")[2]
    closed = {c: set(v) for (t, c), v in tables.CLOSED_SETS.items() if t == table}
    value_sets = {
        entry["kwargs"]["column"]: set(entry["kwargs"]["value_set"])
        for entry in suites.load_suite(FOLDER, name)["expectations"]
        if entry["type"] == "expect_column_values_to_be_in_set" and entry["severity"] == "critical"
    }
    assert value_sets == closed


GOOD: dict[str, str] = {
    "staging.order_lines": "'o1' AS order_id, 'p' AS product_id, 'c' AS customer_id, now() AS event_at, "
    "'sale' AS kind, 2 AS quantity, 500 AS unit_price_cents, 1000 AS line_amount_cents, 0 AS discount_cents",
    "staging.orders": "'o1' AS order_id, 'c' AS customer_id, now() AS event_at, 'purchase' AS kind",
    "staging.customers": "'c' AS customer_id, now() AS registered_at, 'UK' AS country, '30-40' AS age_band",
    "staging.products": "'p' AS product_id, 'Pan' AS name, 'Kitchen' AS category",
    "staging.events": "'c' AS customer_id, now() AS event_at, 'view' AS event_type, 'p' AS product_id, 's' AS session_id",
    "staging.feedback": "'c' AS customer_id, now() AS event_at, 'review' AS kind, 0.5::float8 AS rating_share",
    "staging.campaign_contacts": "'k' AS campaign_id, 'c' AS customer_id, now() AS event_at, 'sent' AS kind",
    "staging.contact_permissions": "'c' AS customer_id, 'email' AS channel, 'marketing' AS purpose, "
    "'granted' AS kind, now() AS event_at",
    "staging.exchange_rates": "'EUR' AS currency, now() AS valid_from, 1.08::float8 AS rate",
    "staging.rejects": "'accepted' AS rejected_as",
    "profiles.customer_daily": "'loyal' AS lifecycle_stage, DATE '2026-03-01' AS stage_since, "
    "4 AS purchase_days_count, 0.5::float8 AS still_customer_probability, 'loyal' AS rfm_group, "
    "100 AS revenue_cents",
    "recommendations.customer_daily": "0.5::float8 AS purchase_probability, 'new' AS list, 1 AS rank, "
    "'you bought it twice' AS reason, 10 AS expected_margin_cents",
}

BAD: dict[str, list[str]] = {
    "staging.order_lines": [
        "repeat('o', 70) AS order_id, repeat('p', 70) AS product_id, NULL::text AS customer_id, "
        "'3000-01-01'::timestamptz AS event_at, 'gift' AS kind, 999999 AS quantity, 0 AS unit_price_cents, "
        "-99999999 AS line_amount_cents, -1 AS discount_cents",
        "'o' AS order_id, 'p' AS product_id, repeat('c', 70) AS customer_id, now() AS event_at, "
        "'return' AS kind, 1 AS quantity, 1 AS unit_price_cents, 1 AS line_amount_cents, 0 AS discount_cents",
    ],
    "staging.orders": [
        "repeat('o', 70) AS order_id, NULL::text AS customer_id, '1970-01-01'::timestamptz AS event_at, 'x' AS kind",
        "'o' AS order_id, repeat('c', 70) AS customer_id, now() AS event_at, 'return' AS kind",
    ],
    "staging.customers": [
        "repeat('c', 70) AS customer_id, '1900-01-01'::timestamptz AS registered_at, "
        "md5(n::text) AS country, n::text AS age_band"
    ],
    "staging.products": ["repeat('p', 70) AS product_id, NULL::text AS name, n::text AS category"],
    "staging.events": [
        "NULL::text AS customer_id, '1900-01-01'::timestamptz AS event_at, 'purchase' AS event_type, "
        "repeat('p', 70) AS product_id, NULL::text AS session_id",
        "repeat('c', 70) AS customer_id, now() AS event_at, 'dance' AS event_type, 'p' AS product_id, 's' AS session_id",
    ],
    "staging.feedback": [
        "NULL::text AS customer_id, '1900-01-01'::timestamptz AS event_at, 'x' AS kind, 5::float8 AS rating_share",
        "repeat('c', 70) AS customer_id, now() AS event_at, 'x' AS kind, 5::float8 AS rating_share",
    ],
    "staging.campaign_contacts": [
        "n::text AS campaign_id, repeat('c', 70) AS customer_id, '1900-01-01'::timestamptz AS event_at, 'x' AS kind"
    ],
    "staging.contact_permissions": [
        "repeat('c', 70) AS customer_id, md5(n::text) AS channel, n::text AS purpose, "
        "'unsubscribed' AS kind, '1900-01-01'::timestamptz AS event_at"
    ],
    "staging.exchange_rates": [
        "'euro' AS currency, '1900-01-01'::timestamptz AS valid_from, 0::float8 AS rate"
    ],
    "recommendations.customer_daily": [
        "1.5::float8 AS purchase_probability, 'next' AS list, 0 AS rank, NULL::text AS reason, "
        "NULL::bigint AS expected_margin_cents"
    ],
    "profiles.customer_daily": [
        "'gone' AS lifecycle_stage, NULL::date AS stage_since, 0 AS purchase_days_count, "
        "1.5::float8 AS still_customer_probability, 'best' AS rfm_group, -100 AS revenue_cents"
    ],
    "staging.rejects": [
        "'missing_customer_id' AS rejected_as",
        "'event_in_future' AS rejected_as",
        "'set_aside' AS rejected_as",
    ],
}


def run(warehouse: Warehouse, name: str, columns: str, rows: int = 12_000) -> dict[int, bool]:
    """Which expectations of a suite held, by their place."""
    query = f"SELECT {columns} FROM generate_series(1, {rows}) AS n"
    return {i: r.success for i, r in enumerate(suites.run(warehouse, {name: query}, FOLDER))}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_good_rows_meet_a_suite_and_every_expectation_can_fail(
    warehouse: Warehouse, name: str
) -> None:
    assert set(run(warehouse, name, GOOD[name]).values()) == {True}
    failed = {i for bad in BAD[name] for i, ok in run(warehouse, name, bad).items() if not ok}
    failed |= {i for i, ok in run(warehouse, name, GOOD[name], rows=0).items() if not ok}
    assert failed == set(range(len(suites.load_suite(FOLDER, name)["expectations"])))


SCORES = {
    "churn_probability": "(mod(n, 97)) / 97.0::float8",
    "champion_probability": "0.5::float8",
    "challenger_probability": "CASE WHEN mod(n, 3) > 0 THEN 0.5::float8 END",
    "arm": "(ARRAY['champion', 'challenger'])[1 + mod(n, 2)]",
    "risk_percentile": "0.5::float8",
    **{
        f"no_order_probability_{days}d": f"CASE WHEN mod(n, 5) > 0 THEN {1 - days / 100}::float8 END"
        for days in (7, 14, 30, 60, 90)
    },
    "risk_tier": "(ARRAY['low', 'medium', 'high', 'critical'])[1 + mod(n, 4)]",
    "expected_value_at_risk_cents": "n::bigint",
    "reason_1": "CASE WHEN mod(n, 4) > 0 THEN 'because' END",
    "model_version": "'7'",
}
SCORES_BAD = {
    "churn_probability": ["NULL::float8", "1.5::float8", "0.5::float8", "n / 100000::float8"],
    "champion_probability": ["CASE WHEN n > 9 THEN 0.5::float8 END"],
    "challenger_probability": ["-0.1::float8"],
    "arm": ["'nobody'"],
    "risk_percentile": ["CASE WHEN n = 3 THEN 2 ELSE 0.5::float8 END"],
    "no_order_probability_7d": ["n::float8", "0.01::float8"],
    "no_order_probability_30d": ["CASE WHEN mod(n, 2) > 0 THEN 0.99::float8 END", "0.0::float8"],
    "no_order_probability_90d": ["-n::float8", "0.9::float8"],
    "risk_tier": ["'extreme'"],
    "expected_value_at_risk_cents": ["-n::bigint", "NULL::bigint"],
    "reason_1": ["NULL::text"],
    "model_version": ["CASE WHEN mod(n, 2) = 0 THEN '7' END"],
}


def test_scores_in_memory_give_the_results_of_the_database(warehouse: Warehouse) -> None:
    """The same failures in the same words: rows that are published are read once."""
    name = "scores.customer_daily"
    cases = [
        SCORES,
        *(SCORES | {column: bad} for column in SCORES_BAD for bad in SCORES_BAD[column]),
    ]
    failed: set[int] = set()
    for case in cases:
        columns = ", ".join(f"{value} AS {column}" for column, value in case.items())
        query = f"SELECT {columns} FROM generate_series(1, 400) AS n"
        stored = suites.run(warehouse, {name: query}, FOLDER)
        assert suites.run_on(warehouse.read(query), name, FOLDER) == stored
        failed |= {place for place, result in enumerate(stored) if not result.success}
        assert (case is SCORES) == (not failed)
    assert failed == set(range(1, len(suites.load_suite(FOLDER, name)["expectations"])))
    empty = warehouse.read(f"SELECT {columns} FROM generate_series(1, 0) AS n")
    assert not suites.run_on(empty, name, FOLDER)[0].success


def test_nan_in_memory_is_a_number_above_all_others_as_in_the_database(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    entries = [
        {"type": kind, "kwargs": {"column": "p", **bounds}, "severity": "critical", "meta": {"reason": "r"}}
        for kind, bounds in (
            ("expect_column_values_to_not_be_null", {}),
            ("expect_column_values_to_be_between", {"min_value": 0, "max_value": 1}),
            ("expect_column_values_to_be_between", {"min_value": 0}),
        )
    ]  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps({"expectations": entries}))
    query = "SELECT p FROM (VALUES ('NaN'::float8), (0.5), (NULL), (2), ('-Infinity')) AS rows (p)"
    stored = suites.run(warehouse, {"x": query}, tmp_path)
    assert [result.unexpected_count for result in stored] == [1, 3, 1]
    assert suites.run_on(warehouse.read(query), "x", tmp_path) == stored


def test_what_cannot_be_computed_has_failed(warehouse: Warehouse) -> None:
    results = suites.run(warehouse, {"staging.products": "SELECT 'p' AS product_id"}, FOLDER)
    broken = [result for result in results if result.column in ("name", "category")]
    assert [result.success for result in broken] == [False, False]
    assert all("could not be computed" in result.observed for result in broken)


def test_what_cannot_be_computed_stays_critical_however_small_the_batch(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    entry = {
        "type": "expect_column_values_to_not_be_null", "kwargs": {"column": "gone"},
        "severity": "critical", "meta": {"reason": "r", "rows_min": 100},
    }  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps({"expectations": [entry]}))
    (broken,) = suites.run(warehouse, {"x": "SELECT 'p' AS product_id"}, tmp_path)
    assert (broken.success, broken.severity) == (False, Severity.CRITICAL)


def test_the_log_of_a_task_holds_no_line_of_the_library() -> None:
    script = (
        "import logging; logging.basicConfig(level=logging.INFO); "
        "from retention_ml.quality import suites; suites._great_expectations()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_no_value_of_a_row_leaves_the_database(warehouse: Warehouse) -> None:
    query = "SELECT 'secret-1' AS customer_id, now() AS event_at, 'secret-2' AS kind, 7.0 AS rating_share"
    results = suites.run(warehouse, {"staging.feedback": query}, FOLDER)
    assert not all(result.success for result in results)
    assert "secret" not in "".join(r.observed + r.sentence("x") for r in results)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no valid JSON"),
        ('{"expectations": []}', "asks for nothing"),
        ('{"expectations": [{"type": "t", "meta": {"reason": "r"}}]}', r"lacks a severity"),
        ('{"expectations": [{"type": "t", "severity": "info"}]}', r"lacks .* meta.reason"),
    ],
)
def test_a_suite_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SettingsError, match=words):
        suites.load_suite(tmp_path, "x")
    with pytest.raises(SettingsError, match="known are x"):
        suites.load_suite(tmp_path, "y")


def test_suites_are_written_with_one_spelling() -> None:
    for path in FOLDER.glob("*.json"):
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        assert set(document) == {"name", "meta", "expectations"}
        for entry in document["expectations"]:
            assert list(entry) == ["type", "kwargs", "severity", "meta"]
