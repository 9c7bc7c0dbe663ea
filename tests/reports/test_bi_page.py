"""Every query of docs/bi.md, run as BI reads: on a shop with all parts of the platform."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from retention_ml import clock
from retention_ml.actions.permissions import permitted
from retention_ml.cli import app
from retention_ml.schema.migrate import migrate
from retention_ml.simulate import simulate
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.shops import fill

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bi.md"
FIRST, MATURED, BEFORE, DAY = "2024-01-01", "2025-01-20", "2025-02-24", "2025-03-03"
LINES_MAX = 10
_QUERY = re.compile(r"^### (\d+)\. .*?^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)

Row = dict[str, Any]


def queries() -> dict[int, str]:
    """The SQL of the page by the number of its question."""
    return {int(number): sql for number, sql in _QUERY.findall(PAGE.read_text("utf-8"))}


@pytest.fixture(scope="module")
def shop(
    new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A simulated shop through all steps, scored by the starter model on three days."""
    folder = tmp_path_factory.mktemp("bi")
    simulate(customers=220, days=430, seed=7, out=folder / "shop", first_day=date(2024, 1, 1))
    patch = pytest.MonkeyPatch()
    patch.delenv("RETENTION_SETTINGS", raising=False)
    patch.setenv("RETENTION_HOME", str(folder / "home"))
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    patch.setenv("RETENTION_TRAINING__BOOTSTRAP_DRAWS", "60")
    with new_warehouse() as warehouse:
        patch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
        files = sorted(str(path) for path in (folder / "shop").glob("*.csv"))
        _run("ingest", "--source", "simulated", "--history", *files)
        _permit(warehouse)
        _contact(warehouse)
        for as_of in (MATURED, BEFORE, DAY):
            _run("score", "--as-of", as_of)
        for step in ("measure", "profile", "recommend", "assign"):
            _run(step, "--as-of", DAY)
        _experiment(warehouse)
        _let_bi_read(warehouse)
        yield warehouse
    patch.undo()


@pytest.fixture(scope="module")
def answers(shop: Warehouse) -> dict[int, list[Row]]:
    """The rows of every query, read as `retention_bi` reads them."""
    rows_of: dict[int, list[Row]] = {}
    for number, sql in queries().items():
        with shop.transaction() as transaction:
            transaction.execute("SET LOCAL ROLE retention_bi")
            transaction.execute("SET LOCAL search_path = reports")
            # A colon of SQL would be taken for a parameter.
            rows = transaction.execute(sql.replace("::", r"\:\:"))
        rows_of[number] = [dict(row._mapping) for row in rows]
    return rows_of


class _Undone(Exception):
    """Leaves a transaction, so that the shop stays as it was."""


def _answer_after(
    warehouse: Warehouse, number: int, *changes: str, then: str | None = None
) -> tuple[list[Row], list[Row]]:
    """The rows of a query, and of one of the test's, once the shop was changed for them alone."""
    answered: list[list[Row]] = []
    with suppress(_Undone), warehouse.transaction() as transaction:
        for change in changes:
            assert transaction.execute(f"{change} RETURNING 1")
        for sql in (then or "SELECT 1", queries()[number]):
            transaction.execute("SET LOCAL search_path = reports")
            rows = transaction.execute(sql.replace("::", r"\:\:"))
            answered.append([dict(row._mapping) for row in rows])
        raise _Undone
    return answered[1], answered[0]


