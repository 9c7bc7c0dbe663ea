"""Pieces, prices and money of order lines: as far as the numbers explain each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retention_ml.deliveries.guess.feeds import FileKind
from retention_ml.deliveries.guess.header_words import best_score, normalized
from retention_ml.deliveries.guess.profile import Profile
from retention_ml.deliveries.guess.relations import (
    Numbers,
    Orders,
    find_product,
    is_price_of_line,
    parts_of_total,
    product_share,
)
from retention_ml.deliveries.guess.write_toml import Line, counted, joined

_CENTS = ("cents", "minor", "pence", "centimes", "kopecks")
# Names that say that a price is of one piece.
_OF_ONE = re.compile(r"unit|each|per |einzel|stuck|stuk|pu|jednost|birim|単価|单价|單價|단가")
_ONCE = ("shipping", "order_discount", "discount", "tax", "refund")


@dataclass(frozen=True, slots=True)
class PerOrder:
    """Money that stands once per order: the keys of its table, why, and whether it is proposed."""

    keys: Mapping[str, Any]
    reason: str
    is_proposal: bool


@dataclass(slots=True)
class _Money:
    """The columns of numbers of a feed by what they are; `totals` stand once per order."""

    quantity: Profile | None
    price: Profile | None
    amount: Profile | None
    totals: list[Profile]
    reason: str = ""

    @property
    def lines(self) -> Numbers:
        """What was paid for each line: the amount, or quantity times price; empty if neither."""
        if self.amount is not None:
            return self.amount.numbers
        if self.quantity is None or self.price is None:
            return ()
        pairs = zip(self.quantity.numbers, self.price.numbers, strict=True)
        return [None if q is None or p is None else q * p for q, p in pairs]


def amounts_of(kind: FileKind, orders: Orders) -> tuple[list[Line], list[PerOrder]]:
    """The lines for quantity, price, amount and discount, and the money once per order."""
    money = _sorted_out(kind, orders)
    is_of_line = None
    if money.amount is None and money.price is not None and money.quantity is not None:
        verdicts = [
            is_price_of_line(orders, money.quantity.numbers, money.price.numbers, total.numbers)
            for total in money.totals
        ]
        is_of_line = next((verdict for verdict in verdicts if verdict is not None), None)
    if is_of_line:
        money.amount, money.price = money.price, None
        money.reason = "it is of the line, not of one piece: so the orders' totals add up"
    lines = [_quantity(money.quantity)]
    if money.price is not None and (money.amount is not None or money.quantity is not None):
        lines.append(_money("unit_price_cents", money.price))
    lines.append(_amount(money, is_open=is_of_line is None))
    discount = kind.of("discount")
    is_of_lines = discount is not None and discount.name in kind.profiles
    if discount and is_of_lines and any(discount.numbers) and orders.level(discount) == "line":
        lines.append(_discount(discount))
    return lines, _once_per_order(kind, orders, money)


def _sorted_out(kind: FileKind, orders: Orders) -> _Money:
    """Which numbers are of the line and which of the order, by what they give together."""
    columns = {
        role: profile if profile is not None and profile.name in kind.profiles else None
        for role in ("quantity", "unit_price", "line_amount", "order_total")
        for profile in (kind.of(role),)
    }
    money = _Money(columns["quantity"], columns["unit_price"], columns["line_amount"], [])
    totals = _totals(kind, orders)
    quantity, price, amount = money.quantity, money.price, money.amount
    if quantity is not None:
        others = [
            profile
            for profile in kind.profiles.values()
            if profile.numbers and profile is not quantity and profile.times is None
        ]
        if price and amount and _fits(quantity, price, amount):
            money.reason = f"it is {quantity.name} × {price.name}"
        elif pair := find_product(others, quantity):
            money.price, money.amount = pair
            money.reason = f"it is {quantity.name} × {money.price.name} in nearly all rows"
        elif price and amount and (amount in totals or orders.level(amount) == "first row"):
            totals.append(amount)
            money.amount = None
    if money.amount is None and money.price is None:
        money.amount = kind.of("line_amount") or columns["order_total"] or kind.of("unit_price")
    money.totals = [total for total in totals if total is not money.amount]
    return money


def _fits(quantity: Profile, price: Profile, amount: Profile) -> bool:
    return product_share(quantity.numbers, price.numbers, amount.numbers) >= 0.9


def _totals(kind: FileKind, orders: Orders) -> list[Profile]:
    """Columns of numbers that may be an order's total: by name, and not one value per line."""
    return [
        profile
        for profile in kind.profiles.values()
        if profile.numbers
        and max(best_score("order_total", profile.name), best_score("line_amount", profile.name))
        > 0.8
        and orders.level(profile) in ("first row", "order", "single")
    ]


