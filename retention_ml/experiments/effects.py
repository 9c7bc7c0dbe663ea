"""Effects of one action against being left alone, at each look, from decisions with known lots.

Yes-or-no outcomes (retained, unsubscribed, a return) go through the bets of
`statistics.sequential`, which hold exactly, for any number of customers. Money goes through the
asymptotic confidence sequence. Lots are drawn anew at each decision, so decisions of the same
customer count one by one: given all that came before, each one's expected effect score is its
effect.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.statistics import asymptotic
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.asymptotic import Difference
from retention_ml.statistics.sequential import looks

SEQUENTIAL, ASYMPTOTIC = "betting", "asymptotic"
_FORECAST_MARGIN = 0.02  # forecasts nearer to 0 or 1 are moved here


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Treated minus control at one look.

    Attributes
    ----------
    count, treated_count : int
        Decisions counted, of both arms and of the treated one.
    control_mean, effect : float
        Mean of the control arm, and the difference; NaN where an arm is empty.
    lower, upper : float
        The effect lies in between at all looks with a chance of 1 − error rate.
    e_better, e_worse : float
        Evidence that the effect is above, or below, what was to be refuted; NaN for money.
    method : str
        `betting` or `asymptotic`.
    """

    count: int
    treated_count: int
    control_mean: float
    effect: float
    lower: float
    upper: float
    e_better: float
    e_worse: float
    method: str

    @property
    def is_better(self) -> bool:
        """Whether the interval lies above 0."""
        return self.lower > 0

    @property
    def is_worse(self) -> bool:
        """Whether the interval lies below 0."""
        return self.upper < 0


def share_effects(
    outcome: Floats,
    is_treated: Bools,
    share: float,
    counts: Ints,
    *,
    error_rate: float,
    forecast: Floats | None = None,
    tolerance: float = 0.0,
) -> list[Effect]:
    """The effect on a share of customers at each look.

    The score of a decision, (outcome − forecast)·(T / p − (1 − T) / (1 − p)), has the effect as its
    expected value whatever the forecast; a good one makes it vary less, and bound it, so that
    larger bets can be paid.

    Parameters
    ----------
    outcome : array of float64, shape (n,)
        1.0 or 0.0, in the order in which decisions are counted.
    is_treated : array of bool, shape (n,)
    share : float
        Probability of the treated arm, of the two, in every lot.
    counts : array of int64, shape (looks,)
        Decisions counted at each look.
    error_rate : float
        Of the interval, both ends together.
    forecast : array of float64, shape (n,), optional
        Probability of the outcome, known before the decision. Without it, the share among those
        counted at earlier looks.
    tolerance : float
        An effect below it is accepted: `e_better` and `e_worse` are evidence that the effect is
        above, or below, the tolerance. The interval is that of the effect.

    Examples
    --------
    >>> treated = np.arange(4_000) % 2 == 0
    >>> churned = np.where(treated, np.arange(4_000) % 4 == 0, np.arange(4_000) % 10 < 8)
    >>> [effect] = share_effects(churned.astype(float), treated, 0.5, np.array([4_000]),
    ...     error_rate=0.05)
    >>> effect.is_worse
    True
    """
    is_first = forecast is None
    expected = _earlier_share(outcome, counts) if forecast is None else np.asarray(forecast)
    edge = 0.0 if is_first else _FORECAST_MARGIN
    expected = np.clip(expected, edge, 1 - edge)
    least = min(share, 1 - share)
    score = (outcome - expected) * np.where(is_treated, 1 / share, -1 / (1 - share))
    largest = np.maximum(expected, 1 - expected) / least + abs(tolerance)
    scale = 1 / (1 / least + abs(tolerance))
    path = looks(
        np.clip((score - tolerance) * scale, -largest * scale, largest * scale),
        counts,
        error_rate=error_rate / 2,
        bounds=np.minimum(largest * scale, 1.0),
    )
    treated = np.append(0, np.cumsum(is_treated))[counts]
    control_sum = np.append(0.0, np.cumsum(np.where(is_treated, 0.0, outcome)))[counts]
    return [
        Effect(
            count=look.count,
            treated_count=int(treated[i]),
            control_mean=_over(control_sum[i], look.count - treated[i]),
            effect=look.mean / scale + tolerance if look.count else float("nan"),
            lower=max(look.lower / scale + tolerance, -1.0),
            upper=min(look.upper / scale + tolerance, 1.0),
            e_better=look.e_better,
            e_worse=look.e_worse,
            method=SEQUENTIAL,
        )
        for i, look in enumerate(path)
    ]


def money_effects(
    values: Floats,
    is_treated: Bools,
    counts: Ints,
    *,
    error_rate: float,
    count_planned: float,
    covariate: Floats | None = None,
    strata: Ints | None = None,
) -> list[Effect]:
    """The effect on an amount of money at each look; arguments as of `asymptotic.differences`."""
    path = asymptotic.differences(
        values,
        is_treated,
        counts,
        error_rate=error_rate,
        count_planned=count_planned,
        covariate=covariate,
        strata=strata,
    )
    return [_of_money(one) for one in path]


def _of_money(one: Difference) -> Effect:
    return Effect(
        count=one.count,
        treated_count=one.treated_count,
        control_mean=one.control_mean,
        effect=one.effect,
        lower=one.lower,
        upper=one.upper,
        e_better=float("nan"),
        e_worse=float("nan"),
        method=ASYMPTOTIC,
    )


def _earlier_share(outcome: Floats, counts: Ints) -> Floats:
    # Share among the decisions of earlier looks, a half before there were any.
    sums = np.append(0.0, np.cumsum(outcome))
    before = np.append(0, counts[:-1]) if len(counts) else np.zeros(0, dtype=np.int64)
    shares = (sums[before] + 0.5) / (before + 1)
    expected = np.full(len(outcome), 0.5)
    for start, end, share in zip(before, counts, shares, strict=True):
        expected[start:end] = share
    return expected


def _over(total: float, count: int) -> float:
    return float(total / count) if count > 0 else float("nan")
