"""The customers of a simulated shop, with the truth about each of them.

While a customer is alive, orders come as a Poisson process whose rate is the customer's own
(gamma over customers) times the season; they drop out at an exponential time whose rate is
again their own (gamma). That is the Pareto/NBD world plus seasons, one-time buyers and
campaigns with a known effect.

References
----------
Schmittlein, Morrison and Colombo (1987), Counting Your Customers, Management Science 33(1).
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.simulate.seasons import Booleans, Floats, Integers


@dataclass(frozen=True, slots=True)
class CustomerType:
    """How one kind of customer behaves and answers to a campaign.

    `contact_multiplier` is what a contact does to the rate of ordering while it works.
    """

    name: str
    share: float
    mean_orders_per_day: float
    one_time_share: float
    contact_multiplier: float


# Name, share, mean orders per day, one-time share, contact multiplier.
TYPES = (
    CustomerType("persuadable", 0.25, 1 / 60, 0.15, 2.5),
    CustomerType("sure_thing", 0.30, 1 / 30, 0.05, 1.0),
    CustomerType("lost_cause", 0.30, 1 / 150, 0.60, 1.0),
    CustomerType("do_not_disturb", 0.15, 1 / 45, 0.15, 0.4),
)
RATE_SHAPE = 2.0
DROPOUT_SHAPE = 2.0
MEAN_DROPOUT_PER_DAY = 1 / 240
ENTRY_WINDOW_SHARE = 0.8

_COUNTRIES = ("United Kingdom", "Ireland", "France", "Germany", "Netherlands", "Spain")
_COUNTRY_SHARES = (0.78, 0.06, 0.05, 0.05, 0.03, 0.03)
_AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
_AGE_SHARES = (0.10, 0.22, 0.24, 0.20, 0.14, 0.10)
_INCOME_BANDS = ("under 20K", "20-35K", "35-50K", "50-75K", "over 75K")
_INCOME_SHARES = (0.15, 0.30, 0.25, 0.20, 0.10)
_HOUSEHOLDS = ("1", "2", "3", "4", "5+")
_HOUSEHOLD_SHARES = (0.30, 0.35, 0.15, 0.14, 0.06)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """All customers, one entry each; instants are days since the first day simulated.

    `type_index` points into `TYPES`; `dropped_out_at` may lie after the last day.
    """

    type_index: Integers
    is_one_time: Booleans
    purchase_rate_per_day: Floats
    dropout_rate_per_day: Floats
    contact_multiplier: Floats
    registered_at: Floats
    first_order_at: Floats
    dropped_out_at: Floats
    return_share: Floats
    country: list[str]
    age_band: list[str]
    income_band: list[str]
    household_size: list[str]

    def __len__(self) -> int:
        return len(self.type_index)


def population(rng: np.random.Generator, *, customers: int, days: int) -> Population:
    """As many customers, most of whom enter early in the `days` that are simulated.

    A one-time buyer drops out with the first order, so their further rate is never seen.
    """
    kind = rng.choice(len(TYPES), size=customers, p=[each.share for each in TYPES])
    mean_rate = np.array([each.mean_orders_per_day for each in TYPES])[kind]
    one_time = rng.random(customers) < np.array([each.one_time_share for each in TYPES])[kind]
    rate = mean_rate * rng.gamma(RATE_SHAPE, 1 / RATE_SHAPE, customers)
    dropout = MEAN_DROPOUT_PER_DAY * rng.gamma(DROPOUT_SHAPE, 1 / DROPOUT_SHAPE, customers)
    dropout = np.maximum(dropout, 1e-5)
    first_order = days * ENTRY_WINDOW_SHARE * rng.random(customers) ** 1.5
    lifetime = rng.exponential(1.0, customers) / dropout
    registered = np.maximum(first_order - rng.exponential(2.0, customers) - 0.02, 0.0)
    return Population(
        type_index=kind.astype(np.int64),
        is_one_time=one_time,
        purchase_rate_per_day=rate,
        dropout_rate_per_day=dropout,
        contact_multiplier=np.array([each.contact_multiplier for each in TYPES])[kind],
        registered_at=registered,
        first_order_at=first_order,
        dropped_out_at=np.where(one_time, first_order, first_order + lifetime),
        return_share=rng.beta(1.0, 24.0, customers),
        country=_drawn(rng, _COUNTRIES, _COUNTRY_SHARES, customers),
        age_band=_drawn(rng, _AGE_BANDS, _AGE_SHARES, customers),
        income_band=_drawn(rng, _INCOME_BANDS, _INCOME_SHARES, customers),
        household_size=_drawn(rng, _HOUSEHOLDS, _HOUSEHOLD_SHARES, customers),
    )


def _drawn(
    rng: np.random.Generator, values: tuple[str, ...], shares: tuple[float, ...], count: int
) -> list[str]:
    return np.array(values, dtype=object)[rng.choice(len(values), size=count, p=shares)].tolist()  # type: ignore[no-any-return]
