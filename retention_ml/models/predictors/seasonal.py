"""A predictor that reads only the time of the year: by how much churn differs in the season ahead."""

import json
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from retention_ml.errors import NotReady, UnfitModel
from retention_ml.models.predictors.predictor import floats, is_piecewise_linear, to_json
from retention_ml.statistics.arrays import Floats, Ints, sigmoid

FEATURES = ("season_sin", "season_cos")
_YEAR = 365.2425  # as the features `season_sin` and `season_cos` count it
_SHIFT_MAX = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasonal:
    """Log-odds by phase of the year: straight lines between knots, around the year.

    Parameters
    ----------
    phases : array of float64, shape (m,)
        Rising, from 0 (New Year) to below 1.
    log_odds : array of float64, shape (m,)
        Log-odds at the phases; 0 where the season is not known.
    """

    kind: ClassVar[str] = "seasonal"
    phases: Floats
    log_odds: Floats

    @classmethod
    def of(cls, days: Ints, log_odds: Floats) -> Self:
        """Log-odds on some days, counted from 1970-01-01, within one year; 0 on its other days."""
        phases = np.concatenate([[days[0] - 7.0], days, [days[-1] + 7.0]]) % _YEAR / _YEAR
        order = np.argsort(phases)
        phases, padded = phases[order], np.pad(log_odds, 1)[order]
        distinct = np.append(np.diff(phases) > 1e-9, True)
        return cls(phases=phases[distinct], log_odds=padded[distinct])

    def margin(self, values: Floats) -> Floats:
        """Log-odds, shape (n,), of `FEATURES`, shape (n, 2); 0 where they are missing."""
        phase = np.arctan2(values[:, 0], values[:, 1]) / (2 * np.pi) % 1.0
        log_odds = np.interp(np.nan_to_num(phase), self.phases, self.log_odds, period=1.0)
        return np.where(np.isnan(phase), 0.0, log_odds)

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """The log-odds, half to each of the two features, shape (n, 2), and the base 0."""
        return np.repeat(self.margin(values)[:, None] / 2, 2, axis=1), 0.0

    def files(self) -> dict[str, bytes]:
        """The knots as text."""
        return {"season.json": to_json({"phases": self.phases, "heights": self.log_odds})}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`; checked for its features and sound values."""
        content = json.loads(files["season.json"])
        phases, log_odds = floats(content["phases"]), floats(content["heights"])
        sound = (
            features == FEATURES
            and phases.size > 0
            and is_piecewise_linear(phases, log_odds)
            and phases[0] >= 0
            and phases[-1] < 1
        )
        if not sound:
            raise UnfitModel(
                f"season.json does not fit {', '.join(FEATURES)}: expected rising phases from 0 "
                "to below 1 and as many finite heights. Train anew."
            )
        return cls(phases=phases, log_odds=log_odds)


def log_odds_of_shift(shift: float, margin: Floats) -> float:
    """The log-odds that change customers' mean probability as much as a change of intensity does.

    Parameters
    ----------
    shift : float
        Log ratio of the intensity of ordering.
    margin : array of float64, shape (n,)
        Calibrated log-odds of no order of the customers.
    """
    log_probability = -np.logaddexp(0.0, -margin)
    return intercept_for(margin, float(np.exp(np.exp(shift) * log_probability).mean()))


def intercept_for(margin: Floats, rate: float, weights: Floats | None = None) -> float:
    """What is to be added to log-odds, shape (n,), so that their mean probability is `rate`.

    With `weights`, shape (n,), it is the weighted mean.

    Raises
    ------
    NotReady
        One of them is not finite.
    """
    from scipy.optimize import brentq

    unusable = int((~np.isfinite(margin)).sum())
    if unusable or not np.isfinite(rate):
        raise NotReady(
            f"{unusable:,} of {len(margin):,} log-odds are not finite and the churn rate to reach "
            f"is {rate:g}; expected finite numbers. Look in the features of these customers for "
            "values that are not finite, and train again."
        )

    def excess(shift: float) -> float:
        return float(np.average(sigmoid(margin + shift), weights=weights)) - rate

    if excess(-_SHIFT_MAX) >= 0:
        return -_SHIFT_MAX
    if excess(_SHIFT_MAX) <= 0:
        return _SHIFT_MAX
    return float(brentq(excess, -_SHIFT_MAX, _SHIFT_MAX, xtol=1e-15))
