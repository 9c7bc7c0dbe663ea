"""What typed rows are: the rules of their source, then the first reason against each."""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import ibis

from retention_ml import tables
from retention_ml.deliveries.mapping import LineKind, Rule, parse_condition
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed

REASON = "__reason"
CAST_REASON = "__cast_reason"
SOURCE_COLUMN = "__source."
_RULE = "__rule"

OPERATORS: dict[str, Callable[[ibis.Value, Any], ibis.Value]] = {
    "missing": lambda value, _: value.isnull(),
    "present": lambda value, _: value.notnull(),
    "in": lambda value, values: value.isin(list(values)),
    "matches": lambda value, regex: value.re_search(regex),
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Check:
    """A condition against a row, and the reason code where it holds: a code, or a column of codes."""

    condition: ibis.Value
    reason: str | ibis.Value


def first_reason(checks: Sequence[Check]) -> ibis.Value:
    """The reason of the first check whose condition holds, else null."""
    reasons = [
        ibis.literal(str(check.reason)) if isinstance(check.reason, str) else check.reason
        for check in checks
    ]
    conditions = [check.condition.fill_null(False) for check in checks]
    return _first(conditions, reasons, "string")


def _first(conditions: Sequence[ibis.Value], values: Sequence[Any], kind: str) -> ibis.Value:
    """The value of the first condition that holds, else null."""
    if not conditions:
        return ibis.null(kind)
    return ibis.cases(*zip(conditions, values, strict=True), else_=ibis.null(kind))


def apply_rules(feed: Feed, rows: ibis.Table) -> ibis.Table:
    """Apply the rules of the source, then find the first reason against each row.

    Parameters
    ----------
    rows : ibis.Table
        Typed rows with `CAST_REASON` and, for what rules ask of the file, `SOURCE_COLUMN + name`.

    Returns
    -------
    ibis.Table
        The rows as the rules change them, and `REASON`.
    """
    numbers = [ibis.literal(i, "int64") for i in range(len(feed.rules))]
    fits = [_fits(rule, rows) for rule in feed.rules]
    rows = rows.mutate(**{_RULE: _first(fits, numbers, "int64")})
    rows = _change(feed.rules, rows)
    if feed.table == "order_lines":
        rows = _sign_lines(rows)
    reason = first_reason(list(_checks(feed, rows)))
    return rows.mutate(**{REASON: reason}).drop(_RULE)


def _change(rules: Sequence[Rule], rows: ibis.Table) -> ibis.Table:
    changes: dict[str, ibis.Value] = {}
    for i, rule in enumerate(rules):
        for name, value in {**({"kind": rule.kind} if rule.kind else {}), **rule.set}.items():
            changes[name] = ibis.ifelse(rows[_RULE] == i, value, changes.get(name, rows[name]))
    return rows.mutate(**changes)


def _sign_lines(rows: ibis.Table) -> ibis.Table:
    """Order lines with a discount, goods that came back with negative quantity and amount."""
    rows = rows.mutate(discount_cents=ibis.coalesce(rows.discount_cents, 0).cast("int64"))
    is_back = rows.kind.isin([LineKind.RETURN, LineKind.CANCELLATION])
    return rows.mutate(
        quantity=ibis.ifelse(is_back, -rows.quantity.abs(), rows.quantity),
        line_amount_cents=ibis.ifelse(
            is_back, -rows.line_amount_cents.abs(), rows.line_amount_cents
        ),
    )


def _checks(feed: Feed, rows: ibis.Table) -> Iterator[Check]:
    """The checks in the order of their precedence."""
    entry = tables.CANONICAL[feed.table]
    names = {column.name for column in entry}
    yield Check(rows[CAST_REASON].notnull(), rows[CAST_REASON])
    for column in entry:
        if column.required and column.name not in ("customer_id", "kind", "occurrence"):
            yield Check(rows[column.name].isnull(), f"missing_{column.name}")
    for i, rule in enumerate(feed.rules):
        if rule.quarantine:
            yield Check(rows[_RULE] == i, rule.quarantine)
    for (table, name), values in tables.CLOSED_SETS.items():
        if table == feed.table:
            yield Check(rows[name].isnull(), f"missing_{name}")
            yield Check(~rows[name].isin(list(values)), f"unknown_{name}")
    if feed.table == "order_lines":
        is_sale, is_charge = rows.kind == LineKind.SALE, rows.kind == LineKind.CHARGE
        yield Check(~is_charge & (rows.unit_price_cents < 0), Reason.NEGATIVE_PRICE)
        yield Check(is_sale & (rows.quantity < 0), Reason.NEGATIVE_QUANTITY)
        yield Check(is_sale & (rows.line_amount_cents < 0), Reason.NEGATIVE_PRICE)
        yield Check(~is_charge & (rows.quantity == 0), Reason.ZERO_QUANTITY)
        yield Check(rows.discount_cents < 0, Reason.OUT_OF_RANGE)
    if "customer_id" in names and (entry.column("customer_id").required or not feed.guests):
        yield Check(rows.customer_id.isnull(), Reason.MISSING_CUSTOMER_ID)


def _fits(rule: Rule, rows: ibis.Table) -> ibis.Value:
    """Whether all conditions of a rule hold."""
    fits = []
    for name, text in rule.when.items():
        value = rows[name] if name in rows.columns else rows[f"{SOURCE_COLUMN}{name}"]
        condition = parse_condition(name, text, is_number=not value.type().is_string())
        holds = OPERATORS[condition.operator](value, condition.operand)
        fits.append(holds.fill_null(False))
    return reduce(operator.and_, fits)
