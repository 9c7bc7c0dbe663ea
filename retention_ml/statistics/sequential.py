"""A comparison of two forecasters that may be looked at every day (docs/decisions/0012).

A bettor who believes that the challenger is better starts with one coin and stakes, customer after
customer, the same share λ of their wealth: after t customers it is Π (1 + λ dᵢ), where dᵢ is by
how much the challenger's forecast was better. If it is no better on average, the bettor cannot
expect to gain, whenever they stop: E(1 + λ dᵢ) = 1 + λ μᵢ ≤ exp(λ μᵢ). A wealth of 20 is then
reached with a chance of at most one in twenty. The e-value is the mean wealth of many bettors with
different λ.

References
----------
Howard, Ramdas, McAuliffe, Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence
sequences, Annals of Statistics 49(2). Waudby-Smith, Ramdas (2024), Estimating means of bounded
random variables by betting, JRSS B 86(1). Choe, Ramdas (2023), Comparing sequential forecasters,
Operations Research. Mineiro (2022), A lower confidence sequence for the changing mean of
non-negative right heavy-tailed observations with bounded mean, arXiv:2210.11133: constant bets,
and why they are never worth less than the empirical Bernstein process.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints

BETS: Floats = 2.0 ** np.arange(-7.0, 1.5, 0.5)
"""λ: 1 / 128 finds what takes millions of customers; a challenger that is right is bet on with
1 / mean of 4r(1 − r), which is 1 to 2."""

_LOG_LARGEST = 700.0  # e-values are cut at exp(700), which a double still holds
_HALVINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The evidence after the first `count` customers.

    Attributes
    ----------
    count : int
        Customers counted so far.
    mean : float
        Mean difference; above zero the challenger was better. 0 before the first customer.
    lower, upper : float
        Ends of the confidence sequence for the mean of the expected differences of these
        customers. Each end is wrong at any look at all with a chance of at most
        `error_rate`, the interval of both thus with at most twice that. `lower >= 0` exactly
        where `e_better >= 1 / error_rate`, `upper <= 0` exactly where `e_worse` is.
    e_better, e_worse : float
        Evidence that the challenger is better, or worse; at least 0. If it is not, the chance
        that 1 / x is ever reached is at most x. Cut at about 1e304.
    """

    count: int
    mean: float
    lower: float
    upper: float
    e_better: float
    e_worse: float


def differences_of(champion: Floats, challenger: Floats, churned: Floats) -> Floats:
    """Brier score of the champion minus that of the challenger, per customer, within -1 and 1.

    Parameters
    ----------
    champion, challenger : array of float64, shape (n,)
        Probabilities of churn.
    churned : array of float64, shape (n,)
        1.0 where the customer churned, 0.0 where not.

    >>> differences_of(np.array([0.5, 0.5]), np.array([0.75, 0.75]), np.array([1.0, 0.0]))
    array([ 0.1875, -0.3125])
    """
    return np.asarray((champion - churned) ** 2 - (challenger - churned) ** 2, dtype=np.float64)


def bounds_of(champion: Floats, challenger: Floats) -> Floats:
    """The largest difference that either outcome can bring; it does not depend on the outcome.

    >>> bounds_of(np.array([0.5]), np.array([0.75]))
    array([0.3125])
    """
    if_churned = differences_of(champion, challenger, np.ones_like(champion))
    if_stayed = differences_of(champion, challenger, np.zeros_like(champion))
    return np.maximum(np.abs(if_churned), np.abs(if_stayed))


