"""What is shown of one evaluated candidate: parameters, metrics, figures and card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.features.catalogue import CATALOGUE
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.evaluation import figures
from retention_ml.models.evaluation.card import card, strongest
from retention_ml.models.evaluation.segments import label, segments
from retention_ml.models.evaluation.side_by_side import SHOWN
from retention_ml.models.training.fitting import FittedModel
from retention_ml.models.training.ledger import Training
from retention_ml.models.training.training_set import TrainingSet
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.metrics import Evaluation, Interval
from retention_ml.statistics.profit import PROFIT

_EXPLAINED_ROWS = 800
MEANINGS = {feature.name: feature.meaning for feature in CATALOGUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Texts, figures and numbers of a candidate, ready for the registry."""

    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    texts: Mapping[str, str]
    figures: Mapping[str, Any]
    drivers: list[tuple[str, float, str]]


def show(
    model_name: str,
    model: FittedModel,
    evaluation: Evaluation,
    probability: Floats,
    rows: TrainingSet,
    training: Training,
    definition: ChurnDefinition,
    learnt: tuple[int, float],
) -> Shown:
    """Everything to look at.

    Parameters
    ----------
    evaluation : Evaluation
        Of this candidate.
    probability : array of float64, shape (n,)
        Predictions for the days judged on, in the order of `rows`.
    learnt : (int, float)
        Rows learnt from and their churn rate.
    """
    at = rows.positions(training.plan.evaluation)
    outcome = rows.outcome(training.plan.evaluation)
    values = evaluation.values[model_name]
    columns = [rows.features.index(name) for name in model.features]
    some = at[:: max(1, len(at) // _EXPLAINED_ROWS)]
    explained = np.ascontiguousarray(rows.values[some][:, columns])
    added, _ = model.contributions(explained)
    drivers = strongest(added, model.features, MEANINGS)
    drawn: dict[str, Any] = {}
    if 0 < outcome.sum() < len(outcome):
        drawn = {
            "plots/roc.png": figures.roc(model_name, probability, outcome, values["roc_auc"].value),
            "plots/precision_recall.png": figures.precision_recall(
                model_name, probability, outcome, values["pr_auc"].value
            ),
            "plots/calibration.png": figures.calibration(
                model_name, probability, outcome, values["ece"].value
            ),
            "plots/lift.png": figures.lift(model_name, probability, outcome),
            "plots/shap_summary.png": figures.contributions(
                model_name, added, explained, model.features
            ),
            "plots/segments.png": figures.segments(
                model_name, probability, outcome, _in_words(rows.table(training.plan.evaluation))
            ),
        }
    text = card(
        model_name=model_name,
        training_id=training.training_id,
        definition=definition,
        plan=training.plan,
        rows_count=learnt[0],
        churn_rate=learnt[1],
        values={model_name: values},
        drivers=drivers,
    )
    return Shown(
        params={
            **model.params,
            **model.notes,
            "calibration_slope": round(model.slope, 4),
            "calibration_intercept": round(model.intercept, 4),
            "features_count": len(model.features),
            "training_days": len(training.plan.training),
            "evaluation_days": ", ".join(map(str, training.plan.evaluation)),
            "rows_count": learnt[0],
        },
        metrics=flat(values),
        texts={"model_card.md": text},
        figures=drawn,
        drivers=drivers,
    )


def flat(values: Mapping[str, Interval]) -> dict[str, float]:
    """Metrics with `_lower` and `_upper`, those that are finite."""
    named = {
        name + ending: number
        for name, own in values.items()
        for ending, number in (("", own.value), ("_lower", own.lower), ("_upper", own.upper))
    }
    return {name: number for name, number in named.items() if np.isfinite(number)}


def _in_words(table: pa.Table) -> dict[str, Bools]:
    return {label(code): inside for code, inside in segments(table).items()}


def shown_beside(
    evidence: Mapping[str, Any], margin: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """Figures and metrics of a comparison with the champion; none where nothing was compared.

    Parameters
    ----------
    evidence : mapping
        Of a `contest.Contest`.
    margin : float
        By so much the ROC AUC of a segment may be lower.
    """
    if "metrics" not in evidence:
        return {}, {}
    differences = {name: own["difference"] for name, own in evidence["metrics"].items()}
    judged = {
        label(code): own["roc_auc_difference"]
        for code, own in evidence["segments"].items()
        if own["is_judged"]
    }
    drawn = {
        "plots/champion_differences.png": figures.paired_differences(
            {name: own for name, own in differences.items() if name in (*SHOWN, PROFIT)}
        ),
        "plots/champion_segments.png": figures.differences_by_segment(judged, margin),
    }
    metrics = {
        f"{name}_minus_champion{ending}": own[end]
        for name, own in differences.items()
        for end, ending in (("value", ""), ("lower", "_lower"), ("upper", "_upper"))
        if own[end] is not None
    }
    return drawn, metrics
