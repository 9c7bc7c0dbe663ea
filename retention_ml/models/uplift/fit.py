"""From decisions to a bundle: the learners compared, the chosen one fitted to all and shrunk."""

from collections.abc import Mapping, Sequence
from typing import Any

from retention_ml.models.uplift.bundle import UpliftBundle
from retention_ml.models.uplift.evaluation import Comparison, Money, compare_learners
from retention_ml.models.uplift.learners import LEARNERS
from retention_ml.models.uplift.sample import UpliftSample
from retention_ml.models.uplift.shrinkage import SlopePrior


def fit_uplift(
    sample: UpliftSample,
    *,
    money: Money,
    prior: SlopePrior,
    seed: int,
    names: Sequence[str] = tuple(LEARNERS),
    meaning: Mapping[str, Any] | None = None,
) -> tuple[UpliftBundle, Comparison]:
    """The bundle to predict with, and the comparison on decisions not fitted to that chose it.

    Parameters
    ----------
    names : sequence of str
        Learners to compare; the default is always among them.
    meaning : mapping, optional
        What the bundle's manifest says of it.
    """
    comparison = compare_learners(sample, money=money, prior=prior, seed=seed, names=names)
    evaluation = comparison.learners[comparison.chosen]
    model = LEARNERS[comparison.chosen](sample, seed)
    bundle = UpliftBundle(
        learner=comparison.chosen,
        features=sample.features,
        model=model,
        centre=float(model.effect(sample.values).mean()),
        average_effect=comparison.average_effect,
        slope=evaluation.slope,
        believed=evaluation.believed,
        meaning=meaning or {},
    )
    return bundle, comparison
