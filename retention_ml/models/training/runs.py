"""What a candidate's MLflow run holds: parameters, metrics, figures and card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.features.catalogue import CATALOGUE
from retention_ml.models.evaluation.card import card, strongest
from retention_ml.models.evaluation.figures.candidate import (
    candidate_figures,
    differences_by_segment,
    paired_differences,
)
from retention_ml.models.evaluation.segments import label, segments
from retention_ml.models.evaluation.side_by_side import SHOWN
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.fitting import FittedModel
from retention_ml.models.training.ledger import Training
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import Evaluation
from retention_ml.statistics.profit import PROFIT

_EXPLAINED_ROWS = 800
MEANINGS = {feature.name: feature.meaning for feature in CATALOGUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContents:
    """Texts, figures and numbers of a candidate, ready for the registry."""

    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    texts: Mapping[str, str]
    figures: Mapping[str, Any]
    drivers: list[tuple[str, float, str]]


def run_contents(
    model_name: str,
    model: FittedModel,
    evaluation: Evaluation,
    probability: Floats,
    training_set: TrainingSet,
    training: Training,
    sample: TrainingSample,
) -> RunContents:
    """Everything to log of an evaluated candidate.

    Parameters
    ----------
    evaluation : Evaluation
        Of this candidate.
    probability : array of float64, shape (n_samples,)
        Predictions for the evaluation days, in the order of `training_set`.
    sample : TrainingSample
        The rows it was trained on whose whole outcome is known.
    """
    positions = training_set.positions(training.plan.evaluation)
    values = evaluation.values[model_name]
    columns = [training_set.features.index(name) for name in model.features]
    some = positions[:: max(1, len(positions) // _EXPLAINED_ROWS)]
    explained = np.ascontiguousarray(training_set.values[some][:, columns])
    log_odds, _ = model.contributions(explained)
    drivers = strongest(log_odds, model.features, MEANINGS)
    figures = candidate_figures(
        model_name,
        probability,
        training_set.churned(training.plan.evaluation),
        metrics=values,
        segment_masks=_labelled_segments(training_set.table(training.plan.evaluation)),
        log_odds=log_odds,
        feature_values=explained,
        feature_names=model.features,
    )
    text = card(
        model_name=model_name,
        training_id=training.training_id,
        definition=training_set.definition,
        plan=training.plan,
        rows_count=len(sample),
        churn_rate=float(sample.churned.mean()),
        values={model_name: values},
        drivers=drivers,
    )
    return RunContents(
        params={
            **model.params,
            **model.notes,
            "calibration_slope": round(model.slope, 4),
            "calibration_intercept": round(model.intercept, 4),
            "features_count": len(model.features),
            "training_days": len(training.plan.training),
            "evaluation_days": ", ".join(map(str, training.plan.evaluation)),
            "rows_count": len(sample),
        },
        metrics=flat(values),
        texts={"model_card.md": text},
        figures=figures,
        drivers=drivers,
    )


def flat(values: Mapping[str, Interval]) -> dict[str, float]:
    """Metrics with `_lower` and `_upper`, those that are finite."""
    numbers = {
        name + ending: number
        for name, interval in values.items()
        for ending, number in (
            ("", interval.value),
            ("_lower", interval.lower),
            ("_upper", interval.upper),
        )
    }
    return {name: number for name, number in numbers.items() if np.isfinite(number)}


def _labelled_segments(table: pa.Table) -> dict[str, Bools]:
    return {label(code): inside for code, inside in segments(table).items()}


def comparison_contents(
    evidence: Mapping[str, Any], margin: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """Figures and metrics of a comparison with the champion; none where nothing was compared.

    Parameters
    ----------
    evidence : mapping
        Of an `OfflineComparison`.
    margin : float
        By so much the ROC AUC of a segment may be lower.
    """
    if "metrics" not in evidence:
        return {}, {}
    differences = {name: values["difference"] for name, values in evidence["metrics"].items()}
    by_segment = {
        label(code): values["roc_auc_difference"]
        for code, values in evidence["segments"].items()
        if values["is_judged"]
    }
    figures = {
        "plots/champion_differences.png": paired_differences(
            {name: value for name, value in differences.items() if name in (*SHOWN, PROFIT)}
        ),
        "plots/champion_segments.png": differences_by_segment(by_segment, margin),
    }
    metrics = {
        f"{name}_minus_champion{ending}": value[end]
        for name, value in differences.items()
        for end, ending in (("value", ""), ("lower", "_lower"), ("upper", "_upper"))
        if value[end] is not None
    }
    return figures, metrics