def _quantity(profile: Profile | None) -> Line:
    if profile is None:
        return Line(
            "quantity", {"constant": 1}, "TODO: no column of pieces; each row counts as one"
        )
    if profile.is_whole:
        return Line("quantity", profile.name)
    why = "fractions: weighed goods count as one piece"
    return Line("quantity", {"column": profile.name, "weighed": True}, why)


def _money(key: str, profile: Profile, why: str = "") -> Line:
    if any(word in normalized(profile.name).split() for word in _CENTS):
        return Line(key, profile.name, joined(why, "in the smallest unit, as its name says"))
    values = [abs(value) for value in profile.numbers if value is not None]
    doubt = ""
    is_grouped = any("," in text or "." in text for text in profile.counts)
    if profile.is_whole and not profile.signs and not is_grouped and min(values, default=0) >= 100:
        doubt = "TODO: whole numbers only; if they are cents, take money = true away"
    return Line(key, {"column": profile.name, "money": True}, joined(why, doubt))


def _discount(profile: Profile) -> Line:
    if not profile.negatives:
        return _money("discount_cents", profile)
    value = {"sum_of": [profile.name], "money": True}
    return Line("discount_cents", value, "written below zero: sum_of takes the signs away")


def _amount(money: _Money, *, is_open: bool) -> Line:
    if money.amount is not None:
        return _money("line_amount_cents", money.amount, money.reason)
    if money.price is None:
        return Line("line_amount_cents", "?", "TODO: no column of money was recognised", True)
    if money.quantity is None:
        why = "TODO: the only money of the row"
        return _money("line_amount_cents", money.price, why)
    both = {"product_of": [money.quantity.name, money.price.name], "money": True}
    if not is_open:
        return Line("line_amount_cents", both, "so the orders' totals add up")
    if _OF_ONE.search(normalized(money.price.name)):
        return Line("line_amount_cents", both)
    several = sum(value not in (None, 0.0, 1.0) for value in money.quantity.numbers)
    doubt = f"TODO: {counted(several, 'row')} of several pieces: is {money.price.name} of one?"
    return Line("line_amount_cents", both, doubt if several else "")


def _once_per_order(kind: FileKind, orders: Orders, money: _Money) -> list[PerOrder]:
    """Shipping, discounts and refunds that stand once per order become lines of their own.

    Certain where with them the orders' totals add up, or where only the first rows have them.
    """
    once = {
        role: profile
        for role in _ONCE
        if (profile := kind.of(role)) is not None
        and profile.name in kind.profiles
        and any(profile.numbers)
        and orders.level(profile) != "line"
    }
    if "order_discount" in once:
        once.pop("discount", None)
    parts = {role: profile.numbers for role, profile in once.items() if role != "refund"}
    lines = money.lines or (money.price.numbers if money.price else ())
    explained = [
        (names, total.name)
        for total in money.totals
        if lines and (names := parts_of_total(orders, lines, total.numbers, parts)) is not None
    ]
    names, total = max(explained, key=lambda item: len(item[0]), default=((), ""))
    per_order = []
    for role, profile in once.items():
        keys: dict[str, Any] = {"amount": profile.name, "product_id": role.removeprefix("order_")}
        keys |= {"negate": True} if "discount" in role else {}
        keys |= {"kind": "return"} if role == "refund" else {}
        is_certain = orders.level(profile) in ("first row", "single") and role != "tax"
        why = "it stands once per order" if is_certain else "TODO: is it paid once per order?"
        if total and role != "refund":
            is_certain = role in names
            why = f"with it the orders' totals ({total!r}) add up"
            why = why if is_certain else f"without it the orders' totals ({total!r}) add up"
        per_order.append(PerOrder(keys, why, not is_certain))
    return per_order
