"""The models of a backtest: baselines, the champion's candidate, and any candidate by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from retention_ml.errors import UsageError
from retention_ml.models.training.candidates import CANDIDATES, candidate
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.settings import Training

CHAMPION = "champion"
BASELINES = tuple(name for name, each in CANDIDATES.items() if each.baseline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model of a day is fitted: two contenders of one recipe are fitted once.

    Parameters
    ----------
    candidate : str
        The candidate that is fitted.
    days : {"all", "newest"}
        On all days at hand, or only on the newest one whose whole outcome is known.
    """

    candidate: str
    days: Literal["all", "newest"]

    @property
    def name(self) -> str:
        """The candidate and its days."""
        return f"{self.candidate}-{self.days}"

    @property
    def module(self) -> str:
        """The module whose `fit` is called."""
        return candidate(self.candidate).module

    def sample(self, sample: TrainingSample) -> TrainingSample:
        """The rows of a sample that the recipe is fitted on."""
        return sample.newest() if self.days == "newest" else sample

    def fit(self, sample: TrainingSample, training: Training, threads: int) -> FittedModel:
        """The fitted model; settings are searched for within the bounds of `training`."""
        context = FitContext.of(training, threads)
        return candidate(self.candidate).fit(self.sample(sample), context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
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


def names() -> tuple[str, ...]:
    """Everything that can take part."""
    return (CHAMPION, *BASELINES, *(name for name in CANDIDATES if name not in BASELINES))


def contenders(models: Sequence[str] | None, training: Training) -> tuple[Contender, ...]:
    """The models of those names, in their order; by default the champion and all baselines.

    Raises
    ------
    UsageError
        A name is not among `names()`.
    """
    chosen = tuple(dict.fromkeys(models if models is not None else (CHAMPION, *BASELINES)))
    unknown = [name for name in chosen if name not in names()]
    if unknown or not chosen:
        raise UsageError(
            f"There is no model {unknown[0] if unknown else ''!r} to backtest; expected one or "
            f"more of {', '.join(names())}. Correct --models."
        )
    return tuple(_contender(name, training) for name in chosen)


def _contender(name: str, training: Training) -> Contender:
    learner = candidate(training.champion_candidate if name == CHAMPION else name)
    baseline = None if name == CHAMPION else learner.baseline
    recipe = Recipe(candidate=learner.name, days=baseline.days if baseline else "all")
    meaning = (
        baseline.meaning if baseline else f"the candidate {learner.name}, all features, all days"
    )
    if name == CHAMPION:
        meaning += ": what training registers"
    return Contender(name=name, recipe=recipe, meaning=meaning)
