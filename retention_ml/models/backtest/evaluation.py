"""How good the models of a backtest were: one JSON document, every figure with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retention_ml.clock import day_of
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.backtest.contenders import CHAMPION, Contender
from retention_ml.statistics.arrays import Bools
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import METRICS, Evaluation, Predictions, evaluate

PAIRED = ("roc_auc", "log_loss", "brier", "ece")
SEGMENT_RIVAL = "mbg_nbd"
_DIGITS = 7

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """How intervals are made: resamples of customers, the same for all models and days."""

    draws: int
    seed: int


def evaluate_backtest(
    predictions: Predictions,
    *,
    contenders: Sequence[Contender],
    definition: ChurnDefinition,
    segments: Mapping[str, Bools],
    about: Mapping[str, Mapping[str, Mapping[str, Any]]],
    bootstrap: Bootstrap,
) -> Document:
    """Every figure of the report, as plain JSON values.

    Parameters
    ----------
    predictions : Predictions
    contenders : sequence of Contender
        The models, the one that others are compared with first if there is no champion.
    definition : ChurnDefinition
    segments : mapping of str to array of bool, shape (n,)
    about : mapping of str to mapping of str to mapping
        By model and day: `seconds`, `rows_count`, `days`, `params`, `notes` of the fit.
    bootstrap : Bootstrap

    Returns
    -------
    dict
        `task`, `days`, `models` (metrics over all days and `by_as_of`), `reference`,
        `differences` (the reference minus each other model, paired), `segments`, `bootstrap`.
        Figures are `{value, lower, upper}`, means over days with 95 % intervals.
    """
    names = [each.name for each in contenders]
    reference = CHAMPION if CHAMPION in names else names[0]
    evaluation = evaluate(predictions, draws=bootstrap.draws, seed=bootstrap.seed, models=names)
    days = [int(day) for day in np.unique(predictions.days)]
    return {
        "format": 1,
        "task": {
            "definition": definition.to_dict(),
            "definition_hash": definition.hash,
            "as_of": [_day(day) for day in days],
            "churn_rate": _rounded(
                float(
                    np.mean([predictions.outcome[predictions.days == day].mean() for day in days])
                )
            ),
        },
        "days": [_of_day(predictions, day) for day in days],
        "reference": reference,
        "models": {
            each.name: {
                "meaning": each.meaning,
                "recipe": each.recipe.name,
                "metrics": _figures(evaluation.values[each.name]),
                "by_as_of": {
                    _day(day): {
                        **_figures(evaluation.by_day[day][each.name]),
                        "fit": about[each.name][_day(day)],
                    }
                    for day in days
                },
            }
            for each in contenders
        },
        "differences": {
            name: {
                metric: _figure(evaluation.difference(reference, name, metric)) for metric in PAIRED
            }
            for name in names
            if name != reference
        },
        "segments": _segments(
            predictions,
            segments,
            [name for name in (reference, SEGMENT_RIVAL) if name in names],
            bootstrap,
        ),
        "bootstrap": {"draws": bootstrap.draws, "seed": bootstrap.seed, "unit": "customer"},
    }


def _of_day(predictions: Predictions, day: int) -> Document:
    outcome = predictions.outcome[predictions.days == day]
    return {
        "as_of": _day(day),
        "customers": len(outcome),
        "churned": int(outcome.sum()),
        "churn_rate": _rounded(float(outcome.mean())),
    }


def _segments(
    predictions: Predictions,
    segments: Mapping[str, Bools],
    models: Sequence[str],
    bootstrap: Bootstrap,
) -> Document:
    document: Document = {}
    for label, mask in segments.items():
        if not mask.any():
            continue
        subset = Predictions(
            days=predictions.days[mask],
            groups=predictions.groups[mask],
            outcome=predictions.outcome[mask],
            models={name: predictions.models[name][mask] for name in models},
        )
        evaluation: Evaluation = evaluate(subset, draws=bootstrap.draws, seed=bootstrap.seed)
        document[label] = {
            "rows": int(mask.sum()),
            "churn_rate": _rounded(float(subset.outcome.mean())),
            "models": {
                name: {
                    "mean_probability": _rounded(float(subset.models[name].mean())),
                    **_figures(evaluation.values[name]),
                }
                for name in models
            },
        }
        if len(models) > 1:
            document[label]["difference"] = {
                metric: _figure(evaluation.difference(models[0], models[1], metric))
                for metric in PAIRED
            }
    return document


def _figures(values: Mapping[str, Interval]) -> Document:
    return {metric: _figure(values[metric]) for metric in METRICS}


def _figure(interval: Interval) -> Document:
    return {
        "value": _rounded(interval.value),
        "lower": _rounded(interval.lower),
        "upper": _rounded(interval.upper),
    }


def _rounded(value: float) -> float | None:
    """The number for JSON; nothing where there is none, as for an AUC of one class."""
    return round(value, _DIGITS) if np.isfinite(value) else None


def _day(number: int) -> str:
    return str(day_of(number))
