"""How the columns of a file hang together: amounts, orders, sums."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from retention_ml.deliveries.guess.profile import Profile

Level = Literal["first row", "order", "line", "single"]
_CENT = 0.011
_MOSTLY = 0.9

Numbers = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Orders:
    """The rows of each order number, in the order of the file."""

    rows: Mapping[str, Sequence[int]]

    @property
    def several(self) -> list[Sequence[int]]:
        """The orders of more than one row."""
        return [rows for rows in self.rows.values() if len(rows) > 1]

    def level(self, profile: Profile) -> Level:
        """Where a column's values stand: on the first row of an order, on all, or per line.

        "single" where no order has several rows.
        """
        texts = profile.texts
        groups = [[texts[i] for i in rows] for rows in self.several]
        if not groups:
            return "single"
        with_value = [group for group in groups if any(group)]
        if not with_value:
            return "order"
        firsts = sum(bool(group[0]) and not any(group[1:]) for group in with_value)
        if firsts >= _MOSTLY * len(with_value):
            return "first row"
        same = sum(len(set(group)) == 1 for group in with_value)
        return "order" if same >= _MOSTLY * len(with_value) else "line"

    def determines(self, profile: Profile) -> float:
        """Of the orders of several rows, the share in which a column has one value at most."""
        groups = [{profile.texts[i] for i in rows} - {""} for rows in self.several]
        return sum(len(group) <= 1 for group in groups) / len(groups) if groups else 1.0


def orders_of(texts: Sequence[str]) -> Orders:
    """The orders by the texts of their column; rows without one belong to none."""
    rows: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        if text:
            rows[text].append(index)
    return Orders(rows)


def product_share(quantity: Numbers, price: Numbers, amount: Numbers) -> float:
    """Of the rows with all three, the share in which quantity times price is the amount."""
    trials = [
        abs(abs(q * p) - abs(a)) <= _CENT * max(1.0, abs(q))
        for q, p, a in zip(quantity, price, amount, strict=True)
        if q is not None and p is not None and a is not None
    ]
    return sum(trials) / len(trials) if trials else 0.0


def find_product(profiles: Iterable[Profile], quantity: Profile) -> tuple[Profile, Profile] | None:
    """Price and amount such that quantity times price is the amount, where that says something."""
    columns = list(profiles)
    # Where nobody buys two, everything is once everything.
    if sum(value not in (None, 1.0) for value in quantity.numbers) < 3:
        return None
    for price, amount in product(columns, columns):
        if price is amount or price is quantity or amount is quantity:
            continue
        if product_share(quantity.numbers, price.numbers, amount.numbers) >= 0.95:
            return price, amount
    return None


def is_price_of_line(
    orders: Orders, quantity: Numbers, price: Numbers, total: Numbers
) -> bool | None:
    """Whether the prices, as they stand, add up to the total of the order; None where it is open.

    Only orders in which it makes a difference are looked at.
    """
    plain = multiplied = 0
    for rows in orders.rows.values():
        totals = [total[i] for i in rows if total[i] is not None]
        lines = [(quantity[i], price[i]) for i in rows]
        if not totals or any(q is None or p is None for q, p in lines):
            continue
        as_lines = sum(p for _, p in lines if p is not None)
        as_pieces = sum(q * p for q, p in lines if q is not None and p is not None)
        if abs(as_lines - as_pieces) > _CENT:
            plain += abs(as_lines - (totals[0] or 0)) <= _CENT
            multiplied += abs(as_pieces - (totals[0] or 0)) <= _CENT
    return None if plain == multiplied else plain > multiplied


def parts_of_total(
    orders: Orders, amount: Numbers, total: Numbers, parts: Mapping[str, Numbers]
) -> tuple[str, ...] | None:
    """Which parts, added to the lines (discounts taken off), give the orders' totals.

    Parameters
    ----------
    parts : mapping of str to numbers
        Values once per order: shipping, tax, discount.

    Returns
    -------
    tuple of str or None
        The fewest parts with which at least 95 % of the orders agree; None where none do.
    """
    sums = []
    for rows in orders.rows.values():
        order_total = next((total[i] for i in rows if total[i] is not None), None)
        lines = [amount[i] for i in rows if amount[i] is not None]
        if order_total is not None and lines:
            once = {
                name: next((v for i in rows if (v := values[i]) is not None), 0.0)
                for name, values in parts.items()
            }
            sums.append((order_total, sum(v for v in lines if v is not None), once))
    if not sums:
        return None
    for chosen in sorted(product((False, True), repeat=len(parts)), key=sum):
        names = tuple(name for name, is_used in zip(parts, chosen, strict=True) if is_used)
        agree = sum(
            abs(lines + sum(_signed(name, once[name]) for name in names) - whole) <= 2 * _CENT
            for whole, lines, once in sums
        )
        if agree >= 0.95 * len(sums):
            return names
    return None


def _signed(name: str, value: float) -> float:
    return -abs(value) if "discount" in name else value


def covers(keys: Profile, values: Profile) -> float:
    """The share of the values of one file that a unique column of another has."""
    if not keys.is_unique or not values.counts:
        return 0.0
    return sum(text in keys.counts for text in values.counts) / len(values.counts)
