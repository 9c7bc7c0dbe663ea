"""The customers of a continued shop: those who were simulated, and those who join day by day."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from retention_ml.simulate import baskets, population
from retention_ml.simulate.population import Population
from retention_ml.simulate.seasons import Integers

_REGISTERED_BEFORE_DAYS = 0.02


def joined(seed: int, *, customers: int, days: int, through: int) -> tuple[Population, Integers]:
    """Everybody who has joined by the end of day `through`, and their favourite categories.

    The first `customers` are those of the simulation over `days`; behind them stand the newcomers
    of the days from `days` on, in the order of the days. About half as many a day as in the
    simulation's average keep the number of active customers about level.
    """
    people = population.population(np.random.default_rng([seed, 0]), customers=customers, days=days)
    # As `simulate` draws them: first from the generator of what was sold.
    categories = [baskets.favourites(np.random.default_rng([seed, 4]), people)]
    pieces = [people]
    for day in range(days, through + 1):
        rng = np.random.default_rng([seed, 200, day])
        newcomers = _newcomers(rng, count=int(rng.poisson(customers / days / 2)), day=day)
        pieces.append(newcomers)
        categories.append(baskets.favourites(rng, newcomers))
    return _concatenated(pieces), np.concatenate(categories)


def rows(people: Population, selected: Integers) -> Population:
    """Some of the customers, in the order asked for."""
    columns: dict[str, Any] = {}
    for field in fields(Population):
        values = getattr(people, field.name)
        columns[field.name] = (
            [values[index] for index in selected] if isinstance(values, list) else values[selected]
        )
    return Population(**columns)


def _newcomers(rng: np.random.Generator, *, count: int, day: int) -> Population:
    people = population.population(rng, customers=count, days=1)
    lifetime = people.dropped_out_at - people.first_order_at
    first_order = day + _REGISTERED_BEFORE_DAYS + (1 - _REGISTERED_BEFORE_DAYS) * rng.random(count)
    return replace(
        people,
        first_order_at=first_order,
        registered_at=first_order - _REGISTERED_BEFORE_DAYS * rng.random(count),
        dropped_out_at=first_order + lifetime,
    )


def _concatenated(pieces: Sequence[Population]) -> Population:
    columns: dict[str, Any] = {}
    for field in fields(Population):
        values = [getattr(piece, field.name) for piece in pieces]
        columns[field.name] = (
            [value for piece in values for value in piece]
            if isinstance(values[0], list)
            else np.concatenate(values)
        )
    return Population(**columns)
