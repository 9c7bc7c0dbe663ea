"""One look at an experiment: effects with intervals, by tier, guards, sample ratio, verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.experiments.decisions import Decisions, pair
from retention_ml.experiments.design import CONTROL, Design
from retention_ml.experiments.effects import ASYMPTOTIC, Effect, money_effects, share_effects
from retention_ml.experiments.guards import ALL, Guard, Tolerances, guards
from retention_ml.experiments.tiers import shrink
from retention_ml.experiments.verdict import Verdict, verdict
from retention_ml.statistics.asymptotic import (
    BURN_IN,
    differences,
    half_widths,
    mixture_variance,
)
from retention_ml.statistics.contrast import ratio_contrast
from retention_ml.statistics.metrics import Z_95
from retention_ml.statistics.sample_ratio import Arms, e_values, mismatch_p_value

MARGIN, RETAINED, PER_BUYER = "margin", "retained", "margin_per_buyer"
SHRUNK = "shrunk"
RATIO_P_VALUE = 1e-9  # of one day's lots: fair lots never look like this


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One effect at the newest look: of an arm, a metric, and `all` or a tier (drawn to the mean)."""

    arm: str
    metric: str
    segment: str
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """What a look says.

    Parameters
    ----------
    rows : list of Row
        Effects at the newest look.
    paths : dict of (arm, metric) to list of Effect
        Effects of all customers at each look.
    guards : list of Guard
    ratio_e_value : float
        Largest e-value of the sample ratio at any look.
    verdict : Verdict
    """

    rows: list[Row]
    paths: dict[tuple[str, str], list[Effect]]
    guards: list[Guard]
    ratio_e_value: float
    verdict: Verdict


def readout(
    decisions: Decisions,
    design: Design,
    *,
    count_planned: float,
    elapsed_days: int,
    tolerances: Tolerances,
    ratio_error_rate: float,
) -> Readout:
    """The newest look, with the path of all looks before it.

    Parameters
    ----------
    count_planned : float
        Decisions of all arms planned; sets where the intervals for money are tightest.
    elapsed_days : int
        Days since the start.
    tolerances : Tolerances
        Of the guards.
    ratio_error_rate : float
        The chance that a fair experiment is ever called invalid.
    """
    paths = {
        (arm, metric): effects(decisions, design, arm, metric, count_planned=count_planned)
        for arm in design.treatments
        for metric in (MARGIN, RETAINED)
    }
    rows = [
        Row(arm=arm, metric=metric, segment=ALL, effect=path[-1])
        for (arm, metric), path in paths.items()
    ]
    for arm in design.treatments:
        rows += _per_buyer(decisions, design, arm, count_planned=count_planned)
    for arm, metric in paths:
        rows += _by_tier(decisions, design, arm, metric)
    checks = guards(decisions, design, tolerances)
    ratio = sample_ratio(decisions, design)
    return Readout(
        rows=rows,
        paths=paths,
        guards=checks,
        ratio_e_value=ratio[0],
        verdict=verdict(
            {arm: paths[arm, design.metric] for arm in design.treatments},
            checks,
            ratio,
            design,
            elapsed_days=elapsed_days,
            ratio_error_rate=ratio_error_rate,
        ),
    )


def effects(
    decisions: Decisions, design: Design, arm: str, metric: str, *, count_planned: float
) -> list[Effect]:
    """The effect of an arm on a metric at each look."""
    both = pair(decisions, arm, CONTROL)
    if metric == RETAINED:
        return share_effects(
            decisions.retained[both.rows],
            both.is_treated,
            design.share_against_control(arm),
            both.counts,
            error_rate=design.arm_error_rate,
            forecast=decisions.retention_forecast[both.rows],
        )
    return money_effects(
        decisions.margin[both.rows],
        both.is_treated,
        both.counts,
        error_rate=design.arm_error_rate,
        count_planned=count_planned * (design.arms[arm] + design.arms[CONTROL]),
        covariate=decisions.margin_forecast[both.rows],
        strata=decisions.tier[both.rows],
    )


