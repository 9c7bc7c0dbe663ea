"""A predictor that knows only the time of the year: the level of churn in the season ahead."""

import json
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.statistics.arrays import Floats, Ints, sigmoid

FEATURES = ("season_sin", "season_cos")
_YEAR = 365.2425  # as the features `season_sin` and `season_cos` count it
_STEPS = 70
_SHIFT_MAX = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasonal:
    """Log-odds by phase of the year: straight lines between knots, around the year.

    Parameters
    ----------
    phases : array of float64, shape (m,)
        Rising, from 0 (New Year) to below 1.
    heights : array of float64, shape (m,)
        Log-odds at the phases; 0 where nothing is known of the season.
    """

    kind: ClassVar[str] = "seasonal"
    phases: Floats
    heights: Floats

    @classmethod
    def of(cls, days: Ints, heights: Floats) -> Self:
        """Heights on some days, counted from 1970-01-01, within one year; 0 on its other days."""
        apart = 7.0
        around = np.concatenate([[days[0] - apart], days, [days[-1] + apart]])
        phases = around % _YEAR / _YEAR
        order = np.argsort(phases)
        padded = np.concatenate([[0.0], heights, [0.0]])
        phases, padded = phases[order], padded[order]
        kept = np.append(np.diff(phases) > 1e-9, True)
        return cls(phases=phases[kept], heights=padded[kept])

    def margin(self, values: Floats) -> Floats:
        """Log-odds, shape (n,), of `FEATURES`, shape (n, 2); 0 where they are missing."""
        phase = np.arctan2(values[:, 0], values[:, 1]) / (2 * np.pi) % 1.0
        height = np.interp(np.nan_to_num(phase), self.phases, self.heights, period=1.0)
        return np.where(np.isnan(phase), 0.0, height)

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """The log-odds, half to each of the two features, shape (n, 2), and the base 0."""
        return np.repeat(self.margin(values)[:, None] / 2, 2, axis=1), 0.0

    def files(self) -> dict[str, bytes]:
        """The knots as text."""
        content = {"phases": self.phases.tolist(), "heights": self.heights.tolist()}
        return {"season.json": json.dumps(content, indent=1).encode()}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`; checked for its features and sound values."""
        content = json.loads(files["season.json"])
        phases, heights = (
            np.asarray(content[name], dtype=np.float64) for name in ("phases", "heights")
        )
        sound = (
            features == FEATURES
            and phases.shape == heights.shape == (len(phases),)
            and len(phases) > 0
            and bool(np.all(np.diff(phases) > 0))
            and phases[0] >= 0
            and phases[-1] < 1
            and bool(np.isfinite(heights).all())
        )
        if not sound:
            raise UnfitModel(
                f"season.json does not fit {', '.join(FEATURES)}: expected rising phases from 0 "
                "to below 1 and as many finite heights. Train anew."
            )
        return cls(phases=phases, heights=heights)


def height_of(shift: float, margin: Floats) -> float:
    """The log-odds that change customers' mean probability as much as a change of intensity does.

    Parameters
    ----------
    shift : float
        Log ratio of the intensity of ordering.
    margin : array of float64, shape (n,)
        Calibrated log-odds of no order of the customers.
    """
    log_probability = -np.logaddexp(0.0, -margin)
    return level(margin, float(np.exp(np.exp(shift) * log_probability).mean()))


def level(margin: Floats, rate: float) -> float:
    """What is to be added to log-odds, shape (n,), so that their mean probability is `rate`."""
    low, high = -_SHIFT_MAX, _SHIFT_MAX
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if float(sigmoid(margin + middle).mean()) < rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2
