"""What a candidate's MLflow run holds: parameters, metrics, figures and card."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import numpy as np

from retention_ml.features.catalogue import CATALOGUE
from retention_ml.labels.representation import Representation
from retention_ml.models.evaluation.card import card, strongest
from retention_ml.models.evaluation.figures.candidate import (
    candidate_figures,
    differences_by_segment,
    paired_differences,
)
from retention_ml.models.evaluation.figures.intervals import metric_intervals
from retention_ml.models.evaluation.segments import label, labelled_segments
from retention_ml.models.evaluation.side_by_side import SHOWN
from retention_ml.models.registry.run_dataset import RunDataset
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.fitting import FittedModel
from retention_ml.models.training.ledger import Training
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval, rows_in_proportion
from retention_ml.statistics.metrics import Evaluation
from retention_ml.statistics.profit import PROFIT

Driver = tuple[str, float, str]  # name, mean absolute log-odds, meaning
_EXPLAINED_ROWS = 800
_NOTE = (
    "`model` is what was evaluated: fitted on days before the evaluation days, so the figures here "
    "are its own. It can be registered as a version of `churn` and promoted as it is. The version "
    "that a training registers is `final_model`: the same settings, fitted anew on the newest days."
)
MEANINGS = {feature.name: feature.meaning for feature in CATALOGUE}


def run_contents(
    model_name: str,
    model: FittedModel,
    evaluation: Evaluation,
    probability: Floats,
    training_set: TrainingSet,
    training: Training,
    sample: TrainingSample,
) -> tuple[dict[str, Any], list[Driver]]:
    """What to log of an evaluated candidate, by argument of `log_candidate`, and its drivers.

    `evaluation` is of this candidate, `probability` of shape (n_samples,) in the order of the
    evaluation days in `training_set`; `sample` is what it was trained on.
    """
    plan = training.plan
    positions = training_set.positions(plan.evaluation)
    shown = rows_in_proportion(training_set.weights(plan.evaluation), len(positions))
    columns = [training_set.features.index(name) for name in model.features]
    some = positions[:: max(1, len(positions) // _EXPLAINED_ROWS)]
    explained = np.ascontiguousarray(training_set.values[some][:, columns])
    log_odds, _ = model.contributions(explained)
    drivers = strongest(log_odds, model.features, MEANINGS)
    facts = card_facts(training_set, training, sample)
    values = {model_name: evaluation.values[model_name]}
    text = card(**facts, model_name=model_name, values=values, drivers=drivers)
    contents = {
        "params": {
            **model.params,
            **model.notes,
            "calibration_slope": round(model.slope, 4),
            "calibration_intercept": round(model.intercept, 4),
            "features_count": len(model.features),
            "training_days": len(plan.training),
            "evaluation_days": ", ".join(map(str, plan.evaluation)),
            "rows_count": facts["rows_count"],
        },
        "metrics": flat(values[model_name]),
        "description": f"{_NOTE}\n\n{text}",
        "datasets": datasets(training_set, training, facts["rows_count"], facts["churn_rate"]),
        "texts": {"model_card.md": text, "intervals.csv": interval_table(values)},
        "figures": {"plots/intervals.png": metric_intervals(values)}
        | candidate_figures(
            model_name,
            probability[shown],
            training_set.churned(plan.evaluation)[shown],
            metrics=values[model_name],
            segment_masks={
                segment: mask[shown]
                for segment, mask in labelled_segments(training_set.table(plan.evaluation)).items()
            },
            log_odds=log_odds,
            feature_values=explained,
            feature_names=model.features,
        ),
    }
    return contents, drivers


def card_facts(
    training_set: TrainingSet, training: Training, sample: TrainingSample
) -> dict[str, Any]:
    """What the card of any model of a training says of its data, by argument of `card`."""
    matured = sample.matured()
    return {
        "training_id": training.training_id,
        "definition": training_set.definition,
        "plan": training.plan,
        "rows_count": len(matured),
        "churn_rate": float(np.average(matured.churned, weights=matured.weights)),
        "contacts": _contacts(training_set, training),
    }


def _contacts(training_set: TrainingSet, training: Training) -> dict[str, Representation] | None:
    """By use of the days, who was left out; None where the platform contacted nobody."""
    days = {"training": training.plan.training, "evaluation": training.plan.evaluation}
    by_use = {name: training_set.representation(some) for name, some in days.items()}
    return {name: each for name, each in by_use.items() if each} or None


def flat(values: Mapping[str, Interval]) -> dict[str, float]:
    """The metrics that are finite; their intervals are in one table and one figure of the run."""
    return {name: each.value for name, each in values.items() if np.isfinite(each.value)}


def interval_table(values: Mapping[str, Mapping[str, Interval]]) -> str:
    """Metrics with the ends of their 95 % intervals, by model and metric, as a CSV file.

    >>> print(interval_table({"recency": {"ece": Interval(0.012, math.nan, math.nan)}}), end="")
    model,metric,value,lower,upper
    recency,ece,0.012,,
    """
    lines = [
        ",".join([model, metric, *("" if math.isnan(end) else f"{end:.6g}" for end in each)])
        for model, metrics in values.items()
        for metric, each in metrics.items()
    ]
    return "\n".join(["model,metric,value,lower,upper", *lines]) + "\n"


def datasets(
    training_set: TrainingSet, training: Training, rows_count: int, churn_rate: float
) -> list[RunDataset]:
    """What a training fits on and evaluates on, as MLflow shows it.

    Parameters
    ----------
    rows_count, churn_rate : int, float
        Of the training days: rows with a complete outcome, and the share of them that churned.
    """
    plan = training.plan
    churned = training_set.churned(plan.evaluation)
    evaluated = float(np.average(churned, weights=training_set.weights(plan.evaluation)))
    parts: tuple[tuple[Literal["training", "evaluation"], Sequence[date], int, float], ...] = (
        ("training", plan.training, rows_count, churn_rate),
        ("evaluation", plan.evaluation, len(churned), evaluated),
    )
    return [
        RunDataset(
            name=f"customer_daily.{context}",
            digest=training.data_digest,
            context=context,
            source={
                "table": "features.customer_daily",
                "days": ", ".join(map(str, days)),
                "as_of": str(training.as_of),
                "churn_definition": training.definition_hash,
            },
            features=training_set.features,
            profile={"rows": rows, "days": len(days), "churn_rate": round(rate, 4)},
        )
        for context, days, rows, rate in parts
    ]


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
    metrics = {f"{name}_minus_champion": each["value"] for name, each in differences.items()}
    return figures, {
        name: value for name, value in metrics.items() if value is not None and np.isfinite(value)
    }
