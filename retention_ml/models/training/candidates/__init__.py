"""The candidates of a training: a module each, with `fit(sample, context) -> FittedModel`."""

from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from retention_ml.errors import UsageError
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext, FittedModel

BASELINE = "recency"  # what every candidate must beat


@dataclass(frozen=True, slots=True)
class Baseline:
    """How a candidate takes part in backtests as a baseline.

    Parameters
    ----------
    days : {"all", "newest"}
        Fitted on all days at hand, or only on the newest one whose whole outcome is known.
    meaning : str
        What it is, for readers of the report.
    """

    days: Literal["all", "newest"]
    meaning: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate: the module of its name in this package, imported when it is fitted."""

    name: str
    baseline: Baseline | None = None

    @property
    def module(self) -> str:
        """The full name of its module."""
        return f"{__name__}.{self.name}"

    def fit(self, sample: TrainingSample, context: FitContext) -> FittedModel:
        """The fitted, calibrated model; nothing but `sample` is read."""
        model: FittedModel = import_module(self.module).fit(sample, context)
        return model


_MODELS = (
    Candidate("recency", Baseline("newest", "best monotone rule of days since the last purchase")),
    Candidate(
        "rfm_logistic",
        Baseline("newest", "logistic regression on recency, frequency and monetary value"),
    ),
    Candidate(
        "bg_nbd", Baseline("all", "BG/NBD, fitted on every customer's purchases, calibrated")
    ),
    Candidate(
        "mbg_nbd", Baseline("all", "MBG/NBD, fitted on every customer's purchases, calibrated")
    ),
    Candidate(
        "lightgbm_default",
        Baseline(
            "newest",
            "LightGBM with the library's defaults, all features, newest day, not calibrated",
        ),
    ),
    Candidate(
        "lightgbm_tuned",
        Baseline("newest", "LightGBM, tuned, bagged and calibrated, all features, newest day"),
    ),
    Candidate("logistic"),
    Candidate("random_forest"),
    Candidate("lightgbm"),
    Candidate("ensemble"),
)
CANDIDATES = {candidate.name: candidate for candidate in _MODELS}


def candidate(name: str) -> Candidate:
    """The candidate of that name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in CANDIDATES:
        raise UsageError(
            f"There is no candidate {name!r}; expected one of {', '.join(CANDIDATES)}. "
            "Correct training.candidates in retention.toml."
        )
    return CANDIDATES[name]
