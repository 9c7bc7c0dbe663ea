"""How many digits a statement can make of its numbers, before it is carried out.

Postgres looks at the time between rows, not inside of one. Products of products, which double
their digits with every step, could keep it busy for longer than any limit.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

DIGITS_MAX = 1_000
EXPONENT_MAX = 30
_TEXT_SIGNS_MAX = 40
_ROUND_MAX = 20
_AS_A_NUMBER = re.compile(
    r"[+-]?(0[xob][0-9a-f_]*|(?P<whole>[0-9_]*)\.?(?P<decimals>[0-9_]*)(e(?P<power>[+-]?[0-9_]+))?)",
    re.IGNORECASE,
)
_BY_A_FLOAT = (exp.Exp, exp.Ln, exp.Sqrt)


@dataclass(frozen=True, slots=True)
class Digits:
    """At most so many digits before and behind the decimal point."""

    whole: int = 0
    decimals: int = 0

    def __or__(self, other: "Digits") -> "Digits":
        return Digits(max(self.whole, other.whole), max(self.decimals, other.decimals))


_OF_A_COLUMN = Digits(30, 20)
_OF_A_COUNT = Digits(19)
_OF_A_FUNCTION = Digits(19, 10)
_OF_A_FLOAT = Digits()  # numbers of eight bytes do not grow
_QUOTIENT_DECIMALS = 20  # Postgres keeps 16 significant digits, in groups of four


def is_short(value: str) -> bool:
    """Whether a literal is no number, or one that is short however it is read.

    Texts count too: beside a number, Postgres reads them as one.

    Examples
    --------
    >>> is_short("1e30"), is_short("1e65000"), is_short("9" * 41), is_short("high")
    (True, False, False, True)
    """
    text = value.strip()
    number = _AS_A_NUMBER.fullmatch(text)
    if number is None:
        return True
    power = (number["power"] or "0").replace("_", "")
    return (
        len(text) <= _TEXT_SIGNS_MAX
        and power.lstrip("+-").isdigit()
        and abs(int(power)) <= EXPONENT_MAX
    )


def is_rounded_plainly(node: exp.Round) -> bool:
    """Whether it is told, by a number of at most 20, how many decimals are kept."""
    decimals = node.args.get("decimals")
    number = decimals.this if isinstance(decimals, exp.Neg) else decimals
    return number is None or (
        isinstance(number, exp.Literal)
        and not number.is_string
        and number.name.isdigit()
        and len(number.name) <= 2
        and int(number.name) <= _ROUND_MAX
    )


def by_floats(tree: exp.Expr) -> None:
    """Let functions whose exact digits have no end work on numbers of eight bytes."""
    for function in list(tree.find_all(*_BY_A_FLOAT)):
        function.set("this", exp.cast(function.this.copy(), exp.DType.DOUBLE))


def digits_max(tree: exp.Expr) -> int:
    """The most digits that a number of that statement can have, names being resolved.

    A column of a view counts 30 digits and 20 decimals. Bounds are of Postgres's own rules: a
    product has the digits of its factors, a quotient those of both and 20, a sum of rows 19 more.
    """
    made: dict[int, dict[str, Digits]] = {}
    scopes: dict[int, Scope] = {}
    longest = 0
    for scope in traverse_scope(tree):  # what is read from comes before what reads it
        scopes[id(scope.expression)] = scope
        bounds = _Bounds(made, scopes)
        if isinstance(scope.expression, exp.SetOperation):
            made[id(scope.expression)] = bounds.of_both(scope.expression)
        elif isinstance(scope.expression, exp.Select):
            made[id(scope.expression)] = {
                item.alias_or_name: bounds.of(item) for item in scope.expression.expressions
            }
            for name, rest in scope.expression.args.items():
                if name != "expressions":
                    for node in rest if isinstance(rest, list) else [rest]:
                        if isinstance(node, exp.Expr) and not isinstance(node, exp.With):
                            bounds.of(node)
        longest = max(longest, bounds.longest)
    return longest


class _Bounds:
    """Bounds of expressions, where those of what is read from are known."""

    def __init__(self, made: dict[int, dict[str, Digits]], scopes: dict[int, Scope]) -> None:
        self._made, self._scopes = made, scopes
        self.longest = 0

    def of(self, node: exp.Expr) -> Digits:
        digits = self._of(node)
        self.longest = max(self.longest, digits.whole + digits.decimals)
        return digits

    def of_both(self, union: exp.SetOperation) -> dict[str, Digits]:
        """Of the columns of a set operation: they have the names of its left side."""
        left, right = (self._columns(side) for side in (union.left, union.right))
        rest = list(right.values())
        return {
            name: digits | (rest[place] if len(rest) == len(left) else _either(rest))
            for place, (name, digits) in enumerate(left.items())
        }

    def _columns(self, side: exp.Expr) -> dict[str, Digits]:
        inner = side.unnest() if isinstance(side, exp.Subquery | exp.Paren) else side
        return self._made.get(id(inner), {})

    def _of(self, node: exp.Expr) -> Digits:
        match node:
            case exp.Literal():
                return _of_literal(node)
            case exp.Column():
                return self._of_column(node)
            case exp.Cast():
                self.of(node.this)
                return _of_type(node.to)
            case exp.Query() | exp.Subquery():
                return _either(self._columns(node).values())
            case exp.Interval() | exp.Table() | exp.DataType():
                return Digits()
        parts = [self.of(part) for part in node.iter_expressions()]
        largest = _either(parts)
        match node:
            case exp.Mul():
                return Digits(
                    sum(part.whole for part in parts), sum(part.decimals for part in parts)
                )
            case exp.Div():
                return _quotient(*parts)
            case exp.Add() | exp.Sub() | exp.Round() | exp.Floor() | exp.Ceil():
                return Digits(largest.whole + 1, max(largest.decimals, _ROUND_MAX))
            case exp.Sum():
                return Digits(largest.whole + _OF_A_COUNT.whole, largest.decimals)
            case exp.Avg():
                return _quotient(largest, _OF_A_COUNT)
            case (
                exp.Stddev()
                | exp.StddevPop()
                | exp.StddevSamp()
                | exp.Variance()
                | exp.VariancePop()
            ):
                square = Digits(2 * largest.whole + 2 * _OF_A_COUNT.whole, 2 * largest.decimals)
                return _quotient(square, Digits(2 * _OF_A_COUNT.whole))
            case exp.Corr() | exp.PercentileCont() | exp.Exp() | exp.Ln() | exp.Sqrt():
                return _OF_A_FLOAT
            case exp.Func():
                return largest | _OF_A_FUNCTION
        return largest

    def _of_column(self, column: exp.Column) -> Digits:
        select = column.parent_select
        scope = self._scopes.get(id(select)) if select is not None else None
        while scope is not None and column.table not in scope.sources:
            scope = scope.parent
        source = scope.sources[column.table] if scope is not None else None
        if isinstance(source, exp.Table):
            return _OF_A_COLUMN
        expression = source.expression if isinstance(source, Scope) else select
        columns = self._made.get(id(expression), {})
        return columns.get(column.name, _either([*columns.values(), _OF_A_COLUMN]))


def _either(bounds: Iterable[Digits]) -> Digits:
    largest = Digits()
    for digits in bounds:
        largest |= digits
    return largest


def _quotient(over: Digits, under: Digits) -> Digits:
    return Digits(
        over.whole + under.decimals,
        max(_QUOTIENT_DECIMALS + under.whole + over.decimals, under.decimals),
    )


def _of_literal(literal: exp.Literal) -> Digits:
    number = _AS_A_NUMBER.fullmatch(literal.name.strip())
    if number is None:
        return Digits()
    if number["whole"] is None:  # hexadecimal: fewer decimal digits than signs, and a few
        return Digits(2 * len(literal.name))
    power = int((number["power"] or "0").replace("_", ""))
    return Digits(len(number["whole"]) + max(power, 0), len(number["decimals"]) + max(-power, 0))


def _of_type(kind: exp.DataType) -> Digits:
    if kind.this == exp.DType.DECIMAL:
        precision, scale = (int(param.name) for param in kind.expressions)
        return Digits(precision - scale, scale)
    return _OF_A_COUNT
