"""A predictor that is one curve over one feature: log-odds between knots, flat beyond them."""

import json
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.predictors.predictor import floats, is_piecewise_linear, to_json
from retention_ml.statistics.arrays import Floats


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Log-odds by linear interpolation over a single feature.

    Parameters
    ----------
    knots, log_odds : arrays of float64, shape (m,)
        Strictly rising feature values and the log-odds at them.
    centre : float
        Mean log-odds over the training rows: the base of contributions.
    missing : float
        Log-odds of rows without the feature.
    """

    kind: ClassVar[str] = "curve"
    knots: Floats
    log_odds: Floats
    centre: float
    missing: float

    def margin(self, values: Floats) -> Floats:
        """Log-odds before calibration, shape (n,), of feature values of shape (n, 1)."""
        column = values[:, 0]
        log_odds = np.interp(np.nan_to_num(column), self.knots, self.log_odds)
        return np.where(np.isnan(column), self.missing, log_odds)

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What the feature adds to the base, shape (n, 1), and the base."""
        return (self.margin(values) - self.centre)[:, None], self.centre

    def files(self) -> dict[str, bytes]:
        """The curve as text files."""
        content = {
            "knots": self.knots,
            "heights": self.log_odds,
            "centre": self.centre,
            "missing": self.missing,
        }
        return {"curve.json": to_json(content)}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """The curve that was written by `files`; checked for shape and finite values."""
        content = json.loads(files["curve.json"])
        curve = cls(
            knots=floats(content["knots"]),
            log_odds=floats(content["heights"]),
            centre=float(content["centre"]),
            missing=float(content["missing"]),
        )
        fits = (
            len(features) == 1
            and curve.knots.size > 0
            and is_piecewise_linear(curve.knots, curve.log_odds)
            and bool(np.isfinite([curve.centre, curve.missing]).all())
        )
        if not fits:
            raise UnfitModel(
                f"curve.json has {curve.knots.size} knots and {curve.log_odds.size} heights for "
                f"{len(features)} features; expected one feature, as many heights as strictly "
                "rising knots, all finite. Train anew."
            )
        return curve
