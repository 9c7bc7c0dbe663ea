"""What a trial can be expected to bring, before any outcome is known."""

from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.sequential import BETS, bounds_of, differences_of, log_mixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The forecast at the start of a trial.

    Attributes
    ----------
    power : float
        Chance that the challenger wins in time, if the assumption holds.
    days_expected : int or None
        Days from the first common score after which half of such trials are won; `None` where
        fewer than half are won in time.
    days_most : int or None
        The same for nine in ten.
    customers_expected : int or None
        Customers counted by `days_expected`.
    assumption : str
        Sentences for people: what was assumed, and what follows.
    """

    power: float = 0.0
    days_expected: int | None = None
    days_most: int | None = None
    customers_expected: int | None = None
    assumption: str


def power_analysis(
    champion: Floats,
    challenger: Floats,
    *,
    customers_per_day: float,
    horizon_days: int,
    days_max: int,
    error_rate: float,
    earliest_day: int = 0,
    draws: int = 1000,
    seed: int = 0,
    truth: float = 1.0,
) -> Plan:
    """Power, days and customers until `sequential.looks` finds the challenger better.

    The logarithm of a bettor's wealth is a sum over customers. Its mean and spread per customer
    are computed exactly from the probabilities; the path of the sum is drawn as a normal random
    walk with one look a day, one walk for all bettors, who bet on the same outcomes.

    Parameters
    ----------
    champion, challenger : array of float64, shape (n,)
        Probabilities both give to the same customers.
    customers_per_day : float
        Customers who begin to be counted per day, those reached by campaigns left out. An even
        flow is assumed; where most begin on one day, the decision comes sooner.
    horizon_days : int
        Days from a score until its outcome is known (lead, horizon and settling).
    days_max : int
        Days after which the trial is abandoned, from the first common score.
    error_rate : float
        As in `sequential.looks`.
    earliest_day : int
        Days from the first common score before which nothing is decided.
    draws, seed : int
        Trials drawn, and what decides them.
    truth : float
        Where the true probabilities lie on the way from the champion's (0) to the challenger's
        (1). At a half the two are equally good.

    Raises
    ------
    ValueError
        There is no customer, or the two arrays differ in length.

    Examples
    --------
    >>> same = np.full(100, 0.6)
    >>> rates = {"customers_per_day": 50, "horizon_days": 29, "days_max": 182, "error_rate": 0.05}
    >>> power_analysis(same, same, **rates).power
    0.0
    """
    if len(champion) == 0 or len(champion) != len(challenger):
        raise ValueError(
            f"There are {len(champion)} probabilities of the champion and {len(challenger)} of "
            "the challenger; expected the same customers, at least one."
        )
    if np.array_equal(champion, challenger):
        return Plan(
            assumption="The challenger gives every customer the champion's probability: nothing "
            "can tell them apart, and it will not win."
        )
    earliest_day = max(horizon_days + 1, earliest_day)
    days = np.arange(earliest_day, days_max + 1)
    counts = np.floor(customers_per_day * (days - horizon_days)).astype(np.int64)
    if len(days) == 0 or counts[-1] == 0:
        return Plan(
            assumption=f"Nothing can be decided within {days_max} days: that takes {earliest_day} "
            f"days at least, and {customers_per_day:g} customers are counted per day. The "
            "challenger cannot win."
        )
    drift, spread = _growth(champion, challenger, truth)
    evidence = evidence_paths(drift, spread, counts, draws, seed)
    won_by = (np.maximum.accumulate(evidence, axis=1) >= -np.log(error_rate)).mean(axis=0)
    power = float(won_by[-1])
    sentence = (
        "If the challenger's probabilities are true"
        if truth == 1
        else f"If the truth lies {truth:.0%} of the way from the champion to the challenger"
    )
    sentence += f", it wins within {days_max} days with a chance of {power:.0%}"
    days_expected = days_most = customers_expected = None
    if power >= 0.5:
        half = np.argmax(won_by >= 0.5)
        days_expected, customers_expected = int(days[half]), int(counts[half])
        sentence += (
            f"; half of such trials are won by day {days_expected}, with {customers_expected:,} "
            "customers counted"
        )
    if power >= 0.9:
        days_most = int(days[np.argmax(won_by >= 0.9)])
        sentence += f", nine in ten by day {days_most}"
    return Plan(
        power=power,
        days_expected=days_expected,
        days_most=days_most,
        customers_expected=customers_expected,
        assumption=f"{sentence}.",
    )


def _growth(champion: Floats, challenger: Floats, truth: float) -> tuple[Floats, Floats]:
    # Mean and spread of log wealth per customer, by bet. Bettors to whom one of these customers
    # could cost all of their wealth count as having left before the first.
    true = np.clip(champion + truth * (challenger - champion), 0.0, 1.0)
    if_churned = differences_of(champion, challenger, np.ones_like(true))
    if_stayed = differences_of(champion, challenger, np.zeros_like(true))
    largest = bounds_of(champion, challenger).max()
    drift, spread = np.full(len(BETS), -np.inf), np.zeros(len(BETS))
    for k, bet in enumerate(BETS):
        if bet * largest < 1:
            churned, stayed = np.log1p(bet * if_churned), np.log1p(bet * if_stayed)
            drift[k] = np.mean(true * churned + (1 - true) * stayed)
            square = np.mean(true * churned**2 + (1 - true) * stayed**2)
            spread[k] = np.sqrt(max(square - drift[k] ** 2, 0.0))
    return drift, spread


def evidence_paths(drift: Floats, spread: Floats, counts: Ints, draws: int, seed: int) -> Floats:
    """Logarithms of e-values of drawn experiments at each look, shape (draws, looks).

    Parameters
    ----------
    drift, spread : array of float64, shape (number of bets,)
        Mean and standard deviation of the log wealth per customer; minus infinity and 0 for a
        bettor who left.
    counts : array of int64, shape (looks,)
        Customers counted at each look.
    """
    has_customers = counts > 0
    steps = np.sqrt(np.diff(counts[has_customers], prepend=0))
    noise = np.random.default_rng(seed).standard_normal((draws, len(steps)))
    wealth = np.cumsum(noise * steps, axis=1)[:, :, None] * spread + np.outer(
        counts[has_customers], drift
    )
    evidence = np.zeros((draws, len(counts)))
    evidence[:, has_customers] = log_mixture(wealth, BETS)
    return evidence
