"""The result of one expectation, and the sentences for what was expected and observed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """What a failure means: `critical` stops the batch, the others are recorded."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of one expectation.

    Attributes
    ----------
    suite : str
        The table, such as `staging.orders`.
    expectation : str
        The type, such as `expect_column_values_to_not_be_null`.
    arguments : mapping
        Its arguments in the suite: bounds, set, accepted share.
    element_count, unexpected_count : int or None
        Rows looked at and rows against the expectation; `None` for checks of a whole column.
    observed : str
        What was observed, in words.
    reason : str
        Why the expectation is there.
    """

    suite: str
    expectation: str
    column: str | None
    severity: Severity
    success: bool
    element_count: int | None
    unexpected_count: int | None
    observed: str
    reason: str
    arguments: Mapping[str, Any]

    @property
    def expected(self) -> str:
        """What was expected, as words that follow the table's name."""
        if self.expectation in _EXPECTATIONS:
            text = _fill(_EXPECTATIONS[self.expectation], self.arguments) + self._rows_looked_at
            mostly = float(self.arguments.get("mostly", 1))
            return text if mostly == 1 else f"{text} in at least {percent(mostly)} of the rows"
        details = ", ".join(f"{name} {value}" for name, value in self.arguments.items())
        return f"{self.expectation.removeprefix('expect_').replace('_', ' ')} ({details})"

    def sentence(self, where: str) -> str:
        """What is wrong, with its value and what is accepted or, where it holds nothing back, expected.

        Parameters
        ----------
        where : str
            The rows checked, such as `batch 3` or `2011-03-01`.

        Examples
        --------
        >>> CheckResult(
        ...     suite="staging.orders", expectation="expect_column_values_to_not_be_null",
        ...     column="customer_id", severity=Severity.WARNING, success=False,
        ...     element_count=1_000, unexpected_count=31, observed="", reason="",
        ...     arguments={"column": "customer_id", "mostly": 0.99},
        ... ).sentence("batch 3")
        'staging.orders of batch 3 has 31 rows without customer_id (3.1 %; at most 1 % is expected).'
        """
        if self.unexpected_count is not None and self.expectation in _FAULTS:
            fault = _fill(self._fault, self.arguments) + self._rows_looked_at
            share = self.unexpected_count / (self.element_count or 1)
            limit = percent(1 - float(self.arguments.get("mostly", 1)))
            verb = "accepted" if self.severity is Severity.CRITICAL else "expected"
            rows = f"{self.unexpected_count:,} row{'' if self.unexpected_count == 1 else 's'}"
            return (
                f"{self.suite} of {where} has {rows} {fault} "
                f"({percent(share)}; at most {limit} is {verb})."
            )
        return f"{self.suite} of {where}: {self.observed}; expected: {self.expected}."

    @property
    def subject(self) -> tuple[object, ...]:
        """What is asked of which rows, whatever share of them may fail."""
        others = {name: value for name, value in self.arguments.items() if name != "mostly"}
        return (self.suite, self.expectation, str(sorted(others.items(), key=str)))

    @property
    def _fault(self) -> str:
        """The words for rows that fail, to be filled with the arguments."""
        if self.column != "rejected_as":
            return _FAULTS[self.expectation]
        if list(self.arguments.get("value_set", ())) == ["set_aside"]:
            return "that rules of the source set aside"
        return (_FAULTS | _REJECT_FAULTS)[self.expectation]

    @property
    def _rows_looked_at(self) -> str:
        """Of which rows it is expected, in words that follow; nothing where it is of all."""
        condition = self.arguments.get("row_condition")
        if condition is None:
            return ""
        operator = {"==": "is", "!=": "is not"}.get(condition["operator"], condition["operator"])
        return f" where {condition['column']['name']} {operator} {condition['parameter']}"


def percent(share: float) -> str:
    """A share of 0 to 1 with as many digits as it needs.

    Examples
    --------
    >>> percent(0.031), percent(0.2), percent(0.00004), percent(0)
    ('3.1 %', '20 %', '0.004 %', '0 %')
    """
    value = 100 * share
    digits = 1 if value >= 1 else 3
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") + " %"


def _number(value: Any) -> str:
    return f"{value:,.12g}" if isinstance(value, int | float) else str(value)[:10]


def _range(arguments: Mapping[str, Any]) -> str:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is None:
        return f"at most {_number(high)}"
    if high is None:
        return f"at least {_number(low)}"
    return f"between {_number(low)} and {_number(high)}"


def _fill(template: str, arguments: Mapping[str, Any]) -> str:
    values = ", ".join(str(value) for value in arguments.get("value_set") or ())
    return template.format_map({**arguments, "range": _range(arguments), "values": values})


# What is wrong with the rows, or what is asked for; `range` and `values` come from the arguments.
_FAULTS = {
    "expect_column_values_to_not_be_null": "without {column}",
    "expect_column_values_to_be_null": "with {column}",
    "expect_column_values_to_be_between": "whose {column} is not {range}",
    "expect_column_values_to_be_in_set": "whose {column} is none of {values}",
    "expect_column_values_to_not_be_in_set": "whose {column} is {values}",
    "expect_column_pair_values_a_to_be_greater_than_b": "whose {column_A} is less than {column_B}",
    "expect_column_value_lengths_to_be_between": "whose {column} is not {range} characters long",
}
_REJECT_FAULTS = {
    "expect_column_values_to_be_in_set": "that were rejected",
    "expect_column_values_to_not_be_in_set": "rejected as {values}",
}
_EXPECTATIONS = {
    "expect_table_row_count_to_be_between": "the number of rows is {range}",
    "expect_column_values_to_not_be_null": "{column} is given",
    "expect_column_values_to_be_null": "{column} is empty",
    "expect_column_values_to_be_between": "{column} is {range}",
    "expect_column_values_to_be_in_set": "{column} is one of {values}",
    "expect_column_values_to_not_be_in_set": "{column} is not {values}",
    "expect_column_value_lengths_to_be_between": "{column} is {range} characters long",
    "expect_column_mean_to_be_between": "the mean of {column} is {range}",
    "expect_column_sum_to_be_between": "the sum of {column} is {range}",
    "expect_column_min_to_be_between": "the least {column} is {range}",
    "expect_column_max_to_be_between": "the greatest {column} is {range}",
    "expect_column_stdev_to_be_between": "the standard deviation of {column} is {range}",
    "expect_column_pair_values_a_to_be_greater_than_b": "{column_A} is at least {column_B}",
    "expect_column_unique_value_count_to_be_between": "{column} has {range} different values",
}
