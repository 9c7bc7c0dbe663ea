"""The door of backtests: past days are replayed with what was known then, and evaluated."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from retention_ml import atomic_files
from retention_ml.errors import UsageError
from retention_ml.features.build import ensure
from retention_ml.features.store import read
from retention_ml.labels.definition import churn_definition
from retention_ml.models.backtest import labels, prediction_cache, predictions
from retention_ml.models.backtest.code_digest import versions
from retention_ml.models.backtest.contenders import Contender, contenders
from retention_ml.models.backtest.evaluation import Bootstrap, evaluate_backtest
from retention_ml.models.backtest.page import page
from retention_ml.models.backtest.processes import run_tasks
from retention_ml.models.backtest.worker import Task, TaskResult
from retention_ml.models.registry.provenance import git_sha
from retention_ml.models.training.data.training_data import training_days
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

Say = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the results of a backtest are written.

    Parameters
    ----------
    report : Path
        Every figure, as JSON.
    predictions : Path
        `as_of, customer_id, churned`, and the probability of each model, as Parquet.
    html : Path or None
        The report to read; nothing is drawn without it.
    """

    report: Path
    predictions: Path
    html: Path | None = None


def backtest(
    warehouse: Warehouse,
    *,
    settings: Settings,
    days: Sequence[date],
    files: Files,
    models: Sequence[str] | None = None,
    workers: int | None = None,
    say: Say = lambda *_: None,
) -> Receipt:
    """Train each model on what was known on each day, score that day, compare with the outcome.

    Finished predictions are kept below `settings.home`: a run that was stopped goes on where it
    was. The files appear complete or not at all.

    Parameters
    ----------
    days : sequence of date
        The days to replay.
    models : sequence of str, optional
        See `contenders.names`; default the champion and all baselines.
    workers : int, optional
        Processes; default `settings.compute.threads`. Results do not depend on it.
    say : callable, optional
        Called with the progress: steps done, steps in all, what is done now.

    Raises
    ------
    UsageError
        No day, or an unknown model.
    NotReady
        The history before a day is too short, or its outcome is not known. Nothing was fitted.
    """
    began = time.monotonic()
    models_of_run = contenders(models, settings.training)
    days = tuple(sorted(set(days)))
    if not days:
        raise UsageError("There is no day to backtest. Name one with --as-of.")
    tasks = [
        Task(as_of=day, recipe=recipe)
        for day in days
        for recipe in dict.fromkeys(each.recipe for each in models_of_run)
    ]
    workers = workers or settings.compute.threads
    steps = len(tasks) + 2
    _build_features(warehouse, settings, days, lambda what: say(0, steps, what))
    results: list[TaskResult] = []
    for result in run_tasks(warehouse, settings, tasks, workers):
        results.append(result)
        say(1 + len(results), steps, f"{result.task.as_of}: {result.task.recipe.name}")
    collected = _collect(warehouse, settings, days, models_of_run, results)
    say(steps - 1, steps, "evaluating")
    fitted = sum(not result.was_cached for result in results)
    counts = {"fitted": fitted, "kept": len(results) - fitted}
    seconds = round(time.monotonic() - began, 1)
    run = {"seconds": seconds, "workers": min(workers, len(tasks)), **counts}
    _write(files, _evaluate(settings, models_of_run, collected) | {"run": run}, collected)
    say(steps, steps, "done")
    rows_count = collected.predictions.num_rows
    details = {
        "days": [str(day) for day in days],
        "models": [each.name for each in models_of_run],
        **counts,
        "definition_hash": churn_definition(settings).hash,
        "report": str(files.report),
        "predictions": str(files.predictions),
        "html": str(files.html) if files.html else None,
    }
    receipt = Receipt(
        door="models.backtest",
        as_of=days[-1],
        read=rows_count,
        written=rows_count,
        seconds=time.monotonic() - began,
        details=details,
    )
    return warehouse.record(receipt, settings.run_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Collected:
    """The predictions of all models, the features of their customers, and how each was fitted."""

    predictions: pa.Table
    features: pa.Table
    about: Mapping[str, Mapping[str, Mapping[str, Any]]]


def _build_features(
    warehouse: Warehouse,
    settings: Settings,
    days: Sequence[date],
    say: Callable[[str], None],
) -> None:
    """The features of the days and of the days before that are trained on, where all is known."""
    say("looking at the data")
    labels.require_outcomes(warehouse, settings, days)
    needed = {
        past
        for day in days
        for past in (day, *training_days(warehouse, settings=settings, as_of=day))
    }
    say(f"features of {len(needed)} days")
    ensure(warehouse, settings=settings, days=sorted(needed))


def _collect(
    warehouse: Warehouse,
    settings: Settings,
    days: Sequence[date],
    models: Sequence[Contender],
    results: Sequence[TaskResult],
) -> _Collected:
    by_task = {result.task: prediction_cache.read(result.path) for result in results}
    about: dict[str, dict[str, Mapping[str, Any]]] = {each.name: {} for each in models}
    tables = []
    for day in days:
        cached = {each.name: by_task[Task(as_of=day, recipe=each.recipe)] for each in models}
        for name, of_model in cached.items():
            about[name][str(day)] = of_model.about
        tables.append(
            predictions.of_day(
                day,
                labels.read_labels(warehouse, settings, day),
                {
                    name: (of_model.customers, of_model.probability)
                    for name, of_model in cached.items()
                },
            )
        )
    features = predictions.segment_features(read(warehouse, days))
    return _Collected(predictions=pa.concat_tables(tables), features=features, about=about)


def _evaluate(
    settings: Settings, models: Sequence[Contender], collected: _Collected
) -> dict[str, Any]:
    document = evaluate_backtest(
        predictions.to_arrays(collected.predictions),
        contenders=models,
        definition=churn_definition(settings),
        segments=predictions.labelled_segments(collected.features),
        about=collected.about,
        bootstrap=Bootstrap(draws=settings.training.bootstrap_draws, seed=settings.training.seed),
    )
    decisive = settings.model_dump(mode="json", include={"calendar", "churn", "training"})
    return document | {
        "settings": decisive,
        "settings_digest": hashlib.sha256(
            json.dumps(decisive, sort_keys=True).encode()
        ).hexdigest(),
        "versions": {"git_sha": git_sha(), **versions()},
    }


def _write(files: Files, document: Mapping[str, Any], collected: _Collected) -> None:
    predictions.write(collected.predictions, files.predictions)
    atomic_files.write_text(files.report, json.dumps(document, indent=1, allow_nan=False) + "\n")
    if files.html:
        html = page(document, predictions.to_arrays(collected.predictions))
        atomic_files.write_text(files.html, html)
