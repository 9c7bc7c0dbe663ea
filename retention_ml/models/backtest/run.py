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
import pyarrow.parquet as pq

from retention_ml import atomic_files
from retention_ml.abnormal.excluded import excluded_customers, without
from retention_ml.errors import UsageError
from retention_ml.features.roll_up import roll_up
from retention_ml.features.store import read
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import labels_of
from retention_ml.models.backtest import prediction_cache, predictions
from retention_ml.models.backtest.code_digest import versions
from retention_ml.models.backtest.contenders import Contender, contenders
from retention_ml.models.backtest.evaluation import evaluate_backtest
from retention_ml.models.backtest.labels import ALL_THERE_IS, require_outcomes
from retention_ml.models.backtest.page import page
from retention_ml.models.backtest.processes import run_tasks
from retention_ml.models.backtest.worker import Task, TaskResult
from retention_ml.models.evaluation.segments import labelled_segments
from retention_ml.models.registry.provenance import git_sha
from retention_ml.models.training.data.shares import build_features, decide_shares
from retention_ml.models.training.data.training_data import training_days
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import Predictions
from retention_ml.warehouse import Warehouse

Say = Callable[[int, int, str], None]
About = Mapping[str, Mapping[str, Mapping[str, Any]]]


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

    Who was excluded as abnormal on a day is not scored on it; who is by now is not evaluated.
    Finished predictions are kept below `settings.home`: a run that was stopped goes on where it
    was. The files appear complete or not at all.

    Parameters
    ----------
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
    recipes = dict.fromkeys(each.recipe for each in models_of_run)
    tasks = [Task(as_of=day, recipe=recipe) for day in days for recipe in recipes]
    workers = min(workers or settings.compute.threads, len(tasks))
    steps = len(tasks) + 2
    _build_features(warehouse, settings, days, lambda what: say(0, steps, what))
    results: list[TaskResult] = []
    for result in run_tasks(warehouse, settings, tasks, workers):
        results.append(result)
        say(1 + len(results), steps, f"{result.task.as_of}: {result.task.recipe.name}")
    whole, about = _collect(warehouse, settings, days, models_of_run, results)
    abnormal = excluded_customers(warehouse, ALL_THERE_IS)
    table = without(whole, abnormal)
    arrays = predictions.to_arrays(table)
    say(steps - 1, steps, "evaluating")
    features = _features(warehouse, days, abnormal)
    document = _evaluate(settings, models_of_run, arrays, features, about)
    fitted = sum(not result.was_cached for result in results)
    counts = {"fitted": fitted, "kept": len(results) - fitted}
    run = {"seconds": round(time.monotonic() - began, 1), "workers": workers, **counts}
    _write(files, table, document | {"run": run}, arrays)
    say(steps, steps, "done")
    receipt = Receipt(
        door="models.backtest",
        as_of=days[-1],
        read=whole.num_rows,
        written=table.num_rows,
        left_out=whole.num_rows - table.num_rows,
        seconds=time.monotonic() - began,
        details={
            "days": [str(day) for day in days],
            "models": [each.name for each in models_of_run],
            **counts,
            "definition_hash": churn_definition(settings).hash,
            "report": str(files.report),
            "predictions": str(files.predictions),
            "html": str(files.html) if files.html else None,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _build_features(
    warehouse: Warehouse,
    settings: Settings,
    days: Sequence[date],
    say: Callable[[str], None],
) -> None:
    """The features of the days and of the days before that are trained on, where all is known."""
    say("looking at the data")
    require_outcomes(warehouse, settings, days)
    roll_up(warehouse, settings=settings)
    shares = [
        decide_shares(
            warehouse,
            settings=settings,
            as_of=day,
            training_days=training_days(warehouse, settings=settings, as_of=day),
            evaluation_days=[day],
        )
        for day in days
    ]
    say(f"features of {len({past for each in shares for past in each.by_day})} days")
    build_features(warehouse, settings=settings, shares=shares, whole_days=days)


def _collect(
    warehouse: Warehouse,
    settings: Settings,
    days: Sequence[date],
    models: Sequence[Contender],
    results: Sequence[TaskResult],
) -> tuple[pa.Table, About]:
    """The predictions of all models with the labels, and by model and day how each was fitted."""
    by_task = {result.task: prediction_cache.read(result.path) for result in results}
    about: dict[str, dict[str, Mapping[str, Any]]] = {each.name: {} for each in models}
    tables = []
    for day in days:
        probabilities = {}
        for each in models:
            cached = by_task[Task(as_of=day, recipe=each.recipe)]
            about[each.name][str(day)] = cached.about
            probabilities[each.name] = cached.customers, cached.probability
        outcomes = labels_of(warehouse, settings=settings, days=[day], known_as_of=ALL_THERE_IS)
        outcomes = without(outcomes, excluded_customers(warehouse, day))
        tables.append(predictions.of_day(day, outcomes, probabilities))
    return pa.concat_tables(tables), about


def _features(warehouse: Warehouse, days: Sequence[date], abnormal: pa.StringArray) -> pa.Table:
    """Those of the customers who are evaluated, in the order of their predictions."""
    parts = [without(read(warehouse, [day]), excluded_customers(warehouse, day)) for day in days]
    return without(pa.concat_tables(parts), abnormal)


def _evaluate(
    settings: Settings,
    models: Sequence[Contender],
    arrays: Predictions,
    features: pa.Table,
    about: About,
) -> dict[str, Any]:
    document = evaluate_backtest(
        arrays,
        contenders=models,
        definition=churn_definition(settings),
        segments=labelled_segments(features),
        about=about,
        draws=settings.training.bootstrap_draws,
        seed=settings.training.seed,
    )
    decisive = settings.model_dump(mode="json", include={"calendar", "churn", "training"})
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return document | {
        "settings": decisive,
        "settings_digest": digest,
        "versions": {"git_sha": git_sha(), **versions()},
    }


def _write(files: Files, table: pa.Table, document: Mapping[str, Any], arrays: Predictions) -> None:
    with atomic_files.replacing(files.predictions) as draft:
        pq.write_table(table, draft, compression="zstd")
    atomic_files.write_text(files.report, json.dumps(document, indent=1, allow_nan=False) + "\n")
    if files.html:
        atomic_files.write_text(files.html, page(document, arrays))
