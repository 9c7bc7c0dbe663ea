"""The door of backtests: past days, each learnt for with what was known then, judged by what followed."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from retention_ml.errors import UsageError
from retention_ml.features.build import ensure
from retention_ml.features.store import read
from retention_ml.labels.definition import churn_definition
from retention_ml.models.backtest import labels, prediction_cache, predictions
from retention_ml.models.backtest.code_digest import versions
from retention_ml.models.backtest.contenders import Contestant, contestants
from retention_ml.models.backtest.evaluation import Bootstrap, judgement
from retention_ml.models.backtest.page import page
from retention_ml.models.backtest.processes import done
from retention_ml.models.backtest.worker import Done, Job
from retention_ml.models.registry.provenance import git_sha
from retention_ml.models.training.training_data import days_of
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

Say = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the outcome of a backtest is written.

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
    """Train each model on what was known on each day, score that day, compare with what followed.

    Finished predictions are kept below `settings.home`: a run that was stopped goes on where it
    was. The files appear complete or not at all.

    Parameters
    ----------
    days : sequence of date
        The days to stand on.
    models : sequence of str, optional
        See `contestants.names`; default the champion and all baselines.
    workers : int, optional
        Processes; default `settings.compute.threads`. Results do not depend on it.
    say : callable, optional
        Told of progress: steps done, steps in all, what is done now.

    Raises
    ------
    UsageError
        No day, or an unknown model.
    NotReady
        The history before a day is too short, or its outcome is not known. Nothing was fitted.
    """

    began = time.monotonic()
    chosen = contestants(models, settings.training)
    wanted = tuple(sorted(set(days)))
    if not wanted:
        raise UsageError("There is no day to backtest. Name one with --as-of.")
    jobs = [
        Job(as_of=day, recipe=recipe)
        for day in wanted
        for recipe in dict.fromkeys(each.recipe for each in chosen)
    ]
    workers = workers or settings.compute.threads
    steps = len(jobs) + 2
    say(0, steps, "looking at the data")
    labels.demand(warehouse, settings, wanted)
    needed = {past for day in wanted for past in days_of(warehouse, settings=settings, as_of=day)}
    say(0, steps, f"features of {len(needed | set(wanted))} days")
    ensure(warehouse, settings=settings, days=sorted(needed | set(wanted)))
    finished: list[Done] = []
    for each in done(warehouse, settings, jobs, workers):
        finished.append(each)
        say(1 + len(finished), steps, f"{each.job.as_of}: {each.job.recipe.name}")
    told = _gathered(warehouse, settings, wanted, chosen, finished)
    say(steps - 1, steps, "judging")
    fitted = sum(not each.was_there for each in finished)
    document = _judged(settings, chosen, told) | {
        "run": {
            "seconds": round(time.monotonic() - began, 1),
            "workers": min(workers, len(jobs)),
            "fitted": fitted,
            "kept": len(finished) - fitted,
        }
    }
    predictions.write(told.predictions, files.predictions)
    _write(files.report, json.dumps(document, indent=1, allow_nan=False) + "\n")
    if files.html:
        _write(files.html, page(document, predictions.numbered(told.predictions)))
    say(steps, steps, "done")
    rows = told.predictions.num_rows
    return warehouse.record(
        Receipt(
            door="models.backtest",
            as_of=wanted[-1],
            read=rows,
            written=rows,
            seconds=time.monotonic() - began,
            details={
                "days": [str(day) for day in wanted],
                "models": [each.name for each in chosen],
                "fitted": fitted,
                "kept": len(finished) - fitted,
                "definition_hash": churn_definition(settings).hash,
                "report": str(files.report),
                "predictions": str(files.predictions),
                "html": str(files.html) if files.html else None,
            },
        ),
        settings.run_id,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What was predicted, for whom, and how."""

    predictions: pa.Table
    features: pa.Table
    about: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)


def _gathered(
    warehouse: Warehouse,
    settings: Settings,
    days: Sequence[date],
    chosen: Sequence[Contestant],
    finished: Sequence[Done],
) -> _Told:

    by_job = {each.job: prediction_cache.read(each.path) for each in finished}
    about: dict[str, dict[str, Mapping[str, Any]]] = {each.name: {} for each in chosen}
    tables = []
    for day in days:
        own = {each.name: by_job[Job(as_of=day, recipe=each.recipe)] for each in chosen}
        for name, part in own.items():
            about[name][str(day)] = part.about
        tables.append(
            predictions.of_day(
                day,
                labels.outcomes(warehouse, settings, day),
                {name: (part.customers, part.probability) for name, part in own.items()},
            )
        )
    features = predictions.segment_features(read(warehouse, days))
    return _Told(predictions=pa.concat_tables(tables), features=features, about=about)


def _judged(settings: Settings, chosen: Sequence[Contestant], told: _Told) -> dict[str, Any]:
    document = judgement(
        predictions.numbered(told.predictions),
        contestants=chosen,
        definition=churn_definition(settings),
        segments=predictions.segments_in_words(told.features),
        about=told.about,
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


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
