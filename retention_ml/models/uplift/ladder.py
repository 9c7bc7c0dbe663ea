"""The ladder: whether the shrunk effect may rank customers, and if not, why.

rule -> experiment -> uplift: by a rule until there are decisions drawn by lot, by lot while they do
not show that effects differ as promised, by the effect once they do. And down again by the same
evidence, which is looked at anew with every training.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from retention_ml.models.uplift.evaluation import Comparison
from retention_ml.models.uplift.randomisation import Randomisation
from retention_ml.statistics.asymptotic import half_widths, mixture_variance
from retention_ml.statistics.metrics import Z_95
from retention_ml.statistics.rate import Estimate


class Rung(StrEnum):
    """Who decides which customers are contacted."""

    NOBODY = "nobody"
    RULE = "rule"
    EXPERIMENT = "experiment"
    UPLIFT = "uplift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A rung of the ladder and why."""

    rung: Rung
    reason: str


def decide(
    comparison: Comparison,
    randomisation: Randomisation,
    *,
    rows_min: int,
    errors: float = Z_95,
) -> Decision:
    """The rung that the evidence allows.

    Parameters
    ----------
    rows_min : int
        Matured decisions drawn by lot before the effect may rank. That contacts lose money may be
        said of fewer: the interval of their profit lies below 0.
    errors : float
        Half the width of the intervals that decide, in standard errors: of 95 % intervals where
        the decisions are looked at once, of `errors_at_all_trainings` where again and again.
    """
    if randomisation.fault:
        return Decision(
            rung=Rung.RULE,
            reason=(
                f"The data are observational, not a randomised experiment: {randomisation.fault}. "
                "No effect here may be called causal. Draw contacts by lot, or pass the "
                "propensities that were logged when they were drawn."
            ),
        )
    evaluation = comparison.learners[comparison.chosen]
    qini, slope = evaluation.qini, evaluation.slope
    evidence = (
        f"QINI {per_thousand(qini.value)} {_interval(qini, errors)} per 1,000, calibration slope "
        f"{slope.value:.2f} ± {slope.error:.2f}, of which {evaluation.believed:.2f} is believed"
    )
    policy, of_all = evaluation.profit, comparison.profit_of_all
    paying = policy.profit if policy.contacted_share > 0 else of_all
    if paying.value + errors * paying.error < 0:
        who = "customers whose effect should pay" if policy.contacted_share > 0 else "anybody"
        return Decision(
            rung=Rung.NOBODY,
            reason=(
                f"Contacting {who} loses money: {per_thousand(paying.value)} "
                f"{_interval(paying, errors)} per 1,000 customers after the cost of contacts; "
                f"{evidence}. Contact nobody outside an exploring lot."
            ),
        )
    if comparison.rows < rows_min:
        return Decision(
            rung=Rung.EXPERIMENT,
            reason=(
                f"There are {comparison.rows:,} decisions drawn by lot, fewer than {rows_min:,}, "
                "before which no effect ranks customers (uplift.rows_min). Go on drawing by lot."
            ),
        )
    ranks, differs = (one.value - errors * one.error > 0 for one in (qini, slope))
    if ranks and differs:
        return Decision(
            rung=Rung.UPLIFT,
            reason=(
                f"The effects that {comparison.chosen} promises differ between customers as "
                f"observed on decisions it had not seen: {evidence}. It may rank customers."
            ),
        )
    what = (
        "the promised differences are not shown to be real"
        if ranks
        else "the ranking is not shown to be better than a draw by lot"
    )
    return Decision(
        rung=Rung.EXPERIMENT,
        reason=(
            f"With {comparison.rows:,} decisions {what}: {evidence}. Go on drawing by lot; the "
            "average effect is what is known."
        ),
    )


def errors_at_all_trainings(rows: int, *, rows_min: int, error_rate: float) -> float:
    """How far an end of a confidence sequence lies from the estimate, in standard errors.

    Trainings look at the decisions that the one before has seen, and at some more. What is claimed
    is that a figure lies above 0, or below it: one end decides, and the truth lies beyond it at any
    training with a chance of about `error_rate`. It is nearest after half of `rows_min` decisions.

    Examples
    --------
    >>> [round(errors_at_all_trainings(rows, rows_min=2_000, error_rate=0.05), 2)
    ...  for rows in (1_000, 4_000, 50_000)]
    [2.76, 2.86, 3.22]
    """
    both_ends = 2 * error_rate
    half = half_widths(
        np.ones(1),
        np.array([float(rows)]),
        error_rate=both_ends,
        rho_squared=mixture_variance(both_ends, rows_min),
    )
    return float(half[0])


def _interval(estimate: Estimate, errors: float) -> str:
    half = errors * estimate.error
    return f"[{per_thousand(estimate.value - half)}, {per_thousand(estimate.value + half)}]"


def per_thousand(value: float) -> str:
    """A figure per customer as text per 1,000 customers.

    >>> per_thousand(0.0070512), per_thousand(-45.4321)
    ('7.05', '-45,432')
    """
    figure = 1000 * value
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