def looks(
    differences: Floats, counts: Ints, *, error_rate: float, bounds: Floats | None = None
) -> list[Look]:
    """The evidence after each of the given numbers of customers, valid however often one looks.

    What is tested is the mean over the customers counted of the difference to be expected given
    everything that came before, so that it may drift. Only the order of the looks matters, not
    that of the customers between two looks.

    Parameters
    ----------
    differences : array of float64, shape (n,)
        From `differences_of`, within -1 and 1, in the order in which customers are counted.
    counts : array of int64, shape (k,)
        How many of them had an outcome at each look; must not fall.
    error_rate : float
        Between 0 and 1, for each end of the interval.
    bounds : array of float64, shape (n,), optional
        From `bounds_of`. Where the two forecasts never lie far apart, larger bets can be paid,
        and a decision needs up to half the customers. Default 1 for everybody.

    Raises
    ------
    ValueError
        A difference is beyond its bound or missing, the counts fall or exceed n, or the error
        rate is no probability.

    Examples
    --------
    >>> [look] = looks(np.full(200, 0.05), np.array([200]), error_rate=0.05)
    >>> look.e_better > 20, look.lower > 0
    (True, True)
    """
    bets = BETS if bounds is not None else BETS[BETS < 1]
    bounds = np.ones(len(differences)) if bounds is None else bounds
    _check(differences, bounds, counts, error_rate)
    largest = np.maximum.accumulate(bounds)
    better = _log_wealth(differences, largest, counts, bets)
    worse = _log_wealth(-differences, largest, counts, bets)
    means = np.append(0.0, np.cumsum(differences))[counts] / np.maximum(counts, 1)
    columns = {
        "count": counts,
        "mean": means,
        "lower": _lower(better, counts, bets, error_rate),
        "upper": -_lower(worse, counts, bets, error_rate),
        "e_better": np.exp(np.minimum(log_mixture(better, bets), _LOG_LARGEST)),
        "e_worse": np.exp(np.minimum(log_mixture(worse, bets), _LOG_LARGEST)),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [Look(**dict(zip(columns, row, strict=True))) for row in rows]


def log_mixture(log_wealth: Floats, bets: Floats) -> Floats:
    """Logarithm of the mean wealth; each bet starts with a share in proportion to √λ.

    Parameters
    ----------
    log_wealth : array of float64, shape (…, number of bets)
        Minus infinity for a bettor who had to leave.
    bets : array of float64
        λ of the last axis.

    Returns
    -------
    array of float64, shape (…)
    """
    shares = np.sqrt(bets) / np.sqrt(bets).sum()
    largest = log_wealth.max(axis=-1, keepdims=True)
    return np.asarray(largest[..., 0] + np.log(np.exp(log_wealth - largest) @ shares))


def _log_wealth(differences: Floats, largest: Floats, counts: Ints, bets: Floats) -> Floats:
    # A bettor leaves, with nothing, before the first customer who could cost all of their wealth.
    wealth = np.full((len(counts), len(bets)), -np.inf)
    for k, bet in enumerate(bets):
        stays = int(np.searchsorted(largest, 1.0 / bet, side="left"))
        sums = np.append(0.0, np.cumsum(np.log1p(bet * differences[:stays])))
        before_leaving = counts <= stays
        wealth[before_leaving, k] = sums[counts[before_leaving]]
    return wealth


def _lower(log_wealth: Floats, counts: Ints, bets: Floats, error_rate: float) -> Floats:
    # Largest mean that is refuted: had it been the mean, wealth · exp(-λ · count · mean) would
    # gain nothing on average. The first halving tests 0, as the e-value does.
    low, high = np.full(len(counts), -1.0), np.full(len(counts), 1.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        shifted = log_wealth - (counts * middle)[:, None] * bets
        refuted = log_mixture(shifted, bets) >= -np.log(error_rate)
        low, high = np.where(refuted, middle, low), np.where(refuted, high, middle)
    return low


def _check(differences: Floats, bounds: Floats, counts: Ints, error_rate: float) -> None:
    if not 0 < error_rate < 1:
        raise ValueError(f"The error rate is {error_rate}; expected a number between 0 and 1.")
    if len(bounds) != len(differences):
        raise ValueError(
            f"There are {len(differences)} differences and {len(bounds)} bounds; "
            "expected one bound for each difference."
        )
    inside = (np.abs(differences) <= bounds) & (bounds <= 1)
    if not inside.all():
        raise ValueError(
            f"{int((~inside).sum())} of {len(differences)} differences are missing or beyond "
            "their bound; expected bounds of at most 1 and differences within them. "
            "Take both from differences_of and bounds_of."
        )
    if (np.diff(counts, prepend=0, append=len(differences)) < 0).any():
        raise ValueError(
            f"The looks count from {counts.min()} to {counts.max()} customers; expected numbers "
            f"that do not fall, between 0 and the {len(differences)} there are."
        )
