"""What happened in a shop, second by second: for measuring what it is worth to know it at once."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.data import complete_journey
from retention_ml.simulate import (
    baskets,
    browsing,
    campaigns,
    catalogue,
    intent,
    population,
    purchases,
)
from retention_ml.simulate.abnormal.plants import together
from retention_ml.simulate.seasons import ShopCalendar
from retention_ml.statistics.arrays import Ints

DAY = 86_400
PRODUCTS_MAX = 600
VIEW, CART, REMOVE = browsing.VIEW, browsing.CART, browsing.REMOVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Lines of orders and events by customer and time, shape (l,) and (e,); seconds of the shop's clock.

    Parameters
    ----------
    title : str
    first, last : int
        The first second, and the one after the last.
    category : array of int64, shape (products,)
    line_customer, line_at, line_product, line_order : arrays of int64, shape (l,)
        `line_product` is -1 for products beyond the `PRODUCTS_MAX` most sold.
    event_customer, event_at, event_kind, event_product : arrays of int64, shape (e,)
        Views, carts and what was taken out.
    """

    title: str
    first: int
    last: int
    category: Ints
    line_customer: Ints
    line_at: Ints
    line_product: Ints
    line_order: Ints
    event_customer: Ints
    event_at: Ints
    event_kind: Ints
    event_product: Ints

    def lines_of(self, customer: int) -> slice:
        """Where the customer's lines are."""
        return _slice(self.line_customer, customer)

    def events_of(self, customer: int) -> slice:
        """Where the customer's events are."""
        return _slice(self.event_customer, customer)


def simulated(*, customers: int, days: int, seed: int, has_intent: bool) -> Log:
    """A simulated shop, with or without intents that build over hours."""
    calendar = ShopCalendar(first_day=date(2024, 1, 1), days=days, timezone="Europe/London")
    draw = [np.random.default_rng([seed, place]) for place in range(6)]
    people = population.population(draw[0], customers=customers, days=days)
    goods = catalogue.catalogue(draw[1])
    planned = campaigns.campaigns(calendar)
    made = campaigns.contacts(draw[2], people, planned)
    orders = purchases.purchases(draw[3], people, calendar, planned, made)
    sold = baskets.sold_lines(draw[4], baskets.favourites(draw[4], people), orders, goods)
    stream = browsing.events(draw[5], people, calendar, orders, sold)
    if has_intent:
        drawn = np.random.default_rng([seed, 300])
        stream = together(stream, intent.intent(drawn, people, calendar, orders, sold))
    stream = stream.rows(np.isin(stream.kind, (VIEW, CART, REMOVE)))
    lines = sold.rows(sold.product != baskets.POSTAGE)
    at = calendar.wall_seconds(lines.at)
    by_line = np.lexsort((lines.product, at, lines.customer))
    by_event = np.lexsort((stream.wall_seconds, stream.customer))
    return Log(
        title=f"simulated shop {'with' if has_intent else 'without'} intent",
        first=calendar.first * DAY,
        last=(calendar.first + days) * DAY,
        category=goods.category_index,
        line_customer=lines.customer[by_line],
        line_at=at[by_line],
        line_product=lines.product[by_line],
        line_order=lines.order[by_line],
        event_customer=stream.customer[by_event],
        event_at=stream.wall_seconds[by_event],
        event_kind=stream.kind[by_event],
        event_product=stream.product[by_event],
    )


def journey() -> Log:
    """Complete Journey: baskets of supermarkets with their time, and no click."""
    files = {path.stem: path for path in complete_journey().files}
    columns = ["household_id", "basket_id", "product_id", "transaction_timestamp"]
    rows = pq.read_table(files["transactions"], columns=columns)
    at = rows["transaction_timestamp"].cast("timestamp[s]").cast("int64").to_numpy()
    customer = rows["household_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    order = rows["basket_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    product = _most_sold(rows["product_id"].combine_chunks().dictionary_encode().indices.to_numpy())
    products = pq.read_table(files["products"], columns=["product_id", "department"])
    place = rows["product_id"].combine_chunks()
    department = (
        pc.take(products["department"], pc.index_in(place, value_set=products["product_id"]))
        .combine_chunks()
        .dictionary_encode()
        .indices.fill_null(-1)
        .to_numpy()
    )
    category = np.full(PRODUCTS_MAX, -1, dtype=np.int64)
    category[product[product >= 0]] = department[product >= 0]
    by_line = np.lexsort((product, at, customer))
    none = np.zeros(0, dtype=np.int64)
    return Log(
        title="Complete Journey",
        first=int(at.min()) // DAY * DAY,
        last=int(at.max()) + 1,
        category=category,
        line_customer=customer[by_line].astype(np.int64),
        line_at=at[by_line],
        line_product=product[by_line],
        line_order=order[by_line].astype(np.int64),
        event_customer=none,
        event_at=none,
        event_kind=none,
        event_product=none,
    )


def _most_sold(product: Ints) -> Ints:
    """Places of the most sold products by how often, -1 of all others."""
    counts = np.bincount(product)
    place = np.full(len(counts), -1, dtype=np.int64)
    most_sold = np.argsort(-counts, kind="stable")[:PRODUCTS_MAX]
    place[most_sold] = np.arange(len(most_sold))
    return place[product]


def _slice(sorted_customers: Ints, customer: int) -> slice:
    begin, end = np.searchsorted(sorted_customers, [customer, customer + 1])
    return slice(int(begin), int(end))
