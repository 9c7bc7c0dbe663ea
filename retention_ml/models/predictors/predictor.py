"""What every kind of model can do."""

from typing import Protocol

from retention_ml.statistics.arrays import Floats


class Predictor(Protocol):
    """What every kind of model can do, before calibration."""

    def margin(self, values: Floats) -> Floats:
        """Log-odds, shape (n,), of feature values of shape (n, k), NaN where missing."""

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature adds to the base in log-odds, shape (n, k), and the base."""

    def files(self) -> dict[str, bytes]:
        """The model as named text files."""
