"""What a comparison of learners says, as a document and as the rows of a table."""

from typing import Any

from retention_ml.models.uplift.evaluation import Comparison, LearnerEvaluation
from retention_ml.models.uplift.ladder import Decision, per_thousand
from retention_ml.models.uplift.randomisation import Randomisation
from retention_ml.statistics.rate import Estimate

_THOUSAND = 1000


def report(comparison: Comparison, decision: Decision) -> dict[str, Any]:
    """The report of `retention uplift evaluate`; see docs/uplift.md for its keys."""
    return {
        "default": comparison.chosen,
        "learners": {
            name: {
                "qini_per_1000": evaluation.qini.value * _THOUSAND,
                "qini_lower": evaluation.qini.lower * _THOUSAND,
                "qini_upper": evaluation.qini.upper * _THOUSAND,
                "slope": evaluation.slope.value,
                "profit_per_1000": evaluation.profit.profit.value * _THOUSAND,
                "contacted_share": evaluation.profit.contacted_share,
                "seconds": evaluation.seconds,
            }
            for name, evaluation in comparison.learners.items()
        },
        "decision": str(decision.rung),
        "reason": decision.reason,
    }


def details(comparison: Comparison, randomisation: Randomisation) -> dict[str, Any]:
    """What else was measured, per 1,000 customers where it is not a share."""
    return {
        "rows": comparison.rows,
        "treated_share": comparison.treated_share,
        "average_effect_per_1000": _per_thousand(comparison.average_effect),
        "profit_of_all_per_1000": _per_thousand(comparison.profit_of_all),
        "treatment_foreseen_auc": randomisation.auc,
        "learners": {
            name: {
                "autoc_per_1000": _per_thousand(evaluation.autoc),
                "slope": {"value": evaluation.slope.value, "error": _finite(evaluation.slope)},
                "believed": evaluation.believed,
                "profit_per_1000": _per_thousand(evaluation.profit.profit),
                "profit_in_budget_per_1000": _per_thousand(evaluation.profit_in_budget.profit),
                "contacted_share_in_budget": evaluation.profit_in_budget.contacted_share,
            }
            for name, evaluation in comparison.learners.items()
        },
    }


def table(comparison: Comparison) -> list[dict[str, str]]:
    """A row for every learner, for people."""
    return [_row(name, evaluation, comparison) for name, evaluation in comparison.learners.items()]


def interval(estimate: Estimate) -> str:
    """A figure per customer as text per 1,000 customers, with its 95 % interval."""
    value, lower, upper = map(per_thousand, (estimate.value, estimate.lower, estimate.upper))
    return f"{value} [{lower}, {upper}]"


def _row(name: str, evaluation: LearnerEvaluation, comparison: Comparison) -> dict[str, str]:
    return {
        "learner": ("» " if name == comparison.chosen else "  ") + name,
        "QINI": interval(evaluation.qini),
        "AUTOC": interval(evaluation.autoc),
        "slope": f"{evaluation.slope.value:.2f} ± {evaluation.slope.error:.2f}",
        "believed": f"{evaluation.believed:.2f}",
        "profit where it pays": interval(evaluation.profit.profit),
        "contacted": f"{evaluation.profit.contacted_share:.1%}",
        "profit in the budget": interval(evaluation.profit_in_budget.profit),
        "seconds": f"{evaluation.seconds:.1f}",
    }


def _per_thousand(estimate: Estimate) -> dict[str, float]:
    values = {"value": estimate.value, "lower": estimate.lower, "upper": estimate.upper}
    return {name: _THOUSAND * value for name, value in values.items()}


def _finite(estimate: Estimate) -> float | None:
    return estimate.error if estimate.error < float("inf") else None
