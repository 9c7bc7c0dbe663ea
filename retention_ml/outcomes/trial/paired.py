"""Both models on the same customers: differences with intervals for customers who count repeatedly.

Every metric is a mean of what each forecast adds (its influence). Influences of one customer are
added up before their spread is taken, so that a customer counted in several windows is one piece
of evidence, not several.

References
----------
DeLong, DeLong, Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver
operating characteristic curves, Biometrics 44. Obuchowski (1997), Nonparametric analysis of
clustered ROC curve data, Biometrics 53.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.outcomes.trial.sample import Codes, Units
from retention_ml.statistics.arrays import Bools, Floats, Ints
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


def paired(units: Units) -> list[Compared]:
    """ROC AUC, log loss and Brier score, of all units and by kind of customer.

    A kind is judged where at least 25 of its customers churned and 25 were retained.
    """
    everybody = np.ones(len(units), dtype=np.bool_)
    found: list[Compared] = []
    for segment, inside in {"all": everybody, **units.segments}.items():
        churned = units.churned[inside].sum()
        if min(churned, inside.sum() - churned) < OUTCOMES_MIN:
            continue
        found += _of_segment(units, segment, inside)
    return found


def _of_segment(units: Units, segment: str, inside: Bools) -> list[Compared]:
    outcome, codes = units.churned[inside], units.codes[inside]
    both = (units.champion[inside], units.challenger[inside])
    measured = {
        "roc_auc": [roc_auc(own, outcome, units.days[inside]) for own in both],
        "log_loss": [mean_of(log_losses(own, outcome)) for own in both],
        "brier": [mean_of((own - outcome) ** 2) for own in both],
    }
    found = []
    for metric, ((champion, of_champion), (challenger, of_challenger)) in measured.items():
        if not (np.isfinite(champion) and np.isfinite(challenger)):
            continue
        half = Z_95 * standard_error(of_challenger - of_champion, codes)
        difference = challenger - champion
        found.append(
            Compared(
                comparison="paired",
                segment=segment,
                metric=metric,
                champion_value=champion,
                challenger_value=challenger,
                difference=difference,
                lower=difference - half,
                upper=difference + half,
                customers_count=len(outcome),
            )
        )
    return found


def mean_of(values: Floats) -> tuple[float, Floats]:
    """A mean and the influence of each value on it, shape (n,)."""
    mean = float(values.mean())
    return mean, (values - mean) / len(values)


def roc_auc(probability: Floats, outcome: Floats, days: Ints) -> tuple[float, Floats]:
    """ROC AUC among customers of the same day, and each one's influence on it, shape (n,).

    The share of all pairs of a churned and a retained customer of one day in which the churned has
    the higher probability, ties a half. NaN where no day has both.
    """
    from scipy.stats import rankdata

    influence = np.zeros(len(outcome))
    wins = pairs = 0.0
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        is_lost = outcome[rows] == 1
        lost, kept = rows[is_lost], rows[~is_lost]
        if len(lost) == 0 or len(kept) == 0:
            continue
        rank = rankdata(probability[rows])
        kept_below = rank[is_lost] - rankdata(probability[lost])
        lost_above = len(lost) - (rank[~is_lost] - rankdata(probability[kept]))
        won = float(kept_below.sum())
        influence[lost] = kept_below - won / len(lost)
        influence[kept] = lost_above - won / len(kept)
        wins += won
        pairs += len(lost) * len(kept)
    if pairs == 0:
        return float("nan"), influence
    return wins / pairs, influence / pairs


def standard_error(influence: Floats, codes: Codes) -> float:
    """Standard error of a metric from its influences, those of one customer added up first."""
    _, customer = np.unique(codes, return_inverse=True)
    added = np.bincount(customer, influence)
    count = len(added)
    if count < 2:
        return float("inf")
    centred = added - added.mean()
    return float(np.sqrt(np.sum(centred**2) * count / (count - 1)))
