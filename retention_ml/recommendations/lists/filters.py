"""What is not offered, and why: of products for everybody, of pairs for one customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.recommendations.purchases import Codes
from retention_ml.statistics.arrays import Bools, Ints


class Filter(StrEnum):
    """Why a candidate is taken off; the first that applies counts."""

    EXCLUDED_PRODUCT = "excluded_product"
    EXCLUDED_CATEGORY = "excluded_category"
    NOT_AVAILABLE = "not_available"
    OUT_OF_STOCK = "out_of_stock"
    NOT_SOLD_LATELY = "not_sold_lately"
    RETURNED = "returned"
    DURABLE = "durable"
    NOT_AGAIN = "not_again"


FILTERS = tuple(Filter)
OFFERED = -1
"""In place of a position in `FILTERS`."""

Reasons = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the shop does not want offered.

    `not_again_days` 0: what was bought lately may stand on a list; the ranker knows when.
    """

    excluded_products: Sequence[str] = ()
    excluded_categories: Sequence[str] = ()
    durable_categories: Sequence[str] = ()
    sellable_days: int = 90
    not_again_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the catalogue says of each product, null where it says nothing, shape (k,)."""

    product_ids: pa.StringArray
    category: pa.StringArray
    is_available: pa.BooleanArray
    stock_count: pa.Int64Array
    is_durable: pa.BooleanArray


def unsellable(offer: Offer, last_sold: Ints, day: int, rules: Rules) -> Reasons:
    """Why each product is on no list, as a position in `FILTERS`, or `OFFERED`.

    Parameters
    ----------
    last_sold : array of int64, shape (k,)
        The day of the newest sale. It decides only where the catalogue says nothing about
        availability or stock: what is not sold any more cannot be bought.
    day : int
        The day of the lists.
    """
    says_nothing = _empty(offer.is_available) & _empty(offer.stock_count)
    stock = _numbers(offer.stock_count, missing=1)
    masks = {
        Filter.EXCLUDED_PRODUCT: _is_in(offer.product_ids, rules.excluded_products),
        Filter.EXCLUDED_CATEGORY: _is_in(offer.category, rules.excluded_categories),
        Filter.NOT_AVAILABLE: _numbers(offer.is_available.cast(pa.int64()), missing=1) == 0,
        Filter.OUT_OF_STOCK: stock <= 0,
        Filter.NOT_SOLD_LATELY: says_nothing & (last_sold < day - rules.sellable_days),
    }
    return _first(masks, len(offer.product_ids))


def unwanted(
    *,
    is_durable: Bools,
    last_bought: Ints,
    returned_on: Ints,
    day: int,
    rules: Rules,
) -> Reasons:
    """Why each pair is on no list of its customer, as a position in `FILTERS`, or `OFFERED`.

    Parameters
    ----------
    is_durable : array of bool, shape (n,)
        Whether the pair's product is bought once.
    last_bought, returned_on : array of int64, shape (n,)
        The days on which the customer last bought it and last sent it back; -1 for never.
    day : int
        The day of the lists.
    """
    is_bought = last_bought >= 0
    masks = {
        Filter.RETURNED: (returned_on >= 0) & (returned_on >= last_bought),
        Filter.DURABLE: is_bought & is_durable,
        Filter.NOT_AGAIN: is_bought & (last_bought >= day - rules.not_again_days),
    }
    return _first(masks, len(is_durable))


def durable(offer: Offer, rules: Rules) -> Bools:
    """Whether each product is bought once: by the catalogue, or by its category."""
    stated = _numbers(offer.is_durable.cast(pa.int64()), missing=0) == 1
    return np.asarray(stated | _is_in(offer.category, rules.durable_categories))


def filtered_counts(reason: Reasons, customer: Codes, product: Codes) -> list[dict[str, object]]:
    """Per reason how many pairs, products and customers were taken off; those that occur."""
    counts: list[dict[str, object]] = []
    for place, name in enumerate(FILTERS):
        mask = reason == place
        if mask.any():
            counts.append(
                {
                    "reason": name.value,
                    "pairs_count": int(mask.sum()),
                    "products_count": len(np.unique(product[mask])),
                    "customers_count": len(np.unique(customer[mask])),
                }
            )
    return counts


def _first(masks: dict[Filter, Bools], count: int) -> Reasons:
    reason = np.full(count, OFFERED, dtype=np.int8)
    for name in reversed(masks):
        reason[masks[name]] = FILTERS.index(name)
    return reason


def _is_in(texts: pa.StringArray, words: Sequence[str]) -> Bools:
    if not words:
        return np.zeros(len(texts), dtype=bool)
    mask = pc.is_in(texts, value_set=pa.array(list(words), pa.string()))
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)


def _empty(values: pa.Array) -> Bools:
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _numbers(values: pa.Array, *, missing: int) -> Ints:
    return np.asarray(values.fill_null(missing).to_numpy(zero_copy_only=False), dtype=np.int64)
