"""A training at a glance: its run in MLflow, above those of its candidates, and the page on it.

The page compares the candidates; it is made from the ledger, so it can be made again.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retention_ml import pages
from retention_ml.errors import RetentionError
from retention_ml.models.evaluation.figures import curves
from retention_ml.models.evaluation.figures.axes import new_panel, png
from retention_ml.models.evaluation.figures.intervals import metric_intervals
from retention_ml.models.evaluation.side_by_side import SHOWN, table
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.runs import OVERVIEW
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import BASELINE
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.fit_candidate import training_sample
from retention_ml.models.training.ledger import Fit, Training
from retention_ml.models.training.preparation import load_prepared
from retention_ml.models.training.runs import card_facts, datasets, interval_table
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval, rows_in_proportion
from retention_ml.statistics.metrics import METRICS, Predictions
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

Values = Mapping[str, Mapping[str, Interval]]
_DIFFERENCE = f"roc_auc_minus_{BASELINE}"
_REASON_MAX = 1_000


def try_show_training(
    registry: Registry,
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    training_set: TrainingSet | None,
) -> None:
    """Let the registry show a training that was selected from; nothing where it does already.

    Best effort: logs instead of raising.

    Parameters
    ----------
    training_set : TrainingSet or None
        Spares reading it again.
    """
    if training.verdict is None:
        return
    tags = verdict_tags(training.verdict, training.reason)
    try:
        if registry.has_training(training.training_id, tags):
            return
        training_set = training_set or load_prepared(warehouse, settings, training)
        fits = ledger.fits(warehouse, training.training_id)
        values = _best_first(ledger.evaluations(warehouse, training.training_id))
        predictions = ledger.predictions(warehouse, training, values, training_set)
        facts = card_facts(
            training_set, training, training_sample(settings, training, training_set)
        )
        figures = _figures(values, predictions)
        registry.log_training(
            training_id=training.training_id,
            run_ids=[fit.mlflow_run_id for fit in fits.values()],
            tags=tags,
            texts={
                OVERVIEW: page(training, facts, values, fits, predictions, figures),
                "intervals.csv": interval_table(values),
            },
            description=_description(training, values),
            datasets=datasets(training_set, training, facts["rows_count"], facts["churn_rate"]),
        )
    except RetentionError as error:
        logger.warning("MLflow does not show training %s: %s", training.training_id, error)
    except Exception:  # a picture must not keep a decided training from being served
        logger.exception("MLflow does not show training %s", training.training_id)


def verdict_tags(verdict: str, reason: str | None) -> dict[str, str]:
    """The tags of a version or run that say what the gate decided."""
    return {"gate_verdict": verdict, "gate_reason": (reason or "")[:_REASON_MAX]}


def page(
    training: Training,
    facts: Mapping[str, Any],
    values: Values,
    fits: Mapping[str, Fit],
    predictions: Predictions,
    figures: Mapping[str, Any],
) -> str:
    """The candidates of a training side by side, as one HTML file with its figures inside.

    Parameters
    ----------
    facts : mapping
        See `runs.card_facts`.
    values : mapping of str to mapping of str to Interval
        By candidate, the best first, and metric.
    fits : mapping of str to Fit
        By candidate.
    predictions : Predictions
        Of the candidates on the evaluation days.
    figures : mapping of str to matplotlib figure
    """
    evaluated = predictions.evaluated()
    return str(
        pages.environment("retention_ml.models.training", short=_short)
        .get_template("training.html.jinja")
        .render(
            training=training,
            facts=facts,
            definition=facts["definition"],
            values=values,
            metrics=SHOWN,
            difference=_DIFFERENCE,
            baseline=BASELINE,
            fits=fits,
            evaluated_count=len(evaluated.outcome),
            churned_share=float(evaluated.outcome.mean()),
            images={name: pages.inline_png(png(figure)) for name, figure in figures.items()},
        )
    )


def _short(value: object) -> str:
    """A setting as a reader needs it: a float with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _best_first(values: Values) -> Values:
    """The candidates of which everything was measured, the best ranking first."""
    complete = [name for name in values if set(SHOWN) <= set(values[name])]
    return {
        name: values[name]
        for name in sorted(complete, key=lambda name: -values[name]["roc_auc"].value)
    }


def _figures(values: Values, predictions: Predictions) -> dict[str, Any]:
    """Intervals, and the curves of all candidates; those only where both classes occur."""
    metrics = {
        name: {metric: measured[metric] for metric in METRICS if metric in measured}
        for name, measured in values.items()
    }
    figures: dict[str, Any] = {"intervals": metric_intervals(metrics)}
    shown = predictions.take(rows_in_proportion(predictions.weights, len(predictions.outcome)))
    models: Mapping[str, Floats] = {name: shown.models[name] for name in values}
    churned = shown.outcome
    if not 0 < churned.sum() < len(churned):
        return figures
    calibration = {  # without their bands, which would cover each other
        name: replace(curves.calibration_curve(each, churned), band=None)
        for name, each in models.items()
    }
    lift, axes = new_panel()
    curves.draw_lift(axes, "Lift", models, churned)
    return figures | {
        "roc": curves.roc("ROC curves", models, churned),
        "calibration": curves.calibration("Calibration", calibration),
        "lift": lift,
    }


def _description(training: Training, values: Values) -> str:
    """Of the run, in Markdown: the verdict and the candidates with their intervals."""
    differences = {
        name: metrics[_DIFFERENCE] for name, metrics in values.items() if _DIFFERENCE in metrics
    }
    version = (
        f" Registered as version {training.model_version} of `churn`."
        if training.model_version
        else ""
    )
    return "\n\n".join(
        [
            f"# Training as of {training.as_of}",
            f"**{training.verdict}**: {training.reason}{version}",
            table(values, differences),
            f"`{OVERVIEW}` among the artifacts shows the candidates side by side. Each has a run "
            "below this one with its model, card and figures.",
        ]
    )
