"""Who is served by the challenger: customers assigned to two arms, and whether it looks fair.

A customer's place in [0, 1) comes from SHA-256 of the salt and the customer's number: the same on
every day and in every order of the rows, and unrelated to anything known about the customer. Who
lies below the challenger's share is served by the challenger, so that raising the share moves
customers to the challenger only. Another salt reassigns everybody.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats

_BITS = 52  # exact in a double, and in what the audit computes once more in the database


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """How many of some customers whom either model could serve are the challenger's."""

    challengers_count: int
    customers_count: int


def places(customer_ids: Sequence[str], salt: str) -> Floats:
    """Each customer's place in [0, 1), shape (n,).

    The first 52 bits of SHA-256 over the salt, a zero byte and the number, as a fraction.

    Examples
    --------
    >>> places(["12345", "12346"], "1").round(4).tolist()
    [0.0696, 0.6647]
    """
    sha256, before = hashlib.sha256, salt.encode() + b"\0"
    heads = b"".join(sha256(before + one.encode()).digest()[:8] for one in customer_ids)
    whole = np.frombuffer(heads, dtype=">u8") >> np.uint64(64 - _BITS)
    return np.asarray(whole / 2.0**_BITS, dtype=np.float64)


def assigned_to_challenger(customer_ids: Sequence[str], salt: str, share: float) -> Bools:
    """Who is assigned to the challenger: a `share` in [0, 1] of the n customers, shape (n,).

    Raises
    ------
    ValueError
        The share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The challenger's share is {share}; expected 0 to 1.")
    if share == 0:
        return np.zeros(len(customer_ids), dtype=np.bool_)
    return np.asarray(places(customer_ids, salt) < share)


def mismatch_p_value(arms: Arms, share: float) -> float:
    """How probable arms at least as far from `share` are if customers are assigned at random.

    The test for a sample-ratio mismatch, as the exact binomial test. Its usual form, chi-square
    of the two counts, is the approximation for large counts: of fair assignments of 60 customers with a
    share of a tenth it has 0.2 % below 0.001.

    Returns
    -------
    float
        In (0, 1]; 1 where there is nobody.

    References
    ----------
    A. Fabijan et al. (2019). Diagnosing sample ratio mismatch in online controlled experiments.
    KDD 2019, section 2.

    Examples
    --------
    >>> mismatch_p_value(Arms(challengers_count=100, customers_count=1_000), 0.1)
    1.0
    >>> mismatch_p_value(Arms(challengers_count=160, customers_count=1_000), 0.1) < 1e-8
    True
    """
    if arms.customers_count == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(arms.challengers_count, arms.customers_count, share).pvalue)


def worst_stratum(strata: Mapping[str, Arms], share: float) -> tuple[str, float]:
    """The stratum farthest from `share` and its p-value, corrected for how many were tested.

    Bonferroni: the smallest p-value times the number of strata, at most 1. No strata: ("", 1.0).
    """
    if not strata:
        return "", 1.0
    p_value, name = min((mismatch_p_value(arms, share), name) for name, arms in strata.items())
    return name, min(1.0, p_value * len(strata))
