"""The worker of one process of a backtest: fit on the data of a day, predict the day."""

import time
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from retention_ml.clock import day_of
from retention_ml.failpoints import failpoint
from retention_ml.features.store import digest, read
from retention_ml.models.backtest import prediction_cache
from retention_ml.models.backtest.contenders import Recipe
from retention_ml.models.training.data.training_data import TrainingData, load_training_data
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One recipe on one day."""

    as_of: date
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """A finished task: where its predictions are, and whether an earlier run had made them."""

    task: Task
    path: Path
    was_cached: bool


@dataclass(frozen=True)
class DayData:
    """What models of a day are trained on, and the features that they predict from."""

    training_data: TrainingData
    features: pa.Table

    @cached_property
    def features_digest(self) -> str:
        """SHA-256 of the features."""
        return digest(self.features)


class Worker:
    """Does tasks, one after the other; it keeps the data of the last day.

    Parameters
    ----------
    warehouse : Warehouse
        Holds the features of every day needed.
    settings : Settings
    threads : int
        Threads of a fit; results do not depend on it.
    """

    def __init__(self, warehouse: Warehouse, settings: Settings, threads: int) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._threads = threads
        self._as_of: date | None = None
        self._day: DayData | None = None

    def run(self, task: Task) -> TaskResult:
        """Fit and predict, unless an earlier run did."""
        day = self._load(task.as_of)
        path = prediction_cache.path_of(
            self._settings, task.recipe, task.as_of, day.training_data.digest, day.features_digest
        )
        if path.exists():
            return TaskResult(task=task, path=path, was_cached=True)
        began = time.perf_counter()
        sample = day.training_data.sample
        model = task.recipe.fit(sample, self._settings.training, self._threads)
        fitted = time.perf_counter()
        # Through the bundle, as the scorer does: what is evaluated is what would be served.
        probability = model.to_bundle(task.recipe.name).predict(day.features)
        sample = task.recipe.sample(sample)
        prediction_cache.write(
            path,
            prediction_cache.CachedPredictions(
                customers=day.features["customer_id"],
                probability=probability,
                about={
                    "seconds": round(fitted - began, 3),
                    "scoring_seconds": round(time.perf_counter() - fitted, 3),
                    "params": dict(model.params),
                    "notes": dict(model.notes),
                    "rows_count": len(sample),
                    "days": [
                        str(day_of(int(number))) for number in sorted(set(sample.days.tolist()))
                    ],
                },
            ),
        )
        failpoint("backtest.after_part")
        return TaskResult(task=task, path=path, was_cached=False)

    def _load(self, as_of: date) -> DayData:
        if self._day is None or self._as_of != as_of:
            self._day = DayData(
                training_data=load_training_data(
                    self._warehouse, settings=self._settings, as_of=as_of
                ),
                features=read(self._warehouse, [as_of]),
            )
            self._as_of = as_of
        return self._day
