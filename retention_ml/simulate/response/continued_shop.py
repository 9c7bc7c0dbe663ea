"""A simulated shop that goes on after its last simulated day, with the contacts it received."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from retention_ml.simulate import catalogue as goods_of
from retention_ml.simulate import feeds
from retention_ml.simulate.catalogue import Catalogue
from retention_ml.simulate.population import Population
from retention_ml.simulate.response.contact_log import CHANNELS, Contact
from retention_ml.simulate.response.newcomers import joined
from retention_ml.simulate.response.responding_shop import RespondingShop
from retention_ml.simulate.response.worlds import World
from retention_ml.simulate.seasons import Booleans, Integers, ShopCalendar

DEAD_ADDRESS_SHARE = 0.01
BROWSING_AHEAD_DAYS = 14
_SENT_HOUR, _SENT_HOURS = 9, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What `simulate` was called with."""

    customers: int
    days: int
    seed: int
    first_day: date
    timezone: str

    def day_number(self, day: date) -> int:
        """Days from the first day simulated to `day`."""
        return (day - self.first_day).days

    def calendar(self, days: int) -> ShopCalendar:
        """The shop's calendar over so many days."""
        return ShopCalendar(first_day=self.first_day, days=days, timezone=self.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The contacts of one day as arrays, shape (n,).

    `action` points into the world's actions, `channel` into `CHANNELS`.
    """

    customer: Integers
    action: Integers
    channel: Integers
    action_id: list[str]
    bounced: Booleans

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuedShop:
    """The shop after it has lived through the day `today`.

    Parameters
    ----------
    shop : RespondingShop
        Lived through `today` and `BROWSING_AHEAD_DAYS` more, in which nobody is contacted: their
        orders are those that customers already browse for.
    sent : mapping of int to Sent
        Contacts by day number.
    favourite : array of int64, shape (customers,)
    withdrawn_before, withdrawn : array of bool, shape (channels, customers)
        Who had withdrawn permission for a channel before today's contacts, and after them.
    """

    simulation: Simulation
    today: int
    shop: RespondingShop
    goods: Catalogue
    favourite: Integers
    sent: Mapping[int, Sent]
    withdrawn_before: Booleans
    withdrawn: Booleans

    @property
    def people(self) -> Population:
        """Everybody who has joined by today."""
        return self.shop.people


def sent_at_seconds(simulation: Simulation, day: int, count: int) -> Integers:
    """When each contact of a day was sent: wall-clock seconds since 1970, shape (count,)."""
    morning = (simulation.calendar(1).first + day) * 86_400 + _SENT_HOUR * 3600
    rng = np.random.default_rng([simulation.seed, 220, day])
    return morning + rng.integers(0, _SENT_HOURS * 3600, count)


def start_of_day(
    simulation: Simulation,
    world: World,
    contacts: Mapping[int, Sequence[Contact]],
    today: int,
) -> RespondingShop:
    """The shop at the start of a day: its potential outcomes are those of a contact sent the day before.

    See `continued` for the parameters; `contacts` of the days before `today` count.
    """
    shop, *_ = _replayed(simulation, world, contacts, today, today + 1)
    return shop


def continued(
    simulation: Simulation,
    world: World,
    contacts: Mapping[int, Sequence[Contact]],
    today: int,
) -> ContinuedShop:
    """Live through all days from the end of the simulation to `today`.

    A contact works from the midnight after the day on which it was sent, if the address is alive.

    Parameters
    ----------
    contacts : mapping of int to sequence of Contact
        By day number; days without contacts may be missing. Each with its `response`.
    today : int
        A day number, at least `simulation.days`.
    """
    length = today + 1 + BROWSING_AHEAD_DAYS
    shop, favourite, sent, withdrawn = _replayed(simulation, world, contacts, today, length)
    withdrawn_before = withdrawn.copy()
    shop.advance(1)
    _contact(shop, sent, today, withdrawn)
    shop.advance(BROWSING_AHEAD_DAYS)
    return ContinuedShop(
        simulation=simulation,
        today=today,
        shop=shop,
        goods=goods_of.catalogue(np.random.default_rng([simulation.seed, 1])),
        favourite=favourite,
        sent=sent,
        withdrawn_before=withdrawn_before,
        withdrawn=withdrawn,
    )


def _replayed(
    simulation: Simulation,
    world: World,
    contacts: Mapping[int, Sequence[Contact]],
    today: int,
    length: int,
) -> tuple[RespondingShop, Integers, dict[int, Sent], Booleans]:
    people, favourite = joined(
        simulation.seed, customers=simulation.customers, days=simulation.days, through=today
    )
    shop = RespondingShop.continuing(
        world,
        people,
        first_day=simulation.first_day,
        start=simulation.days,
        days=length,
        seed=simulation.seed,
    )
    place = {name: row for row, name in enumerate(feeds.customer_ids(len(people)).to_pylist())}
    dead = np.random.default_rng([simulation.seed, 203]).random(len(people)) < DEAD_ADDRESS_SHARE
    indices = {action_id: row for row, action_id in enumerate(world.action_ids)}
    sent: dict[int, Sent] = {}
    for day, of_day in contacts.items():
        # What reached a customer the shop does not know of goes nowhere.
        reached = sorted(
            (place[each.customer_id], each.action_id, each.response, each.channel)
            for each in of_day
            if each.customer_id in place
        )
        customer = np.array([row for row, *_ in reached], dtype=np.int64)
        sent[day] = Sent(
            customer=customer,
            action=np.array([indices[response] for _, _, response, _ in reached], dtype=np.int64),
            channel=np.array([CHANNELS.index(each) for *_, each in reached], dtype=np.int64),
            action_id=[name for _, name, *_ in reached],
            bounced=dead[customer],
        )
    withdrawn = np.zeros((len(CHANNELS), len(people)), dtype=np.bool_)
    for day in range(simulation.days, today):
        shop.advance(1)
        _contact(shop, sent, day, withdrawn)
    return shop, favourite, sent, withdrawn


def _contact(shop: RespondingShop, sent: Mapping[int, Sent], day: int, withdrawn: Booleans) -> None:
    """Contact channel by channel, so that only the channel used is withdrawn from."""
    if day not in sent:
        return
    for channel, of_channel in enumerate(withdrawn):
        arrived = ~sent[day].bounced & (sent[day].channel == channel)
        shop.withdrawn = of_channel
        shop.contact(sent[day].customer[arrived], sent[day].action[arrived])
    shop.withdrawn = np.asarray(withdrawn.any(axis=0))
