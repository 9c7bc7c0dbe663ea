"""What was bought by whom and when, as it was known at the start of a day: sorted arrays.

`read_log` reads the rollup of products once, `PurchaseLog.known_at` gives the purchases of the
same or of any earlier day as they were known then, and `PurchaseLog.outcome` what was bought in a
window: everything in this package works on these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.abnormal.excluded import excluded_customers, is_excluded, without
from retention_ml.clock import day_number
from retention_ml.curated.known import known
from retention_ml.features.cache.product_days import read_product_days
from retention_ml.features.rollups import curated
from retention_ml.statistics.arrays import Bools, Ints, distinct
from retention_ml.warehouse import Warehouse

Codes = npt.NDArray[np.int32]

DESCRIPTION = ("name", "category", "subcategory", "brand")
_ROLLUP = ibis.table(
    {
        "customer_id": "string",
        "product_id": "string",
        **dict.fromkeys(("event_day", "known_from_day"), "int32"),
        **dict.fromkeys(("lines_count", "pieces_count"), "int64"),
    },
    name="customer_product_day",
    database="features",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Purchases:
    """The purchases known at the start of a day, ordered by customer, day and product.

    Parameters
    ----------
    day : int
        The day, counted from 1970-01-01: all purchases are before it.
    customer_ids, product_ids : pa.StringArray
        Rising: what the codes below stand for. Products and customers without a known purchase
        may be among them.
    customer, product : array of int32, shape (n,)
        Positions in the two above.
    event_day : array of int32, shape (n,)
        When, counted from 1970-01-01 on the shop's calendar.
    lines_count, pieces_count : array of int32, shape (n,)
        Lines and pieces of the product on that day.
    descriptions : pa.Table
        `name`, `category`, `subcategory`, `brand`, a row per product, null where not known.
    """

    day: int
    customer_ids: pa.StringArray
    product_ids: pa.StringArray
    customer: Codes
    product: Codes
    event_day: Codes
    lines_count: Codes
    pieces_count: Codes
    descriptions: pa.Table

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def as_of(self) -> date:
        """The day."""
        return clock.day_of(self.day)

    @cached_property
    def first_row(self) -> Ints:
        """Where the rows of each customer begin, shape (customers + 1,): the last is n."""
        return np.searchsorted(self.customer, np.arange(len(self.customer_ids) + 1)).astype(
            np.int64
        )

    @cached_property
    def first_sold(self) -> Codes:
        """The first day on which each product was sold, `day` where it never was."""
        first = np.full(len(self.product_ids), self.day, dtype=np.int32)
        np.minimum.at(first, self.product, self.event_day)
        return first

    @cached_property
    def by_pair(self) -> Ints:
        """The rows ordered by customer, product and day."""
        pairs = self.customer.astype(np.int64) << 32 | self.product
        return np.argsort(pairs, kind="stable")  # those of a customer are in the order of days

    def active(self, active_days: int) -> Codes:
        """Codes, rising, of the customers with a purchase on D - `active_days` to D - 1."""
        return distinct(self.customer[self.event_day >= self.day - active_days])

    def codes(self, customers: pa.Array) -> Codes:
        """The codes of customers by id, -1 where there is none."""
        return _positions(customers, self.customer_ids)

    def since(self, days: int) -> "Purchases":
        """Only the purchases of the last `days` days."""
        return self._rows(self.event_day >= self.day - days)

    def _rows(self, mask: Bools) -> "Purchases":
        arrays = ("customer", "product", "event_day", "lines_count", "pieces_count")
        return replace(self, **{name: getattr(self, name)[mask] for name in arrays})


def rows_of(purchases: Purchases, customers: Codes) -> tuple[Ints, Codes]:
    """The rows of some customers, in their order, and each row's position in `customers`."""
    inside = np.maximum(customers, 0)
    first = purchases.first_row[inside]
    after = np.minimum(inside + 1, len(purchases.customer_ids))
    counts = np.where(customers >= 0, purchases.first_row[after] - first, 0)
    owner = np.repeat(np.arange(len(customers), dtype=np.int32), counts)
    offset = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    return np.arange(len(owner), dtype=np.int64) + offset, owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Customers and products by code, ordered by customer and product, each pair once."""

    customer: Codes
    product: Codes

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, kw_only=True)
class PurchaseLog:
    """All versions of purchases: what was known from which day on, additive like the rollup.

    Parameters
    ----------
    customer_ids, product_ids : pa.StringArray
        Rising.
    customer, product, event_day, known_from_day : array of int32, shape (n,)
        Ordered by customer, event day and product.
    lines_count, pieces_count : array of int32, shape (n,)
        Negative where a version ends.
    descriptions : pa.Table
        See `Purchases`.
    """

    customer_ids: pa.StringArray
    product_ids: pa.StringArray
    customer: Codes
    product: Codes
    event_day: Codes
    known_from_day: Codes
    lines_count: Codes
    pieces_count: Codes
    descriptions: pa.Table

    @classmethod
    def of(cls, rows: pa.Table, descriptions: pa.Table) -> "PurchaseLog":
        """From rows of the rollup and `product_id` with its description, each product once."""
        customer_ids, customer = _encode(rows["customer_id"])
        product_ids, product = _encode(rows["product_id"])
        numbers = {
            name: rows[name].to_numpy().astype(np.int32)
            for name in ("event_day", "known_from_day", "lines_count", "pieces_count")
        }
        order = np.lexsort((numbers["known_from_day"], product, numbers["event_day"], customer))
        return cls(
            customer_ids=customer_ids,
            product_ids=product_ids,
            customer=customer[order],
            product=product[order],
            descriptions=_aligned(descriptions, product_ids),
            **{name: values[order] for name, values in numbers.items()},
        )

    def upto(self, day: date, descriptions: pa.Table | None = None) -> "PurchaseLog":
        """What was known at the start of a day, as if nothing had ever happened since.

        Equal to what `read_log` would have read then, if the descriptions of that day are given.
        """
        number = day_number(day)
        mask = (self.event_day < number) & (self.known_from_day <= number)
        customers, customer = np.unique(self.customer[mask], return_inverse=True)
        products, product = np.unique(self.product[mask], return_inverse=True)
        product_ids = self.product_ids.take(pa.array(products))
        return PurchaseLog(
            customer_ids=self.customer_ids.take(pa.array(customers)),
            product_ids=product_ids,
            customer=customer.astype(np.int32),
            product=product.astype(np.int32),
            event_day=self.event_day[mask],
            known_from_day=self.known_from_day[mask],
            lines_count=self.lines_count[mask],
            pieces_count=self.pieces_count[mask],
            descriptions=self.descriptions.take(pa.array(products))
            if descriptions is None
            else _aligned(descriptions, product_ids),
        )

    def without(self, customer_ids: pa.StringArray) -> "PurchaseLog":
        """The purchases of all other customers, in the same codes."""
        if len(customer_ids) == 0:
            return self
        mask = ~is_excluded(self.customer_ids, customer_ids)[self.customer]
        arrays = ("customer", "product", "event_day", "known_from_day")
        counts = ("lines_count", "pieces_count")
        return replace(self, **{name: getattr(self, name)[mask] for name in (*arrays, *counts)})

    def known_at(self, day: date) -> Purchases:
        """The purchases that had happened and were known at the start of a day."""
        number = day_number(day)
        mask = (self.event_day < number) & (self.known_from_day <= number)
        customer, product, event_day, lines, pieces = self._netted(mask)
        return Purchases(
            day=number,
            customer_ids=self.customer_ids,
            product_ids=self.product_ids,
            customer=customer,
            product=product,
            event_day=event_day,
            lines_count=lines,
            pieces_count=pieces,
            descriptions=self.descriptions,
        )

    def outcome(self, day: date, horizon_days: int) -> Pairs:
        """Who bought what on D to D + `horizon_days` - 1, by all that the log holds."""
        number = day_number(day)
        mask = (self.event_day >= number) & (self.event_day < number + horizon_days)
        customer, product, *_ = self._netted(mask)
        pairs = distinct(customer.astype(np.int64) << 32 | product)
        return Pairs(
            customer=(pairs >> 32).astype(np.int32),
            product=(pairs & 0xFFFFFFFF).astype(np.int32),
        )

    @property
    def begins_on(self) -> date | None:
        """The first day with a purchase."""
        return clock.day_of(int(self.event_day.min())) if len(self.event_day) else None

    @property
    def ends_on(self) -> date | None:
        """The day after the last with a purchase."""
        return clock.day_of(int(self.event_day.max()) + 1) if len(self.event_day) else None

    def _netted(self, mask: Bools) -> tuple[Codes, Codes, Codes, Codes, Codes]:
        """Rows summed over versions; those that no longer stand are gone."""
        customer, product, event_day = (
            values[mask] for values in (self.customer, self.product, self.event_day)
        )
        lines, pieces = self.lines_count[mask], self.pieces_count[mask]
        if len(customer) == 0:
            return customer, product, event_day, lines, pieces
        changes = (np.diff(customer) != 0) | (np.diff(event_day) != 0) | (np.diff(product) != 0)
        starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
        if len(starts) < len(customer):
            lines, pieces = np.add.reduceat(lines, starts), np.add.reduceat(pieces, starts)
            customer, product, event_day = customer[starts], product[starts], event_day[starts]
        stands = lines > 0
        return customer[stands], product[stands], event_day[stands], lines[stands], pieces[stands]


def read_log(
    warehouse: Warehouse,
    *,
    as_of: date,
    timezone: str,
    excluded: pa.StringArray | None = None,
    cache: Path | None = None,
) -> PurchaseLog:
    """The purchases of all known customers, as they were known at the start of a day or before.

    Parameters
    ----------
    as_of : date
        Nothing that happened or became available later is read.
    timezone : str
        Of the shop.
    excluded : pa.StringArray, optional
        Ids of customers who are left out; default those who are excluded as abnormal on the day.
    cache : Path, optional
        The folder with the files of the rollups; without it they are read from Postgres.
    """
    if excluded is None:
        excluded = excluded_customers(warehouse, as_of)
    number = day_number(as_of)
    rows = read_product_days(warehouse, cache, number) if cache else None
    if rows is None:
        rollup = _ROLLUP.filter(_ROLLUP.event_day < number, _ROLLUP.known_from_day <= number)
        rows = warehouse.read(rollup)
    return PurchaseLog.of(
        without(rows, excluded),
        read_descriptions(warehouse, as_of=as_of, timezone=timezone),
    )


def read_descriptions(warehouse: Warehouse, *, as_of: date, timezone: str) -> pa.Table:
    """`product_id` with its description, as known at the start of a day, each product once.

    The first source that says something counts, column by column.
    """
    products = known(curated("products"), clock.midnight(as_of, timezone))
    return described(warehouse.read(products.select("product_id", "source", *DESCRIPTION)))


def described(rows: pa.Table) -> pa.Table:
    """One row per product, of `product_id`, `source` and the columns of a description."""
    rows = rows.sort_by([(name, "ascending") for name in ("product_id", "source", *DESCRIPTION)])
    first = rows.group_by("product_id", use_threads=False).aggregate(
        [(name, "first") for name in DESCRIPTION]  # that is not null
    )
    return first.rename_columns({f"{name}_first": name for name in DESCRIPTION})


def _encode(column: pa.ChunkedArray) -> tuple[pa.StringArray, Codes]:
    """The distinct texts, rising, and the position of each row's among them."""
    if pa.types.is_dictionary(column.type):
        encoded = column.combine_chunks()
    else:
        encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    numbers = encoded.indices.to_numpy(zero_copy_only=False)
    used = np.flatnonzero(np.bincount(numbers, minlength=len(encoded.dictionary)))
    texts = encoded.dictionary.take(pa.array(used))
    order = pc.sort_indices(texts)
    rank = np.empty(len(encoded.dictionary), dtype=np.int32)
    rank[used[order.to_numpy()]] = np.arange(len(order), dtype=np.int32)
    return texts.take(order), rank[numbers]


def _positions(texts: pa.Array, among: pa.StringArray) -> Codes:
    where = pc.fill_null(pc.index_in(texts.cast(pa.string()), value_set=among), -1)
    return np.asarray(where.to_numpy(zero_copy_only=False), dtype=np.int32)


def _aligned(descriptions: pa.Table, product_ids: pa.StringArray) -> pa.Table:
    """The descriptions of those products, in their order."""
    where = pc.index_in(product_ids, value_set=descriptions["product_id"].combine_chunks())
    columns: Sequence[str] = DESCRIPTION
    return pa.table(
        {
            name: descriptions[name].cast(pa.string()).combine_chunks().take(where)
            for name in columns
        }
    )
