"""Which trial runs on a day: it begins on the first day both score, and ends when one stops."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from retention_ml.labels.definition import ChurnDefinition
from retention_ml.outcomes.forecasts import (
    ScoredSnapshot,
    newest_of_each_day,
    published_probabilities,
)
from retention_ml.outcomes.trial import trials
from retention_ml.outcomes.trial.trials import Trial
from retention_ml.settings import Settings
from retention_ml.statistics.power import power_analysis
from retention_ml.warehouse import Transaction, Warehouse


def open_trial(
    warehouse: Warehouse,
    settings: Settings,
    definition: ChurnDefinition,
    snapshots: Sequence[ScoredSnapshot],
) -> Trial | None:
    """The trial of the pair that scored the newest of some days; other trials end.

    It begins on the first day both scored.
    """
    newest = newest_of_each_day(snapshots)
    if not newest:
        return None
    pair = newest[-1].pair
    with warehouse.transaction() as transaction:
        last_day = transaction.execute("SELECT max(as_of) FROM scores.published")[0][0]
        # Only the newest day of all ends or reopens a trial.
        is_latest = last_day is None or last_day <= newest[-1].as_of
        for other in trials.open_trials(transaction) if is_latest else ():
            _end_if_over(transaction, other, newest[-1], definition.hash)
        trial = trials.find(transaction, pair, definition.hash) if pair else None
        if trial is not None and trial.status == "abandoned" and is_latest:
            trials.reopen(transaction, trial.trial_id)
            trial = trials.find(transaction, trial.pair, definition.hash)
    if trial is not None or pair is None:
        return trial
    first = next(one for one in snapshots if one.pair == pair)
    return trials.begin(
        warehouse,
        first,
        definition_hash=definition.hash,
        plan=_plan(warehouse, settings, definition, first),
        run_id=settings.run_id,
    )


def _end_if_over(
    transaction: Transaction, trial: Trial, snapshot: ScoredSnapshot, definition_hash: str
) -> None:
    """End a trial whose pair scored no longer on a day, or whose outcomes mean something else."""
    on = snapshot.as_of
    if trial.definition_hash != definition_hash:
        reason = "The churn definition was changed, and with it the outcomes."
    elif trial.pair == snapshot.pair or trial.began_on > on:
        return
    elif snapshot.champion_sha256 == trial.challenger_sha256:
        reason = f"Version {trial.challenger_version} is champion since {on} or before."
        trials.close_as_champion(transaction, trial, reason=reason, ended_on=on)
        return
    else:
        reason = (
            f"On {on} versions {trial.champion_version} and {trial.challenger_version} did not "
            "score the same customers any more."
        )
    trials.close(transaction, trial.trial_id, status="abandoned", reason=reason, ended_on=on)


def _plan(
    warehouse: Warehouse, settings: Settings, definition: ChurnDefinition, first: ScoredSnapshot
) -> Mapping[str, Any]:
    """The expected power and duration of the trial, from the first scores of both."""
    rows = published_probabilities(warehouse, first)
    champion = rows["champion_probability"].to_numpy()
    challenger = rows["challenger_probability"].to_numpy()
    both = np.isfinite(champion) & np.isfinite(challenger)
    window_days = definition.lead_days + definition.horizon_days
    per_day = float(both.sum()) / window_days
    power = power_analysis(
        champion[both],
        challenger[both],
        customers_per_day=per_day,
        horizon_days=window_days + settings.churn.settle_days,
        days_max=settings.trial.days_max,
        error_rate=settings.trial.error_rate,
        earliest_day=settings.trial.windows_min * window_days + settings.churn.settle_days,
        seed=settings.training.seed,
    )
    return {**asdict(power), "customers_per_day": round(per_day, 2)}
