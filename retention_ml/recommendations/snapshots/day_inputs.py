"""What the lists of a day are made from, and what the settings say about them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.recommendations.lists.filters import Offer, Rules
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import Ints


@dataclass(frozen=True, kw_only=True)
class DayInputs:
    """What the lists of a day are made from, all as known at its start.

    Parameters
    ----------
    purchases : Purchases
    customers : pa.StringArray
        The active customers, rising.
    offer : Offer
        Of each product of the purchases.
    price_cents : array of int64, shape (k,)
        -1 where it is not known.
    returned : pa.Table
        `customer_id`, `product_id`.
    returned_on : array of int64
        When, for each row of `returned`.
    abnormal_count : int
        Active customers who are excluded as abnormal and not among `customers`.
    """

    purchases: Purchases
    customers: pa.StringArray
    offer: Offer
    price_cents: Ints
    returned: pa.Table
    returned_on: Ints
    abnormal_count: int = 0

    @cached_property
    def customer_codes(self) -> Codes:
        """The customers by their code among the purchases, -1 for none."""
        return self.purchases.codes(self.customers)

    @cached_property
    def _returns(self) -> tuple[Ints, Ints]:
        """Customer and product of what was sent back in one number, rising, and when."""
        customer = codes_among(self.returned["customer_id"], self.purchases.customer_ids)
        product = codes_among(self.returned["product_id"], self.purchases.product_ids)
        is_here = (customer >= 0) & (product >= 0)
        keys = customer[is_here].astype(np.int64) << 32 | product[is_here]
        order = np.argsort(keys, kind="stable")
        return keys[order], self.returned_on[is_here][order]

    def last_returned(self, customer: Codes, product: Codes) -> Ints:
        """When customers, by code among the purchases, last sent products back, -1 for never."""
        keys, days = self._returns
        never = np.full(len(product), -1, dtype=np.int64)
        if len(keys) == 0:
            return never
        wanted = customer.astype(np.int64) << 32 | product
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, days[place], never)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the settings say about the lists."""

    rules: Rules
    list_size: int
    horizon_days: int
    min_buyers: int
    margin_share: float
    explore_share: float


def codes_among(texts: pa.Array | pa.ChunkedArray, among: pa.StringArray) -> Codes:
    """Positions of texts among others, -1 where they are none of them."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    where = pc.fill_null(pc.index_in(whole, value_set=among), -1)
    return np.asarray(where.to_numpy(zero_copy_only=False), dtype=np.int32)
