"""Registering a training's best candidate: the final fit, its card and comparison, its version."""

from collections.abc import Mapping
from dataclasses import dataclass

from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.evaluation.card import card
from retention_ml.models.evaluation.gate import Gate
from retention_ml.models.evaluation.offline_comparison import Contest
from retention_ml.models.evaluation.side_by_side import against
from retention_ml.models.promotion.decisions import Decision
from retention_ml.models.registry.description import fitting
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.models.training import runs
from retention_ml.models.training.candidates import BASELINE, candidate
from retention_ml.models.training.fit_candidate import bundle_of, learnt_of, tags_of
from retention_ml.models.training.ledger import Fit, Training
from retention_ml.models.training.training_set import TrainingSet
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import Evaluation

_REASON_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The best candidate of a training, fitted anew, and what was decided about it.

    Parameters
    ----------
    chosen : Fit
        What was judged: fitted on days before those judged on.
    bundle : Bundle
        What is registered.
    said : Gate
    contest : Contest or None
        The comparison with the champion.
    is_new : bool
        Whether it is another model than the champion.
    before : mapping of str to Decision or None
        The approvals that held, by alias, when it was judged.
    """

    chosen: Fit
    bundle: Bundle
    said: Gate
    contest: Contest | None
    is_new: bool
    before: Mapping[str, Decision | None]


def final(settings: Settings, training: Training, chosen: Fit, rows: TrainingSet) -> Bundle:
    """The chosen candidate fitted anew on the newest matured days, with the settings it chose."""
    newest = rows.rows(training.plan.final, current=training.as_of)
    model = candidate(chosen.model_name).fit(
        newest,
        seed=settings.training.seed,
        threads=settings.compute.threads,
        params=chosen.params or None,
    )
    return bundle_of(settings, training, chosen.model_name, model, training.plan.final, newest)


def register(
    registry: Registry,
    settings: Settings,
    training: Training,
    rows: TrainingSet,
    evaluation: Evaluation,
    found: Judged,
) -> ModelVersion:
    """A new version with its card; the comparison with the champion is shown on its run."""
    name = found.chosen.model_name
    learnt = learnt_of(settings, training, rows).matured()
    compared = dict(found.contest.evidence) if found.contest else None
    drivers = found.chosen.notes.get("drivers", [])
    text = card(
        model_name=name,
        training_id=training.training_id,
        definition=churn_definition(settings),
        plan=training.plan,
        rows_count=len(learnt),
        churn_rate=float(learnt.outcome.mean()),
        values=evaluation.values,
        drivers=[(driver[0], driver[1], driver[2]) for driver in drivers],
        differences={
            other: evaluation.difference(other, BASELINE, "roc_auc")
            for other in evaluation.values
            if other != BASELINE
        },
        verdict=f"{found.said.verdict}: {found.said.reason}",
        comparison=against(compared) if compared else None,
    )
    figures, metrics = runs.shown_beside(compared or {}, settings.promotion.segment_margin)
    tags = tags_of(settings, training, found.bundle, name) | {
        "gate_verdict": found.said.verdict,
        "gate_reason": found.said.reason[:_REASON_MAX],
    }
    run_id = registry.log_candidate(
        training_id=training.training_id,
        model_name=name,
        params={},
        metrics=metrics,
        texts={"model_card.md": text},
        figures=figures,
        tags=tags | {"bundle_sha256": found.chosen.bundle_sha256},
    )
    found.bundle.write(registry.folder / found.bundle.sha256)
    return registry.register(found.bundle, run_id=run_id, tags=tags, description=fitting(text))
