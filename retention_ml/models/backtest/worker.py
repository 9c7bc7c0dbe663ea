"""The worker of one process of a backtest: fit on the data of a day, predict the day."""

import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from retention_ml.abnormal.excluded import excluded_customers, without
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DayData:
    """What models of a day are trained on, and the features that they predict from."""

    training_data: TrainingData
    features: pa.Table
    features_digest: str


@dataclass
class Worker:
    """Does tasks, one after the other; it keeps the data of the last day.

    Parameters
    ----------
    warehouse : Warehouse
        Holds the features of every day needed.
    settings : Settings
    threads : int
        Threads to fit and to predict with; results do not depend on it.
    """

    warehouse: Warehouse
    settings: Settings
    threads: int
    _day: DayData | None = field(default=None, init=False)

    def run(self, task: Task) -> TaskResult:
        """Fit and predict, unless an earlier run did."""
        day = self._load(task.as_of)
        path = prediction_cache.path_of(
            self.settings, task.recipe, task.as_of, day.training_data.digest, day.features_digest
        )
        if path.exists():
            return TaskResult(task=task, path=path, was_cached=True)
        began = time.perf_counter()
        sample = day.training_data.sample
        model = task.recipe.fit(sample, self.settings.training, self.threads)
        fitted = time.perf_counter()
        # Through the bundle, as the scorer does: what is evaluated is what would be served.
        probability = model.to_bundle(task.recipe.name, threads=self.threads).predict(day.features)
        sample = task.recipe.sample(sample)
        about = {
            "seconds": round(fitted - began, 3),
            "scoring_seconds": round(time.perf_counter() - fitted, 3),
            "params": dict(model.params),
            "notes": dict(model.notes),
            "rows_count": len(sample),
            "days": [str(day_of(int(number))) for number in np.unique(sample.days)],
        }
        prediction_cache.write(path, day.features["customer_id"], probability, about)
        failpoint("backtest.after_part")
        return TaskResult(task=task, path=path, was_cached=False)

    def _load(self, as_of: date) -> DayData:
        if self._day is None or self._day.training_data.as_of != as_of:
            abnormal = excluded_customers(self.warehouse, as_of)
            features = without(read(self.warehouse, [as_of]), abnormal)
            self._day = DayData(
                training_data=load_training_data(
                    self.warehouse, settings=self.settings, as_of=as_of
                ),
                features=features,
                features_digest=digest(features),
            )
        return self._day
