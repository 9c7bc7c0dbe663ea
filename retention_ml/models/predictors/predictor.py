"""What every kind of model can do, and what its files have in common."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from retention_ml.statistics.arrays import Floats


class Predictor(Protocol):
    """What every kind of model can do, before calibration."""

    kind: ClassVar[str]

    def margin(self, values: Floats) -> Floats:
        """Log-odds, shape (n,), of feature values of shape (n, k), NaN where missing."""

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature adds to the base in log-odds, shape (n, k), and the base."""

    def files(self) -> dict[str, bytes]:
        """The model as named text files."""


def to_json(content: Mapping[str, Any]) -> bytes:
    """The text of a model's file; arrays become lists."""
    return json.dumps(content, indent=1, default=np.ndarray.tolist).encode()


def floats(values: Any) -> Floats:
    """An array of what a model's file holds."""
    return np.asarray(values, dtype=np.float64)


def is_piecewise_linear(knots: Floats, values: Floats) -> bool:
    """Whether the knots rise strictly and each has a value, all finite."""
    return (
        knots.ndim == 1
        and knots.shape == values.shape
        and bool(np.all(np.diff(knots) > 0))
        and bool(np.isfinite([knots, values]).all())
    )
