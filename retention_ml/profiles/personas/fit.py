"""A fit of personas: the division of a day's buyers that stays in force until the next decision."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from retention_ml.profiles.personas.behaviour import TRAITS
from retention_ml.profiles.personas.clusters import (
    COUNTS,
    Scale,
    Steadiness,
    centroids,
    nearest,
    sampled,
    stability,
    steadiest,
)
from retention_ml.profiles.personas.names import matched, name_of, traits_in_words
from retention_ml.statistics.arrays import Floats, Ints

BUYERS_MIN = 200
VARYING_MIN = 3
"""Traits that have to vary: customers of one day differ by their first basket alone."""
_DISTINCT_PER_PERSONA = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One persona of a fit.

    Parameters
    ----------
    persona_id : int
        Stays when a later fit continues the persona, as does `name`.
    traits : str
        What distinguishes it in this fit, the strongest first.
    customers_count : int
        At the fit.
    overlap : float or None
        With the persona of the fit before that it continues; None for a new one.
    """

    persona_id: int
    name: str
    traits: str
    customers_count: int
    overlap: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaFit:
    """Frozen personas: a scale, a centroid each, and how stable they were.

    Parameters
    ----------
    scale : Scale
    centres : array of float64, shape (k, 7)
        In the order of `personas`; none where nothing was stable.
    personas : tuple of Persona, length k
    tried : dict of int to Steadiness
        By number of clusters.
    customers_count : int
        Buyers the fit is of.
    why_none : str or None
        Why there are no personas, in words.
    """

    scale: Scale
    centres: Floats
    personas: tuple[Persona, ...]
    tried: dict[int, Steadiness]
    customers_count: int
    why_none: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides who belongs where and what it is called."""
        return hashlib.sha256(json.dumps(self.frozen(), sort_keys=True).encode()).hexdigest()

    def frozen(self) -> dict[str, Any]:
        """The scale, and the personas with centroids, as plain values."""
        return {
            "traits": [trait.name for trait in TRAITS],
            **{name: getattr(self.scale, name).tolist() for name in Scale.__slots__},
            "personas": [
                {"persona_id": one.persona_id, "name": one.name, "centroid": centre}
                for one, centre in zip(self.personas, self.centres.tolist(), strict=True)
            ],
        }

    def assign(self, traits: Floats) -> Ints:
        """The place in `personas` of each customer, shape (n,)."""
        return nearest(self.scale.points(traits), self.centres)


def fit_personas(
    traits: Floats,
    month_ago: tuple[Ints, Floats],
    *,
    stability_min: float,
    change_max: float,
    count: int = 0,
    previous: PersonaFit | None = None,
    next_id: int = 1,
    used_names: Collection[str] = (),
) -> PersonaFit:
    """Divide the buyers of a day.

    Parameters
    ----------
    traits : array of float64, shape (n, 7)
        Of the customers who are to count.
    month_ago : array of int64, shape (m,), and array of float64, shape (m, 7)
        Which of them had ordered a month ago, and their traits then.
    stability_min, change_max : float
        Of a number of clusters that is taken: at least so stable, and with no larger share of
        customers who belonged elsewhere a month ago, if there is one.
    count : int
        How many personas; 0 takes the most stable number.
    previous : PersonaFit, optional
        Its personas are continued, with number and name, where customers are the same.
    next_id : int
        The first number that no persona has had.
    used_names : collection of str
        Names that personas have had; a new persona gets another.
    """
    scale = _scale_of(traits)
    missing = what_is_missing(traits, count)
    if missing:
        return no_personas(missing, scale=scale, customers_count=len(traits))
    points = scale.points(traits)
    sample = sampled(points)
    distinct = _distinct_count(sample)
    tried, centres_of = {}, {}
    for number in (count,) if count else COUNTS:
        if _DISTINCT_PER_PERSONA * number <= distinct:
            centres_of[number] = centroids(sample, number)
            tried[number] = Steadiness(
                stability=stability(sample, centres_of[number]),
                change=_change(scale, centres_of[number], points, month_ago),
            )
    chosen = count if count in tried else steadiest(tried, stability_min, change_max)
    if not chosen:
        best = max(one.stability for one in tried.values())
        return no_personas(
            f"no number of them is stable: the adjusted Rand index over bootstrap samples is "
            f"{best:.2f} at most, and at least {stability_min:.2f} is asked for",
            scale=scale,
            tried=tried,
            customers_count=len(traits),
        )
    centres = centres_of[chosen]
    division = nearest(points, centres)
    # The persona that brings most is the first.
    revenue = np.bincount(division, weights=traits[:, 2], minlength=chosen)
    order = np.argsort(-revenue, kind="stable")
    centres, place = centres[order], np.argsort(order)[division]
    return PersonaFit(
        scale=scale,
        centres=centres,
        personas=_named(centres, place, traits, previous, next_id, used_names),
        tried=tried,
        customers_count=len(traits),
    )


def what_is_missing(traits: Floats, count: int = 0) -> str | None:
    """What customers lack for any number of personas to be tried, in words; None if nothing."""
    scale = _scale_of(traits)
    varying = int((scale.spread > 0).sum())
    if len(traits) < BUYERS_MIN or varying < VARYING_MIN:
        return (
            f"of {len(traits):,} customers with an order {varying} of {len(TRAITS)} traits vary; "
            f"they begin with {BUYERS_MIN} customers and {VARYING_MIN} traits"
        )
    sample, fewest = sampled(scale.points(traits)), count or min(COUNTS)
    distinct = _distinct_count(sample)
    if distinct < _DISTINCT_PER_PERSONA * fewest:
        return (
            f"of {len(sample):,} customers {distinct:,} differed from each other; "
            f"{fewest} personas need {_DISTINCT_PER_PERSONA * fewest}"
        )
    return None


def no_personas(
    why: str,
    *,
    scale: Scale | None = None,
    tried: dict[int, Steadiness] | None = None,
    customers_count: int = 0,
) -> PersonaFit:
    """A fit without personas, and why, in words."""
    return PersonaFit(
        scale=scale or _scale_of(np.zeros((0, len(TRAITS)))),
        centres=np.zeros((0, len(TRAITS))),
        personas=(),
        tried=tried or {},
        customers_count=customers_count,
        why_none=why,
    )


def _named(
    centres: Floats,
    place: Ints,
    traits: Floats,
    previous: PersonaFit | None,
    next_id: int,
    used_names: Collection[str],
) -> tuple[Persona, ...]:
    counts = np.bincount(place, minlength=len(centres))
    pairs: list[tuple[int, float] | None] = [None] * len(centres)
    used = set(used_names)
    if previous is not None and previous.personas:
        pairs = matched(previous.assign(traits), place, (len(previous.personas), len(centres)))
        used |= {one.name for one in previous.personas}
    personas = []
    for number, (centre, pair) in enumerate(zip(centres, pairs, strict=True)):
        words = traits_in_words(centre)
        if pair is None or previous is None:
            persona_id, name, overlap = next_id, name_of(words, used), None
            next_id, used = next_id + 1, used | {name}
        else:
            before = previous.personas[pair[0]]
            persona_id, name, overlap = before.persona_id, before.name, pair[1]
        personas.append(
            Persona(
                persona_id=persona_id,
                name=name,
                traits=", ".join(words),
                customers_count=int(counts[number]),
                overlap=overlap,
            )
        )
    return tuple(personas)


def _change(
    scale: Scale, centres: Floats, points: Floats, month_ago: tuple[Ints, Floats]
) -> float | None:
    """The share of customers who belong elsewhere than a month ago; None without any."""
    buyers, traits = month_ago
    if len(buyers) == 0:
        return None
    then, now = nearest(scale.points(traits), centres), nearest(points[buyers], centres)
    return float((then != now).mean())


def _distinct_count(points: Floats) -> int:
    return len(np.unique(points, axis=0))


def _scale_of(traits: Floats) -> Scale:
    if len(traits):
        return Scale.of(traits)
    zeros = np.zeros(len(TRAITS))
    return Scale(lower=zeros, upper=zeros, mean=zeros, spread=zeros)
