"""How good the models of a backtest were: one JSON document, every figure with its interval."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat

import numpy as np

from retention_ml.clock import day_of
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.backtest.contenders import CHAMPION, Contender
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import METRICS, Evaluation, Predictions, evaluate

PAIRED = ("roc_auc", "log_loss", "brier", "ece")
SEGMENT_RIVAL = "mbg_nbd"
_DIGITS = 7

Document = dict[str, Any]


def evaluate_backtest(
    predictions: Predictions,
    *,
    contenders: Sequence[Contender],
    definition: ChurnDefinition,
    segments: Mapping[str, Bools],
    about: Mapping[str, Mapping[str, Mapping[str, Any]]],
    draws: int,
    seed: int,
) -> Document:
    """Every figure of the report, as plain JSON values.

    Parameters
    ----------
    contenders : sequence of Contender
        The models, the one that others are compared with first if there is no champion.
    segments : mapping of str to array of bool, shape (n,)
    about : mapping of str to mapping of str to mapping
        By model and day: `seconds`, `rows_count`, `days`, `params`, `notes` of the fit.
    draws, seed : int
        Resamples of customers, the same for all models and days.

    Returns
    -------
    dict
        `task`, `days`, `models` (metrics over all days and `by_as_of`), `reference`,
        `differences` (the reference minus each other model, paired), `segments`, `bootstrap`.
        Figures are `{value, lower, upper}`, means over days with 95 % intervals.
    """
    names = [each.name for each in contenders]
    reference = CHAMPION if CHAMPION in names else names[0]
    evaluation = evaluate(predictions, draws=draws, seed=seed, models=names)
    days = {str(day_of(int(day))): int(day) for day in np.unique(predictions.days)}
    outcomes = {day: predictions.outcome[predictions.days == days[day]] for day in days}
    shown = [name for name in (reference, SEGMENT_RIVAL) if name in names]
    return {
        "format": 1,
        "task": {
            "definition": definition.to_dict(),
            "definition_hash": definition.hash,
            "as_of": list(days),
            "churn_rate": _rounded(np.mean([outcome.mean() for outcome in outcomes.values()])),
        },
        "days": [_of_day(day, outcome) for day, outcome in outcomes.items()],
        "reference": reference,
        "models": {
            each.name: _of_model(each, evaluation, days, about[each.name]) for each in contenders
        },
        "differences": {
            name: _differences(evaluation, reference, name) for name in names if name != reference
        },
        "segments": {
            label: _of_segment(predictions.take(mask, shown), draws, seed)
            for label, mask in segments.items()
            if mask.any()
        },
        "bootstrap": {"draws": draws, "seed": seed, "unit": "customer"},
    }


def _of_day(day: str, outcome: Floats) -> Document:
    return {
        "as_of": day,
        "customers": len(outcome),
        "churned": int(outcome.sum()),
        "churn_rate": _rounded(outcome.mean()),
    }


def _of_model(
    contender: Contender,
    evaluation: Evaluation,
    days: Mapping[str, int],
    fits: Mapping[str, Mapping[str, Any]],
) -> Document:
    by_day = {day: evaluation.by_day[days[day]][contender.name] for day in days}
    return {
        "meaning": contender.meaning,
        "recipe": contender.recipe.name,
        "metrics": _figures(evaluation.values[contender.name]),
        "by_as_of": {day: {**_figures(by_day[day]), "fit": fits[day]} for day in days},
    }


def _of_segment(subset: Predictions, draws: int, seed: int) -> Document:
    evaluation = evaluate(subset, draws=draws, seed=seed)
    document: Document = {
        "rows": len(subset.outcome),
        "churn_rate": _rounded(subset.outcome.mean()),
        "models": {
            name: {
                "mean_probability": _rounded(probability.mean()),
                **_figures(evaluation.values[name]),
            }
            for name, probability in subset.models.items()
        },
    }
    if len(subset.models) > 1:
        document["difference"] = _differences(evaluation, *subset.models)
    return document


def _differences(evaluation: Evaluation, model: str, other: str) -> Document:
    return {metric: _figure(evaluation.difference(model, other, metric)) for metric in PAIRED}


def _figures(values: Mapping[str, Interval]) -> Document:
    return {metric: _figure(values[metric]) for metric in METRICS}


def _figure(interval: Interval) -> Document:
    return {name: _rounded(number) for name, number in interval._asdict().items()}


def _rounded(value: SupportsFloat) -> float | None:
    """The number for JSON; nothing where there is none, as for an AUC of one class."""
    return round(float(value), _DIGITS) if math.isfinite(value) else None
