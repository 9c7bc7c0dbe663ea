"""The sentences of the checks."""

from dataclasses import replace
from typing import Any

import pytest

from retention_ml.quality.results import CheckResult, Severity, percent
from retention_ml.quality.verdict import Verdict


def result(expectation: str, unexpected: int | None = None, **arguments: Any) -> CheckResult:
    return CheckResult(
        suite="staging.orders",
        expectation=expectation,
        column=arguments.get("column"),
        severity=Severity.CRITICAL,
        success=False,
        element_count=None if unexpected is None else 1_000,
        unexpected_count=unexpected,
        observed="found 0",
        reason="because",
        arguments=arguments,
    )


@pytest.mark.parametrize(
    ("failed", "sentence"),
    [
        (
            result(
                "expect_column_values_to_be_between",
                2,
                column="quantity",
                min_value=1,
                max_value=5_000,
            ),
            "staging.orders of batch 3 has 2 rows whose quantity is not between 1 and 5,000 "
            "(0.2 %; at most 0 % is accepted).",
        ),
        (
            result(
                "expect_column_values_to_be_in_set",
                400,
                column="kind",
                value_set=["a", "b"],
                mostly=0.8,
            ),
            "staging.orders of batch 3 has 400 rows whose kind is none of a, b "
            "(40 %; at most 20 % is accepted).",
        ),
        (
            result("expect_table_row_count_to_be_between", min_value=1),
            "staging.orders of batch 3: found 0; expected: the number of rows is at least 1.",
        ),
        (
            result("expect_something_new", column="x"),
            "staging.orders of batch 3: found 0; expected: something new (column x).",
        ),
    ],
)
def test_a_finding_says_what_is_wrong_and_what_was_expected(
    failed: CheckResult, sentence: str
) -> None:
    assert failed.sentence("batch 3") == sentence


def test_a_warning_does_not_say_what_is_accepted() -> None:
    check = replace(
        result("expect_column_values_to_not_be_null", 1, column="customer_id", mostly=0.99),
        severity=Severity.WARNING,
    )
    assert check.sentence("batch 3") == (
        "staging.orders of batch 3 has 1 row without customer_id (0.1 %; at most 1 % is expected)."
    )


def test_rows_that_rules_set_aside_are_not_called_rejected() -> None:
    check = result(
        "expect_column_values_to_not_be_in_set", 600, column="rejected_as",
        value_set=["set_aside"], mostly=0.5,
    )  # fmt: skip
    assert "600 rows that rules of the source set aside (60 %;" in check.sentence("batch 3")


def test_of_two_limits_of_the_same_share_only_the_wider_is_told() -> None:
    wide, narrow = (
        result(
            "expect_column_values_to_be_in_set", 250, column="rejected_as",
            value_set=["accepted", "set_aside"], mostly=mostly,
        )
        for mostly in (0.8, 0.99)
    )  # fmt: skip
    assert Verdict(results=[narrow, wide]).findings("batch 3") == [wide.sentence("batch 3")]
    assert Verdict(results=[narrow]).findings("batch 3") == [narrow.sentence("batch 3")]


def test_an_expectation_is_worded_with_the_share_of_rows_it_asks_for() -> None:
    check = result("expect_column_values_to_not_be_null", column="customer_id", mostly=0.6)
    assert check.expected == "customer_id is given in at least 60 % of the rows"


def test_an_expectation_of_some_rows_says_of_which() -> None:
    condition = {
        "type": "comparison",
        "column": {"name": "risk_tier"},
        "operator": "!=",
        "parameter": "low",
    }
    check = result(
        "expect_column_values_to_not_be_null", 3, column="reason_1", row_condition=condition
    )
    assert check.expected == "reason_1 is given where risk_tier is not low"
    assert check.sentence("2026-03-01") == (
        "staging.orders of 2026-03-01 has 3 rows without reason_1 where risk_tier is not low "
        "(0.3 %; at most 0 % is accepted)."
    )


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (1, "100 %"), (0.999, "99.9 %"), (0.00004, "0.004 %")]
)
def test_a_share_has_as_many_digits_as_it_needs(share: float, text: str) -> None:
    assert percent(share) == text
