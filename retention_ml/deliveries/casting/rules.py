"""What typed rows are: the rules of their source, then the first reason against each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ibis

from retention_ml import tables
from retention_ml.deliveries.mapping import (
    Comparison,
    Condition,
    LineKind,
    OneOf,
    Pattern,
    Presence,
    Rule,
    parse_condition,
)
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed

REASON = "__reason"
CAST_REASON = "__cast_reason"
SOURCE_COLUMN = "__source."
_RULE = "__rule"


@dataclass(frozen=True, slots=True)
class Check:
    """A condition against a row, and the reason code where it holds: a code, or a column of codes."""

    condition: ibis.Value
    reason: str | ibis.Value


def first_reason(checks: Sequence[Check]) -> ibis.Value:
    """The reason of the first check whose condition holds, else null."""
    if not checks:
        return ibis.null("string")
    branches = [
        (
            check.condition.fill_null(False),
            ibis.literal(str(check.reason)) if isinstance(check.reason, str) else check.reason,
        )
        for check in checks
    ]
    return ibis.cases(*branches, else_=ibis.null("string"))


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
    rows = rows.mutate(**{_RULE: _first_rule(feed.rules, rows)})
    rows = _change(feed.rules, rows)
    if feed.table == "order_lines":
        rows = _sign_lines(rows)
    reason = first_reason(list(_checks(feed, rows)))
    return rows.mutate(**{REASON: reason}).drop(_RULE)


def _first_rule(rules: Sequence[Rule], rows: ibis.Table) -> ibis.Value:
    """The place of the first rule that fits, null where none does."""
    if not rules:
        return ibis.null("int64")
    branches = [(_fits(rule, rows), ibis.literal(i, "int64")) for i, rule in enumerate(rules)]
    return ibis.cases(*branches, else_=ibis.null("int64"))


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
    fits: ibis.Value | None = None
    for name, text in rule.when.items():
        value = rows[name] if name in rows.columns else rows[f"{SOURCE_COLUMN}{name}"]
        condition = parse_condition(name, text, is_number=not value.type().is_string())
        holds = _holds(condition, value).fill_null(False)
        fits = holds if fits is None else fits & holds
    assert fits is not None
    return fits


def _holds(condition: Condition, value: ibis.Value) -> ibis.Value:
    match condition:
        case Presence.MISSING:
            return value.isnull()
        case Presence.PRESENT:
            return value.notnull()
        case OneOf(values):
            return value.isin(list(values))
        case Pattern(regex):
            return value.re_search(regex)
        case Comparison(operator, number):
            return {
                "<": value < number,
                "<=": value <= number,
                ">": value > number,
                ">=": value >= number,
                "=": value == number,
                "!=": value != number,
            }[operator]
