"""The door `measure`: compare published scores with observed outcomes, and look at the trial.

Outcomes count as known at the start of the day; a look at an old day gives the old answer.
"""

import logging
import time
from collections.abc import Mapping
from datetime import date

from retention_ml.errors import RetentionError
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import matured_until
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training.comparison import criteria_of, offer_of
from retention_ml.outcomes import performance
from retention_ml.outcomes.forecasts import (
    ScoredSnapshot,
    load_forecasts,
    newest_of_each_day,
    published_forecasts,
)
from retention_ml.outcomes.forgotten import forgotten_sentence
from retention_ml.outcomes.matured import Outcomes, load_outcomes
from retention_ml.outcomes.trial import report_page, trials
from retention_ml.outcomes.trial.look import AnalysisResult, InterimAnalysis
from retention_ml.outcomes.trial.open_trial import open_trial
from retention_ml.outcomes.trial.report import load_comparison
from retention_ml.outcomes.trial.summary import summary
from retention_ml.outcomes.trial.trials import Trial
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)


def measure(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Write how good published scores were, and the evidence of the trial on a day.

    `details`: `scored_days` measured now, `scores_count` looked at, `outcomes_count` of them whose
    outcome is known, `trial` with its figures (None where there is no challenger), `verdict`
    (promote, keep, inconclusive) and `reason`: what is to be done about an open trial;
    `champion_version`, `challenger_version`, `report` (path of the page, None where there is none).
    """
    started = time.perf_counter()
    definition = churn_definition(settings)
    snapshots = published_forecasts(warehouse, definition_hash=definition.hash, until=as_of)
    newest = newest_of_each_day(snapshots)
    trial = open_trial(warehouse, settings, definition, snapshots)
    until = matured_until(warehouse, settings=settings, as_of=as_of) or date.min
    matured = {one.as_of: one for one in newest if one.as_of <= until}
    is_running = trial is not None and (trial.ended_on is None or trial.ended_on >= as_of)
    on_trial = {
        one.as_of: one
        for one in snapshots
        if trial and is_running and one.pair == trial.pair and trial.began_on <= one.as_of <= until
    }
    outcomes = load_outcomes(
        warehouse, settings=settings, days=sorted({*matured, *on_trial}), as_of=as_of
    )
    due = _due(warehouse, matured, outcomes)
    analysis = InterimAnalysis(
        window_days=definition.lead_days + definition.horizon_days, salt=settings.trial.salt
    )
    draws, seed = settings.training.bootstrap_draws, settings.training.seed
    scores_count = outcomes_count = 0
    for snapshot in sorted({*due.values(), *on_trial.values()}, key=lambda one: one.as_of):
        forecasts = load_forecasts(
            warehouse, snapshot, outcomes, horizon_days=settings.value.horizon_days
        )
        scores_count += len(forecasts) + forecasts.unlabelled_count
        outcomes_count += len(forecasts)
        if snapshot == on_trial.get(snapshot.as_of):
            analysis.add(forecasts)
        if snapshot == due.get(snapshot.as_of):
            rows = performance.performance(forecasts, draws=draws, seed=seed)
            performance.write(warehouse, snapshot, rows, outcomes)
    result = _look(warehouse, settings, trial, analysis, as_of)
    with warehouse.transaction() as transaction:
        forgotten = forgotten_sentence(transaction, "trial", trial.trial_id) if trial else ""
    details = {
        "scored_days": [str(day) for day in sorted(due)],
        "scores_count": scores_count,
        "outcomes_count": outcomes_count,
        **summary(trial, result, newest[-1] if newest else None, definition, as_of, forgotten),
        "report": _report(warehouse, settings, trial, as_of) if trial and result else None,
    }
    receipt = DecisionReceipt(
        door="measure",
        as_of=as_of,
        sentence=f"{details['verdict']}: {details['reason']}",
        seconds=time.perf_counter() - started,
        details=details,
    )
    return warehouse.record(receipt, settings.run_id)


def _due(
    warehouse: Warehouse, matured: Mapping[date, ScoredSnapshot], outcomes: Outcomes
) -> dict[date, ScoredSnapshot]:
    """The days whose performance is not stored, or stored from other outcomes than known now.

    What was stored with later knowledge stays.
    """
    since = performance.known_since(warehouse, list(matured.values()))
    return {
        day: snapshot
        for day, snapshot in matured.items()
        if (known_as_of := since.get(snapshot.snapshot_id)) is None
        or not (known_as_of > outcomes.known_as_of or outcomes.is_unchanged(day, known_as_of))
    }


def _look(
    warehouse: Warehouse,
    settings: Settings,
    trial: Trial | None,
    analysis: InterimAnalysis,
    as_of: date,
) -> AnalysisResult | None:
    """Analyse the trial and write the look; None where nothing has matured or it had ended."""
    if trial is None or not analysis.days:
        return None
    result = analysis.result(
        began_on=trial.began_on,
        as_of=as_of,
        rules=settings.trial,
        criteria=criteria_of(settings),
        offer=offer_of(settings),
        draws=settings.training.bootstrap_draws,
        seed=settings.training.seed,
    )
    trials.write_look(warehouse, trial, as_of, result, run_id=settings.run_id)
    return result


def _report(warehouse: Warehouse, settings: Settings, trial: Trial, as_of: date) -> str | None:
    """Write the page of the trial and show it in the registry; neither holds up the door.

    A look at an earlier day than the newest leaves both as they are.
    """
    folder = settings.home / "reports" / "trials"
    with warehouse.transaction() as transaction:
        newest = trials.newest_look(transaction, trial.trial_id)
    if newest is None or newest.as_of != as_of:
        return None
    try:
        comparison = load_comparison(
            warehouse, settings=settings, trial_id=trial.trial_id, as_of=as_of
        )
        path = report_page.write(comparison, folder=folder)
    except (RetentionError, OSError, ValueError) as error:
        logger.warning("The page of the trial was not written, because: %s", error)
        return None
    try:
        report_page.log(comparison, Registry(settings))
    except RetentionError as error:
        logger.warning("The trial is not shown in the registry, because: %s", error)
    return str(path)
