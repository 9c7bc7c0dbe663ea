"""The simulated shop's feeds as Arrow tables, written as the shop would write them.

Every table has a hidden last column `_month` (months since January 1970), by which the files
are cut. Times are wall-clock times of the shop; money is decimal.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.simulate import browsing
from retention_ml.simulate import feedback as opinions
from retention_ml.simulate.baskets import CANCELLATION, POSTAGE, RETURN, Lines
from retention_ml.simulate.browsing import Events
from retention_ml.simulate.campaigns import Campaign, Contacts
from retention_ml.simulate.catalogue import CATEGORIES, POSTAGE_ID, Catalogue
from retention_ml.simulate.comments import COMMENTS
from retention_ml.simulate.feedback import Feedback
from retention_ml.simulate.population import Population
from retention_ml.simulate.purchases import Purchases
from retention_ml.simulate.seasons import DAY_SECONDS, Integers, ShopCalendar

MONTH = "_month"
OPENED_SHARE = 0.4
CLICKED_SHARE = 0.3
REDEEMED_SHARE = 0.5


def customer_ids(count: int) -> pa.Array:
    """The ids of all customers, shape (count,)."""
    return pa.array([f"C{number:07d}" for number in range(1, count + 1)], pa.string())


def order_lines(
    ids: pa.Array, goods: Catalogue, calendar: ShopCalendar, sold: Lines, came_back: Lines
) -> pa.Table:
    """Sales, returns and cancellations by time, one row per line of a document."""
    lines = Lines.concatenate([sold, came_back])
    wall = calendar.wall_seconds(lines.at)
    by_time = np.lexsort((lines.product, lines.order, lines.kind, wall))
    lines, wall = lines.rows(by_time), wall[by_time]
    document = lines.order * 3 + lines.kind
    products = pa.array([*goods.product_id, POSTAGE_ID], pa.string())
    product = np.where(lines.product == POSTAGE, len(goods), lines.product)
    prefix = pa.array(["O", "R", "C"]).take(pa.array(lines.kind))
    assert (RETURN, CANCELLATION) == (1, 2)
    return pa.table(
        {
            "order_id": _numbered(prefix, lines.order + 1_000_001),
            "line": pa.array(browsing.place_in_group(document) + 1),
            "customer_id": ids.take(pa.array(lines.customer)),
            "ordered_at": timestamps(wall),
            "product_id": products.take(pa.array(product)),
            "quantity": pa.array(lines.quantity),
            "unit_price": _money(lines.unit_price_cents),
            "discount": _money(lines.discount_cents),
            "amount": _money(lines.amount_cents),
            MONTH: months(wall),
        }
    )


def events(ids: pa.Array, goods: Catalogue, stream: Events) -> pa.Table:
    """The click-stream by time."""
    return pa.table(
        {
            "event_at": timestamps(stream.wall_seconds),
            "customer_id": ids.take(pa.array(stream.customer)),
            "session_id": pa.array(stream.session),
            "event_type": pa.array(browsing.EVENT_TYPES).take(pa.array(stream.kind)),
            "product_id": _optional(goods.product_id, stream.product),
            "detail": _optional(list(browsing.SEARCH_WORDS), stream.word),
            MONTH: months(stream.wall_seconds),
        }
    )


def products(goods: Catalogue, calendar: ShopCalendar) -> pa.Table:
    """The catalogue, all of it in the first month."""
    first = np.full(len(goods) + 1, calendar.first * DAY_SECONDS)
    return pa.table(
        {
            "product_id": [*goods.product_id, POSTAGE_ID],
            "name": [*goods.name, "Postage and packing"],
            "category": [*(CATEGORIES[index] for index in goods.category_index), "postage"],
            "subcategory": [*goods.subcategory, "postage"],
            "brand": [*goods.brand, None],
            MONTH: months(first),
        }
    )


def customers(ids: pa.Array, people: Population, calendar: ShopCalendar) -> pa.Table:
    """The accounts by day of registration."""
    wall = calendar.wall_seconds(people.registered_at)
    by_time = np.argsort(wall, kind="stable")
    return pa.table(
        {
            "customer_id": ids,
            "registered_at": timestamps(wall),
            "country": people.country,
            "age_band": people.age_band,
            "income_band": people.income_band,
            "household_size": people.household_size,
            MONTH: months(wall),
        }
    ).take(pa.array(by_time))


def feedback(
    ids: pa.Array,
    goods: Catalogue,
    calendar: ShopCalendar,
    entries: Feedback,
    first_number: int = 1,
) -> pa.Table:
    """Reviews, surveys, complaints and reasons for a return by time."""
    wall = calendar.wall_seconds(entries.at)
    number = np.arange(len(entries)) + first_number
    return pa.table(
        {
            "feedback_id": _numbered(pa.array(["F"]).take(pa.array(number * 0)), number),
            "customer_id": ids.take(pa.array(entries.customer)),
            "given_at": timestamps(wall),
            "kind": pa.array(opinions.KINDS).take(pa.array(entries.kind)),
            "rating": pa.array(entries.rating),
            "product_id": _optional(goods.product_id, entries.product),
            "comment": pa.array(COMMENTS).take(pa.array(entries.comment)),
            MONTH: months(wall),
        }
    )


def campaign_contacts(
    rng: np.random.Generator,
    ids: pa.Array,
    goods: Catalogue,
    calendar: ShopCalendar,
    planned: tuple[Campaign, ...],
    made: Contacts,
    orders: Purchases,
) -> pa.Table:
    """Sent, opened, clicked, redeemed, and who was left alone by lot, by campaign and time."""
    kinds = pa.array(["sent", "opened", "clicked", "redeemed", "holdout"])
    # Of each contact: campaign, kind, customer, second and product.
    pieces = [[np.zeros(0, dtype=np.int64)] * 5]
    for row, campaign in enumerate(planned):
        reached = np.flatnonzero(made.is_contacted[row])
        evening = (calendar.first + campaign.first_day - 1) * DAY_SECONDS + 18 * 3600
        sent = evening + rng.integers(0, 2 * 3600, len(reached))
        opened = rng.random(len(reached)) < OPENED_SHARE
        opened_at = sent + 60 + (rng.exponential(6 * 3600, len(reached))).astype(np.int64)
        clicked = opened & (rng.random(len(reached)) < CLICKED_SHARE)
        bought = np.flatnonzero(
            campaign.works_at(orders.at) & made.is_contacted[row, orders.customer]
        )
        bought = bought[rng.random(len(bought)) < REDEEMED_SHARE]
        offered = int(rng.integers(len(goods)))
        left = np.flatnonzero(made.is_eligible[row] & ~made.is_contacted[row])
        for kind, customer, at in (
            (0, reached, sent),
            (1, reached[opened], opened_at[opened]),
            (2, reached[clicked], opened_at[clicked] + 30),
            (3, orders.customer[bought], calendar.wall_seconds(orders.at[bought])),
            (4, left, np.full(len(left), evening)),
        ):
            same = np.zeros(len(at), dtype=np.int64)
            pieces.append([same + row, same + kind, customer, at, same + offered])
    row_index, kind_index, customer, at, product = (
        np.concatenate(column) for column in zip(*pieces, strict=True)
    )
    at = calendar.existing(at)
    rows = pa.table(
        {
            "campaign_id": _optional([each.campaign_id for each in planned], row_index),
            "customer_id": ids.take(pa.array(customer)),
            "happened_at": timestamps(at),
            "kind": kinds.take(pa.array(kind_index)),
            "campaign_type": _optional([each.campaign_type for each in planned], row_index),
            "product_id": _optional(goods.product_id, product),
            MONTH: months(at),
        }
    ).filter(pa.array(at < (calendar.first + calendar.days) * DAY_SECONDS))
    return rows.sort_by([(name, "ascending") for name in ("happened_at", "customer_id", "kind")])


def timestamps(wall_seconds: Integers) -> pa.Array:
    """Wall-clock seconds since 1970 as times without a zone, shape (n,)."""
    return pa.array(wall_seconds).cast(pa.timestamp("s"))


def months(wall_seconds: Integers) -> pa.Array:
    """Months since January 1970, shape (n,)."""
    return pa.array(wall_seconds.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64))


def _money(cents: Integers) -> pa.Array:
    """Minor units as decimals with two places, without a detour over floats."""
    words = np.stack([cents, cents >> 63], axis=1)
    return pa.Array.from_buffers(
        pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(np.ascontiguousarray(words))]
    )


def _numbered(prefix: pa.Array, number: Integers) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(number).cast(pa.string()), "")


def _optional(values: list[str], index: Integers) -> pa.Array:
    """The value at each index; null where it is negative."""
    return pa.array(values, pa.string()).take(pa.array(index, mask=index < 0))
