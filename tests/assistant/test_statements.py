"""What a statement becomes: names resolved, texts bound, everything else refused."""

import pytest

from retention_ml.assistant.grammar import FUNCTIONS, NODES
from retention_ml.assistant.statements import check
from retention_ml.errors import UsageError
from tests.assistant.hostile import REFUSED

READABLE = {
    "customer_risk": ["customer_id", "as_of", "risk_tier"],
    "risk_tier_daily": ["as_of", "risk_tier", "customers_count"],
}


def test_names_are_resolved_quoted_and_given_their_schema() -> None:
    statement = check("select Risk_Tier from CUSTOMER_RISK r where r.as_of is not null", READABLE)
    assert statement.sql == (
        'SELECT "r"."risk_tier" AS "risk_tier" FROM "reports"."customer_risk" AS "r" '
        'WHERE "r"."as_of" IS NOT NULL'
    )
    assert statement.views == ("customer_risk",)


def test_no_text_of_the_statement_reaches_the_database_unbound() -> None:
    statement = check(
        "SELECT 'it''s :a %s' AS x FROM customer_risk WHERE risk_tier IN ('a:b', '%(c)s') "
        "AND as_of > DATE '2026-03-01' - INTERVAL '7 days' -- :d",
        READABLE,
    )
    assert set(statement.parameters.values()) == {"it's :a %s", "a:b", "%(c)s", "2026-03-01"}
    assert not any(sign in statement.sql for sign in ("it's", "a:b", "%", "--", "2026"))
    assert "INTERVAL '7 DAYS'" in statement.sql


def test_a_star_is_what_may_be_read() -> None:
    statement = check("SELECT * FROM customer_risk", READABLE)
    assert statement.columns == ("customer_id", "as_of", "risk_tier")
    assert "*" not in statement.sql


def test_columns_of_equal_names_are_told_apart() -> None:
    statement = check(
        "SELECT a.as_of, b.as_of, count(*), count(*), 1 + 1 FROM customer_risk a, risk_tier_daily b "
        "GROUP BY 1, 2",
        READABLE,
    )
    assert statement.columns == ("as_of", "as_of_2", "count", "count_2", "column_5")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SELECT pg_sleep(9)", "A function pg_sleep is not on the list"),
        ("SELECT now()", "Time is a column, as_of, and not the clock"),
        ("SELECT 1; SELECT 2", "The text holds 2 statements; expected is one SELECT"),
        ("DROP VIEW x", "The text holds another kind of statement; expected is one SELECT"),
        ("SELECT * FROM curated.orders", "something that is no view of `reports`"),
        ("SELECT nothing FROM customer_risk", "Column 'nothing' could not be resolved"),
        ("SELECT * FROM customer_risk FOR UPDATE", "FOR UPDATE is no part that a statement may have"),
        ("WITH RECURSIVE r AS (SELECT 1 AS n) SELECT n FROM r", "WITH RECURSIVE is not on the list"),
        ("SELECT as_of::xml FROM customer_risk", "a type that is not on the list"),
        ("WITH customer_risk AS (SELECT 1 AS a) SELECT a FROM customer_risk", "choose another name"),
        ("", "The statement has 0 signs"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong_and_what_to_write(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        check(text, READABLE)
    assert sentence in str(refused.value)
    assert "Write one SELECT over views of `reports`" in str(refused.value)


def test_what_can_grow_without_end_is_no_function_of_the_list() -> None:
    growing = {"repeat", "lpad", "rpad", "string_agg", "array_agg", "concat", "replace", "power"}
    assert growing.isdisjoint(FUNCTIONS)
    assert len(FUNCTIONS) > 40
    assert len(NODES) > 90


def test_hostile_statements_are_refused_before_the_database_is_asked() -> None:
    """All but those that are merely large, which time ends, or numbers of eight bytes."""
    views = {
        "recommendations_history": ["customer_id", "reason", "purchase_probability"],
        "customer_risk_history": ["customer_id"],
        **READABLE,
    }
    passed = []
    for statement in REFUSED:
        try:
            passed.append(check(statement, views).sql)
        except UsageError:
            continue
    large = [sql for sql in passed if "DOUBLE PRECISION" not in sql]
    assert (len(large), len(passed)) == (2, 4)
    assert all(sql.count('"reports".') == 5 for sql in large)


def test_a_decimal_without_a_size_gets_one() -> None:
    statement = check(
        "SELECT risk_tier::numeric, risk_tier::decimal(9) FROM customer_risk", READABLE
    )
    assert 'CAST("customer_risk"."risk_tier" AS DECIMAL(38, 10))' in statement.sql
    assert 'CAST("customer_risk"."risk_tier" AS DECIMAL(9, 0))' in statement.sql


def test_digits_are_counted_through_whatever_is_read_from() -> None:
    """A chain that ends below the limit passes; one product more does not."""
    chain = (
        "WITH a AS (SELECT 1e30 * 1e30 AS x), b(y) AS (SELECT x * x * x FROM a UNION ALL SELECT 1)"
    )
    below = f"{chain} SELECT (SELECT max(y * y) FROM b) AS z FROM b AS c(y)"
    assert check(below, READABLE).columns == ("z",)
    with pytest.raises(UsageError, match="grow beyond 1,000 digits"):
        check(below.replace("y * y", "y * y * y * y * y * y"), READABLE)


def test_a_result_that_is_grouped_by_its_name_is_grouped_by_its_place() -> None:
    statement = check(
        "SELECT as_of AS day, customers_count * 2 AS n, risk_tier FROM risk_tier_daily GROUP BY day, n, risk_tier",
        READABLE,
    )
    assert 'GROUP BY 1, 2, "risk_tier_daily"."risk_tier"' in statement.sql
