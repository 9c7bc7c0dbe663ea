"""What a rule asks of a column: a comparison, a regular expression, a list, or whether it is empty."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

from retention_ml import tables
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.engine_checks import regex_fault
from retention_ml.deliveries.description.mistakes import Mistake, shown

_COMPARISON = re.compile(r"(<=|>=|!=|=|<|>)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
_LOOKS_COMPARED = re.compile(r"(!=|==|<=|>=|[<>=](?=\s|-?\d)|=(?=\w))")


def _as_words(value: Any) -> Any:
    """TOML numbers, truth values and dates as the condition they stand for."""
    if isinstance(value, bool):
        return (str(value).lower(),)
    if isinstance(value, int | float):
        return f"= {value}"
    if isinstance(value, list | tuple):
        return tuple(
            str(one).lower() if isinstance(one, bool | int | float) else one for one in value
        )
    return value


Conditions = dict[str, Annotated[str | tuple[str, ...], BeforeValidator(_as_words)]]


class Condition(NamedTuple):
    """What a rule asks of a column: one of `rules.OPERATORS` and what it compares with."""

    operator: str
    operand: Any = None


def parse_condition(
    name: str, condition: str | tuple[str, ...], column: tables.Column | None
) -> Condition:
    """The condition of a rule on one column.

    Parameters
    ----------
    name : str
        The column, for the message.
    condition : str or tuple of str
        As written in the description.
    column : tables.Column or None
        The canonical column; None where it is a column of the file, which is text.

    Raises
    ------
    Mistake
        A condition on a number or a time is no comparison, or one on text no regular expression.

    Examples
    --------
    >>> parse_condition("quantity", "< 0", tables.ORDER_LINES.column("quantity"))
    Condition(operator='<', operand=0)
    >>> parse_condition("order", "^C", None)
    Condition(operator='matches', operand='^C')
    """
    if condition in ("missing", "present"):
        return Condition(str(condition))
    if condition == ():
        raise Mistake(f"the list for {name} is empty, so no row would ever fit", (name,))
    if column is None or column.type == "text":
        return _text_condition(name, condition)
    if column.type == "timestamp":
        return _time_condition(name, condition)
    if column.type == "bool":
        raise Mistake(
            f"the condition on {name} is {shown(condition)}, but {name} is true or false here; "
            "expected 'missing' or 'present', or a condition on the column of the file",
            (name,),
        )
    return _number_condition(name, condition, is_money=name.endswith("_cents"))


def _text_condition(name: str, condition: str | tuple[str, ...]) -> Condition:
    if not isinstance(condition, str):
        return Condition("in", condition)
    if _LOOKS_COMPARED.match(condition):
        raise Mistake(
            f"the condition on {name} is {shown(condition)}, a comparison, but {name} is text "
            "here; expected a regular expression such as '^paid$', a list of texts, 'missing' or "
            "'present'. Comparisons are for the canonical numbers and times; for `not`, put the "
            "condition into `unless`",
            (name,),
        )
    if fault := regex_fault(condition):
        hint = "; for `not`, put the condition into `unless`" if "(?" in fault else ""
        raise Mistake(
            f"the condition on {name} is {shown(condition)}, which is no regular expression "
            f"(RE2: {fault}){hint}",
            (name,),
        )
    return Condition("matches", condition)


def _number_condition(name: str, condition: str | tuple[str, ...], *, is_money: bool) -> Condition:
    match = _COMPARISON.fullmatch(condition.strip()) if isinstance(condition, str) else None
    if match is None:
        raise _no_comparison(name, condition, is_money)
    return Condition(match[1], _number(name, match[2].strip(), is_money, condition))


def _number(name: str, text: str, is_money: bool, condition: object) -> int | Decimal:
    if not _NUMBER.fullmatch(text) or (is_money and "." in text):
        raise _no_comparison(name, condition, is_money)
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else value


def _no_comparison(name: str, condition: object, is_money: bool) -> Mistake:
    unit = " (whole minor units: cents, pence)" if is_money else ""
    return Mistake(
        f"the condition on {name} is {shown(condition)}; expected a comparison such as '< 0'{unit}, "
        "'missing' or 'present'",
        (name,),
    )


def _time_condition(name: str, condition: str | tuple[str, ...]) -> Condition:
    match = _COMPARISON.fullmatch(condition.strip()) if isinstance(condition, str) else None
    moment = _moment(match[2].strip()) if match else None
    if match is None or moment is None or match[1] in ("=", "!="):
        raise Mistake(
            f"the condition on {name} is {shown(condition)}; expected '<', '<=', '>' or '>=' with "
            "an ISO date such as '< 2025-01-01' (the first moment of that day in the shop's "
            "time zone), 'missing' or 'present'",
            (name,),
        )
    if len(match[2].strip()) == 10 and match[1] in ("<=", ">"):
        raise Mistake(
            f"the condition on {name} is {shown(condition)}, but a date stands for its first "
            "moment; expected '<' or '>=' with the day that it begins or ends at",
            (name,),
        )
    return Condition(match[1], moment)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def check_conditions(
    conditions: Conditions,
    columns: Mapping[str, tables.Column],
    key: str,
    specs: Mapping[str, Column],
) -> None:
    """Check the conditions of `when`, `where` or `unless`.

    Parameters
    ----------
    columns : mapping of str to tables.Column
        The canonical columns that the feed maps; other names are columns of the file.
    key : str
        The name of the conditions.
    specs : mapping of str to Column
        Where the canonical columns come from.

    Raises
    ------
    Mistake
        The first that cannot be used, with its path from `key` on.
    """
    for name, condition in conditions.items():
        try:
            parse_condition(name, condition, columns.get(name))
        except Mistake as mistake:
            raise Mistake(str(mistake), (key, *mistake.path)) from None
        if condition in ("missing", "present") or name not in columns:
            continue
        words = specs[name].values
        if columns[name].type == "timestamp" and specs[name].has_zones_of_rows:
            raise Mistake(
                f"the times of {name} cannot be compared, as each row names its zone; expected "
                "'missing' or 'present'",
                (key, name),
            )
        for word in condition if not isinstance(condition, str) else ():
            if word in words and word not in words.values():
                raise Mistake(
                    f"no row of {name} is {shown(word)} any more: `values` makes "
                    f"{shown(words[word])} of it, and conditions are asked afterwards; expected "
                    f"{shown(words[word])}, or the name of the column of the file",
                    (key, name),
                )
