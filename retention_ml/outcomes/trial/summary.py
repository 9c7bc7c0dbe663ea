"""What `measure` says of the trial: the figures of its look and what is to be done."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from retention_ml.labels.definition import ChurnDefinition
from retention_ml.outcomes.forecasts import Scored
from retention_ml.outcomes.trial.look import Taken
from retention_ml.outcomes.trial.trials import Trial


def told_of(
    trial: Trial | None,
    taken: Taken | None,
    newest: Scored | None,
    definition: ChurnDefinition,
    as_of: date,
) -> Mapping[str, Any]:
    """`trial`, `verdict`, `reason`, `champion_version` and `challenger_version` of the receipt.

    A trial that has ended tells what came of it: only where `trial["status"]` is `open` is there
    anything to decide.

    Parameters
    ----------
    trial : Trial or None
        The trial of the newest scored day, None where nobody challenges.
    taken : Taken or None
        What the look found, None where there was none.
    newest : Scored or None
        The newest snapshot that can be judged.
    """
    found: dict[str, Any] = {
        "trial": None,
        "verdict": "inconclusive",
        "champion_version": newest.champion_version if newest else None,
        "challenger_version": newest.challenger_version if newest else None,
    }
    if newest is None:
        return {**found, "reason": f"Nothing was published up to {as_of} that can be judged."}
    if trial is None:
        return {**found, "reason": "No challenger scores beside the champion."}
    figures: dict[str, Any] = {
        "trial_id": trial.trial_id,
        "status": trial.status,
        "began_on": str(trial.began_on),
        "foreseen": str(trial.plan.get("assumption", "")),
    }
    if taken is not None:
        figures |= {
            "look": taken.verdict.verdict,
            "scored_days_count": taken.scored_days_count,
            "customers_count": taken.look.count,
            "contacted_count": taken.contacted_count,
            "mean_difference": taken.look.mean,
            "lower": taken.look.lower,
            "upper": taken.look.upper,
            "e_better": taken.look.e_better,
            "e_worse": taken.look.e_worse,
        }
    found |= {
        "trial": figures,
        "champion_version": trial.champion_version,
        "challenger_version": trial.challenger_version,
    }
    if not trial.is_open:
        return {
            **found,
            "verdict": "promote" if trial.status == "won" else "keep",
            "reason": f"The trial ended on {trial.ended_on} ({trial.status}): {trial.reason}",
        }
    if taken is None:
        closes = definition.window(trial.began_on)[1]
        reason = (
            "No outcome window of a day that both scored has closed, settled and been covered by "
            f"orders yet; the first closes on {closes}. {figures['foreseen']}"
        )
        return {**found, "reason": reason}
    return {**found, "verdict": taken.verdict.verdict, "reason": taken.verdict.reason}
