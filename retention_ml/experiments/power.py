"""How many customers an experiment needs, by tier, before it starts.

One look at the end needs the least. Looking always costs more, and how much is computed for the
tests that are really used: by drawn paths of Brownian motion for money, and of the bets' wealth for
retention.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from retention_ml.experiments.design import CONTROL, Design
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.asymptotic import half_widths, mixture_variance
from retention_ml.statistics.power import evidence_paths
from retention_ml.statistics.sequential import BETS

ALL = "all"
_LOOKS, _DRAWS = 40, 500
_EXACT = 1.03  # needed customers are bracketed to within this factor
NEEDED_MOST = 10**9
"""As many are needed where no number of customers is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is known of a tier before the start.

    Parameters
    ----------
    tier : str
    customers_count : int
        Decisions that can mature within the time.
    churn_rate : float
        Of customers left alone, 0 to 1.
    margin_if_retained : float
        Mean margin in the outcome window of a customer who orders in it, in units of money.
    revenue_if_retained : float
        The same before costs of goods: what a discount is taken from.
    margin_spread : float
        Standard deviation of the margin in the window over all customers of the tier.
    """

    tier: str
    customers_count: int
    churn_rate: float
    margin_if_retained: float = 0.0
    revenue_if_retained: float = 0.0
    margin_spread: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an action costs: `cost` per contact in units of money, `discount_share` of each basket."""

    cost: float = 0.0
    discount_share: float = 0.0

    def expected(self, one: Expectation) -> float:
        """Per decision; discounts go to all who order, most of whom would have done so anyway."""
        return self.cost + self.discount_share * (1 - one.churn_rate) * one.revenue_if_retained


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What is needed and what is there, in a tier or in `all`.

    `needed_at_end` is for one look at the end, `needed` for looking always; `missing` is what
    `available` falls short of it. Counts are decisions of all arms together, `NEEDED_MOST` where
    no number is enough.
    """

    tier: str
    metric: str
    effect: float
    needed_at_end: int
    needed: int
    available: int

    @property
    def missing(self) -> int:
        """Decisions that are lacking; 0 where there are enough."""
        if shown(self.needed) is None:
            return NEEDED_MOST
        return max(self.needed - self.available, 0)

    @property
    def sentence(self) -> str:
        """For people."""
        whom = "All tiers together" if self.tier == ALL else f"Tier {self.tier}"
        if shown(self.needed) is None:
            return (
                f"{whom}: saving so few does not pay for the contacts; no number of customers "
                "can show a gain. Choose a cheaper action or a larger save rate."
            )
        lead = (
            f"{whom}: {self.needed:,} decisions are needed, {self.available:,} can mature in time"
        )
        return f"{lead}; {self.missing:,} are missing." if self.missing else f"{lead}."


def shown(count: int) -> int | None:
    """A count of decisions as it is shown; None where no number is enough.

    >>> shown(1_125), shown(NEEDED_MOST)
    (1125, None)
    """
    return count if count < NEEDED_MOST else None


def sizes(
    expectations: Sequence[Expectation],
    design: Design,
    *,
    prices: Mapping[str, Price] | None = None,
) -> list[Size]:
    """Sizes for both metrics, by tier and for `all`.

    Parameters
    ----------
    expectations : sequence of Expectation
        One for each tier of the design; tiers without customers may be left out.
    prices : mapping of str to Price, optional
        By arm; taken off the margin gained.

    Raises
    ------
    ValueError
        There is no customer at all.
    """
    if not any(one.customers_count for one in expectations):
        raise ValueError("No tier has a customer; expected at least one.")
    tiers = [*expectations, _together(expectations)]
    return [
        size
        for one in tiers
        for size in (_retained(one, design), _margin(one, design, prices or {}))
    ]


@lru_cache
def money_factor(error_rate: float, power: float, *, seed: int = 0) -> float:
    """Times as many customers as for one look, if money is looked at always.

    >>> 1.4 < money_factor(0.05, 0.8) < 1.9
    True
    """
    time = np.arange(1, _LOOKS + 1) / _LOOKS
    steps = np.random.default_rng(seed).standard_normal((20 * _DRAWS, _LOOKS))
    noise = np.cumsum(steps, axis=1) / math.sqrt(_LOOKS) / time
    half = half_widths(
        1 / np.sqrt(time), time, error_rate=error_rate, rho_squared=mixture_variance(error_rate, 1)
    )
    # The drift at which so many paths cross is a quantile of the drift each needs.
    drift = float(np.quantile((half - noise).min(axis=1), power))
    return (drift / _quantiles(error_rate, power)) ** 2


def retained_needed(
    control: float, treated: float, share: float, *, error_rate: float, power: float
) -> int:
    """Decisions of both arms until the bets find a change of retention, looked at always.

    Parameters
    ----------
    control, treated : float
        Retention in each arm, above 0 and below 1.
    share : float
        Of the treated arm.
    error_rate : float
        Both ends together.
    """
    drift, spread = _growth(control, treated, share)
    parts = np.arange(1, _LOOKS + 1) / _LOOKS

    def is_enough(count: float) -> bool:
        looks = np.maximum(np.rint(count * parts), 1).astype(np.int64)
        evidence = evidence_paths(drift, spread, looks, _DRAWS, 0)
        return bool((evidence.max(axis=1) >= -math.log(error_rate / 2)).mean() >= power)

    variances = (control * (1 - control), treated * (1 - treated))
    low = 1.0 * _needed_once(treated - control, variances, share, error_rate, power)
    high = 2 * low
    while not is_enough(high):
        low, high = high, 1.5 * high
        if high > NEEDED_MOST:
            return NEEDED_MOST
    while high > _EXACT * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return math.ceil(high)


def _retained(one: Expectation, design: Design) -> Size:
    effect = design.mde_save_rate * one.churn_rate
    control, treated = 1 - one.churn_rate, 1 - one.churn_rate + effect
    variances = (control * (1 - control), treated * (1 - treated))
    at_end = needed = 0
    for arm in design.treatments:
        share = design.share_against_control(arm)
        both = design.arms[arm] + design.arms[CONTROL]
        once = _needed_once(effect, variances, share, design.arm_error_rate, design.power)
        always = (
            retained_needed(
                control, treated, share, error_rate=design.arm_error_rate, power=design.power
            )
            if 0 < control < treated < 1
            else once
        )
        at_end, needed = max(at_end, math.ceil(once / both)), max(needed, math.ceil(always / both))
    return Size(
        tier=one.tier,
        metric="retained",
        effect=effect,
        needed_at_end=min(at_end, NEEDED_MOST),
        needed=min(max(needed, at_end), NEEDED_MOST),
        available=one.customers_count,
    )


def _margin(one: Expectation, design: Design, prices: Mapping[str, Price]) -> Size:
    gain = design.mde_save_rate * one.churn_rate * one.margin_if_retained
    expected = {arm: prices.get(arm, Price()).expected(one) for arm in design.treatments}
    factor = money_factor(design.arm_error_rate, design.power)
    at_end = 0
    for arm in design.treatments:
        share = design.share_against_control(arm)
        both = design.arms[arm] + design.arms[CONTROL]
        variance = one.margin_spread**2
        once = _needed_once(
            gain - expected[arm],
            (variance, variance),
            share,
            design.arm_error_rate,
            design.power,
        )
        at_end = max(at_end, math.ceil(once / both))
    return Size(
        tier=one.tier,
        metric="margin",
        effect=gain - max(expected.values()),
        needed_at_end=min(at_end, NEEDED_MOST),
        needed=min(math.ceil(factor * at_end), NEEDED_MOST),
        available=one.customers_count,
    )


def _needed_once(
    effect: float,
    variances: tuple[float, float],
    share: float,
    error_rate: float,
    power: float,
) -> int:
    if effect <= 0:
        return NEEDED_MOST
    control, treated = variances
    spread = control / (1 - share) + treated / share
    quantiles = _quantiles(error_rate, power)
    return min(max(math.ceil(quantiles**2 * spread / effect**2), 1), NEEDED_MOST)


def _quantiles(error_rate: float, power: float) -> float:
    from scipy.stats import norm

    return float(norm.isf(error_rate / 2) + norm.ppf(power))


def _growth(control: float, treated: float, share: float) -> tuple[Floats, Floats]:
    # Mean and spread of log wealth per decision, by bet, over arm and outcome.
    least = min(share, 1 - share)
    up, down = least / share, least / (1 - share)
    # Treated and retained, treated and not, control and retained, control and not.
    chances = np.array(
        [share * treated, share * (1 - treated), (1 - share) * control, (1 - share) * (1 - control)]
    )
    scores = np.array([up * (1 - control), -up * control, -down * (1 - control), down * control])
    largest = max(control, 1 - control)
    drift, spread = np.full(len(BETS), -np.inf), np.zeros(len(BETS))
    for k, bet in enumerate(BETS):
        if bet * largest < 1:
            growth = np.log1p(bet * scores)
            drift[k] = chances @ growth
            spread[k] = math.sqrt(max(float(chances @ growth**2) - drift[k] ** 2, 0.0))
    return drift, spread


def _together(expectations: Sequence[Expectation]) -> Expectation:
    counts = np.array([one.customers_count for one in expectations], dtype=np.float64)
    weights = counts / counts.sum()
    churn = np.array([one.churn_rate for one in expectations])
    margin = np.array([one.margin_if_retained for one in expectations])
    revenue = np.array([one.revenue_if_retained for one in expectations])
    spread = np.array([one.margin_spread for one in expectations])
    churners = weights * churn
    return Expectation(
        tier=ALL,
        customers_count=int(counts.sum()),
        churn_rate=float(churners.sum()),
        # What a saved churner brings, on average over those who would churn.
        margin_if_retained=float(churners @ margin / churners.sum()) if churners.sum() else 0.0,
        revenue_if_retained=float(churners @ revenue / churners.sum()) if churners.sum() else 0.0,
        # Strata are accounted for: the spread within tiers counts.
        margin_spread=math.sqrt(float(weights @ spread**2)),
    )
