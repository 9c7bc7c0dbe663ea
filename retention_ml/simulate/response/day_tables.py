"""The feeds of one day of a continued shop, as Arrow tables like those of the simulation."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
import pyarrow as pa

from retention_ml.simulate import baskets, browsing, feedback, feeds
from retention_ml.simulate.baskets import Lines
from retention_ml.simulate.purchases import Purchases
from retention_ml.simulate.response import newcomers
from retention_ml.simulate.response.contact_log import CHANNELS, EMAIL, PUSH
from retention_ml.simulate.response.continued_shop import (
    BROWSING_AHEAD_DAYS,
    ContinuedShop,
    sent_at_seconds,
)
from retention_ml.simulate.seasons import DAY_SECONDS, Booleans, Columns, Floats, Integers

_Rows = TypeVar("_Rows", bound=Columns)

_NUMBERS_A_DAY = 1_000_000
_RETURN_DAYS = 26
_FEEDBACK_DAYS = 15
_OPENING_DAYS = 7
_OPENING_SECONDS = 6 * 3600
_UNSUBSCRIBES_AFTER_SECONDS = 3600
_COMPLAINT_SHARE = 0.1
_GRANTED_SHARES = {EMAIL: 0.9, PUSH: 0.4}


def day_tables(lived: ContinuedShop) -> dict[str, pa.Table]:
    """What the shop delivers about its newest day, by feed; tables may be empty."""
    shop, day = lived, lived.today
    ids = feeds.customer_ids(len(shop.people))
    calendar = shop.simulation.calendar(day + 1)
    documents = {each: _documents(shop, each) for each in _days(shop, _RETURN_DAYS + 15)}
    sold = documents[day][1]
    back = [_of_day(lines, lines.at, day) for _, _, lines in documents.values()]
    people = shop.people
    registered = np.flatnonzero(np.floor(people.registered_at) == day)
    tables = {
        "order_lines": feeds.order_lines(ids, shop.goods, calendar, sold, Lines.concatenate(back)),
        "events": _events(shop, ids),
        "customers": feeds.customers(
            ids.take(pa.array(registered)), newcomers.rows(people, registered), calendar
        ),
        "feedback": _feedback(shop, ids, documents),
        "campaign_contacts": _reactions(shop, ids),
        "contact_permissions": _permissions(shop, ids, registered),
    }
    return {feed: table.drop_columns([feeds.MONTH]) for feed, table in tables.items()}


def first_permissions(lived: ContinuedShop) -> pa.Table:
    """What customers of the simulation had granted when they registered."""
    count = lived.simulation.customers
    ids = feeds.customer_ids(len(lived.people))
    return _granted(lived, ids, np.arange(count)).drop_columns([feeds.MONTH])


def _days(lived: ContinuedShop, back: int) -> range:
    return range(max(lived.simulation.days, lived.today - back), lived.today + 1)


def _documents(lived: ContinuedShop, day: int) -> tuple[Purchases, Lines, Lines]:
    """Orders of a day, their lines, and what comes back of them on whatever day."""
    seed = lived.simulation.seed
    orders = _purchases(lived, day)
    sold = baskets.sold_lines(
        np.random.default_rng([seed, 211, day]), lived.favourite, orders, lived.goods
    )
    sold = _with_discounts(lived, day, orders, sold)
    back = baskets.lines_that_came_back(
        np.random.default_rng([seed, 212, day]),
        lived.people,
        orders,
        sold,
        lived.simulation.calendar(day + _RETURN_DAYS),
    )
    first_number = day * _NUMBERS_A_DAY
    return (
        orders,
        replace(sold, order=sold.order + first_number),
        replace(back, order=back.order + first_number),
    )


def _purchases(lived: ContinuedShop, day: int) -> Purchases:
    """The orders of a day at their instants, in the order of time."""
    people, count = lived.people, lived.shop.orders[day]
    part = np.random.default_rng([lived.simulation.seed, 210, day]).random(len(count))
    first = np.floor(people.first_order_at) == day
    begin = np.where(first, people.first_order_at, day)
    end = np.clip(people.dropped_out_at, begin, day + 1)
    buyers = np.repeat(np.arange(len(count)), count)
    place = browsing.place_in_group(buyers)
    # Several orders of one customer spread over the time that is left.
    share = (place + part[buyers]) / np.maximum(count[buyers], 1)
    is_first = first[buyers] & (place == 0)
    at = np.where(is_first, begin[buyers], begin[buyers] + share * (end - begin)[buyers])
    orders = Purchases(customer=buyers, at=np.minimum(at, day + 1 - 1e-9), is_first=is_first)
    return orders.rows(np.lexsort((buyers, orders.at)))


def _with_discounts(lived: ContinuedShop, day: int, orders: Purchases, sold: Lines) -> Lines:
    """The coupon's discount on the goods of a customer's first order of the day."""
    customers, actions = lived.shop.redemptions[day]
    share = np.zeros(len(lived.people))
    share[customers] = lived.shop.world.discount_shares[actions]
    first_of_customer = np.zeros(len(orders), dtype=np.bool_)
    first_of_customer[np.unique(orders.customer, return_index=True)[1]] = True
    redeemed = first_of_customer[sold.order] & (sold.product != baskets.POSTAGE)
    off = np.where(redeemed, share[sold.customer] * sold.amount_cents, 0.0)
    return replace(sold, discount_cents=sold.discount_cents + np.rint(off).astype(np.int64))


def _events(lived: ContinuedShop, ids: pa.Array) -> pa.Table:
    """Visits of the day: idle ones, those before orders to come, and those that bought."""
    day, people = lived.today, lived.people
    coming = [_purchases(lived, later) for later in range(day + 1, day + 1 + BROWSING_AHEAD_DAYS)]
    orders = _purchases(lived, day)
    _, sold, _ = _documents(lived, day)
    bought = replace(sold, order=sold.order - day * _NUMBERS_A_DAY)
    today = replace(
        people,
        registered_at=np.clip(people.registered_at, day, day + 1),
        dropped_out_at=np.maximum(people.dropped_out_at, day),
    )
    stream = browsing.events(
        np.random.default_rng([lived.simulation.seed, 213, day]),
        today,
        lived.simulation.calendar(day + 1),
        Purchases.concatenate([orders, *coming]),
        bought,
    )
    midnight = (lived.simulation.calendar(1).first + day) * DAY_SECONDS
    stream = stream.rows(stream.wall_seconds >= midnight)
    return feeds.events(
        ids, lived.goods, replace(stream, session=stream.session + day * _NUMBERS_A_DAY)
    )


def _feedback(
    lived: ContinuedShop, ids: pa.Array, documents: dict[int, tuple[Purchases, Lines, Lines]]
) -> pa.Table:
    calendar = lived.simulation.calendar(lived.today + 1)
    pieces = []
    for day, (_, sold, back) in documents.items():
        rng = np.random.default_rng([lived.simulation.seed, 214, day])
        until = lived.simulation.calendar(day + _RETURN_DAYS + _FEEDBACK_DAYS)
        entries = feedback.feedback(rng, until, sold, back)
        pieces.append(_of_day(entries, entries.at, lived.today))
    together = feedback.Feedback.concatenate(pieces)
    return feeds.feedback(
        ids,
        lived.goods,
        calendar,
        together.rows(np.lexsort((together.customer, together.at))),
        first_number=lived.today * _NUMBERS_A_DAY,
    )


def _reactions(lived: ContinuedShop, ids: pa.Array) -> pa.Table:
    """Contacts opened, clicked and redeemed on the day; a campaign is an action of a day."""
    day, seed = lived.today, lived.simulation.seed
    first = lived.simulation.calendar(1).first
    pieces: list[tuple[str, Integers, Integers, list[str]]] = []
    for sent_on in _days(lived, _OPENING_DAYS):
        if sent_on not in lived.sent:
            continue
        sent = lived.sent[sent_on]
        rng = np.random.default_rng([seed, 221, sent_on])
        opened = (rng.random(len(sent)) < feeds.OPENED_SHARE) & ~sent.bounced
        clicked = opened & (rng.random(len(sent)) < feeds.CLICKED_SHARE)
        at = sent_at_seconds(lived.simulation, sent_on, len(sent)) + 60
        at += rng.exponential(_OPENING_SECONDS, len(sent)).astype(np.int64)
        names = _campaign_ids(lived, sent_on, sent.action_id)
        for kind, chosen, seconds in (("opened", opened, at), ("clicked", clicked, at + 30)):
            rows = np.flatnonzero(chosen & (seconds // DAY_SECONDS == first + day))
            pieces.append((kind, sent.customer[rows], seconds[rows], [names[i] for i in rows]))
    pieces.append(_redeemed(lived))
    kinds = [kind for kind, customer, _, _ in pieces for _ in customer]
    customer = np.concatenate([customer for _, customer, _, _ in pieces])
    at = np.concatenate([seconds for _, _, seconds, _ in pieces])
    names = [name for _, _, _, of_kind in pieces for name in of_kind]
    return pa.table(
        {
            "campaign_id": pa.array(names, pa.string()),
            "customer_id": ids.take(pa.array(customer)),
            "happened_at": feeds.timestamps(lived.simulation.calendar(day + 1).existing(at)),
            "kind": pa.array(kinds, pa.string()),
            "campaign_type": pa.array([name.split("@")[0] for name in names], pa.string()),
            "product_id": pa.nulls(len(names), pa.string()),
            feeds.MONTH: feeds.months(at),
        }
    ).sort_by([(name, "ascending") for name in ("happened_at", "customer_id", "kind")])


def _redeemed(lived: ContinuedShop) -> tuple[str, Integers, Integers, list[str]]:
    """Who used the discount of a contact on the day, at the instant of the order."""
    day, orders = lived.today, _purchases(lived, lived.today)
    at = dict(zip(orders.customer[::-1].tolist(), orders.at[::-1].tolist(), strict=True))
    customers, _ = lived.shop.redemptions[day]
    # The newest contact of the customer, which is the one that works.
    newest = {
        int(customer): _campaign_ids(lived, sent_on, [sent.action_id[row]])[0]
        for sent_on, sent in sorted(lived.sent.items())
        if sent_on < day
        for row, customer in enumerate(sent.customer.tolist())
        if not sent.bounced[row]
    }
    seconds = lived.simulation.calendar(day + 1).wall_seconds(
        np.array([at[customer] for customer in customers.tolist()], dtype=np.float64)
    )
    return "redeemed", customers, seconds, [newest[customer] for customer in customers.tolist()]


def _campaign_ids(lived: ContinuedShop, sent_on: int, action_ids: list[str]) -> list[str]:
    day = lived.simulation.first_day.toordinal() + sent_on
    suffix = type(lived.simulation.first_day).fromordinal(day).isoformat()
    return [f"{action_id}@{suffix}" for action_id in action_ids]


def _permissions(lived: ContinuedShop, ids: pa.Array, registered: Integers) -> pa.Table:
    """Granted by newcomers; bounced, withdrawn and complained after the day's contacts."""
    pieces = [_granted(lived, ids, registered)]
    if lived.today in lived.sent:
        sent = lived.sent[lived.today]
        at = sent_at_seconds(lived.simulation, lived.today, len(sent))
        newly = lived.withdrawn & ~lived.withdrawn_before
        left = newly[sent.channel, sent.customer] & ~sent.bounced
        rng = np.random.default_rng([lived.simulation.seed, 222, lived.today])
        complained = left & (rng.random(len(sent)) < _COMPLAINT_SHARE)
        for kind, chosen, delay in (
            ("bounced", sent.bounced, 60),
            ("withdrawn", left, _UNSUBSCRIBES_AFTER_SECONDS),
            ("complained", complained, _UNSUBSCRIBES_AFTER_SECONDS + 60),
        ):
            for number, channel in enumerate(CHANNELS):
                rows = chosen & (sent.channel == number)
                pieces.append(
                    _statements(lived, ids, sent.customer[rows], at[rows] + delay, channel, kind)
                )
    return pa.concat_tables(pieces)


