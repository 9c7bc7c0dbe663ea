"""The work of one process of a backtest: learn from a day's material, predict the day."""

import time
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from retention_ml.failpoints import reach
from retention_ml.features.store import digest, read
from retention_ml.models.backtest import prediction_cache
from retention_ml.models.backtest.contenders import Recipe
from retention_ml.models.training.training_data import Material, material
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One recipe on one day."""

    as_of: date
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished job: where its predictions lie, and whether they lay there before."""

    job: Job
    path: Path
    was_there: bool


@dataclass(frozen=True)
class Day:
    """What is learnt from and what is scored on a day."""

    learnt: Material
    scored: pa.Table

    @cached_property
    def scored_digest(self) -> str:
        """SHA-256 of the features scored."""

        return digest(self.scored)


class Desk:
    """Where jobs are done, one after the other; it keeps the material of the last day.

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
        self._day: Day | None = None

    def do(self, job: Job) -> Done:
        """Fit and predict, unless that was done before."""
        day = self._material(job.as_of)
        path = prediction_cache.path_of(
            self._settings, job.recipe, job.as_of, day.learnt.digest, day.scored_digest
        )
        if path.exists():
            return Done(job=job, path=path, was_there=True)
        began = time.perf_counter()
        rows = day.learnt.rows
        model = job.recipe.fit(rows, self._settings.training, self._threads)
        fitted = time.perf_counter()
        # Through the bundle, as the scorer does: what is judged is what would be served.
        probability = model.to_bundle(job.recipe.name).predict(day.scored)
        used = rows.newest() if job.recipe.learns_from == "newest" else rows
        prediction_cache.write(
            path,
            prediction_cache.Part(
                customers=day.scored["customer_id"],
                probability=probability,
                about={
                    "seconds": round(fitted - began, 3),
                    "scoring_seconds": round(time.perf_counter() - fitted, 3),
                    "params": dict(model.params),
                    "notes": dict(model.notes),
                    "rows_count": len(used),
                    "days": [
                        str(_EPOCH + timedelta(days=int(number)))
                        for number in sorted(set(used.days.tolist()))
                    ],
                },
            ),
        )
        reach("backtest.after_part")
        return Done(job=job, path=path, was_there=False)

    def _material(self, as_of: date) -> Day:

        if self._day is None or self._as_of != as_of:
            self._day = Day(
                learnt=material(self._warehouse, settings=self._settings, as_of=as_of),
                scored=read(self._warehouse, [as_of]),
            )
            self._as_of = as_of
        return self._day
