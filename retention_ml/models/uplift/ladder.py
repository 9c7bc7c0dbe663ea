"""The ladder: whether the shrunk effect may rank customers, and if not, why.

rule -> experiment -> uplift: by a rule until there are decisions drawn by lot, by lot while they do
not show that effects differ as promised, by the effect once they do. And down again by the same
evidence, which is looked at anew with every training.
"""

from dataclasses import dataclass
from enum import StrEnum

from retention_ml.models.uplift.evaluation import Comparison
from retention_ml.models.uplift.randomisation import Randomisation
from retention_ml.statistics.metrics import Z_95


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
    loss_errors: float = Z_95,
) -> Decision:
    """The rung that the evidence allows.

    Parameters
    ----------
    rows_min : int
        Matured decisions drawn by lot before the effect may rank. That contacts lose money may be
        said of fewer: the interval of their profit lies below 0.
    loss_errors : float
        Half the width of that interval, in standard errors: of a 95 % interval where the decisions
        are looked at once, more where they are looked at again and again.
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
        f"QINI {per_thousand(qini.value)} [{per_thousand(qini.lower)}, "
        f"{per_thousand(qini.upper)}] per 1,000, calibration slope {slope.value:.2f} ± "
        f"{slope.error:.2f}, of which {evaluation.believed:.2f} is believed"
    )
    is_proven = qini.lower > 0 and slope.lower > 0
    policy, of_all = evaluation.profit, comparison.profit_of_all
    paying = policy.profit if policy.contacted_share > 0 else of_all
    loss = paying.value - loss_errors * paying.error, paying.value + loss_errors * paying.error
    if loss[1] < 0:
        who = "customers whose effect should pay" if policy.contacted_share > 0 else "anybody"
        return Decision(
            rung=Rung.NOBODY,
            reason=(
                f"Contacting {who} loses money: {per_thousand(paying.value)} "
                f"[{per_thousand(loss[0])}, {per_thousand(loss[1])}] per 1,000 "
                f"customers after the cost of contacts; {evidence}. Contact nobody outside an "
                "exploring lot."
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
    if is_proven:
        return Decision(
            rung=Rung.UPLIFT,
            reason=(
                f"The effects that {comparison.chosen} promises differ between customers as "
                f"observed on decisions it had not seen: {evidence}. It may rank customers."
            ),
        )
    what = (
        "the ranking is not shown to be better than a draw by lot"
        if qini.lower <= 0
        else "the promised differences are not shown to be real"
    )
    return Decision(
        rung=Rung.EXPERIMENT,
        reason=(
            f"With {comparison.rows:,} decisions {what}: {evidence}. Go on drawing by lot; the "
            "average effect is what is known."
        ),
    )


def per_thousand(value: float) -> str:
    """A figure per customer as text per 1,000 customers.

    >>> per_thousand(0.0070512), per_thousand(-45.4321)
    ('7.05', '-45,432')
    """
    figure = 1000 * value
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
