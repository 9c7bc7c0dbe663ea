"""A predictor that counts time in outcome windows, so that what holds in one shop holds in another.

A grocer's customers come back after days, a furniture shop's after months: thirty silent days mean
nothing by themselves. Measured in outcome windows, they do.
"""

import json
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.predictors.predictor import to_json
from retention_ml.models.predictors.trees import Trees
from retention_ml.statistics.arrays import Floats

# What every shop with orders has. The recency comes first: see `contributions`.
FEATURES = (
    "recency_days",
    "tenure_days",
    "gap_last_days",
    "gap_mean_days",
    "gap_median_days",
    "gap_recent3_mean_days",
    "gap_max_days",
    "gap_std_days",
    "purchase_days_count",
)
INPUTS = (*FEATURES, "recency_share")
_IS_TIME = np.array([name.endswith("_days") for name in FEATURES])


@dataclass(frozen=True, kw_only=True)
class Paced:
    """Log-odds of trees that are given times in outcome windows.

    Parameters
    ----------
    inner : Trees
        Fitted on `inputs`.
    window_days : float
        From `as_of` to the end of the outcome window.
    """

    kind: ClassVar[str] = "paced"
    inner: Trees
    window_days: float

    def margin(self, values: Floats) -> Floats:
        """Log-odds before calibration, shape (n,), of `FEATURES`, shape (n, 9)."""
        return self.inner.margin(inputs(values, self.window_days))

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature adds to the base, shape (n, 9), and the base.

        What the recency as a share of the tenure adds counts as added by the recency.
        """
        added, base = self.inner.contributions(inputs(values, self.window_days))
        summed = added[:, : len(FEATURES)].copy()
        summed[:, 0] += added[:, len(FEATURES)]
        return summed, base

    def files(self) -> dict[str, bytes]:
        """`paced.json` and the files of the trees."""
        return {"paced.json": to_json({"window_days": self.window_days}), **self.inner.files()}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`; checked for its features, and the trees as such.

        Raises
        ------
        UnfitModel
            It is for other features, or a value makes no sense.
        """
        window_days = float(json.loads(files["paced.json"])["window_days"])
        if features != FEATURES or not 0 < window_days < np.inf:
            raise UnfitModel(
                f"paced.json has a window of {window_days} days for {len(features)} features; "
                f"expected a positive number of days and {', '.join(FEATURES)}. Serve another "
                "version, or train anew."
            )
        return cls(inner=Trees.from_files(files, INPUTS), window_days=window_days)


def inputs(values: Floats, window_days: float) -> Floats:
    """What the trees read, shape (n, 10): times in windows, and recency as a share of tenure.

    Parameters
    ----------
    values : array of float64, shape (n, 9)
        `FEATURES`, NaN where missing.
    window_days : float

    Examples
    --------
    >>> customer = np.array([[30.0, 60.0, 30, 30, 30, 30, 30, 0, 2]])
    >>> inputs(customer, 30.0)[0, [0, 1, 8, 9]]
    array([1. , 2. , 2. , 0.5])
    """
    share = values[:, 0] / np.maximum(values[:, 1], 1.0)
    return np.column_stack([np.where(_IS_TIME, values / window_days, values), share])
