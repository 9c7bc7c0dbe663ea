"""What a feature is: one column of `features.customer_daily`, declared by a family."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, cast

import ibis
import ibis.expr.types as ir

Unit = Literal["days", "count", "cents", "share", "ratio", "log_ratio", "flag", "phase"]
Expression = Callable[[ibis.Table], ir.Value]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    Parameters
    ----------
    name : str
        The column, with unit and window where it has them.
    unit : str
        days, count, cents, share (0 to 1), ratio, log_ratio, flag (0 or 1) or phase (-1 to 1).
    window_days : int or None
        How far back it looks; `None` where it looks at the whole history or at none.
    family : str
        The group it is shown with, see `catalogue.FAMILIES`; a family gives a customer one
        reason at most.
    meaning : str
        What it is, in a sentence.
    expression : callable, optional
        Its value, computed from the table of all families' aggregates (one row per customer);
        by default the aggregate of the same name.
    """

    name: str
    unit: Unit
    window_days: int | None
    family: str
    meaning: str
    expression: Expression | None = None

    def column(self, aggregates: ibis.Table) -> ir.Value:
        """The feature of each row of the aggregates, as float64."""
        value = aggregates[self.name] if self.expression is None else self.expression(aggregates)
        return value.cast("float64")


def feature(
    family: str,
    name: str,
    meaning: str,
    expression: Expression | None = None,
    *,
    unit: Unit | None = None,
    window_days: int | None = None,
) -> Feature:
    """A feature with the unit and the window that its name ends in, unless others are given.

    >>> refund = feature("returns", "refund_cents_90d", "given back in the last 90 days")
    >>> refund.unit, refund.window_days
    ('cents', 90)
    """
    *words, last = name.split("_")
    named_days = int(last[:-1]) if re.fullmatch(r"\d+d", last) else None
    named_unit = cast(Unit, words[-1] if named_days else last)
    return Feature(name, unit or named_unit, window_days or named_days, family, meaning, expression)


def in_windows(family: str, name: str, what: str, windows: Iterable[int]) -> list[Feature]:
    """An aggregate in each window."""
    return [
        feature(family, f"{name}_{days}d", f"{what} in the last {days} days") for days in windows
    ]