def _granted(lived: ContinuedShop, ids: pa.Array, customers: Integers) -> pa.Table:
    calendar = lived.simulation.calendar(lived.today + 1)
    at = calendar.wall_seconds(lived.people.registered_at[customers])
    pieces = []
    for number, (channel, share) in enumerate(_GRANTED_SHARES.items()):
        rng = np.random.default_rng([lived.simulation.seed, 204, number])
        grants = (rng.random(len(lived.people)) < share)[customers]
        pieces.append(_statements(lived, ids, customers[grants], at[grants], channel, "granted"))
    return pa.concat_tables(pieces)


def _statements(
    lived: ContinuedShop, ids: pa.Array, customers: Integers, at: Integers, channel: str, kind: str
) -> pa.Table:
    names = ids.take(pa.array(customers)).to_pylist()
    address = "{}@example.com" if channel == EMAIL else "device-{}"
    return pa.table(
        {
            "customer_id": pa.array(names, pa.string()),
            "channel": pa.array([channel] * len(names), pa.string()),
            "purpose": pa.array(["marketing"] * len(names), pa.string()),
            "kind": pa.array([kind] * len(names), pa.string()),
            "happened_at": feeds.timestamps(
                lived.simulation.calendar(lived.today + 1).existing(at)
            ),
            "address": pa.array([address.format(name.lower()) for name in names], pa.string()),
            feeds.MONTH: feeds.months(at),
        }
    )


def _of_day(rows: _Rows, at: Floats, day: int) -> _Rows:
    chosen: Booleans = np.floor(at) == day
    return rows.rows(chosen)
