"""Why a customer is flagged, in one sentence with the customer's own numbers."""

from collections.abc import Callable, Mapping

import numpy as np

from retention_ml.abnormal.behaviour import BURST_DAYS, Behaviour
from retention_ml.abnormal.kinds import Kind
from retention_ml.statistics.arrays import Floats

UNKNOWN = "Nothing is known of the customer in the days that were looked at."


def evidence(b: Behaviour, place: int, kind: Kind, *, minor_units: int) -> str:
    """The sentence about the customer at a place among those of `b`.

    Amounts are in the shop's currency; `minor_units` are in one of it.
    """
    one = {name: float(values[place]) for name, values in _counts(b).items()}
    return _SENTENCES[kind](one, b, minor_units)


def _bot(one: Mapping[str, float], b: Behaviour, _: int) -> str:
    visits = max(1.0, one["sessions_count"])
    usual = _usual(b.views_count, b.sessions_count)
    return (
        f"Looked at {one['views_count']:,.0f} products in {_many(visits, 'visit')}, "
        f"{one['views_count'] / visits:.0f} in each (usual are {usual:.1f}), up to "
        f"{one['views_day_max']:,.0f} on a day; put {one['carts_count']:,.0f} into the cart and "
        f"ordered {_times(one['orders_count'])}."
    )


def _brusher(one: Mapping[str, float], _: Behaviour, __: int) -> str:
    marks = (
        f"; gave {_many(one['ratings_count'], 'mark')}, on average "
        f"{one['rating_permille'] / one['ratings_count'] / 10:.0f} % of the best"
        if one["ratings_count"]
        else ""
    )
    return (
        f"Placed {one['unseen_orders_count']:,.0f} of {_many(one['orders_count'], 'order')} "
        f"without a visit on that day or the day before, {one['unseen_burst_count']:,.0f} of them "
        f"within {BURST_DAYS} days; {one['top_product_lines_count']:,.0f} of "
        f"{_many(one['lines_count'], 'line')} are of one product{marks}."
    )


def _returner(one: Mapping[str, float], b: Behaviour, minor_units: int) -> str:
    usual = b.returned_lines_count.sum() / max(1.0, b.lines_count.sum())
    lines, returned = one["lines_count"], one["returned_lines_count"]
    # What was bought before the window can come back in it.
    share = "more than was bought" if returned > lines else f"{returned / max(1.0, lines):.0%}"
    return (
        f"Sent back or cancelled {_many(returned, 'line')} of {lines:,.0f} bought ({share}; all "
        f"customers {usual:.0%}) in {_many(one['returns_count'], 'return')}, worth "
        f"{one['refund_cents'] / minor_units:,.2f} of {one['revenue_cents'] / minor_units:,.2f}."
    )


def _reseller(one: Mapping[str, float], b: Behaviour, minor_units: int) -> str:
    usual = _usual(b.pieces_count, b.lines_count)
    lines = max(1.0, one["lines_count"])
    return (
        f"Bought {one['pieces_count']:,.0f} pieces in {_many(one['lines_count'], 'line')}, "
        f"{one['pieces_count'] / lines:,.0f} a line (usual are {usual:.1f}), for "
        f"{one['revenue_cents'] / minor_units:,.2f} in {_many(one['orders_count'], 'order')}."
    )


_SENTENCES: dict[Kind, Callable[[Mapping[str, float], Behaviour, int], str]] = {
    Kind.BOT: _bot,
    Kind.BRUSHER: _brusher,
    Kind.RETURNER: _returner,
    Kind.RESELLER: _reseller,
}


def _counts(b: Behaviour) -> dict[str, Floats]:
    return {name: values for name, values in vars(b).items() if isinstance(values, np.ndarray)}


def _usual(part: Floats, whole: Floats) -> float:
    """The ratio of the customer in the middle of those who have any."""
    some = whole > 0
    return float(np.median(part[some] / whole[some])) if some.any() else 0.0


def _many(count: float, noun: str) -> str:
    return f"{count:,.0f} {noun}{'' if count == 1 else 's'}"


def _times(count: float) -> str:
    return {0: "never", 1: "once"}.get(int(count), f"{count:,.0f} times")
