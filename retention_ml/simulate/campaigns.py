"""Campaigns of a simulated shop: whom they reached by lot, and what that does to orders."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from retention_ml.simulate.population import Population
from retention_ml.simulate.seasons import Booleans, Floats, Integers, ShopCalendar

CONTACT_PROBABILITY = 0.5
EFFECT_DAYS = 14
FIRST_CAMPAIGN_DAY = 30
EVERY_DAYS = 28
TYPES = ("voucher", "newsletter", "new_arrivals")


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign: sent in the evening before `first_day`, it works for `days` days.

    Everyone registered before it was sent is reached with `contact_probability`, by lot.
    """

    campaign_id: str
    campaign_type: str
    first_day: int
    days: int
    contact_probability: float

    @property
    def sent_at(self) -> float:
        """When it is sent, in days since the first day simulated."""
        return self.first_day - 0.25

    def works_at(self, at: Floats) -> Booleans:
        """Whether it works at each instant, shape (n,)."""
        return (at >= self.first_day) & (at < self.first_day + self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """Who could be reached, and who was: shapes (campaigns, customers)."""

    is_eligible: Booleans
    is_contacted: Booleans


def campaigns(calendar: ShopCalendar) -> tuple[Campaign, ...]:
    """The shop's campaigns; their windows of effect never overlap and end within the days."""
    days = range(FIRST_CAMPAIGN_DAY, calendar.days - EFFECT_DAYS + 1, EVERY_DAYS)
    return tuple(
        Campaign(
            campaign_id=f"K{calendar.first_day + timedelta(days=day):%Y%m%d}",
            campaign_type=TYPES[number % len(TYPES)],
            first_day=day,
            days=EFFECT_DAYS,
            contact_probability=CONTACT_PROBABILITY,
        )
        for number, day in enumerate(days)
    )


def contacts(
    rng: np.random.Generator, people: Population, planned: tuple[Campaign, ...]
) -> Contacts:
    """Each registered customer is reached by each campaign with its known probability."""
    first_days = np.array([each.first_day for each in planned], dtype=np.int64)
    probabilities = np.array([each.contact_probability for each in planned], dtype=np.float64)
    eligible = people.registered_at < first_days[:, None] - 1
    reached = eligible & (rng.random(eligible.shape) < probabilities[:, None])
    return Contacts(is_eligible=eligible, is_contacted=reached)


def multiplier(
    people: Population,
    planned: tuple[Campaign, ...],
    made: Contacts,
    customer: Integers,
    at: Floats,
) -> Floats:
    """What contacts do to the rate of `customer` at the instants `at`, shape (n,)."""
    factor = np.ones(len(at))
    for row, campaign in enumerate(planned):
        touched = campaign.works_at(at) & made.is_contacted[row, customer]
        factor[touched] = people.contact_multiplier[customer[touched]]
    return factor
