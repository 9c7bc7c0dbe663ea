"""What typed rows are: whether they are their feed's, the rules of their source, then the first
reason against each.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

import ibis

from retention_ml import clock, tables
from retention_ml.deliveries.description.conditions import Conditions, parse_condition
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.rules import LineKind, OrderKind, Rule
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.reasons import Reason

REASON = "__reason"
CAST_REASON = "__cast_reason"
SOURCE_COLUMN = "__source."
IS_UTC = "__is_utc."
UNREAD = "__unread."
"""How the columns begin that say whether a number or a time is there and cannot be read."""

LEFT_OUT = "__left_out"
"""The reason of a row that its source leaves out on purpose: it is counted, not quarantined."""

RULE = "__rule"
"""The place of the rule that a row meets, from 0; null where it meets none."""

_OF_FEED = "__of_feed"

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
    """A condition against a row, and the reason code where it holds: a code, or a column of codes.

    `names` are the columns of the file at fault, `expected` says how they should be written.
    """

    condition: ibis.Value
    reason: str | ibis.Value
    names: tuple[str, ...] = ()
    expected: str = ""

    @property
    def code(self) -> ibis.Value:
        """The reason code as a column."""
        return ibis.literal(str(self.reason)) if isinstance(self.reason, str) else self.reason


def first_reason(checks: Sequence[Check]) -> ibis.Value:
    """The reason of the first check whose condition holds, else null."""
    conditions = [check.condition.fill_null(False) for check in checks]
    return _first(conditions, [check.code for check in checks], "string")


def any_holds(checks: Iterable[Check]) -> ibis.Value:
    """Whether a condition holds against a row."""
    conditions = (check.condition.fill_null(False) for check in checks)
    return reduce(operator.or_, conditions, ibis.literal(False))


def _first(conditions: Sequence[ibis.Value], values: Sequence[Any], kind: str) -> ibis.Value:
    """The value of the first condition that holds, else null."""
    if not conditions:
        return ibis.null(kind)
    return ibis.cases(*zip(conditions, values, strict=True), else_=ibis.null(kind))


def apply_rules(source: Source, feed: Feed, rows: ibis.Table) -> ibis.Table:
    """Apply the rules of the source, then find the first reason against each row.

    Parameters
    ----------
    rows : ibis.Table
        Typed rows with `CAST_REASON`, `IS_UTC + name` for each time and, for what conditions ask,
        `SOURCE_COLUMN + name` of the file and `UNREAD + name` of numbers and times.

    Returns
    -------
    ibis.Table
        The rows as the rules change them, `REASON`, and `RULE` where the feed has rules.
    """
    ask = _Questions(source, feed, rows)
    numbers = [ibis.literal(i, "int64") for i in range(len(feed.rules))]
    fits = [ask.fits(rule.when, rule.unless) for rule in feed.rules]
    is_of_feed = ask.may_fit(feed.where, feed.unless) if feed.where or feed.unless else None
    if is_of_feed is not None:
        fits = [is_of_feed & fit for fit in fits]
    rows = rows.mutate(
        **{RULE: _first(fits, numbers, "int64")},
        **({_OF_FEED: is_of_feed} if is_of_feed is not None else {}),
    )
    rows = _change(feed.rules, rows)
    if feed.table == "order_lines":
        rows = _sign_lines(feed.rules, rows)
    reason = first_reason(list(_checks(feed, rows)))
    helpers = [*([] if feed.rules else [RULE]), *([_OF_FEED] if is_of_feed is not None else [])]
    rows = rows.mutate(**{REASON: reason})
    return rows.drop(*helpers) if helpers else rows


@dataclass(frozen=True, slots=True)
class _Questions:
    """What conditions ask of the rows of a feed."""

    _source: Source
    _feed: Feed
    _rows: ibis.Table

    def fits(self, when: Conditions, unless: Conditions) -> ibis.Value:
        """Whether all conditions of `when` hold and none of `unless`, as far as can be read."""
        holds = [self._holds(name, text) for name, text in when.items()]
        holds += [~self._holds(name, text) for name, text in unless.items()]
        holds += [~unread for unread in self._unread(*unless)]
        return reduce(operator.and_, holds)

    def may_fit(self, when: Conditions, unless: Conditions) -> ibis.Value:
        """As `fits`; true where that cannot be told, because a value cannot be read."""
        return reduce(operator.or_, self._unread(*when, *unless), self.fits(when, unless))

    def _unread(self, *names: str) -> list[ibis.Value]:
        """For each number and time among the columns, whether one is there and cannot be read."""
        columns = (UNREAD + name for name in dict.fromkeys(names))
        return [self._rows[column] for column in columns if column in self._rows.columns]

    def _holds(self, name: str, text: str | tuple[str, ...]) -> ibis.Value:
        if name not in self._feed.columns:
            condition = parse_condition(name, text, None)
            value = self._rows[f"{SOURCE_COLUMN}{name}"]
        else:
            column = tables.CANONICAL[self._feed.table].column(name)
            condition = parse_condition(name, text, column)
            value = self._rows[name]
        compare = OPERATORS[condition.operator]
        if isinstance(condition.operand, datetime):
            local, utc = self._microseconds(name, condition.operand)
            is_utc = self._rows[f"{IS_UTC}{name}"]
            return ibis.ifelse(is_utc, compare(value, utc), compare(value, local)).fill_null(False)
        holds = compare(value, condition.operand).fill_null(False)
        for unread in self._unread(name) if name in self._feed.columns else ():
            if condition.operator == "missing":
                holds = holds & ~unread
            elif condition.operator == "present":
                holds = holds | unread
        return holds

    def _microseconds(self, name: str, moment: datetime) -> tuple[int, int]:
        """A moment on the clock that a column is written by, and in UTC."""
        home = self._source.timezone
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(home))
        local = moment.astimezone(ZoneInfo(self._feed.columns[name].timezone or home))
        return clock.microseconds(local.replace(tzinfo=UTC)), clock.microseconds(moment)


def _change(rules: Sequence[Rule], rows: ibis.Table) -> ibis.Table:
    changes: dict[str, ibis.Value] = {}
    for i, rule in enumerate(rules):
        for name, value in {**({"kind": rule.kind} if rule.kind else {}), **rule.set}.items():
            changes[name] = ibis.ifelse(rows[RULE] == i, value, changes.get(name, rows[name]))
    return rows.mutate(**changes)


def _sign_lines(rules: Sequence[Rule], rows: ibis.Table) -> ibis.Table:
    """Order lines with a discount; goods that came back with negative quantity and amount.

    A sale that is undone in place has no piece and no money: nothing was sold, nothing came back.
    """
    rows = rows.mutate(discount_cents=ibis.coalesce(rows.discount_cents, 0).cast("int64"))
    is_back = rows.kind.isin([LineKind.RETURN, LineKind.CANCELLATION])
    signed = rows.mutate(
        quantity=ibis.ifelse(is_back, -rows.quantity.abs(), rows.quantity),
        line_amount_cents=ibis.ifelse(
            is_back, -rows.line_amount_cents.abs(), rows.line_amount_cents
        ),
    )
    is_undone = _is_undone(rules, rows)
    if is_undone is None:
        return signed
    counts = ("quantity", "line_amount_cents", "discount_cents")
    return signed.mutate(**{name: ibis.ifelse(is_undone, 0, signed[name]) for name in counts})


def _is_undone(rules: Sequence[Rule], rows: ibis.Table) -> ibis.Value | None:
    """Whether a sale is undone in place; None where no rule does that."""
    places = [i for i, rule in enumerate(rules) if rule.in_place]
    return rows[RULE].isin(places).fill_null(False) if places else None


def _checks(feed: Feed, rows: ibis.Table) -> Iterator[Check]:
    """The checks in the order of their precedence."""
    entry = tables.CANONICAL[feed.table]
    names = {column.name for column in entry}
    if _OF_FEED in rows.columns:
        yield Check(~rows[_OF_FEED], LEFT_OUT)
    for i, rule in enumerate(feed.rules):
        if rule.leave_out or rule.quarantine:
            yield Check(rows[RULE] == i, rule.quarantine or LEFT_OUT)
    yield Check(rows[CAST_REASON].notnull(), rows[CAST_REASON])
    for column in entry:
        if column.required and column.name not in ("customer_id", "kind", "occurrence"):
            yield Check(rows[column.name].isnull(), f"missing_{column.name}")
    for (table, name), values in tables.CLOSED_SETS.items():
        if table == feed.table:
            yield Check(rows[name].isnull(), f"missing_{name}")
            yield Check(~rows[name].isin(list(values)), f"unknown_{name}")
    if "orders" in feed.also:
        yield Check(rows["orders.event_at"].isnull(), Reason.MISSING_EVENT_AT)
        if "kind" in feed.also["orders"].columns:
            kind = rows["orders.kind"]
            yield Check(kind.isnull(), Reason.MISSING_KIND)
            yield Check(~kind.isin(list(OrderKind)), Reason.UNKNOWN_KIND)
    if feed.table == "order_lines":
        is_sale, is_charge = rows.kind == LineKind.SALE, rows.kind == LineKind.CHARGE
        is_undone = _is_undone(feed.rules, rows)
        is_empty = ~is_charge & (rows.quantity == 0)
        yield Check(~is_charge & (rows.unit_price_cents < 0), Reason.NEGATIVE_PRICE)
        yield Check(is_sale & (rows.quantity < 0), Reason.NEGATIVE_QUANTITY)
        yield Check(is_sale & (rows.line_amount_cents < 0), Reason.NEGATIVE_PRICE)
        yield Check(is_empty if is_undone is None else is_empty & ~is_undone, Reason.ZERO_QUANTITY)
        yield Check(rows.discount_cents < 0, Reason.OUT_OF_RANGE)
    if "customer_id" in names and (entry.column("customer_id").required or not feed.guests):
        yield Check(rows.customer_id.isnull(), Reason.MISSING_CUSTOMER_ID)
