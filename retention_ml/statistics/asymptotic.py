"""The difference of two arms in money, with an interval that holds at every look.

Money has no bound that is of use, so `statistics.sequential` cannot test it where few are in an
arm. An asymptotic confidence sequence needs a finite variance only: by the central limit theorem
running sums behave as Brownian motion, and the mixture of Robbins bounds that at all times at
once. It is asymptotic, hence nothing is said before `BURN_IN` customers of each arm.

The effect is post-stratified, and a covariate from before the decision takes away what it explains
(CUPED). Both are estimated within strata and arms, so that neither can bias the effect.

References
----------
Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2024), Time-uniform central limit theory and
asymptotic confidence sequences, Annals of Statistics 52(6), theorem 2.2 and appendix B.2 (the
tightest time). Robbins (1970), Statistical methods related to the law of the iterated logarithm.
Deng, Xu, Kohavi, Walker (2013), Improving the sensitivity of online controlled experiments by
utilizing pre-experiment data (CUPED), WSDM. Miratrix, Sekhon, Yu (2013), Adjusting treatment effect
estimates by post-stratification in randomized experiments, JRSS B 75.
"""

import math
from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats, Ints

BURN_IN = 200
"""Customers of each arm before which there is no interval."""

_STRATUM_MIN = 20  # customers of each arm; smaller strata are pooled
_N, _Y, _YY, _X, _XX, _XY = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Treated minus control after the first `count` customers.

    Attributes
    ----------
    count, treated_count : int
        Customers so far, of both arms and of the treated one.
    control_mean, effect : float
        Mean of the control arm and the difference, per customer; NaN while an arm has less than
        two customers.
    standard_error : float
        Of the effect, at this look alone.
    lower, upper : float
        Ends of the confidence sequence: the chance that the effect ever leaves it, at whatever
        look, is about `error_rate`. Infinite before the burn-in.
    """

    count: int
    treated_count: int
    control_mean: float
    effect: float
    standard_error: float
    lower: float
    upper: float


def mixture_variance(error_rate: float, count_planned: float) -> float:
    """ρ² of the mixture: the sequence is tightest after half of the customers planned.

    >>> round(mixture_variance(0.05, 20_000) * 10_000, 3)
    7.936
    """
    logarithm = -2 * math.log(error_rate)
    return (logarithm + math.log1p(logarithm)) / (count_planned / 2)


def half_widths(
    standard_errors: Floats, counts: Floats, *, error_rate: float, rho_squared: float
) -> Floats:
    """Half the width of the confidence sequence at each look, shape (looks,).

    A confidence interval for one look has 1.96 standard errors, this has about 3.

    >>> half_widths(np.ones(1), np.array([10_000.0]), error_rate=0.05,
    ...     rho_squared=mixture_variance(0.05, 20_000)).round(2).tolist()
    [3.04]
    """
    information = np.asarray(counts, dtype=np.float64) * rho_squared
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.sqrt(
            2 * (information + 1) / information * np.log(np.sqrt(information + 1) / error_rate)
        )
        return np.asarray(standard_errors * factors, dtype=np.float64)


def differences(
    values: Floats,
    is_treated: Bools,
    counts: Ints,
    *,
    error_rate: float,
    count_planned: float,
    covariate: Floats | None = None,
    strata: Ints | None = None,
    burn_in: int = BURN_IN,
) -> list[Difference]:
    """The difference of the arms after each of the given numbers of customers.

    Parameters
    ----------
    values : array of float64, shape (n,)
        The outcome of each customer counted, in the order in which they are counted.
    is_treated : array of bool, shape (n,)
        The arm assigned, whatever was then received.
    counts : array of int64, shape (looks,)
        How many had an outcome at each look; must not fall.
    error_rate : float
        Of the whole sequence, both ends together.
    count_planned : float
        Customers planned; sets where the sequence is tightest, not whether it holds.
    covariate : array of float64, shape (n,), optional
        Something from before the decision that foretells the outcome.
    strata : array of int64, shape (n,), optional
        Groups 0, 1, ... from before the decision. Those with less than 20 customers in an arm are
        pooled.
    burn_in : int
        Customers of each arm before which the interval is infinite.

    Raises
    ------
    ValueError
        Arrays of different length, values that are missing, or looks that fall.
    """
    columns = [values] if covariate is None else [values, covariate]
    _check(columns, is_treated, counts, strata, error_rate)
    sums, shift = _cumulative(values, is_treated, counts, covariate, strata)
    sums = _pooled_where_small(sums)
    total, treated = sums[:, :, :, _N].sum(axis=(1, 2)), sums[:, :, 1, _N].sum(axis=1)
    control_mean, effect, variance = _post_stratified(sums)
    standard_error = np.sqrt(variance)
    half = half_widths(
        standard_error,
        total,
        error_rate=error_rate,
        rho_squared=mixture_variance(error_rate, count_planned),
    )
    ready = (np.minimum(treated, total - treated) >= burn_in) & np.isfinite(half)
    return [
        Difference(
            count=int(total[i]),
            treated_count=int(treated[i]),
            control_mean=float(control_mean[i] + shift),
            effect=float(effect[i]),
            standard_error=float(standard_error[i]),
            lower=float(effect[i] - half[i]) if ready[i] else -math.inf,
            upper=float(effect[i] + half[i]) if ready[i] else math.inf,
        )
        for i in range(len(counts))
    ]


def _cumulative(
    values: Floats,
    is_treated: Bools,
    counts: Ints,
    covariate: Floats | None,
    strata: Ints | None,
) -> tuple[Floats, float]:
    # Sums up to each look, shape (looks, strata, arms, 6), of values less their mean: squares of
    # large amounts would lose digits.
    end = int(counts[-1]) if len(counts) else 0
    shift = float(values[:end].mean()) if end else 0.0
    y = values[:end] - shift
    x = np.zeros(end) if covariate is None or end == 0 else covariate[:end] - covariate[:end].mean()
    group = np.zeros(end, dtype=np.int64) if strata is None else strata[:end]
    groups_count = int(group.max(initial=0)) + 1
    look = np.repeat(np.arange(len(counts)), np.diff(counts, prepend=0))
    cell = (look * groups_count + group) * 2 + is_treated[:end]
    shape = (len(counts), groups_count, 2)
    sums = np.stack(
        [
            np.bincount(cell, weights, minlength=math.prod(shape)).reshape(shape)
            for weights in (None, y, y * y, x, x * x, x * y)
        ],
        axis=-1,
    )
    return np.cumsum(sums, axis=0), shift


def _pooled_where_small(sums: Floats) -> Floats:
    # One more stratum with all the small ones; if that is small too, it takes everybody.
    is_small = sums[..., _N].min(axis=2) < _STRATUM_MIN
    rest = np.where(is_small[:, :, None, None], sums, 0.0).sum(axis=1)
    takes_all = (rest[..., _N].sum(axis=1) > 0) & (rest[..., _N].min(axis=1) < _STRATUM_MIN)
    is_small |= takes_all[:, None]
    rest = np.where(is_small[:, :, None, None], sums, 0.0).sum(axis=1)
    large = np.where(is_small[:, :, None, None], 0.0, sums)
    return np.concatenate([large, rest[:, None]], axis=1)


def _post_stratified(sums: Floats) -> tuple[Floats, Floats, Floats]:
    n = sums[..., _N]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_y, mean_x = sums[..., _Y] / n, sums[..., _X] / n
        within_yy = np.nan_to_num(sums[..., _YY] - n * mean_y**2)
        within_xx = np.nan_to_num(sums[..., _XX] - n * mean_x**2)
        within_xy = np.nan_to_num(sums[..., _XY] - n * mean_x * mean_y)
        pooled_xx, pooled_xy = within_xx.sum(axis=(1, 2)), within_xy.sum(axis=(1, 2))
        slope = np.where(pooled_xx > 0, pooled_xy / np.where(pooled_xx > 0, pooled_xx, 1), 0.0)
        slope = slope[:, None, None]
        spread = within_yy - 2 * slope * within_xy + slope**2 * within_xx
        variance = (np.maximum(spread, 0) / (n - 1) / n).sum(axis=2)
        effect = (mean_y - slope * mean_x)[..., 1] - (mean_y - slope * mean_x)[..., 0]
        size = n.sum(axis=2)
        share = size / size.sum(axis=1, keepdims=True)
        # Of the control arm as if it had the covariate of everybody in its stratum.
        middle = sums[..., _X].sum(axis=2) / size
        control = mean_y[..., 0] - slope[..., 0] * (mean_x[..., 0] - middle)
    used = size > 0
    is_estimable = np.where(used, n.min(axis=2) >= 2, True).all(axis=1) & used.any(axis=1)

    def weighted(column: Floats, weights: Floats) -> Floats:
        total = np.where(used, weights * column, 0.0).sum(axis=1)
        return np.asarray(np.where(is_estimable, total, np.nan), dtype=np.float64)

    return weighted(control, share), weighted(effect, share), weighted(variance, share**2)


def _check(
    columns: list[Floats],
    is_treated: Bools,
    counts: Ints,
    strata: Ints | None,
    error_rate: float,
) -> None:
    if not 0 < error_rate < 1:
        raise ValueError(f"The error rate is {error_rate}; expected a number between 0 and 1.")
    lengths = {len(is_treated), *map(len, columns), *([] if strata is None else [len(strata)])}
    if len(lengths) > 1:
        raise ValueError(
            f"Values, arms, covariate and strata have lengths {sorted(lengths)}; expected one "
            "entry for each customer in all of them."
        )
    missing = sum(int((~np.isfinite(column)).sum()) for column in columns)
    if missing:
        raise ValueError(
            f"{missing} values or covariates are missing or infinite; expected a number for each "
            "customer counted. Leave out, and count, customers without an outcome."
        )
    if (np.diff(counts, prepend=0, append=len(is_treated)) < 0).any():
        raise ValueError(
            f"The looks count from {counts.min()} to {counts.max()} customers; expected numbers "
            f"that do not fall, between 0 and the {len(is_treated)} there are."
        )
