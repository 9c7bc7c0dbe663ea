"""Both models on the same customers: differences, with intervals that respect repeated customers.

Every metric is a mean of what each forecast adds (its influence). Influences of one customer are
summed before their spread is computed, so that a customer counted in several windows is one piece
of evidence, not several.

References
----------
DeLong, DeLong, Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver
operating characteristic curves, Biometrics 44. Obuchowski (1997), Nonparametric analysis of
clustered ROC curve data, Biometrics 53.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.outcomes.trial.sample import Codes, TrialSample
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.metrics import OUTCOMES_MIN, Z_95, log_losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One metric of both models, and challenger minus champion with its 95 % interval."""

    comparison: str
    segment: str
    metric: str
    champion_value: float
    challenger_value: float
    difference: float
    lower: float
    upper: float
    customers_count: int


def paired(sample: TrialSample) -> list[Compared]:
    """ROC AUC, log loss and Brier score, of the whole sample and by customer segment.

    A segment is compared where at least 25 of its customers churned and 25 were retained.
    """
    everybody = np.ones(len(sample), dtype=np.bool_)
    comparisons: list[Compared] = []
    for segment, inside in {"all": everybody, **sample.segments}.items():
        churned, codes = sample.churned[inside], sample.codes[inside]
        if min(churned.sum(), (1 - churned).sum()) < OUTCOMES_MIN:
            continue
        both = (sample.champion[inside], sample.challenger[inside])
        measured = {
            "roc_auc": [roc_auc(p, churned, sample.days[inside]) for p in both],
            "log_loss": [mean_of(log_losses(p, churned)) for p in both],
            "brier": [mean_of((p - churned) ** 2) for p in both],
        }
        for metric, ((champion, influence), (challenger, other_influence)) in measured.items():
            if not (np.isfinite(champion) and np.isfinite(challenger)):
                continue
            half = Z_95 * standard_error(other_influence - influence, codes)
            difference = challenger - champion
            comparisons.append(
                Compared(
                    comparison="paired",
                    segment=segment,
                    metric=metric,
                    champion_value=champion,
                    challenger_value=challenger,
                    difference=difference,
                    lower=difference - half,
                    upper=difference + half,
                    customers_count=len(churned),
                )
            )
    return comparisons


def mean_of(values: Floats) -> tuple[float, Floats]:
    """A mean and the influence of each value on it, shape (n,)."""
    mean = float(values.mean())
    return mean, (values - mean) / len(values)


def roc_auc(probability: Floats, churned: Floats, days: Ints) -> tuple[float, Floats]:
    """ROC AUC among customers of the same day, and each one's influence on it, shape (n,).

    The share of all pairs of a churned and a retained customer of one day in which the churned has
    the higher probability, ties a half. NaN where no day has both.
    """
    from scipy.stats import rankdata

    influence = np.zeros(len(churned))
    wins = pairs = 0.0
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        is_positive = churned[rows] == 1
        positives, negatives = rows[is_positive], rows[~is_positive]
        if len(positives) == 0 or len(negatives) == 0:
            continue
        rank = rankdata(probability[rows])
        negatives_below = rank[is_positive] - rankdata(probability[positives])
        positives_above = len(positives) - (rank[~is_positive] - rankdata(probability[negatives]))
        day_wins = float(negatives_below.sum())
        influence[positives] = negatives_below - day_wins / len(positives)
        influence[negatives] = positives_above - day_wins / len(negatives)
        wins += day_wins
        pairs += len(positives) * len(negatives)
    if pairs == 0:
        return float("nan"), influence
    return wins / pairs, influence / pairs


def standard_error(influence: Floats, codes: Codes) -> float:
    """Standard error of a metric from its influences, those of one customer summed first."""
    _, customer = np.unique(codes, return_inverse=True)
    sums = np.bincount(customer, influence)
    count = len(sums)
    if count < 2:
        return float("inf")
    centred = sums - sums.mean()
    return float(np.sqrt(np.sum(centred**2) * count / (count - 1)))
