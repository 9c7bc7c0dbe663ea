"""What is published: which period a release stands for, and the cells it has.

The cells follow from the day alone, never from who the customers are: that a cell is there says
nothing about anybody. A customer is in one cell of a release, or in none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

TIERS = ("critical", "high", "medium", "low")
COHORTS_COUNT = 12
CUSTOMER_CELLS_MAX = 1
"""How much a customer adds to a release, in all its cells together."""


class Kind(StrEnum):
    """What a release counts, one a period.

    `RISK_TIERS`: active customers of a week by risk tier. `COHORTS`: active customers of a month by
    the month of their first order and by risk tier.
    """

    RISK_TIERS = "risk_tiers"
    COHORTS = "cohorts"

    @property
    def period(self) -> str:
        """The length of its periods, in words."""
        return "week" if self is Kind.RISK_TIERS else "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One count: customers of a tier, and of a cohort where there are cohorts.

    Parameters
    ----------
    cohort_on : date, optional
        First day of the month of the first order; None: of all months, or of earlier ones.
    risk_tier : str
    """

    cohort_on: date | None = None
    risk_tier: str


def period_of(kind: Kind, as_of: date) -> date:
    """The first day of the period that a day lies in: the Monday of its week, or of its month the first.

    Examples
    --------
    >>> period_of(Kind.RISK_TIERS, date(2026, 3, 1)), period_of(Kind.COHORTS, date(2026, 3, 31))
    (datetime.date(2026, 2, 23), datetime.date(2026, 3, 1))
    """
    if kind is Kind.RISK_TIERS:
        return as_of - timedelta(days=as_of.weekday())
    return as_of.replace(day=1)


def cells(kind: Kind, as_of: date) -> tuple[Cell, ...]:
    """The cells of a release about a day.

    Cohorts are the twelve months up to the day before `as_of`, the last whose orders are known, and
    all earlier ones together.

    Examples
    --------
    >>> len(cells(Kind.RISK_TIERS, date(2026, 3, 1))), len(cells(Kind.COHORTS, date(2026, 3, 1)))
    (4, 52)
    """
    if kind is Kind.RISK_TIERS:
        return tuple(Cell(risk_tier=tier) for tier in TIERS)
    newest = (as_of - timedelta(days=1)).replace(day=1)
    months = [_months_before(newest, back) for back in range(COHORTS_COUNT)]
    return tuple(
        Cell(cohort_on=month, risk_tier=tier) for month in (*months, None) for tier in TIERS
    )


def counts_of(kind: Kind, as_of: date, customers: Mapping[Cell, int]) -> tuple[int, ...]:
    """The count of each of `cells`, in order.

    Parameters
    ----------
    kind : Kind
    as_of : date
    customers : mapping of Cell to int
        Customers by tier and month of the first order, whatever months there are. Those of a month
        that has no cell count with the earlier ones.
    """
    places = {cell: place for place, cell in enumerate(cells(kind, as_of))}
    counts = [0] * len(places)
    for cell, count in customers.items():
        place = places.get(cell, places.get(Cell(risk_tier=cell.risk_tier)))
        if place is not None:
            counts[place] += count
    return tuple(counts)


def _months_before(month_on: date, back: int) -> date:
    number = month_on.year * 12 + month_on.month - 1 - back
    return date(number // 12, number % 12 + 1, 1)