def sample_ratio(decisions: Decisions, design: Design) -> tuple[float, str]:
    """Largest e-value of the sample ratio at any look so far, and where.

    Of all decisions assigned, and of those counted, a half of the error rate each. On each day's
    lots, the exact test beside it, for lots that are grossly wrong at once.
    """
    shares = [design.arms[arm] for arm in decisions.arms]
    worst, where = 1.0, "nothing"
    if design.unit == "decision":
        for number, counts in enumerate(decisions.assigned):
            for k, arm in enumerate(decisions.arms):
                arms = Arms(arm_count=int(counts[k]), customers_count=int(counts.sum()))
                if mismatch_p_value(arms, shares[k]) < RATIO_P_VALUE:
                    return math.inf, _unequal(
                        arm, counts, shares[k], k, str(decisions.days[number])
                    )
    for name, counts in (
        ("assigned", np.cumsum(decisions.assigned, axis=0)),
        ("counted", decisions.counted),
    ):
        if not len(counts):
            continue
        evidence = e_values(counts, shares) / 2
        look = int(np.argmax(evidence))
        if evidence[look] > worst:
            off = counts[look] / max(counts[look].sum(), 1) / np.array(shares)
            k = int(np.argmax(np.abs(np.log(np.maximum(off, 1e-9)))))
            place = f"{name} by {decisions.days[look]}"
            worst = float(evidence[look])
            where = _unequal(decisions.arms[k], counts[look], shares[k], k, place)
    return worst, where


def _unequal(arm: str, counts: Sequence[int], share: float, k: int, when: str) -> str:
    total = int(sum(counts))
    return (
        f"{arm} has {int(counts[k]):,} of {total:,} decisions ({when}), expected "
        f"{share * total:,.0f}"
    )


def _per_buyer(
    decisions: Decisions, design: Design, arm: str, *, count_planned: float
) -> list[Row]:
    """What is left of a buyer: a coupon may bring orders and take their margin."""
    both = pair(decisions, arm, CONTROL)
    retained, is_treated = decisions.retained[both.rows], both.is_treated
    buyers = (float(retained[is_treated].sum()), float(retained[~is_treated].sum()))
    if min(buyers) < BURN_IN:
        return []
    forecast = decisions.margin_forecast[both.rows]
    result = ratio_contrast(
        decisions.margin[both.rows],
        retained,
        is_treated,
        covariate=(forecast, np.ones(len(forecast))),
    )
    planned = count_planned * (design.arms[arm] + design.arms[CONTROL])
    [half] = half_widths(
        np.array([result.standard_error]),
        np.array([float(len(both.rows))]),
        error_rate=design.arm_error_rate,
        rho_squared=mixture_variance(design.arm_error_rate, planned),
    )
    effect = Effect(
        count=len(both.rows),
        treated_count=result.treated_count,
        control_mean=result.control,
        effect=result.effect,
        lower=result.effect - half,
        upper=result.effect + half,
        e_better=math.nan,
        e_worse=math.nan,
        method=ASYMPTOTIC,
    )
    return [Row(arm=arm, metric=PER_BUYER, segment=ALL, effect=effect)]


def _by_tier(decisions: Decisions, design: Design, arm: str, metric: str) -> list[Row]:
    values = decisions.retained if metric == RETAINED else decisions.margin
    forecast = decisions.retention_forecast if metric == RETAINED else decisions.margin_forecast
    last = []
    for k in range(len(decisions.tiers)):
        both = pair(decisions, arm, CONTROL, within=decisions.tier == k)
        last.append(
            differences(
                values[both.rows],
                both.is_treated,
                both.counts[-1:],
                error_rate=design.arm_error_rate,
                count_planned=max(2.0 * len(both.rows), 1.0),
                covariate=forecast[both.rows],
            )[-1]
        )
    estimates, errors = shrink(
        np.array([one.effect for one in last]), np.array([one.standard_error for one in last])
    )
    return [
        Row(
            arm=arm,
            metric=metric,
            segment=tier,
            effect=Effect(
                count=one.count,
                treated_count=one.treated_count,
                control_mean=one.control_mean,
                effect=float(estimate),
                lower=float(estimate - Z_95 * error),
                upper=float(estimate + Z_95 * error),
                e_better=math.nan,
                e_worse=math.nan,
                method=SHRUNK,
            ),
        )
        for tier, one, estimate, error in zip(decisions.tiers, last, estimates, errors, strict=True)
    ]
