"""When each simulated customer orders: a Poisson process with season, dropout and campaigns."""

from dataclasses import dataclass

import numpy as np

from retention_ml.simulate import campaigns as marketing
from retention_ml.simulate.campaigns import Campaign, Contacts
from retention_ml.simulate.population import Population
from retention_ml.simulate.seasons import Booleans, Columns, Floats, Integers, ShopCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases(Columns):
    """All orders in the order of time: who, and when in days since the first day simulated."""

    customer: Integers
    at: Floats
    is_first: Booleans


def purchases(
    rng: np.random.Generator,
    people: Population,
    calendar: ShopCalendar,
    planned: tuple[Campaign, ...],
    made: Contacts,
) -> Purchases:
    """Every order of every customer inside the days simulated.

    The base process is drawn by inverting the cumulative activity. A contact with a multiplier
    below 1 thins it in the window of effect; one above 1 adds an independent process.
    """
    everyone = np.arange(len(people))
    end = np.minimum(people.dropped_out_at, calendar.days)
    base_customer, base_at = _drawn(
        rng, calendar, everyone, people.first_order_at, end, people.purchase_rate_per_day
    )
    factor = marketing.multiplier(people, planned, made, base_customer, base_at)
    stays = rng.random(len(base_at)) < factor
    customers, instants = [everyone, base_customer[stays]], [people.first_order_at, base_at[stays]]
    for row, campaign in enumerate(planned):
        lifted = np.flatnonzero(made.is_contacted[row] & (people.contact_multiplier > 1))
        start = np.maximum(people.first_order_at[lifted], campaign.first_day)
        stop = np.minimum(end[lifted], campaign.first_day + campaign.days)
        rate = people.purchase_rate_per_day[lifted] * (people.contact_multiplier[lifted] - 1)
        extra_customer, extra_at = _drawn(rng, calendar, lifted, start, stop, rate)
        customers.append(extra_customer)
        instants.append(extra_at)
    customer, at = np.concatenate(customers), np.concatenate(instants)
    orders = Purchases(customer=customer, at=at, is_first=np.arange(len(at)) < len(people))
    return orders.rows(np.lexsort((customer, at)))


def _drawn(
    rng: np.random.Generator,
    calendar: ShopCalendar,
    customer: Integers,
    start: Floats,
    stop: Floats,
    rate: Floats,
) -> tuple[Integers, Floats]:
    """Orders of an inhomogeneous Poisson process on [start, stop) per customer."""
    low = calendar.activity(start)
    mass = np.maximum(calendar.activity(np.maximum(stop, start)) - low, 0.0)
    count = rng.poisson(rate * mass)
    drawn = np.repeat(low, count) + rng.random(int(count.sum())) * np.repeat(mass, count)
    return np.repeat(customer, count), calendar.instant(drawn)
