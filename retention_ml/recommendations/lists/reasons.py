"""Why a product stands on a customer's list, in words that may be said to them.

Every number in a reason is a count or a day of the purchases known on the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.recommendations.lists.pair_history import NEVER, PairHistory
from retention_ml.recommendations.lists.product_facts import SHORT_DAYS, ProductFacts
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.recommendations.ranked import Source

_NAME_CHARACTERS = 60
_REGULAR_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A code of the kind of reason, and the sentence."""

    code: str
    sentence: str


def reasons(
    purchases: Purchases,
    history: PairHistory,
    facts: ProductFacts,
    *,
    customer: Codes,
    product: Codes,
    leading: Sequence[Source],
    similar: Codes,
    similar_count: Codes,
) -> list[Reason]:
    """A reason for each pair.

    Parameters
    ----------
    customer, product : array of int32, shape (n,)
        Codes; a customer of whom nothing is known is -1.
    leading : sequence of Source, length n
        What speaks most for the pair. Where nothing can be said of it, the next best thing is: own
        purchases, then how many buy the product.
    similar, similar_count : array of int32, shape (n,)
        The product of the customer's own that speaks for it, -1 where none is named, and how many
        customers bought both.
    """
    place = history.places(customer, product)
    bought = place != NEVER
    result: list[Reason | None] = [None] * len(product)
    for i in np.flatnonzero(similar >= 0).tolist():
        if leading[i] == Source.SIMILAR:
            result[i] = _bought_with(_name(purchases, int(similar[i])), int(similar_count[i]))
    age = purchases.day - facts.first_sold
    for i in range(len(product)):
        if result[i] is not None:
            continue
        if bought[i]:
            entry = place[i]
            result[i] = _bought(
                int(history.days_count[entry]),
                int(history.first_day[entry]),
                int(history.last_day[entry]),
                purchases.day,
            )
        elif leading[i] == Source.LIKE_PRODUCTS:
            result[i] = _young(int(age[product[i]]), is_guest=bool(customer[i] < 0))
        else:
            result[i] = _best_seller(int(facts.buyers_28d[product[i]]))
    return [reason for reason in result if reason is not None]


def _bought(days_count: int, first_day: int, last_day: int, day: int) -> Reason:
    """Why a product of their own.

    >>> _bought(4, 100, 136, 150).sentence
    'you buy it about every 12 days; last 14 days ago'
    >>> _bought(1, 149, 149, 150).sentence
    'you bought it yesterday'
    """
    ago = _ago(day - last_day)
    if days_count >= _REGULAR_DAYS:
        pause = max(1, round((last_day - first_day) / (days_count - 1)))
        every = "every day" if pause == 1 else f"every {pause} days"
        return Reason(code="bought_regularly", sentence=f"you buy it about {every}; last {ago}")
    if days_count == 2:
        return Reason(code="bought_twice", sentence=f"you bought it twice; last {ago}")
    return Reason(code="bought_once", sentence=f"you bought it {ago}")


def _ago(days: int) -> str:
    return "yesterday" if days == 1 else f"{days} days ago"


def _bought_with(name: str, count: int) -> Reason:
    return Reason(
        code="bought_with", sentence=f"bought by {_customers(count)} who, like you, bought {name}"
    )


def _young(age_days: int, *, is_guest: bool = False) -> Reason:
    """Why a product first sold lately; of a guest nothing is known that it could be like.

    >>> _young(12).sentence
    'new here since 12 days, and like what you buy'
    >>> _young(0, is_guest=True).sentence
    'new here'
    """
    since = f"new here since {age_days} days" if age_days > 0 else "new here"
    return Reason(
        code="new_here", sentence=since if is_guest else f"{since}, and like what you buy"
    )


def _best_seller(buyers_count: int) -> Reason:
    if buyers_count == 0:
        return Reason(code="suits", sentence="suits what you buy")
    who = _customers(buyers_count)
    return Reason(code="best_seller", sentence=f"bought by {who} in the last {SHORT_DAYS} days")


def _customers(count: int) -> str:
    return "1 customer" if count == 1 else f"{count:,} customers"


def _name(purchases: Purchases, product: int) -> str:
    """The name of a product, its number where the catalogue has none."""
    name = purchases.descriptions["name"][product].as_py()
    text = " ".join((name or "").split()) or str(purchases.product_ids[product].as_py())
    return text if len(text) <= _NAME_CHARACTERS else text[: _NAME_CHARACTERS - 1].rstrip() + "…"
