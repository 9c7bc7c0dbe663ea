"""The door `measure`: published scores meet what then happened, and the trial is looked at.

Outcomes count as known at the start of the day; a look at an old day gives the old answer.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from retention_ml.errors import RetentionError
from retention_ml.features.catalogue import WINDOWS
from retention_ml.labels.definition import churn_definition
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training.comparison import demands_of, offer_of
from retention_ml.outcomes import performance as worth
from retention_ml.outcomes.forecasts import (
    Forecasts,
    Scored,
    forecasts,
    newest_of_each_day,
    published,
)
from retention_ml.outcomes.matured import Outcomes, matured_until, outcomes
from retention_ml.outcomes.trial import report_page, trials
from retention_ml.outcomes.trial.look import Taken, Tally
from retention_ml.outcomes.trial.opening import trial_of
from retention_ml.outcomes.trial.report import comparison
from retention_ml.outcomes.trial.summary import told_of
from retention_ml.outcomes.trial.trials import Trial
from retention_ml.outcomes.trial.verdict import Rules
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.statistics.profit import revenue_as_lately_cents, revenue_window_days
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)


def measure(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Write what published scores were worth, and the evidence of the trial on a day.

    `read` are the scores that were looked at, `written` those whose outcome is known,
    `quarantined` those without one. `details`: `scored_days` measured now, `trial` with its
    figures (None where nobody challenges), `verdict` (promote, keep, inconclusive) and `reason`:
    what is to be done about an open trial; `champion_version`, `challenger_version`, `report`
    (path of the page, None where there is none).
    """
    started = time.perf_counter()
    definition = churn_definition(settings)
    found = published(warehouse, definition_hash=definition.hash, until=as_of)
    newest = newest_of_each_day(found)
    trial = trial_of(warehouse, settings, definition, found)
    until = matured_until(warehouse, settings=settings, as_of=as_of) or date.min
    judged = {one.as_of: one for one in newest if one.as_of <= until}
    tried = {one.as_of: one for one in _of_trial(found, trial, as_of) if one.as_of <= until}
    known = outcomes(warehouse, settings=settings, days=sorted({*judged, *tried}), as_of=as_of)
    due = _due(warehouse, judged, known)
    tally = Tally(
        window_days=definition.lead_days + definition.horizon_days, salt=settings.trial.salt
    )
    read = written = 0
    for scored in sorted({*due.values(), *tried.values()}, key=lambda one: one.as_of):
        of = _forecasts(warehouse, settings, scored, known)
        read += len(of) + of.unlabelled_count
        written += len(of)
        if scored == tried.get(scored.as_of):
            tally.add(of)
        if scored == due.get(scored.as_of):
            _judge(warehouse, settings, of, known)
    taken = _look(warehouse, settings, trial, tally, as_of)
    details = {
        "scored_days": [str(day) for day in sorted(due)],
        **told_of(trial, taken, newest[-1] if newest else None, definition, as_of),
        "report": _report(warehouse, settings, trial, as_of) if trial and taken else None,
    }
    receipt = Receipt(
        door="measure",
        as_of=as_of,
        read=read,
        written=written,
        quarantined=read - written,
        seconds=time.perf_counter() - started,
        details=details,
    )
    return warehouse.record(receipt, settings.run_id)


def _due(
    warehouse: Warehouse, judged: Mapping[date, Scored], known: Outcomes
) -> dict[date, Scored]:
    """The days whose stored performance is missing, or not what is known now; unless known later."""
    since = worth.known_since(warehouse, list(judged.values()))

    def is_current(scored: Scored) -> bool:
        stamp = since.get(scored.snapshot_id)
        return stamp is not None and (
            stamp > known.known_as_of or known.is_unchanged(scored.as_of, stamp)
        )

    return {day: scored for day, scored in judged.items() if not is_current(scored)}


def _of_trial(found: Sequence[Scored], trial: Trial | None, as_of: date) -> list[Scored]:
    """The snapshots of a trial that had not ended before, the newest of each day, oldest first."""
    if trial is None or (trial.ended_on is not None and trial.ended_on < as_of):
        return []
    return newest_of_each_day(
        one for one in found if one.pair == trial.pair and one.as_of >= trial.began_on
    )


def _forecasts(
    warehouse: Warehouse,
    settings: Settings,
    scored: Scored,
    known: Outcomes,
) -> Forecasts:

    horizon_days = settings.value.horizon_days
    days = revenue_window_days(WINDOWS, horizon_days)
    return forecasts(
        warehouse,
        scored,
        known.labels(warehouse, scored.as_of),
        definition=known.definition,
        known_as_of=known.known_as_of,
        revenue_feature=f"revenue_cents_{days}d",
        revenue_scale=float(
            revenue_as_lately_cents(np.ones(1), revenue_days=days, horizon_days=horizon_days)[0]
        ),
    )


def _judge(warehouse: Warehouse, settings: Settings, of: Forecasts, known: Outcomes) -> None:
    training = settings.training
    worth.write(
        warehouse,
        of.scored,
        worth.performance(of, draws=training.bootstrap_draws, seed=training.seed),
        definition_hash=known.definition.hash,
        known_as_of=known.known_as_of,
    )


def _look(
    warehouse: Warehouse, settings: Settings, trial: Trial | None, tally: Tally, as_of: date
) -> Taken | None:
    """Look at the trial and write what was seen; None where nothing has matured or it had ended."""

    if trial is None or not tally.days:
        return None
    rules = settings.trial
    taken = tally.taken(
        began_on=trial.began_on,
        as_of=as_of,
        rules=Rules(
            error_rate=rules.error_rate,
            windows_min=rules.windows_min,
            days_max=rules.days_max,
        ),
        demands=demands_of(settings),
        offer=offer_of(settings),
        draws=settings.training.bootstrap_draws,
        seed=settings.training.seed,
    )
    trials.write_look(
        warehouse,
        trial,
        as_of,
        taken.look,
        taken.verdict,
        scored_days_count=taken.scored_days_count,
        contacted_count=taken.contacted_count,
        evidence=taken.evidence,
        compared=taken.compared,
        run_id=settings.run_id,
    )
    return taken


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
        told = comparison(warehouse, settings=settings, trial_id=trial.trial_id, as_of=as_of)
        path = report_page.write(told, folder=folder)
    except (RetentionError, OSError, ValueError) as error:
        logger.warning("The page of the trial was not written, because: %s", error)
        return None
    try:
        report_page.log(told, Registry(settings))
    except RetentionError as error:
        logger.warning("The trial is not shown in the registry, because: %s", error)
    return str(path)
