"""Rows of `recommendations.product_daily`: what is known of each candidate on a day."""

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_of
from retention_ml.recommendations.lists.filters import FILTERS, OFFERED, Offer, Reasons
from retention_ml.recommendations.lists.product_facts import ProductFacts
from retention_ml.recommendations.purchases import Purchases
from retention_ml.recommendations.ranked import best_sellers
from retention_ml.statistics.arrays import Bools, Floats, Ints


def product_rows(
    purchases: Purchases,
    offer: Offer,
    price_cents: Ints,
    facts: ProductFacts,
    unsellable: Reasons,
    codes: Ints,
) -> pa.Table:
    """The rows of some products, given by their codes, rising: those that were candidates."""
    best, _ = best_sellers(purchases, len(purchases.product_ids))
    best = best[unsellable[best] == OFFERED]
    rank = np.zeros(len(purchases.product_ids), dtype=np.int32)
    rank[best] = np.arange(1, len(best) + 1)
    words = pa.array([one.value for one in FILTERS], pa.string())
    why = unsellable[codes].astype(np.int64)
    is_sold = facts.first_sold < purchases.day
    return pa.table(
        {
            "product_id": purchases.product_ids.take(pa.array(codes)),
            "name": purchases.descriptions["name"].combine_chunks().take(pa.array(codes)),
            "category": offer.category.take(pa.array(codes)),
            "buyers_count_28d": facts.buyers_28d[codes],
            "buyers_count_90d": facts.buyers_90d[codes],
            "best_seller_rank": pa.array(rank[codes], mask=rank[codes] == 0),
            "again_share": _or_null(facts.again_share[codes]),
            "repeat_interval_days": _or_null(facts.repeat_interval_days[codes]),
            "first_sold_on": _days(facts.first_sold, is_sold, codes),
            "last_sold_on": _days(facts.last_sold, is_sold, codes),
            "price_cents": pa.array(price_cents[codes], mask=price_cents[codes] < 0),
            "is_sellable": why == OFFERED,
            "not_sellable_because": words.take(pa.array(why, mask=why == OFFERED)),
        }
    )


def _days(numbers: Ints, is_known: Bools, codes: Ints) -> pa.Array:
    return pa.array(
        [
            day_of(number) if valid else None
            for number, valid in zip(numbers[codes].tolist(), is_known[codes].tolist(), strict=True)
        ],
        pa.date32(),
    )


def _or_null(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
