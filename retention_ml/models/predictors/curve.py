"""A predictor that is one curve over one feature: log-odds between knots, flat beyond them."""

import json
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from retention_ml.errors import UnfitModel
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
            "knots": self.knots.tolist(),
            "heights": self.log_odds.tolist(),
            "centre": self.centre,
            "missing": self.missing,
        }
        return {"curve.json": json.dumps(content, indent=1).encode()}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """The curve that was written by `files`; checked for shape and finite values."""
        content = json.loads(files["curve.json"])
        knots = np.asarray(content["knots"], dtype=np.float64)
        log_odds = np.asarray(content["heights"], dtype=np.float64)
        curve = cls(
            knots=knots,
            log_odds=log_odds,
            centre=float(content["centre"]),
            missing=float(content["missing"]),
        )
        fits = (
            len(features) == 1
            and knots.ndim == 1
            and len(knots) > 0
            and knots.shape == log_odds.shape
            and bool(np.all(np.diff(knots) > 0))
            and bool(np.all(np.isfinite([*knots, *log_odds, curve.centre, curve.missing])))
        )
        if not fits:
            raise UnfitModel(
                f"curve.json has {len(knots)} knots and {len(log_odds)} heights for "
                f"{len(features)} features; expected one feature, as many heights as strictly "
                "rising knots, all finite. Train anew."
            )
        return curve
