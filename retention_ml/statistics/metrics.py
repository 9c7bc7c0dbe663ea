"""How good predictions are: discrimination, calibration and gain, with bootstrap intervals.

All metrics take weights, so one pass over sorted predictions gives them for every resample of
customers at once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.bootstrap import (
    BIASED,
    Interval,
    batches,
    customer_weights,
    metric_interval,
)

METRICS = (
    "roc_auc",
    "pr_auc",
    "pr_auc_retained",
    "log_loss",
    "brier",
    "ece",
    "lift_at_10",
    "recall_at_10",
    "lift_at_10_of_best",
)
_RANKINGS = tuple(name for name in METRICS if name not in ("log_loss", "brier", BIASED))
OUTCOMES_MIN = 25  # churned, and retained: with fewer of either a group is not evaluated
Z_95 = 1.959963984540054  # normal quantile of a two-sided 95 % interval
_BINS = 10
_TOP_SHARE = 0.10


def mean_log_loss(probability: Floats, outcome: Floats, weights: Floats) -> float:
    """Weighted mean log loss, in nats."""
    return float(np.average(log_losses(probability, outcome), weights=weights))


def log_losses(probability: Floats, outcome: Floats) -> Floats:
    """Log loss of each forecast, in nats."""
    clipped = np.clip(probability, 1e-15, 1 - 1e-15)
    return np.asarray(-(outcome * np.log(clipped) + (1 - outcome) * np.log1p(-clipped)))


def score(probability: Floats, outcome: Floats, weights: Floats | None = None) -> dict[str, Floats]:
    """Every metric of `METRICS` under each row of weights.

    Parameters
    ----------
    probability : array of float64, shape (n,)
        Predicted probability of churn, 0 to 1.
    outcome : array of float64, shape (n,)
        1 churned, 0 retained.
    weights : array of float64, shape (draws, n), optional
        How often each row counts; default once.

    Returns
    -------
    dict of str to array of float64, shape (draws,)
        `roc_auc` (ties count half), `pr_auc` and `pr_auc_retained` (average precision of either
        class), `log_loss` in nats, `brier`, `ece` (mean distance of predicted and observed rate
        over 10 bins of equal counts), `lift_at_10` and `recall_at_10` of the tenth of the rows
        with the highest probability (ties shared), `lift_at_10_of_best` (that lift as a share of
        the highest possible, which is 1 / churn rate where more than a tenth churn). NaN where a
        class is absent.
    """
    weights = np.ones((1, len(outcome))) if weights is None else weights
    parts = [
        _score_batch(probability, outcome, weights[batch])
        for batch in batches(len(weights), len(outcome))
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


def _score_batch(probability: Floats, outcome: Floats, weights: Floats) -> dict[str, Floats]:
    order = np.argsort(-probability, kind="stable")
    ranked, y, w = probability[order], outcome[order], weights[:, order]
    # Rows of equal probability are one threshold: only the last of each run is looked at.
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    hits = np.cumsum(w * y, axis=1)[:, ends]
    counts = np.cumsum(w, axis=1)[:, ends]
    total, churned = counts[:, -1], hits[:, -1]
    misses, retained = counts - hits, total - churned
    with np.errstate(divide="ignore", invalid="ignore"):
        hit_steps = np.diff(hits, axis=1, prepend=0)
        miss_steps = np.diff(misses, axis=1, prepend=0)
        below = hits - hit_steps / 2
        roc_auc = (miss_steps * below).sum(axis=1) / (churned * retained)
        precision = np.where(counts > 0, hits / counts, 0)
        pr_auc = (hit_steps * precision).sum(axis=1) / churned
        # From the other end: thresholds rising, the retained counted so far.
        rest = total[:, None] - counts + hit_steps + miss_steps
        rest_misses = retained[:, None] - misses + miss_steps
        precision = np.where(rest > 0, rest_misses / rest, 0)
        pr_auc_retained = (miss_steps * precision).sum(axis=1) / retained
        hits_in_top = among_first(hits, counts, total * _TOP_SHARE)
        recall = hits_in_top / churned
        metrics = {
            "roc_auc": roc_auc,
            "pr_auc": pr_auc,
            "pr_auc_retained": pr_auc_retained,
            "log_loss": weights @ log_losses(probability, outcome) / total,
            "brier": weights @ (probability - outcome) ** 2 / total,
            "ece": _ece(ranked, y, w, total),
            "lift_at_10": recall / _TOP_SHARE,
            "recall_at_10": recall,
            "lift_at_10_of_best": hits_in_top / np.minimum(total * _TOP_SHARE, churned),
        }
    one_class = (churned <= 0) | (retained <= 0)
    for name in _RANKINGS:
        metrics[name] = np.where(one_class, np.nan, metrics[name])
    return metrics


def among_first(hits: Floats, counts: Floats, wanted: Floats) -> Floats:
    """Sum over the `wanted` first rows, each tie giving its share, shape (draws,).

    Parameters
    ----------
    hits, counts : arrays of float64, shape (draws, ties)
        What is summed, and how many rows, both added up to the end of each tie.
    wanted : array of float64, shape (draws,)
        How many rows; at most those there are.
    """
    draws = np.arange(len(counts))
    at = np.minimum((counts < wanted[:, None]).sum(axis=1), counts.shape[1] - 1)
    before = at > 0
    counts_before = np.where(before, counts[draws, at - 1], 0.0)
    hits_before = np.where(before, hits[draws, at - 1], 0.0)
    share = (wanted - counts_before) / np.maximum(counts[draws, at] - counts_before, 1e-300)
    return np.asarray(hits_before + share * (hits[draws, at] - hits_before), dtype=np.float64)


def _ece(ranked: Floats, y: Floats, w: Floats, total: Floats) -> Floats:
    """Expected calibration error over bins of equal counts of the rows as they are."""
    gap = np.add.reduceat(w * (ranked - y), _bins(len(y)), axis=1)
    return np.asarray(np.abs(gap).sum(axis=1) / total, dtype=np.float64)


def ece_by_chance(probability: Floats, weights: Floats | None = None) -> float:
    """The `ece` to be expected of probabilities that are all true: what few rows alone bring.

    The sum of a bin's outcomes then has the variance sum of p (1 - p), and a normal variable's mean
    distance from its mean is sqrt(2 / pi) standard deviations. Of rows that stand for `weights`
    customers each the variance is the sum of w² p (1 - p).

    Examples
    --------
    >>> round(ece_by_chance(np.full(250, 0.5)), 3), round(ece_by_chance(np.full(250_000, 0.5)), 3)
    (0.08, 0.003)
    """
    order = np.argsort(probability, kind="stable")
    ranked = probability[order]
    w = np.ones(len(ranked)) if weights is None else weights[order]
    variance = np.add.reduceat(w * w * ranked * (1 - ranked), _bins(len(ranked)))
    return float(np.sqrt(2 / np.pi * variance).sum() / w.sum())


def _bins(count: int) -> Ints:
    """First positions of bins of equal counts."""
    bounds = np.linspace(0, count, _BINS + 1).round().astype(np.int64)[:-1]
    return np.unique(bounds[: max(1, min(_BINS, count))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Predictions of several models for the same customers on the same days.

    Parameters
    ----------
    days : array of int64, shape (n,)
        Number of the day of each row.
    groups : array of int64, shape (n,)
        Number of the customer of each row.
    outcome : array of float64, shape (n,)
        1 churned, 0 retained.
    models : mapping of str to array of float64, shape (n,)
        Probability of churn by model.
    weights : array of float64, shape (n,), optional
        How many customers each row stands for; one of 0 is not evaluated, as its outcome is not
        what it would have been. Default: each for itself.
    """

    days: Ints
    groups: Ints
    outcome: Floats
    models: Mapping[str, Floats]
    weights: Floats | None = None

    @property
    def is_evaluated(self) -> Bools:
        """Which rows stand for anybody, shape (n,)."""
        if self.weights is None:
            return np.ones(len(self.outcome), dtype=np.bool_)
        return np.asarray(self.weights > 0)

    def take(self, rows: Bools | Ints, models: Iterable[str] | None = None) -> Self:
        """Some rows, by mask or position, of some of the models; default all."""
        return type(self)(
            days=self.days[rows],
            groups=self.groups[rows],
            outcome=self.outcome[rows],
            models={name: self.models[name][rows] for name in models or self.models},
            weights=None if self.weights is None else self.weights[rows],
        )

    def evaluated(self) -> Self:
        """The rows that stand for anybody."""
        return self if self.weights is None else self.take(self.is_evaluated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Metrics of several models with intervals and paired differences.

    Parameters
    ----------
    values : mapping of str to mapping of str to Interval
        By model and metric: mean over days.
    draws : mapping of str to mapping of str to array of float64, shape (draws,)
        By model and metric: the mean over days in every resample; the same customers are
        resampled for all models and days.
    by_day : mapping of int to mapping of str to mapping of str to Interval
        By day, model and metric.
    """

    values: Mapping[str, Mapping[str, Interval]]
    draws: Mapping[str, Mapping[str, Floats]]
    by_day: Mapping[int, Mapping[str, Mapping[str, Interval]]] = field(default_factory=dict)

    def difference(self, model: str, other: str, metric: str) -> Interval:
        """Paired difference `model` - `other` with its 95 % interval."""
        value = self.values[model][metric].value - self.values[other][metric].value
        draws = self.draws[model][metric] - self.draws[other][metric]
        return metric_interval(metric, value, draws, is_difference=True)


def evaluate(
    predictions: Predictions,
    *,
    draws: int,
    seed: int,
    models: Sequence[str] | None = None,
    measure: Callable[..., Mapping[str, Floats]] = score,
    **columns: Floats,
) -> Evaluation:
    """Every metric of every model: means over days with 95 % intervals, paired.

    Parameters
    ----------
    draws, seed : int
        Resamples of customers, and what decides them.
    models : sequence of str, optional
        Which models; default all.
    measure : callable
        Of probabilities, outcomes, weights as those of `score`, and `columns`, all of one day:
        metrics by name, each of shape (draws,).
    **columns : array of float64, shape (n,)
        What else `measure` reads of each row.
    """
    columns = {name: column[predictions.is_evaluated] for name, column in columns.items()}
    predictions = predictions.evaluated()
    stands_for = predictions.weights
    weights = customer_weights(predictions.groups, draws, seed)
    values: dict[str, dict[str, Interval]] = {}
    resampled: dict[str, dict[str, Floats]] = {}
    by_day: dict[int, dict[str, dict[str, Interval]]] = {}
    for model in models if models is not None else predictions.models:
        points, drawn = [], []
        for day in np.unique(predictions.days):
            rows = np.flatnonzero(predictions.days == day)
            columns_of_day = {name: column[rows] for name, column in columns.items()}
            probability, outcome = predictions.models[model][rows], predictions.outcome[rows]
            once = np.ones(len(rows)) if stands_for is None else stands_for[rows]
            points.append(measure(probability, outcome, once[None, :], **columns_of_day))
            drawn.append(measure(probability, outcome, weights[:, rows] * once, **columns_of_day))
            by_day.setdefault(int(day), {})[model] = {
                name: metric_interval(name, float(point[0]), drawn[-1][name])
                for name, point in points[-1].items()
            }
        names = points[0] if points else ()
        resampled[model] = {name: np.mean([day[name] for day in drawn], axis=0) for name in names}
        values[model] = {
            name: metric_interval(name, float(np.mean([day[name][0] for day in points])), draws_of)
            for name, draws_of in resampled[model].items()
        }
    return Evaluation(values=values, draws=resampled, by_day=by_day)
