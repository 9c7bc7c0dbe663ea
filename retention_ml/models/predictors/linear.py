"""A predictor that is a weighted sum of quantile-normalised features."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from retention_ml.errors import UnfitModel
from retention_ml.models.predictors.cuts import Cuts
from retention_ml.models.predictors.forest import columns_of, in_parts, is_compiled
from retention_ml.models.predictors.predictor import floats, is_piecewise_linear, to_json
from retention_ml.statistics.arrays import Floats, Ints, sigmoid

_KNOTS = 65
_MISSING_SHARE_MIN = 0.005
_NEWTON_STEPS_MAX = 30


@dataclass(frozen=True, slots=True)
class Scale:
    """How one feature becomes a number of mean 0 and variance 1 over the training rows.

    `knots` are feature values, `values` their normal scores (standardised): between knots by
    linear interpolation, flat beyond. A constant feature has no knots and scores 0.
    """

    knots: Floats
    values: Floats

    def scores(self, column: Floats) -> Floats:
        """Scores of a column, shape (n,); 0, the mean, where it is missing."""
        if len(self.knots) == 0:
            return np.zeros(len(column))
        score = np.interp(np.nan_to_num(column), self.knots, self.values)
        return np.where(np.isnan(column), 0.0, score)


def fit_scale(column: Floats) -> Scale:
    """The scale of one feature from its training values, shape (n,), NaN where missing."""
    present = np.sort(column[~np.isnan(column)])
    empty = np.empty(0)
    if len(present) == 0 or present[0] == present[-1]:
        return Scale(empty, empty)
    values, counts = np.unique(present, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2) / len(present)
    if len(values) > _KNOTS:
        at = np.quantile(np.arange(len(values)), np.linspace(0, 1, _KNOTS)).round().astype(int)
        by_mass = np.searchsorted(ranks, np.linspace(ranks[0], ranks[-1], _KNOTS))
        keep = np.unique(np.concatenate([at[[0, -1]], np.minimum(by_mass, len(values) - 1)]))
        values, ranks = values[keep], ranks[keep]
    scores = ndtri(np.clip(ranks, 0.002, 0.998))
    scored = np.interp(present, values, scores)
    spread = float(scored.std())
    return Scale(values, (scores - scored.mean()) / (spread or 1.0))


def ridge_logistic(
    design: Floats,
    outcome: Floats,
    weights: Floats,
    penalty: float,
    start: tuple[Floats, float] | None = None,
    offset: Floats | None = None,
) -> tuple[Floats, float]:
    """Coefficients, shape (k,), and intercept of a ridge logistic regression.

    Minimises sum of weighted log losses + `penalty` / 2 × sum of squared coefficients (the
    intercept is free) by Newton's method with step halving, from `start` if given. `offset`,
    shape (n,), is added to the log-odds of each row.
    """
    rows, columns = design.shape
    full = np.column_stack([design, np.ones(rows)])
    ridge = np.append(np.full(columns, penalty), 1e-9)
    offsets = np.zeros(rows) if offset is None else offset
    rate = np.clip(np.average(outcome, weights=weights), 1e-6, 1 - 1e-6)
    intercept = np.log(rate / (1 - rate)) - np.average(offsets, weights=weights)
    beta = np.append(*start) if start else np.append(np.zeros(columns), intercept)

    def loss(at: Floats) -> float:
        margin = full @ at + offsets
        return float(weights @ (np.logaddexp(0, margin) - outcome * margin) + ridge @ at**2 / 2)

    # One thread: equal sums on every machine, and no spinning on a busy one.
    with threadpool_limits(limits=1, user_api="blas"):
        current = loss(beta)
        for _ in range(_NEWTON_STEPS_MAX):
            probability = sigmoid(full @ beta + offsets)
            curvature = np.maximum(weights * probability * (1 - probability), 1e-12)
            gradient = full.T @ (weights * (probability - outcome)) + ridge * beta
            root = full * np.sqrt(curvature)[:, None]
            hessian = root.T @ root + np.diag(ridge)
            step = np.linalg.solve(hessian, gradient)
            scale = 1.0
            while (proposed := loss(beta - scale * step)) > current and scale > 1e-4:
                scale /= 2
            if proposed > current:
                break
            beta = beta - scale * step
            gained, current = current - proposed, proposed
            if gained <= 1e-9 * max(1.0, abs(current)):
                break
    return beta[:-1], float(beta[-1])


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Log-odds = intercept + sum of coefficient × score (+ a term where the feature is missing)."""

    kind: ClassVar[str] = "linear"
    scales: tuple[Scale, ...]
    missing_shares: Floats
    coefficients: Floats
    missing_coefficients: Floats
    intercept: float

    def _terms(self, values: Floats) -> Floats:
        if is_compiled(len(values) * len(self.scales)):
            return self._terms_compiled(values)
        scores = np.column_stack(
            [scale.scores(values[:, j]) for j, scale in enumerate(self.scales)]
        )
        absent = np.isnan(values) - self.missing_shares
        # Row by row in memory, whatever the inputs: the order decides the last bits of sums.
        return np.ascontiguousarray(scores * self.coefficients + absent * self.missing_coefficients)

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        """What the compiled loops read of the scales and coefficients."""
        knots = Cuts.of([scale.knots for scale in self.scales])
        slopes = [np.diff(scale.values) / np.diff(scale.knots) for scale in self.scales]
        return {
            "counts": np.array([len(scale.knots) for scale in self.scales], dtype=np.int64),
            "start": knots.start,
            "step": knots.step,
            "knots": knots.numbers,
            "knot_scores": knots.laid_out([scale.values for scale in self.scales]),
            "slopes": knots.laid_out(slopes),
            "coefficients": self.coefficients,
            "if_present": (0.0 - self.missing_shares) * self.missing_coefficients,
            "if_missing": (1.0 - self.missing_shares) * self.missing_coefficients,
        }

    def _terms_compiled(self, values: Floats) -> Floats:
        """The same to the bit, by a compiled loop."""
        terms, every = np.zeros(values.shape[::-1]), np.arange(values.shape[1])
        self.add_contributions(columns_of(values), every, 1.0, terms, threads=1)
        return np.ascontiguousarray(terms.T)

    def margin_compiled(self, values: Floats) -> Floats:
        """What `margin` gives, to the bit, by a compiled loop however few the rows are."""
        return self._margin_of(self._terms_compiled(values))

    def _margin_of(self, terms: Floats) -> Floats:
        return np.asarray(terms.sum(axis=1) + self.intercept, dtype=np.float64)

    def add_contributions(
        self, values: Floats, columns: Ints, factor: float, total: Floats, threads: int
    ) -> None:
        """Add `factor` × its contributions to those of a larger model, by a compiled loop.

        Parameters
        ----------
        values, total : array of float64, shape (K, n)
            The larger model's values and contributions, column by column.
        columns : array of int64, shape (k,)
            Which of the K columns it reads.
        """
        from retention_ml.models.predictors.compiled.kernels import add_linear_terms

        in_parts(
            lambda begin, end: add_linear_terms(
                values, begin, end, columns, factor=factor, out=total, **self._arrays
            ),
            values.shape[1],
            threads,
        )

    def margin(self, values: Floats) -> Floats:
        """Log-odds before calibration, shape (n,), of feature values of shape (n, k)."""
        return self._margin_of(self._terms(values))

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature adds to the base, shape (n, k), and the base."""
        return self._terms(values), self.intercept

    def files(self) -> dict[str, bytes]:
        """The coefficients and scales as text files."""
        content = {
            "intercept": self.intercept,
            "coefficients": self.coefficients,
            "missing_coefficients": self.missing_coefficients,
            "missing_shares": self.missing_shares,
            "scales": [{"knots": scale.knots, "heights": scale.values} for scale in self.scales],
        }
        return {"coefficients.json": to_json(content)}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`; checked for shape and finite values."""
        content = json.loads(files["coefficients.json"])
        scales = tuple(
            Scale(floats(scale["knots"]), floats(scale["heights"])) for scale in content["scales"]
        )
        names = ("coefficients", "missing_coefficients", "missing_shares")
        columns = {name: floats(content[name]) for name in names}
        intercept = float(content["intercept"])
        sound = (
            len(scales) == len(features)
            and all(is_piecewise_linear(scale.knots, scale.values) for scale in scales)
            and all(column.shape == (len(features),) for column in columns.values())
            and all(bool(np.isfinite(column).all()) for column in columns.values())
            and np.isfinite(intercept)
        )
        if not sound:
            raise UnfitModel(
                f"coefficients.json does not fit its {len(features)} features: expected one "
                "finite coefficient and one rising scale for each. Train anew."
            )
        return cls(scales=scales, intercept=intercept, **columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normaliser:
    """How features become the columns of a regression, fitted to training rows.

    Parameters
    ----------
    scales : tuple of Scale, length k
    missing_shares : array of float64, shape (k,)
    often_missing : array of int64
        The features that get a column of their own for being missing.
    """

    scales: tuple[Scale, ...]
    missing_shares: Floats
    often_missing: Ints

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Fitted to feature values, shape (n, k), NaN where missing."""
        shares = np.isnan(values).mean(axis=0)
        often = (shares > _MISSING_SHARE_MIN) & (shares < 1 - _MISSING_SHARE_MIN)
        return cls(
            scales=tuple(fit_scale(values[:, j]) for j in range(values.shape[1])),
            missing_shares=shares,
            often_missing=np.flatnonzero(often),
        )

    def design(self, values: Floats) -> Floats:
        """Columns of the regression, shape (n, k + features often missing)."""
        scores = [scale.scores(values[:, j]) for j, scale in enumerate(self.scales)]
        often = self.often_missing
        missing = np.isnan(values[:, often]) - self.missing_shares[often]
        # Row by row in memory, whatever the inputs: the order decides the last bits of sums.
        return np.ascontiguousarray(np.column_stack([*scores, missing]))

    def linear(self, coefficients: Floats, intercept: float) -> Linear:
        """The predictor of the coefficients of `design`'s columns."""
        count = len(self.scales)
        missing = np.zeros(count)
        missing[self.often_missing] = coefficients[count:]
        return Linear(
            scales=self.scales,
            missing_shares=self.missing_shares,
            coefficients=coefficients[:count],
            missing_coefficients=missing,
            intercept=intercept,
        )
