"""A predictor with one layer of hidden units on quantile-normalised features."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from threadpoolctl import threadpool_limits

from retention_ml.errors import UnfitModel
from retention_ml.models.arrays import Floats, Ints
from retention_ml.models.linear import Normaliser, Scale

if TYPE_CHECKING:
    from retention_ml.models.rows import Rows

_UNITS_MAX = 4_096
# Steps an epoch: with few rows large batches leave too few of them to learn anything.
_BATCHES = 40
_BATCH_ROWS_MIN, _BATCH_ROWS_MAX = 32, 512
_LEARNING_RATE = 0.002
_EPOCHS_MAX = 60
_PATIENCE_EPOCHS = 6


@dataclass(frozen=True, kw_only=True)
class Perceptron:
    """Log-odds = intercept + sum over hidden units of output × max(0, activation).

    Several networks of one hidden layer, averaged, are one network with all their units.

    Parameters
    ----------
    scales : tuple of Scale, length k
    missing_shares : array of float64, shape (k,)
        Share of the rows learnt from in which the feature was missing.
    hidden, missing_hidden : arrays of float64, shape (k, units)
        What a feature's score, and its being missing, add to each activation.
    thresholds : array of float64, shape (units,)
        Activations of the mean row: every score is 0 there.
    output : array of float64, shape (units,)
    intercept : float
    """

    kind: ClassVar[str] = "perceptron"
    scales: tuple[Scale, ...]
    missing_shares: Floats
    hidden: Floats
    missing_hidden: Floats
    thresholds: Floats
    output: Floats
    intercept: float

    def _inputs(self, values: Floats) -> tuple[Floats, Floats]:
        scores = np.column_stack(
            [scale.scores(values[:, j]) for j, scale in enumerate(self.scales)]
        )
        return scores, np.isnan(values) - self.missing_shares

    def _activations(self, scores: Floats, absent: Floats) -> Floats:
        return np.asarray(scores @ self.hidden + absent @ self.missing_hidden + self.thresholds)

    def margin(self, values: Floats) -> Floats:
        """Log-odds before calibration, shape (n,), of feature values of shape (n, k)."""
        with threadpool_limits(limits=1, user_api="blas"):
            activation = self._activations(*self._inputs(values))
            return np.asarray(np.maximum(activation, 0) @ self.output + self.intercept)

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature adds to the log-odds of the mean row, shape (n, k), and those.

        The rescale rule: what a unit differs by from its value at the mean row is shared out in
        proportion to what each feature adds to its activation. With one hidden layer the shares
        add up exactly.

        References
        ----------
        Shrikumar, Greenside and Kundaje, "Learning important features through propagating
        activation differences", ICML 2017, section 3.5.1.
        """
        with threadpool_limits(limits=1, user_api="blas"):
            scores, absent = self._inputs(values)
            activation = self._activations(scores, absent)
            from_mean = activation - self.thresholds
            at_mean = np.maximum(self.thresholds, 0)
            near = np.abs(from_mean) < 1e-12
            rise = (np.maximum(activation, 0) - at_mean) / np.where(near, 1.0, from_mean)
            multiplier = np.where(near, self.thresholds > 0, rise) * self.output
            added = scores * (multiplier @ self.hidden.T)
            added += absent * (multiplier @ self.missing_hidden.T)
            return added, float(at_mean @ self.output + self.intercept)

    def files(self) -> dict[str, bytes]:
        """The weights and scales as a text file."""
        content = {
            "intercept": self.intercept,
            "output": self.output.tolist(),
            "thresholds": self.thresholds.tolist(),
            "hidden": self.hidden.tolist(),
            "missing_hidden": self.missing_hidden.tolist(),
            "missing_shares": self.missing_shares.tolist(),
            "scales": [
                {"knots": scale.knots.tolist(), "heights": scale.heights.tolist()}
                for scale in self.scales
            ],
        }
        return {"perceptron.json": json.dumps(content, indent=1).encode()}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`; checked for shape and finite values."""
        content = json.loads(files["perceptron.json"])
        scales = tuple(
            Scale(
                np.asarray(scale["knots"], dtype=np.float64),
                np.asarray(scale["heights"], dtype=np.float64),
            )
            for scale in content["scales"]
        )
        arrays = {
            name: np.asarray(content[name], dtype=np.float64)
            for name in ("output", "thresholds", "hidden", "missing_hidden", "missing_shares")
        }
        intercept = float(content["intercept"])
        count, units = len(features), arrays["output"].size
        shapes = {
            "output": (units,),
            "thresholds": (units,),
            "hidden": (count, units),
            "missing_hidden": (count, units),
            "missing_shares": (count,),
        }
        sound = (
            1 <= units <= _UNITS_MAX
            and all(arrays[name].shape == shape for name, shape in shapes.items())
            and all(bool(np.isfinite(array).all()) for array in arrays.values())
            and bool(np.isfinite(intercept))
            and len(scales) == count
            and all(_is_sound(scale) for scale in scales)
        )
        if not sound:
            raise UnfitModel(
                f"perceptron.json does not fit its {count} features: expected finite weights of 1 "
                f"to {_UNITS_MAX:,} units and one rising scale for each feature. Train anew."
            )
        return cls(scales=scales, intercept=intercept, **arrays)


def _is_sound(scale: Scale) -> bool:
    return (
        scale.knots.ndim == 1
        and scale.knots.shape == scale.heights.shape
        and bool(np.all(np.diff(scale.knots) > 0))
        and bool(np.isfinite([*scale.knots, *scale.heights]).all())
    )


def fit_perceptron(
    rows: "Rows", *, seed: int, hidden: int = 16, penalty: float = 3.0, members: int = 3
) -> Perceptron:
    """The mean of networks that each stopped when customers left out gained no more.

    The order of the rows does not matter, nor does the number of threads.

    Parameters
    ----------
    rows : Rows
        What to learn from; those whose outcome is not known yet are left out.
    seed : int
        Decides which customers each network leaves out, and where it starts.
    hidden : int
        Units of each network.
    penalty : float
        Half of it × the sum of squared weights is added to the log losses of every
        `_BATCH_ROWS_MAX` rows.
    members : int
        Networks.
    """
    from retention_ml.models.rows import FOLDS, folds

    rows = rows.matured()
    normaliser = Normaliser.of(rows.values)
    order = np.lexsort((rows.weights, rows.outcome, *rows.values.T, rows.groups))
    design = normaliser.design(rows.values[order]).astype(np.float32)
    outcome, weights = rows.outcome[order].astype(np.int64), rows.weights[order]
    weights = weights / weights.mean()
    fold = folds(rows.groups, seed, max(FOLDS, members))[order]
    networks = []
    with threadpool_limits(limits=1, user_api="blas"):
        for number in range(members):
            learnt, judged = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            if len(learnt) == 0 or len(judged) == 0:
                learnt = judged = np.arange(len(rows))
            networks.append(
                _network(
                    (design[learnt], outcome[learnt], weights[learnt]),
                    (design[judged], outcome[judged], weights[judged]),
                    hidden=hidden,
                    penalty=penalty,
                    seed=seed + number,
                )
            )
    count, often = rows.values.shape[1], normaliser.often_missing
    incoming = np.column_stack([network[0] for network in networks])
    missing_hidden = np.zeros((count, incoming.shape[1]))
    missing_hidden[often] = incoming[count:]
    return Perceptron(
        scales=normaliser.scales,
        missing_shares=normaliser.missing_shares,
        hidden=np.ascontiguousarray(incoming[:count]),
        missing_hidden=missing_hidden,
        thresholds=np.concatenate([network[1] for network in networks]),
        output=np.concatenate([network[2] for network in networks]) / members,
        intercept=float(np.mean([network[3] for network in networks])),
    )


def _network(
    learnt: tuple[Any, Ints, Floats],
    judged: tuple[Any, Ints, Floats],
    *,
    hidden: int,
    penalty: float,
    seed: int,
) -> tuple[Floats, Floats, Floats, float]:
    """Weights into and thresholds of the hidden units, weights out of them, intercept.

    Both sets of rows are design, outcome and weights.
    """
    from sklearn.neural_network import MLPClassifier

    count = len(learnt[1])
    batch = min(count, max(_BATCH_ROWS_MIN, min(_BATCH_ROWS_MAX, count // _BATCHES)))
    network = MLPClassifier(
        (hidden,),
        alpha=penalty * batch / _BATCH_ROWS_MAX,
        batch_size=batch,
        learning_rate_init=_LEARNING_RATE,
        random_state=seed,
    )
    design, outcome, weights = judged
    least, best, waited = np.inf, [np.empty(0)] * 4, 0
    for _ in range(_EPOCHS_MAX):
        network.partial_fit(learnt[0], learnt[1], sample_weight=learnt[2], classes=np.array([0, 1]))
        parts = (*network.coefs_, *network.intercepts_)
        into, out, thresholds, intercept = (np.array(part, dtype=np.float64) for part in parts)
        margin = (np.maximum(design @ into + thresholds, 0) @ out)[:, 0] + intercept[0]
        losses = np.logaddexp(0, margin) - outcome * margin
        waited += 1
        if (loss := float(np.average(losses, weights=weights))) < least:
            least, best, waited = loss, [into, thresholds, out[:, 0], intercept], 0
        if waited >= _PATIENCE_EPOCHS:
            break
    return best[0], best[1], best[2], float(best[3][0])
