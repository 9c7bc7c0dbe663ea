"""Whether arms are as large as their shares say: a sample-ratio mismatch makes figures worthless.

At assignment everybody counts at once: `mismatch_p_value`, exact. Afterwards customers come day by
day (exposed, matured), and a p-value that is read every day is below 0.05 in four of ten fair
experiments by the end of half a year: `e_values` may be read at every look.

References
----------
A. Fabijan et al. (2019). Diagnosing sample ratio mismatch in online controlled experiments.
KDD 2019. M. Lindon, A. Malek (2022). Anytime-valid inference for multinomial count data.
NeurIPS 35, section 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints

CONCENTRATION = 100.0
"""How near to the shares the alternative is expected: as after so many customers."""

_LOG_LARGEST = 700.0  # e-values are cut at exp(700), which a double still holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """How many of some customers, all of whom either arm could get, are in the arm tested."""

    arm_count: int
    customers_count: int


def mismatch_p_value(arms: Arms, share: float) -> float:
    """How probable arms at least as far from `share` are if customers are assigned at random.

    The test for a sample-ratio mismatch, as the exact binomial test. Its usual form, chi-square
    of the two counts, is the approximation for large counts: of fair assignments of 60 customers with a
    share of a tenth it has 0.2 % below 0.001.

    Returns
    -------
    float
        In (0, 1]; 1 where there is nobody.

    Examples
    --------
    >>> mismatch_p_value(Arms(arm_count=100, customers_count=1_000), 0.1)
    1.0
    >>> mismatch_p_value(Arms(arm_count=160, customers_count=1_000), 0.1) < 1e-8
    True
    """
    if arms.customers_count == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(arms.arm_count, arms.customers_count, share).pvalue)


def worst_stratum(strata: Mapping[str, Arms], share: float) -> tuple[str, float]:
    """The stratum farthest from `share` and its p-value, corrected for how many were tested.

    Bonferroni: the smallest p-value times the number of strata, at most 1. No strata: ("", 1.0).
    """
    if not strata:
        return "", 1.0
    p_value, name = min((mismatch_p_value(arms, share), name) for name, arms in strata.items())
    return name, min(1.0, p_value * len(strata))


def e_values(
    counts: Ints, shares: Sequence[float], *, concentration: float = CONCENTRATION
) -> Floats:
    """Evidence at each look that customers do not come into the arms by their shares.

    The Bayes factor of a Dirichlet distribution around the shares against the shares themselves.
    If customers are assigned by the shares, the chance that 1 / x is ever reached, at any look,
    is at most x. Only the counts matter, not the order of the customers between two looks.

    Parameters
    ----------
    counts : array of int64, shape (looks, arms)
        Customers of each arm so far; must not fall.
    shares : sequence of float, length arms
        Above 0; of all arms together 1.
    concentration : float
        Of the Dirichlet distribution; larger finds smaller deviations, later.

    Returns
    -------
    array of float64, shape (looks,)
        Above 0; 1 without customers. Cut at about 1e304.

    Raises
    ------
    ValueError
        Counts are negative or fall, or the shares are not those of the arms or do not add up to 1.

    Examples
    --------
    >>> e_values(np.array([[500, 500], [1_080, 920]]), (0.5, 0.5)).round(2).tolist()
    [0.3, 97.46]
    """
    from scipy.special import gammaln

    counts = np.asarray(counts, dtype=np.int64)
    share = np.asarray(shares, dtype=np.float64)
    _check(counts, share)
    prior = concentration * share
    total = counts.sum(axis=1)
    log_e = (
        gammaln(concentration)
        - gammaln(concentration + total)
        + (gammaln(prior + counts) - gammaln(prior) - counts * np.log(share)).sum(axis=1)
    )
    return np.asarray(np.exp(np.minimum(log_e, _LOG_LARGEST)), dtype=np.float64)


def _check(counts: Ints, shares: Floats) -> None:
    if counts.ndim != 2 or counts.shape[1] != len(shares):
        raise ValueError(
            f"There are {len(shares)} shares and counts of shape {counts.shape}; expected a row "
            "for each look with one count for each share."
        )
    if not (shares > 0).all() or abs(float(shares.sum()) - 1) > 1e-9:
        raise ValueError(
            f"The shares are {shares.tolist()}; expected numbers above 0 that add up to 1."
        )
    if (np.diff(counts, axis=0, prepend=0) < 0).any():
        raise ValueError("Counts of an arm fall or are negative; expected all customers so far.")
