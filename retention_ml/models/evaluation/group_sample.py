"""Rows of customers in groups, and what can be said of a group: gaps and shares with their errors.

Rows of one customer are not independent: errors are those of sums over customers.

References
----------
Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927): the
interval of a share.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import Z_95, Predictions

GROUPS_MAX = 20
NOT_GIVEN, OTHERS = "not given", "smaller groups together"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSample:
    """The rows evaluated: customers numbered from 0, what each row stands for, who gets an offer."""

    predictions: Predictions
    customers: Ints
    weights: Floats
    is_offered: Bools

    @classmethod
    def of(cls, predictions: Predictions, is_offered: Bools) -> "GroupSample":
        """Those of predictions that all stand for somebody."""
        count = len(predictions.outcome)
        return cls(
            predictions=predictions,
            customers=np.unique(predictions.groups, return_inverse=True)[1],
            weights=np.ones(count) if predictions.weights is None else predictions.weights,
            is_offered=is_offered,
        )

    def count(self, mask: Bools) -> int:
        """How many customers there are in a group."""
        return int(np.count_nonzero(np.bincount(self.customers[mask])))

    def gap(self, model: str, mask: Bools) -> tuple[float, float]:
        """Predicted minus observed in a group, and its standard error."""
        value, influence, null_error = self._gap(model, mask)
        return value, max(_error(influence), null_error)

    def apart(self, model: str, mask: Bools) -> tuple[float, float]:
        """The gap of a group minus that of all others, and its standard error."""
        value, influence, null_variance = self._apart(model, mask)
        return value, max(_error(influence), math.sqrt(null_variance))

    def further_off(self, model: str, other: str, mask: Bools) -> Interval:
        """How much further off a group is by one model than by another, paired."""
        value, influence, _ = self._apart(model, mask)
        base, base_influence, _ = self._apart(other, mask)
        error = _error(
            math.copysign(1, value) * influence - math.copysign(1, base) * base_influence
        )
        return around(abs(value) - abs(base), error, Z_95)

    def _apart(self, model: str, mask: Bools) -> tuple[float, Floats, float]:
        inside, outside = self._gap(model, mask), self._gap(model, ~mask)
        return inside[0] - outside[0], inside[1] - outside[1], inside[2] ** 2 + outside[2] ** 2

    def _gap(self, model: str, mask: Bools) -> tuple[float, Floats, float]:
        """Predicted minus observed in a group, the influence of each customer, and the error that
        outcomes drawn with these probabilities would have.

        The latter counts where it is larger: of a hundred customers of whom by chance nobody
        churned, the rows themselves say nothing of how surprising that is.
        """
        probability = self.predictions.models[model]
        value, influence = self._mean(probability - self.predictions.outcome, mask)
        weights = self.weights[mask]
        variance = (weights**2 * probability[mask] * (1 - probability[mask])).sum()
        return value, influence, float(np.sqrt(variance) / weights.sum()) if mask.any() else 0.0

    def _mean(self, values: Floats, mask: Bools) -> tuple[float, Floats]:
        """A weighted mean and the influence of each customer on it: 0 on average."""
        weights = self.weights * mask
        total = weights.sum()
        if total == 0:
            return 0.0, np.zeros(self.customers.max() + 1)
        value = float(weights @ values / total)
        influence = np.bincount(self.customers, weights=weights * (values - value) / total)
        return value, np.asarray(influence, dtype=np.float64)

    def share(self, what: Bools, among: Bools) -> Interval:
        """A share with its interval, by the number of customers that the rows are worth."""
        value, influence = self._mean(what.astype(np.float64), among)
        variance, count = _error(influence) ** 2, float(self.count(among))
        worth = min(value * (1 - value) / variance, count) if variance > 0 else count
        return _wilson(value, worth)


def cleaned(values: pa.ChunkedArray) -> pa.Array:
    """Values without spaces around them; null where nothing is left."""
    trimmed = pc.utf8_trim_whitespace(values.cast(pa.string()).combine_chunks())
    return pc.if_else(pc.equal(pc.utf8_length(trimmed), 0), pa.scalar(None, pa.string()), trimmed)


def members(values: pa.Array, customers: Ints) -> Iterator[tuple[str, Bools]]:
    """The largest groups by name, all smaller ones as one, and those without a value."""
    encoded = values.dictionary_encode()
    index = encoded.indices.fill_null(-1).to_numpy()
    names = encoded.dictionary.to_pylist()
    pairs = np.unique(np.column_stack([index, customers])[index >= 0], axis=0)
    counts = np.bincount(pairs[:, 0], minlength=len(names))
    by_size = sorted(range(len(names)), key=lambda number: (-counts[number], names[number]))
    for number in sorted(by_size[:GROUPS_MAX], key=lambda number: str(names[number])):
        yield names[number], index == number
    if len(names) > GROUPS_MAX:
        yield OTHERS, np.isin(index, by_size[GROUPS_MAX:])
    if values.null_count:
        yield NOT_GIVEN, index == -1


def _error(influence: Floats) -> float:
    """The standard error of an estimate from the influence of each customer on it."""
    count = int(np.count_nonzero(influence)) or 1
    return float(np.sqrt(count / max(1, count - 1) * (influence @ influence)))


def around(value: float, error: float, quantile: float) -> Interval:
    """A value and so many errors on both sides."""
    return Interval(value, value - quantile * error, value + quantile * error)


def _wilson(share: float, count: float) -> Interval:
    """The 95 % interval of a share of so many.

    >>> [round(end, 3) for end in _wilson(0.0, 100)]
    [0.0, 0.0, 0.037]
    """
    z = Z_95**2 / count
    middle = (share + z / 2) / (1 + z)
    half = math.sqrt(z * share * (1 - share) + z * z / 4) / (1 + z)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))
