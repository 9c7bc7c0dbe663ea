"""A sticky holdout: what its effect would look like had the lots fallen otherwise.

Customers of a sticky holdout are drawn once, so after the first window the lots are known and no
sequential test applies. But the draw could have fallen otherwise: other lots give what the figure
is without any effect, with everything that makes customers alike from window to window. There is
one look per closed window, at sums since the beginning. Of the error rate a share is spent at each
look, growing with the windows (Lan, DeMets): at look k, of the draws that have not crossed yet,
so many with the largest figures cross that α·(k / K)² of all have. The draw that was really made
is one of them, no different from the others if nothing has an effect; so the chance that it ever
crosses is at most α, for any distribution of money.

References
----------
Lan, DeMets (1983), Discrete sequential boundaries for clinical trials, Biometrika 70. Kim, DeMets
(1987), Design and analysis of group sequential tests based on the type I error spending rate
function, Biometrika 74 (powers of time). Lin, Wei, Ying (1994) and Chung, Romano (2013), Exact
and asymptotically robust permutation tests, Annals of Statistics 41: why figures are divided by
their standard errors. Hemerik, Goeman (2018), Exact testing with random permutations, TEST 27.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.lots import places

DRAWS = 999
DRAWS_MIN = 400
_SPENDING_POWER = 2.0
_BLOCK = 16  # draws at a time, 9 bytes for each customer in each


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutLook:
    """The effect of being contactable, by the end of a window.

    Attributes
    ----------
    window : int
        1 for the first.
    holdout_count, customers_count : int
        Customers of the holdout and of all who had joined by then.
    holdout_mean : float
        What a customer of the holdout brought since the beginning.
    effect : float
        Mean of the others minus mean of the holdout, summed since the beginning.
    standard_error : float
        Of the effect, at this look alone.
    lower, upper : float
        Effect -/+ the critical value times its standard error; infinite while so little of the
        error rate is spent that no draw could cross.
    critical : float
        In standard errors; infinite where nothing can cross yet.
    is_beyond : bool
        Whether this look, or one before it, crossed.
    """

    window: int
    holdout_count: int
    customers_count: int
    holdout_mean: float
    effect: float
    standard_error: float
    lower: float
    upper: float
    critical: float
    is_beyond: bool


def other_draws(
    customer_ids: list[str] | tuple[str, ...], salt: str, share: float, *, count: int = DRAWS
) -> Iterator[Bools]:
    """Who would be held out under other lots: blocks of draws, each of shape (draws, n).

    One place per customer from a salt of its own, mixed anew for each draw by a counter (the
    finaliser of splitmix64): a million customers take one hash each instead of `count`.

    >>> blocks = other_draws(["12345", "12346", "12347"], "holdout:h1", 0.1, count=20)
    >>> [block.shape for block in blocks]
    [(16, 3), (4, 3)]
    """
    seeds = (places(customer_ids, f"other draws:{salt}") * 2.0**52).astype(np.uint64)
    below = np.uint64(round(share * 2.0**52))
    for start in range(0, count, _BLOCK):
        numbers = range(start + 1, min(start + _BLOCK, count) + 1)
        yield np.stack([_mixed(seeds, number) < below for number in numbers])


def _mixed(seeds: npt.NDArray[np.uint64], number: int) -> npt.NDArray[np.uint64]:
    # The places of a draw, as whole numbers below 2^52.
    mixed = seeds + np.uint64(number * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(12))


def holdout_looks(
    values: Floats,
    is_holdout: Bools,
    draws: Iterable[Bools],
    *,
    error_rate: float,
    windows_planned: int,
    covariates: Floats | None = None,
    joined: Ints | None = None,
) -> list[HoldoutLook]:
    """One look at the end of each closed window.

    Parameters
    ----------
    values : array of float64, shape (n, windows)
        What each customer brought in each closed window.
    is_holdout : array of bool, shape (n,)
        The draw that was made.
    draws : iterable of arrays of bool, shape (m, n)
        Others, from `other_draws`, block by block; at least 400 together.
    error_rate : float
        The chance that, without any effect, a look of the planned windows is ever beyond.
    windows_planned : int
        Decided at the start; the looks after it are not valid and refused.
    covariates : array of float64, shape (n, p), optional
        From before the holdout began; what they explain is taken away, by one regression on
        everybody, which knows nothing of the draw.
    joined : array of int64, shape (n,), optional
        Window (from 0) in which a customer was first there; before it they do not count.

    Raises
    ------
    ValueError
        Fewer than 400 draws, more windows than planned, or values that are missing.
    """
    n, windows = values.shape
    _check(values, is_holdout, error_rate, windows_planned)
    totals = np.cumsum(values, axis=1)
    is_there = (
        np.ones((n, windows), dtype=np.bool_)
        if joined is None
        else joined[:, None] <= np.arange(windows)
    )
    residuals = _residuals(totals, is_there, covariates)
    effects, errors, counts = _contrasts(residuals, is_there, chain([is_holdout[None]], draws))
    if len(effects) <= DRAWS_MIN:
        raise ValueError(
            f"There are {len(effects) - 1} other draws; expected at least {DRAWS_MIN}, else the "
            "tails are a matter of chance."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.nan_to_num(effects / errors, nan=0.0, posinf=0.0, neginf=0.0)
    criticals, crossed_at = _boundaries(np.abs(z), error_rate, windows_planned)
    looks = []
    for k in range(windows):
        half = criticals[k] * errors[0, k] if math.isfinite(criticals[k]) else math.inf
        looks.append(
            HoldoutLook(
                window=k + 1,
                holdout_count=int(counts[0, k]),
                customers_count=int(is_there[:, k].sum()),
                holdout_mean=float(totals[is_holdout & is_there[:, k], k].mean()),
                effect=float(effects[0, k]),
                standard_error=float(errors[0, k]),
                lower=float(effects[0, k] - half),
                upper=float(effects[0, k] + half),
                critical=float(criticals[k]),
                is_beyond=bool(crossed_at[0] <= k),
            )
        )
    return looks


def _residuals(totals: Floats, is_there: Bools, covariates: Floats | None) -> Floats:
    # What the covariates leave, of those there; 0 for the others.
    residuals = np.zeros_like(totals)
    for k in range(totals.shape[1]):
        rows = is_there[:, k]
        y = totals[rows, k] - totals[rows, k].mean()
        if covariates is not None:
            x = covariates[rows] - covariates[rows].mean(axis=0)
            y = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        residuals[rows, k] = y
    return residuals


def _contrasts(
    residuals: Floats, is_there: Bools, draws: Iterable[Bools]
) -> tuple[Floats, Floats, Floats]:
    # Effect, its standard error and customers held out, of each draw at each look.
    there, squares = is_there.astype(np.float64), residuals**2
    parts = [
        [members @ there, members @ residuals, members @ squares]
        for block in draws
        for members in [block.astype(np.float64)]
    ]
    n, first, second = (np.concatenate(blocks) for blocks in zip(*parts, strict=True))
    rest = there.sum(axis=0) - n
    rest_first, rest_second = residuals.sum(axis=0) - first, squares.sum(axis=0) - second
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (second - first**2 / n) / (n - 1) / n
        rest_variance = (rest_second - rest_first**2 / rest) / (rest - 1) / rest
        effects = rest_first / rest - first / n
        errors = np.sqrt(np.maximum(variance, 0) + np.maximum(rest_variance, 0))
    return effects, errors, n


def _boundaries(
    distances: Floats, error_rate: float, windows_planned: int
) -> tuple[list[float], Ints]:
    # Critical value of each look, and the look at which each draw crossed (the first draw is the
    # real one; a large number: never). Who is level with the last that may cross does not cross.
    count, windows = distances.shape
    never = windows_planned
    crossed_at = np.full(count, never, dtype=np.int64)
    criticals = []
    for k in range(windows):
        spent = error_rate * ((k + 1) / windows_planned) ** _SPENDING_POWER
        remaining = np.flatnonzero(crossed_at == never)
        allowed = math.floor(spent * count + 1e-9) - (count - len(remaining))
        others = np.sort(distances[remaining[remaining > 0], k])[::-1]
        criticals.append(float(others[allowed - 1]) if allowed > 0 else math.inf)
        if allowed > 0:
            level = np.sort(distances[remaining, k])[::-1][allowed]
            crossed_at[remaining[distances[remaining, k] > level]] = k
    return criticals, crossed_at


def _check(values: Floats, is_holdout: Bools, error_rate: float, windows_planned: int) -> None:
    n, windows = values.shape
    if not 0 < error_rate < 1:
        raise ValueError(f"The error rate is {error_rate}; expected a number between 0 and 1.")
    if not 1 <= windows <= windows_planned:
        raise ValueError(
            f"There are {windows} closed windows and {windows_planned} were planned; expected at "
            "least one and no more than planned. Renew the holdout after the last one."
        )
    if len(is_holdout) != n:
        raise ValueError(
            f"Values are of {n} customers, the holdout of {len(is_holdout)}; expected the same "
            "customers."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"{int((~np.isfinite(values)).sum())} values are missing or infinite; expected 0 "
            "where a customer brought nothing."
        )
    if is_holdout.sum() < 2 or (~is_holdout).sum() < 2:
        raise ValueError(
            f"{int(is_holdout.sum())} of {n} customers are held out; expected two or more, and "
            "two or more others."
        )
