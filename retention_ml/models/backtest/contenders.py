"""Who takes part in a backtest: baselines, the champion's recipe, and any candidate by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, cast

from retention_ml.errors import UsageError
from retention_ml.models.training import candidates
from retention_ml.models.training.fitting import Candidate, FittedModel
from retention_ml.models.training.sample import Rows
from retention_ml.settings import Training

CHAMPION = "champion"
_CANDIDATES = candidates.__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model of a day comes about: two names of one recipe are fitted once.

    Parameters
    ----------
    module : str
        The module whose `fit` is called.
    learns_from : {"all", "newest"}
        All days at hand, or only the newest one whose whole outcome is known.
    is_tuned : bool
        Whether settings are searched for, within the bounds of the training settings.
    """

    module: str
    learns_from: Literal["all", "newest"]
    is_tuned: bool

    @property
    def name(self) -> str:
        """Last part of the module's name, and what it learns from."""
        return f"{self.module.rpartition('.')[2]}-{self.learns_from}"

    def fit(self, rows: Rows, training: Training, threads: int) -> FittedModel:
        """The fitted model."""
        made = cast(Candidate, import_module(self.module))
        return made.fit(
            rows.newest() if self.learns_from == "newest" else rows,
            seed=training.seed,
            threads=threads,
            trials=training.tuning_trials if self.is_tuned else 0,
            seconds=training.tuning_seconds if self.is_tuned else 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A model of a backtest.

    Parameters
    ----------
    name : str
        Its column in the predictions.
    recipe : Recipe
    meaning : str
        What it is, for readers of the report.
    """

    name: str
    recipe: Recipe
    meaning: str


def _of(candidate: str, learns_from: Literal["all", "newest"], is_tuned: bool = False) -> Recipe:
    return Recipe(module=f"{_CANDIDATES}.{candidate}", learns_from=learns_from, is_tuned=is_tuned)


_BASELINES = {
    "recency": (_of("recency", "newest"), "best monotone rule of days since the last purchase"),
    "rfm_logistic": (
        _of("rfm_logistic", "newest"),
        "logistic regression on recency, frequency and monetary value",
    ),
    "bg_nbd": (_of("bg_nbd", "all"), "BG/NBD, fitted on every customer's purchases, calibrated"),
    "mbg_nbd": (_of("mbg_nbd", "all"), "MBG/NBD, fitted on every customer's purchases, calibrated"),
    "lightgbm_default": (
        _of("lightgbm_default", "newest"),
        "LightGBM with the library's defaults, all features, newest day, not calibrated",
    ),
    "lightgbm_tuned": (
        _of("lightgbm_tuned", "newest", is_tuned=True),
        "LightGBM, tuned, bagged and calibrated, all features, newest day",
    ),
}
BASELINES = tuple(_BASELINES)


def names() -> tuple[str, ...]:
    """Everything that can take part."""
    return (CHAMPION, *BASELINES, *(each for each in candidates.NAMES if each not in BASELINES))


def contestants(wanted: Sequence[str] | None, training: Training) -> tuple[Contestant, ...]:
    """The models of those names, in their order; by default the champion and all baselines.

    Raises
    ------
    UsageError
        A name is not among `names()`.
    """
    chosen = tuple(dict.fromkeys(wanted if wanted is not None else (CHAMPION, *BASELINES)))
    unknown = [name for name in chosen if name not in names()]
    if unknown or not chosen:
        raise UsageError(
            f"There is no model {unknown[0] if unknown else ''!r} to backtest; expected one or "
            f"more of {', '.join(names())}. Correct --models."
        )
    return tuple(_contestant(name, training) for name in chosen)


def _contestant(name: str, training: Training) -> Contestant:
    if name in _BASELINES:
        recipe, meaning = _BASELINES[name]
        return Contestant(name=name, recipe=recipe, meaning=meaning)
    registered = training.champion_candidate
    candidate = registered if name == CHAMPION else name
    candidates.candidate(candidate)
    meaning = f"the candidate {candidate}, all features, all days" + (
        ": what training registers" if name == CHAMPION else ""
    )
    return Contestant(name=name, recipe=_of(candidate, "all", is_tuned=True), meaning=meaning)
