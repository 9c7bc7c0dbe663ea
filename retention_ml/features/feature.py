"""What a feature is: one column of `features.customer_daily`, declared by a family."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.types as ir

Unit = Literal["days", "count", "cents", "share", "ratio", "log_ratio", "flag", "phase"]


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
        The group it is shown with, see `catalogue.FAMILIES`; reasons add up within a family.
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
    expression: Callable[[ibis.Table], ir.Value] | None = None

    def column(self, aggregates: ibis.Table) -> ir.Value:
        """The feature of each row of the aggregates, as float64."""
        value = aggregates[self.name] if self.expression is None else self.expression(aggregates)
        return value.cast("float64")
