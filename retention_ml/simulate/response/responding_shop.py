"""A shop in arrays that lives day by day and answers to contacts.

The laws are those of `retention simulate`: rates and dropout by `population`, season by `seasons`,
orders as a Poisson process. A contact multiplies the customer's rate while it works. Amounts are
lognormal with the mean and the spread of the simulator's baskets. 20,000 customers over 26 weeks
take about a second.

Every day draws the same numbers whatever was decided before, so two policies on equal seeds meet
the same customers with the same luck: an order comes earlier, later or not at all only because of
a contact.
"""

from datetime import date
from typing import Self

import numpy as np

from retention_ml.clock import day_number
from retention_ml.simulate import population
from retention_ml.simulate.population import Population
from retention_ml.simulate.response.worlds import World
from retention_ml.simulate.seasons import Booleans, Floats, Integers, season_factor

ORDER_CENTS = 3306.0
"""Mean amount of an order, as measured on the simulator's baskets; its spread is 1.06 times that."""
_ORDER_LOG_SPREAD = float(np.sqrt(np.log(1 + 1.06**2)))
MARGIN_SHARE = 0.30
ACTIVE_DAYS = 90
_NOBODY = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


class RespondingShop:
    """A shop of `customers` over `history_days` without contacts and `days` to be decided on.

    Parameters
    ----------
    world : World
        What actions do.
    seed : int
        Equal seeds give equal customers and equal luck.

    Attributes
    ----------
    people : Population
        The truth about each customer.
    today : int
        The next day to be lived through, counted from the first day of the history.
    orders : array of int16, shape (history_days + days, customers)
        Orders by day; zero from `today` on.
    margin_cents : array of float64, same shape
        Their margin after discounts, before the cost of contacts.
    first_order_day, last_order_day : array of int64, shape (customers,)
        -1 before the first order.
    order_count, margin_total_cents : array, shape (customers,)
        Of all days before `today`.
    withdrawn : array of bool, shape (customers,)
        Who has withdrawn permission. The shop records it; whoever decides must respect it.
    redemptions : list of (customers, actions)
        By day, who used the discount of which action.
    """

    def __init__(
        self,
        world: World,
        *,
        customers: int = 20_000,
        history_days: int = 182,
        days: int = 182,
        seed: int,
        first_day: date = date(2024, 1, 1),
    ) -> None:
        length = history_days + days
        people = population.population(
            np.random.default_rng([seed, 0]), customers=customers, days=length
        )
        self._begin(world, people, length, day_number(first_day), seed)
        self.advance(history_days)

    @classmethod
    def continuing(
        cls, world: World, people: Population, *, first_day: date, start: int, days: int, seed: int
    ) -> Self:
        """A shop from day `start` on, whose customers and earlier orders come from elsewhere.

        `days` are counted from `first_day`, those before `start` among them; in these `orders` stay
        zero. More customers at the end of `people` change nothing for the others.
        """
        shop = cls.__new__(cls)
        shop._begin(world, people, days, day_number(first_day), seed)
        shop.today = start
        return shop

    def _begin(self, world: World, people: Population, days: int, first: int, seed: int) -> None:
        customers = len(people)
        self.world, self.people, self.seed, self.first = world, people, seed, first
        self.today = 0
        self.orders = np.zeros((days, customers), dtype=np.int16)
        self.margin_cents = np.zeros((days, customers))
        self.first_order_day = np.full(customers, -1, dtype=np.int64)
        self.last_order_day = np.full(customers, -1, dtype=np.int64)
        self.order_count = np.zeros(customers, dtype=np.int64)
        self.margin_total_cents = np.zeros(customers)
        self.withdrawn = np.zeros(customers, dtype=np.bool_)
        self.redemptions: list[tuple[Integers, Integers]] = [_NOBODY] * days
        self.action = np.zeros(customers, dtype=np.int64)
        self._works_until = np.zeros(customers, dtype=np.int64)
        self._discount_open = np.zeros(customers, dtype=np.bool_)

    def contact(self, customers: Integers, actions: Integers) -> None:
        """Contact customers before `today` begins; action 0 is no contact."""
        reached = customers[actions > 0]
        action = actions[actions > 0]
        self.action[reached] = action
        self._works_until[reached] = self.today + self.world.effect_days[action]
        self._discount_open[reached] = self.world.discount_shares[action] > 0
        share = self.world.withdrawal_shares[action, self.people.type_index[reached]]
        draw = np.random.default_rng([self.seed, 2, self.today]).random(len(self.withdrawn))
        self.withdrawn[reached] |= draw[reached] < share

    def advance(self, days: int) -> None:
        """Live through some days."""
        for _ in range(days):
            self._live()

    def is_active(self, active_days: int = ACTIVE_DAYS) -> Booleans:
        """Who ordered in the `active_days` before today, shape (customers,)."""
        since = max(self.today - active_days, 0)
        return np.asarray(self.last_order_day >= since)

    def _live(self) -> None:
        day, people = self.today, self.people
        chance = np.random.default_rng([self.seed, 1, day]).random(len(self.action))
        deviation = np.random.default_rng([self.seed, 5, day]).standard_normal(len(self.action))
        amount = np.exp(_ORDER_LOG_SPREAD * deviation - _ORDER_LOG_SPREAD**2 / 2)
        self.action[self._works_until <= day] = 0
        multiplier = self.world.multipliers[self.action, people.type_index]
        exposed = np.clip(people.dropped_out_at, day, day + 1) - np.clip(
            people.first_order_at, day, day + 1
        )
        season = season_factor(np.array([self.first + day]))[0]
        rate = people.purchase_rate_per_day * multiplier * season * np.maximum(exposed, 0.0)
        count = poisson_quantile(chance, rate)
        count += (people.first_order_at >= day) & (people.first_order_at < day + 1)
        buys = np.flatnonzero(count)
        cents = ORDER_CENTS * amount[buys]
        discounted = self._discount_open[buys] & (self.action[buys] > 0)
        discount = np.where(discounted, self.world.discount_shares[self.action[buys]] * cents, 0.0)
        self._discount_open[buys[discounted]] = False
        self.redemptions[day] = (buys[discounted], self.action[buys[discounted]])
        self.orders[day] = count
        self.margin_cents[day, buys] = MARGIN_SHARE * cents * count[buys] - discount
        self.first_order_day[buys[self.first_order_day[buys] < 0]] = day
        self.last_order_day[buys] = day
        self.order_count += count
        self.margin_total_cents += self.margin_cents[day]
        self.today += 1


def poisson_quantile(chance: Floats, rate: Floats) -> Integers:
    """The counts of Poisson variables at given quantiles, shape (n,); they never fall with the rate.

    >>> poisson_quantile(np.array([0.5, 0.95, 0.999]), np.array([0.1, 0.1, 0.1])).tolist()
    [0, 1, 2]
    """
    count = np.zeros(len(rate), dtype=np.int64)
    probability = np.exp(-rate)
    cumulative = probability.copy()
    above = np.flatnonzero(chance > cumulative)
    while len(above):
        count[above] += 1
        probability[above] *= rate[above] / count[above]
        cumulative[above] += probability[above]
        above = above[(chance[above] > cumulative[above]) & (probability[above] > 0)]
    return count