def _run(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def _permit(warehouse: Warehouse) -> None:
    """Two in three allow mail; a third of these take it back, or their mail bounces."""
    people = warehouse.read("SELECT customer_id FROM curated.customers ORDER BY 1")
    rows = []
    for number, name in enumerate(people["customer_id"].to_pylist()):
        if number % 3 == 0:
            continue
        statements = ["granted", *{1: ["withdrawn"], 4: ["bounced"]}.get(number % 9, [])]
        rows += [
            {
                "customer_id": name,
                "channel": "email",
                "purpose": "marketing",
                "kind": kind,
                "event_at": clock.midnight(date(2024, 1 + place, 5), "UTC"),
                "address": f"{name}@example.com",
            }
            for place, kind in enumerate(statements)
        ]
    fill(warehouse, "contact_permissions", pa.Table.from_pylist(rows))


def _contact(warehouse: Warehouse) -> None:
    """One in five was reached by a campaign eleven days before the last day."""
    people = warehouse.read("SELECT customer_id FROM curated.customers ORDER BY 1")
    names = people["customer_id"].to_pylist()[::5]
    rows = {
        "campaign_id": ["february"] * len(names),
        "customer_id": names,
        "event_at": [clock.midnight(date(2025, 2, 20), "UTC")] * len(names),
        "kind": ["sent"] * len(names),
    }
    fill(warehouse, "campaign_contacts", pa.table(rows))


def _experiment(warehouse: Warehouse) -> None:
    """An experiment that was looked at twice: 3.00 more per decision, of 40 who got a mail."""
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO experiments.experiments (experiment_id, question, arms, shares, tiers, "
            "metric, unit, error_rate, power, mde_save_rate, days_max, sizes, planned_count, "
            "missing_count, planned_as_of, planned_by, planned_at, run_id) VALUES ('spring', "
            "'Does a mail help?', '{none,come_back}', '{0.5,0.5}', '{high,critical}', 'margin', "
            "'decision', 0.05, 0.8, 0.1, 182, '{}', 100, 0, '2025-01-06', 'kim', "
            "'2025-01-06T12:00Z', 'test')"
        )
        for day, effect in (("2025-02-24", 1.0), (DAY, 3.0)):
            transaction.execute(
                "INSERT INTO experiments.looks (experiment_id, as_of, arm, metric, segment, "
                "decisions_count, treated_count, control_mean, effect, lower, upper, method, "
                "sample_ratio_e, verdict, reason, run_id, looked_at) VALUES ('spring', :day, "
                "'come_back', 'margin', 'all', 80, 40, 5.0, :effect, 0.5, 5.5, 'betting', 1, "
                "'open', 'Reason.', 'test', '2025-03-03T12:00Z')",
                day=day,
                effect=effect,
            )


def _let_bi_read(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        for role in ("retention_bi", "retention_ds"):
            transaction.execute(
                f"DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD 'for-tests-only'; "
                "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
    migrate(warehouse)


def _rows(warehouse: Warehouse, sql: str) -> list[Row]:
    with warehouse.transaction() as transaction:
        return [dict(row._mapping) for row in transaction.execute(sql)]


def test_the_page_answers_fifteen_questions_in_ten_lines_each() -> None:
    lines = {number: len(sql.strip().splitlines()) for number, sql in queries().items()}
    assert list(lines) == list(range(1, 16))
    assert {number: count for number, count in lines.items() if count > LINES_MAX} == {}
    assert PAGE.read_text("utf-8").count("```sql") == len(lines)


def test_no_answer_is_empty(answers: dict[int, list[Row]]) -> None:
    assert sorted(number for number in range(1, 16) if not answers.get(number)) == []


def test_1_tiers_are_compared_with_the_week_before(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    assert [row["risk_tier"] for row in answers[1]] == ["critical", "high"]
    for row in answers[1]:
        assert (str(row["last_week"]), str(row["this_week"])) == (BEFORE, DAY)
        counts = [
            _rows(
                shop,
                "SELECT count(*) AS n FROM scores.customer_daily JOIN scores.published USING "
                f"(snapshot_id) WHERE published.as_of = '{day}' AND risk_tier = '{row['risk_tier']}'",
            )[0]["n"]
            for day in (BEFORE, DAY)
        ]
        assert [row["customers_last_week"], row["customers_this_week"]] == counts
        assert row["more"] == counts[1] - counts[0]


def test_2_the_parts_of_the_value_at_risk_are_all_of_it(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    [whole] = _rows(
        shop, "SELECT count(*) AS n, sum(expected_value_at_risk) AS v FROM reports.customer_risk"
    )
    assert sum(row["customers"] for row in answers[2]) == whole["n"]
    assert sum(row["value_at_risk"] for row in answers[2]) == whole["v"]
    assert sum(row["share"] for row in answers[2]) == pytest.approx(1)
    assert len({row["segment"] for row in answers[2]} - {None}) >= 2
    [countries] = _rows(shop, "SELECT count(DISTINCT country) AS n FROM curated.customers")
    assert len({row["country"] for row in answers[2]} - {"not known"}) == countries["n"] > 1


def test_3_who_moved_is_told_how_far_and_why(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    places = {"low": 1, "medium": 2, "high": 3, "critical": 4}
    tiers = {
        day: {
            row["customer_id"]: row["risk_tier"]
            for row in _rows(
                shop,
                "SELECT customer_id, risk_tier FROM reports.customer_risk_history "
                f"WHERE as_of = '{day}'",
            )
        }
        for day in (BEFORE, DAY)
    }
    moved = {
        name: places[tier] - places[tiers[BEFORE][name]]
        for name, tier in tiers[DAY].items()
        if name in tiers[BEFORE] and tier != tiers[BEFORE][name]
    }
    assert {row["customer_id"]: row["steps"] for row in answers[3]} == moved
    assert any(steps > 0 for steps in moved.values())
    assert any(steps < 0 for steps in moved.values())
    for row in answers[3]:
        assert (str(row["since"]), row["is_other_model"]) == (DAY, False)
        assert row["why"].startswith("no longer: ") == (row["steps"] < 0)
    directions = _rows(
        shop,
        f"SELECT direction, count(*) AS n FROM reports.customer_changes WHERE as_of = '{DAY}' GROUP BY 1",
    )
    counts = {row["direction"]: row["n"] for row in directions}
    assert counts.get("left", 0) == len(tiers[BEFORE].keys() - tiers[DAY].keys())
    assert counts.get("joined", 0) == len(tiers[DAY].keys() - tiers[BEFORE].keys())


def test_4_themes_count_the_customers_who_have_them(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    warned = _rows(
        shop,
        "SELECT reason_1_code, reason_2_code, reason_3_code FROM reports.customer_risk "
        "WHERE risk_tier IN ('high', 'critical')",
    )
    families = [{code.split("/")[0] for code in row.values() if code is not None} for row in warned]
    expected = sorted(
        (sum(family in each for each in families) for family in set().union(*families)),
        reverse=True,
    )
    assert [row["customers"] for row in answers[4]] == expected
    assert sum(row["as_first_reason"] for row in answers[4]) == len(warned)
    assert all(row["for_example"] and "_" not in row["theme"] for row in answers[4])


def test_5_warnings_are_compared_with_what_happened(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    whole, *people = answers[5]
    assert whole["customer_id"] is None
    labels = _rows(
        shop,
        "SELECT label.customer_id, label.is_churned FROM models.labels AS label "
        "JOIN reports.customer_risk_history AS risk USING (customer_id, as_of) "
        f"WHERE as_of = '{MATURED}' AND risk.risk_tier IN ('high', 'critical')",
    )
    assert {row["customer_id"]: row["came_true"] for row in people} == {
        row["customer_id"]: int(row["is_churned"]) for row in labels
    }
    assert whole["warnings"] == len(labels) > 20
    assert float(whole["right_share"]) == pytest.approx(
        np.mean([row["is_churned"] for row in labels])
    )
    assert whole["right_share"] > whole["share_of_all_customers"]
    assert all(
        (row["revenue_of_those_who_stayed"] is None) == (row["came_true"] == 1) for row in people
    )


def test_5_an_abnormal_customer_counts_in_no_figure(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    whole, first, *others = answers[5]
    changed, marked = _answer_after(
        shop,
        5,
        "UPDATE models.labels SET is_abnormal = true "
        f"WHERE as_of = '{MATURED}' AND customer_id = '{first['customer_id']}'",
        then="SELECT customer_id FROM reports.warning_outcomes WHERE is_abnormal",
    )
    assert marked == [{"customer_id": first["customer_id"]}]
    assert changed[1:] == others
    assert changed[0]["warnings"] == whole["warnings"] - 1


def test_a_warning_is_open_until_its_window_is_over_or_an_order_comes(shop: Warehouse) -> None:
    rows = _rows(shop, f"SELECT * FROM reports.warning_outcomes WHERE as_of = '{BEFORE}'")
    assert {row["outcome"] for row in rows} <= {"open", "ordered"}
    assert {str(row["outcome_until"]) for row in rows} == {"2025-03-24"}
    for row in rows:
        assert (row["is_churned"] is None) == (row["ordered_on"] is None)
        assert row["is_forecast"]


def test_6_a_day_long_ago_is_late_and_says_so(answers: dict[int, list[Row]]) -> None:
    scores, *others = answers[6]
    assert (scores["name"], str(scores["newest_as_of"]), scores["verdict"]) == (
        "scores",
        DAY,
        "late",
    )
    assert (
        f"The newest {'are' if 'missing' in scores['sentence'] else 'are late: of'}"
        in scores["sentence"]
    )
    assert {row["name"]: row["verdict"] for row in others if row["subject"] == "publication"} == {
        "profiles": "current",
        "recommendations": "current",
    }
    assert {row["verdict"] for row in others if row["subject"] == "feed"} == {"complete"}


def test_7_only_who_may_be_contacted_is_listed(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    listed = {row["customer_id"] for row in answers[7]}
    allowed = permitted(clock.midnight(date(2025, 3, 3), "UTC"))
    mail = set(shop.read(allowed.select("customer_id"))["customer_id"].to_pylist())
    assert listed <= mail
    everybody = _rows(shop, "SELECT * FROM reports.contact_list")
    assert {row["customer_id"] for row in everybody if row["has_permission"]} == mail & {
        row["customer_id"] for row in everybody
    }
    recent = _rows(
        shop,
        "SELECT DISTINCT customer_id FROM curated.campaign_contacts WHERE kind = 'sent' "
        f"AND event_at >= DATE '{DAY}' - 28 AND event_at < DATE '{DAY}'",
    )
    reached = {row["customer_id"] for row in recent}
    assert len(reached & mail & {row["customer_id"] for row in everybody}) > 2
    assert not listed & reached
    assert {row["customer_id"] for row in everybody if not row["is_rested"]} == reached & {
        row["customer_id"] for row in everybody
    }
    assert {row["channels"] for row in answers[7]} == {"email"}


def test_7_a_released_day_keeps_its_own_actions_on_the_list(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    released, _ = _answer_after(
        shop,
        7,
        "INSERT INTO actions.outbox (message_id, as_of, customer_id, action_id, channel, payload, "
        "payload_sha256, not_before, expires_at, changed_at, run_id) SELECT encode(sha256(convert_to("
        "customer_id, 'UTF8')), 'hex'), as_of, customer_id, action_id, 'file', '{}', 'p', now(), "
        "now(), now(), 'test' FROM actions.assignments WHERE action_id <> 'none' "
        f"AND as_of = '{DAY}'",
        f"UPDATE actions.days SET status = 'released', released_at = now() WHERE as_of = '{DAY}'",
    )
    assert released == answers[7]
    assert any(row["action_id"] != "none" for row in released)


def test_8_stages_hold_every_customer(shop: Warehouse, answers: dict[int, list[Row]]) -> None:
    [whole] = _rows(shop, "SELECT count(*) AS n FROM reports.customer_profile")
    assert sum(row["customers_count"] for row in answers[8]) == whole["n"]
    assert answers[8][0]["lifecycle_stage"] == "visitor"


def test_9_a_cohort_begins_whole_and_never_grows_for_good(answers: dict[int, list[Row]]) -> None:
    first = [row for row in answers[9] if row["period"] == 0]
    assert len(first) > 5
    assert {row["cohort_ratio"] for row in first} == {1.0}
    for row in first:
        curve = [r["unbounded_retention"] for r in answers[9] if r["cohort_on"] == row["cohort_on"]]
        assert curve == sorted(curve, reverse=True)


def test_10_values_are_in_order_and_inside_no_impossible_bounds(
    answers: dict[int, list[Row]],
) -> None:
    values = [row["value"] for row in answers[10]]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0
    assert all(row["value_lower"] <= row["value_upper"] for row in answers[10])


def test_11_the_product_to_buy_again_was_bought_before(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    bought = {
        (row["customer_id"], row["product_id"])
        for row in _rows(
            shop, "SELECT DISTINCT customer_id, product_id FROM features.customer_product_day"
        )
    }
    again = [(row["customer_id"], row["again_product_id"]) for row in answers[11]]
    fresh = [(row["customer_id"], row["new_product_id"]) for row in answers[11]]
    assert {pair for pair in again if pair[1]} <= bought
    assert not {pair for pair in fresh if pair[1]} & bought
    assert any(product for _, product in again)
    assert any(product for _, product in fresh)


def test_12_an_effect_is_per_decision_and_in_all(answers: dict[int, list[Row]]) -> None:
    [spring] = answers[12]
    assert (spring["effect"], spring["units_count"], spring["total_effect"]) == (3.0, 80, 120.0)
    assert (spring["name"], str(spring["as_of"])) == ("spring", DAY)


def test_13_a_story_has_every_order_and_tier(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    days = [row["happened_on"] for row in answers[13]]
    assert days == sorted(days, reverse=True)
    [customer] = _rows(
        shop,
        "SELECT customer_id FROM reports.customer_risk ORDER BY expected_value_at_risk DESC LIMIT 1",
    )
    ordered = _rows(
        shop,
        "SELECT event_day, sum(revenue_cents) AS cents FROM features.customer_day "
        f"WHERE customer_id = '{customer['customer_id']}' GROUP BY 1 HAVING sum(orders_count) > 0",
    )
    orders = {row["happened_on"]: row["amount"] for row in answers[13] if row["kind"] == "order"}
    assert orders == {clock.day_of(row["event_day"]): row["cents"] / 100 for row in ordered}
    assert {"order", "tier", "stage"} <= {row["kind"] for row in answers[13]}


def test_14_what_contacts_save_is_the_share_of_the_most_at_stake(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    [saved] = answers[14]
    values = sorted(
        (
            row["expected_value_at_risk"]
            for row in _rows(shop, "SELECT * FROM reports.contact_list WHERE may_contact")
        ),
        reverse=True,
    )[:200]
    assert (saved["contacts"], saved["margin_at_risk"]) == (len(values), sum(values))
    assert (saved["save_rate"], saved["is_measured"]) == (pytest.approx(0.1), False)
    assert Decimal(str(saved["margin_saved"])) == pytest.approx(sum(values) / 10)


def test_14_an_assumption_is_never_shown_as_measured(shop: Warehouse) -> None:
    [saved], best = _answer_after(
        shop,
        14,
        "INSERT INTO actions.policies (policy_id, kind, version, in_force_from, parameters, evidence, "
        "reason, decided_by, decided_at, run_id) SELECT 'experiment-1', 'experiment', 1, "
        "DATE '2030-01-01', '{\"save_rate\": 0.1}', jsonb_build_object((SELECT min(action_id) FROM "
        "reports.contact_list WHERE may_contact AND action_id <> 'none'), "
        "jsonb_build_object('save_rate', jsonb_build_object('value', 0.02)), 'other', "
        "jsonb_build_object('rung', 'rule')), 'test', 'kim', now(), 'test'",
        then="SELECT expected_value_at_risk AS value, action_id = (SELECT min(action_id) FROM "
        "reports.contact_list WHERE may_contact AND action_id <> 'none') AS is_measured "
        "FROM reports.contact_list WHERE may_contact ORDER BY value DESC LIMIT 200",
    )
    assert {row["is_measured"] for row in best} == {True, False}
    expected = sum(float(row["value"]) * (0.02 if row["is_measured"] else 0.1) for row in best)
    assert float(saved["margin_saved"]) == pytest.approx(expected)
    assert saved["is_measured"] is False
    assert 0.02 < saved["save_rate"] < 0.1


def test_15_who_stays_away_is_said_with_probability(
    shop: Warehouse, answers: dict[int, list[Row]]
) -> None:
    away = [row["away_probability"] for row in answers[15]]
    assert away == sorted(away, reverse=True)
    assert min(away) >= 0.5
    [counted] = _rows(
        shop, "SELECT count(*) AS n FROM reports.customer_risk WHERE churn_probability >= 0.5"
    )
    assert len(away) == counted["n"]


def test_the_model_has_one_grade_with_its_figures(shop: Warehouse) -> None:
    [grade] = _rows(shop, "SELECT * FROM reports.model_grade")
    assert (grade["model_name"], grade["is_serving"], grade["evidence"]) == (
        "starter", True, "outcomes",
    )  # fmt: skip
    assert (str(grade["measured_as_of"]), str(grade["served_until"])) == (MATURED, DAY)
    assert grade["grade"] == ("A" if grade["lower"] > 0 else "C")
    assert f"ROC AUC {grade['roc_auc']:.3f}" in grade["sentence"]


def test_a_data_scientist_reads_models_and_no_contact_data(shop: Warehouse) -> None:
    for allowed in (
        "features.customer_daily",
        "models.labels",
        "scores.customer_daily",
        "outcomes.performance",
    ):
        assert _as_scientist(shop, f"SELECT count(*) AS n FROM {allowed}")[0]["n"] > 0
    readable = _rows(
        shop,
        "SELECT DISTINCT n.nspname AS name FROM pg_class AS c JOIN pg_namespace AS n "
        "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'p') "
        "AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' "
        "AND has_schema_privilege('retention_ds', n.oid, 'USAGE') "
        "AND has_table_privilege('retention_ds', c.oid, 'SELECT')",
    )
    assert {row["name"] for row in readable} == {"features", "models", "scores", "outcomes"}
    columns = _rows(
        shop,
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.columns "
        "WHERE table_schema IN ('features', 'models', 'scores', 'outcomes') "
        "AND column_name IN ('address', 'payload', 'raw_text', 'text')",
    )
    assert columns == []


def _as_scientist(warehouse: Warehouse, sql: str) -> list[Row]:
    with warehouse.transaction() as transaction:
        transaction.execute("SET LOCAL ROLE retention_ds")
        return [dict(row._mapping) for row in transaction.execute(sql)]
