"""Registering a training's best candidate: the final fit, its card and comparison, its version."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from retention_ml.errors import RegistryError
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.evaluation.card import card
from retention_ml.models.evaluation.fairness_table import fairness_markdown
from retention_ml.models.evaluation.gate import GateDecision
from retention_ml.models.evaluation.offline_comparison import OfflineComparison
from retention_ml.models.evaluation.side_by_side import comparison_markdown
from retention_ml.models.promotion.decisions import Decision
from retention_ml.models.registry.description import fit_description
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ModelVersion
from retention_ml.models.training.candidates import BASELINE, candidate
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.fit_candidate import bundle_of, tags_of, training_sample
from retention_ml.models.training.fitting import FitContext
from retention_ml.models.training.ledger import Fit, Training
from retention_ml.models.training.overview import verdict_tags
from retention_ml.models.training.runs import card_facts, comparison_contents
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import Evaluation

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedModel:
    """The best candidate of a training, fitted anew, and what was decided about it.

    Parameters
    ----------
    fit : Fit
        What was evaluated: fitted on days before the evaluation days.
    bundle : Bundle
        What is registered.
    decision : GateDecision
    comparison : OfflineComparison or None
        The comparison with the champion.
    is_new : bool
        Whether it is another model than the champion.
    approvals : mapping of str to Decision or None
        The approvals that held, by alias, when it was compared.
    """

    fit: Fit
    bundle: Bundle
    decision: GateDecision
    comparison: OfflineComparison | None
    is_new: bool
    approvals: Mapping[str, Decision | None]


def fit_final(
    settings: Settings, training: Training, fit: Fit, training_set: TrainingSet
) -> Bundle:
    """The best candidate fitted anew on the newest matured days, with the settings it chose."""
    sample = training_set.sample(training.plan.final, current=training.as_of)
    context = FitContext.of(settings.training, settings.compute.threads, fit.params or None)
    model = candidate(fit.model_name).fit(sample, context)
    return bundle_of(settings, training, fit.model_name, model, training.plan.final, sample)


def register(
    registry: Registry,
    settings: Settings,
    training: Training,
    training_set: TrainingSet,
    evaluation: Evaluation,
    selected: SelectedModel,
) -> ModelVersion:
    """A new version with its card; the comparison with the champion is shown on its run."""
    fit, decision = selected.fit, selected.decision
    evidence = dict(selected.comparison.evidence) if selected.comparison else {}
    text = card(
        **card_facts(training_set, training, training_sample(settings, training, training_set)),
        model_name=fit.model_name,
        values=evaluation.values,
        drivers=[(each[0], each[1], each[2]) for each in fit.notes.get("drivers", [])],
        differences={
            other: evaluation.difference(other, BASELINE, "roc_auc")
            for other in evaluation.values
            if other != BASELINE
        },
        optimism=decision.evidence.get("selection_optimism"),
        verdict=f"{decision.verdict}: {decision.reason}",
        comparison=comparison_markdown(evidence) if evidence else None,
        groups=fairness_markdown(decision.evidence["fairness"]),
    )
    figures, metrics = comparison_contents(evidence, settings.promotion.segment_margin)
    tags = tags_of(settings, training, selected.bundle, fit.model_name)
    tags |= verdict_tags(decision.verdict, decision.reason)
    run_id = registry.log_candidate(
        training_id=training.training_id,
        model_name=fit.model_name,
        params={},
        metrics=metrics,
        description=text,
        texts={"model_card.md": text},
        figures=figures,
        tags=tags | {"bundle_sha256": fit.bundle_sha256},
    )
    selected.bundle.write(registry.folder / selected.bundle.sha256)
    return registry.register(
        selected.bundle, run_id=run_id, tags=tags, description=fit_description(text)
    )


def try_show_verdict(registry: Registry, training: Training) -> None:
    """Let the registry show of a training's version the verdict that the ledger has.

    It was registered with another one where an earlier try did it, or where another decision came
    before this one was written. Best effort: logs instead of raising.
    """
    if training.model_version is None or training.verdict is None:
        return
    tags = verdict_tags(training.verdict, training.reason)
    try:
        version = registry.version(training.model_version, timeout="short")
        if version is not None and not tags.items() <= version.tags.items():
            registry.set_verdict(version, tags, f"{training.verdict}: {training.reason}")
    except RegistryError as error:
        logger.warning(
            "MLflow does not show the verdict on version %s: %s", training.model_version, error
        )
