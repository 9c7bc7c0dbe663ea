"""The true churn probabilities and campaign effects of a simulated shop, in closed form.

With rate λ, dropout rate μ and season s, a customer alive at t places no order in a window with

    P = exp(-μH - λS(H)) + Σ_days μ / (μ + λs) · exp(-μu - λS(u)) · (1 - exp(-μ - λs))

where S is the season summed up to the start u of each day: either nothing happened at all, or
the customer dropped out on some day before ordering. A campaign multiplies λ while it works; who
will be reached is not known beforehand, so both branches are carried with their probabilities.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml.clock import day_number
from retention_ml.simulate.campaigns import Campaign, Contacts
from retention_ml.simulate.seasons import Floats, season_factor

CONTACT_SCHEMA = pa.schema(
    {
        "campaign_id": pa.string(),
        "customer_id": pa.string(),
        "is_contacted": pa.bool_(),
        "contact_probability": pa.float64(),
        "purchase_probability_contacted": pa.float64(),
        "purchase_probability_left_alone": pa.float64(),
        "uplift": pa.float64(),
    }
)
CAMPAIGN_SCHEMA = pa.schema(
    {
        "campaign_id": pa.string(),
        "campaign_type": pa.string(),
        "first_day": pa.int64(),
        "days": pa.int64(),
        "contact_probability": pa.float64(),
    }
)


class _People(NamedTuple):
    """Columns of `truth/customers.parquet` as arrays; `first_day` counts from 1970-01-01."""

    first_day: int
    purchase_rate_per_day: Floats
    dropout_rate_per_day: Floats
    contact_multiplier: Floats
    registered_at_days: Floats
    first_order_at_days: Floats
    dropped_out_at_days: Floats


def churn_probability(
    customer_truth: pa.Table, as_of: date, horizon_days: int, *, campaigns: Sequence[Campaign] = ()
) -> Floats:
    """The true P(no order in [as_of, as_of + horizon_days)) of every customer, shape (n,).

    Conditional on the customer's rates and on whether they are alive at the start of `as_of`;
    1 for those who have dropped out, NaN for those whose first order has not come yet.

    Parameters
    ----------
    customer_truth : pyarrow.Table
        `truth/customers.parquet` of a simulation.
    as_of : date
        The window opens at the midnight it begins with.
    horizon_days : int
        Length of the window in days, at least 1.
    campaigns : sequence of Campaign, optional
        The shop's campaigns; their effect is averaged over who may be reached. Days are
        counted from the table's `first_day`.
    """
    people = _people(customer_truth)
    start = day_number(as_of) - people.first_day
    silent = _silent(people, start, horizon_days, campaigns, None)
    probability = np.where(people.dropped_out_at_days > start, silent, 1.0)
    return np.where(people.first_order_at_days < start, probability, np.nan)


def read_campaigns(path: Path) -> tuple[Campaign, ...]:
    """The campaigns in `truth/campaigns.parquet`."""
    return tuple(Campaign(**row) for row in pq.read_table(path).to_pylist())


def purchase_probabilities(customer_truth: pa.Table, campaign: Campaign) -> tuple[Floats, Floats]:
    """P(order while the campaign works) with and without a contact, each of shape (n,).

    For customers alive when it begins; 0 and 0 for those who have dropped out, NaN for those
    whose first order has not come by then.
    """
    people = _people(customer_truth)
    alive = people.dropped_out_at_days > campaign.first_day
    present = people.first_order_at_days < campaign.first_day

    def purchase(share: float) -> Floats:
        silent = _silent(people, campaign.first_day, campaign.days, (campaign,), share)
        return np.where(present, np.where(alive, 1 - silent, 0.0), np.nan)

    return purchase(1.0), purchase(0.0)


def contact_effects(
    customer_truth: pa.Table, campaigns: Sequence[Campaign], made: Contacts
) -> pa.Table:
    """One row per campaign and customer who could be reached: lot, odds and true effect."""
    pieces = []
    for row, campaign in enumerate(campaigns):
        eligible = np.flatnonzero(made.is_eligible[row])
        eligible_customers = customer_truth.take(pa.array(eligible))
        with_contact, without = purchase_probabilities(eligible_customers, campaign)
        pieces.append(
            pa.table(
                {
                    "campaign_id": pa.array([campaign.campaign_id] * len(eligible), pa.string()),
                    "customer_id": eligible_customers["customer_id"].combine_chunks(),
                    "is_contacted": made.is_contacted[row, eligible],
                    "contact_probability": np.full(len(eligible), campaign.contact_probability),
                    "purchase_probability_contacted": with_contact,
                    "purchase_probability_left_alone": without,
                    "uplift": with_contact - without,
                },
                schema=CONTACT_SCHEMA,
            )
        )
    return pa.concat_tables(pieces) if pieces else CONTACT_SCHEMA.empty_table()


def _silent(
    people: _People,
    start: int,
    horizon_days: int,
    campaigns: Sequence[Campaign],
    contacted: float | None,
) -> Floats:
    """P(no order in the days from `start`) of customers alive then, shape (n,).

    `contacted` fixes the probability of being reached; by default it is the campaign's own.
    """
    silent = np.ones(len(people.purchase_rate_per_day))  # alive, and no order so far
    gone = np.zeros(len(people.purchase_rate_per_day))  # dropped out before ordering
    rates = season_factor(people.first_day + start + np.arange(horizon_days))
    day = 0
    while day < horizon_days:
        today = start + day
        campaign = next((c for c in campaigns if c.first_day <= today < c.first_day + c.days), None)
        if campaign is None:
            silent, left = day_without_order(
                silent, people.purchase_rate_per_day * rates[day], people.dropout_rate_per_day
            )
            gone += left
            day += 1
            continue
        end = min(campaign.first_day + campaign.days - start, horizon_days)
        share = campaign.contact_probability if contacted is None else contacted
        reached = share * (people.registered_at_days < campaign.first_day - 1)
        opening, silent = silent, np.zeros_like(silent)
        for factor, weight in ((people.contact_multiplier, reached), (1.0, 1 - reached)):
            branch = opening * weight
            for step in range(day, end):
                rate = people.purchase_rate_per_day * factor * rates[step]
                branch, left = day_without_order(branch, rate, people.dropout_rate_per_day)
                gone += left
            silent += branch
        day = end
    return silent + gone


def day_without_order(silent: Floats, rate: Floats, dropout: Floats) -> tuple[Floats, Floats]:
    """One day on: those still alive without an order, and those who dropped out without one."""
    hazard = rate + dropout
    left = silent * -np.expm1(-hazard)
    return silent - left, left * dropout / hazard


def _people(customer_truth: pa.Table) -> _People:
    first_days = customer_truth["first_day"].unique().to_pylist()
    if len(first_days) > 1:
        raise ValueError(
            f"The table holds {len(first_days)} simulations (by first_day); expected one. "
            "Give the truth of one simulation at a time."
        )
    return _People(
        day_number(first_days[0]) if first_days else 0,
        *(customer_truth[name].to_numpy() for name in _People._fields[1:]),
    )
