"""What a template may say about a customer: a closed set of variables, cleaned before use.

The customer's number is not among them: channels carry it as a field of its own, and a mail says
nothing that its reader has no use for.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

LENGTH_MAX = 300
_CUT = "…"
# Turn the direction of the text that follows them, so that a value could rearrange a mail.
_BIDIRECTIONAL = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product that a message may name."""

    product_id: str
    name: str
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """What a message may say about whom it is for.

    Parameters
    ----------
    tier : str
        The risk tier of the day.
    reason : str, optional
        The first reason of the score, in words.
    value_cents : float, optional
        The expected value at risk, in the smallest units of money.
    last_order_on : date, optional
        The day of the last order.
    favourite_category : str, optional
        The shelf bought from most.
    products : sequence of Product
        Recommended ones, best first.
    coupon_code : str, optional
        The code given to this message.
    """

    tier: str
    reason: str | None = None
    value_cents: float | None = None
    last_order_on: date | None = None
    favourite_category: str | None = None
    products: Sequence[Product] = field(default_factory=tuple)
    coupon_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable of the templates.

    Parameters
    ----------
    meaning : str
        What it says, for docs/actions.md.
    may_be_missing : bool
        Whether there are customers without it.
    is_internal : bool
        Whether it is for a CRM only, and never for the customer's eyes.
    """

    meaning: str
    may_be_missing: bool = False
    is_internal: bool = False


VARIABLES: dict[str, Variable] = {
    "last_order_on": Variable(
        meaning="day of the last order; the filter `date('%d.%m.%Y')` writes it as 04.01.2026",
        may_be_missing=True,
    ),
    "favourite_category": Variable(meaning="the shelf bought from most", may_be_missing=True),
    "products": Variable(
        meaning="recommended products, best first, perhaps none: each has `product_id`, `name` "
        "and `category`, which may be missing"
    ),
    "coupon_code": Variable(
        meaning="the code given to this customer; of coupons only", may_be_missing=True
    ),
    "discount_percent": Variable(meaning="`discount_share` of the action in percent, such as 10"),
    "currency": Variable(meaning="the shop's currency, as in the settings"),
    "unsubscribe_url": Variable(
        meaning="`unsubscribe_url` of the action with the number of the message",
        may_be_missing=True,
    ),
    "tier": Variable(meaning="risk tier: low, medium, high or critical", is_internal=True),
    "reason": Variable(
        meaning="the first reason for the risk, in words", may_be_missing=True, is_internal=True
    ),
    "expected_value": Variable(
        meaning="expected value at risk, in the shop's currency",
        may_be_missing=True,
        is_internal=True,
    ),
}


def clean(text: str) -> str:
    """A text of the shop's data in one line that can neither break a header nor fill a mail.

    Line breaks and blanks become one blank; control characters, half characters and those that turn
    the direction of writing are left out; the rest is cut after 300 characters.

    Examples
    --------
    >>> clean("Tea\\r\\nBcc: all@shop.example")
    'Tea Bcc: all@shop.example'
    >>> len(clean("long " * 1_000))
    300
    """
    signs = (
        sign
        for sign in text[: 10 * LENGTH_MAX]
        if sign.isspace()
        or (unicodedata.category(sign) not in ("Cc", "Cs") and sign not in _BIDIRECTIONAL)
    )
    line = " ".join("".join(signs).split())
    return line if len(line) <= LENGTH_MAX else line[: LENGTH_MAX - 1].rstrip() + _CUT


def values_of(
    recipient: Recipient,
    *,
    currency: str,
    minor_units: int,
    discount_share: float = 0.0,
    unsubscribe_url: str | None = None,
) -> dict[str, Any]:
    """The value of each variable, None where it is missing.

    Parameters
    ----------
    currency : str
        The shop's currency.
    minor_units : int
        Smallest units in one of the currency.
    discount_share : float
        Of the action, 0 to 1.
    unsubscribe_url : str, optional
        With the number of the message in it.
    """
    return {
        "last_order_on": recipient.last_order_on,
        "favourite_category": _text(recipient.favourite_category),
        "products": [
            {
                "product_id": clean(product.product_id),
                "name": clean(product.name),
                "category": _text(product.category),
            }
            for product in recipient.products
        ],
        "coupon_code": _text(recipient.coupon_code),
        "discount_percent": f"{100 * discount_share:g}",
        "currency": clean(currency),
        "unsubscribe_url": unsubscribe_url,
        "tier": clean(recipient.tier),
        "reason": _text(recipient.reason),
        "expected_value": _amount(recipient.value_cents, minor_units),
    }


def _text(value: str | None) -> str | None:
    """A cleaned text; None where nothing is left of it."""
    return (clean(value) or None) if value is not None else None


def _amount(cents: float | None, minor_units: int) -> Decimal | None:
    """Money in units of the currency, with as many places as it has smallest units."""
    if cents is None:
        return None
    places = len(str(minor_units)) - 1
    return round(Decimal(round(cents)) / minor_units, places)
