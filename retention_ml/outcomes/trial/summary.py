"""The summary of the trial in the receipt of `measure`: its figures and what is to be done."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from retention_ml.labels.definition import ChurnDefinition
from retention_ml.outcomes.forecasts import ScoredSnapshot
from retention_ml.outcomes.trial.look import AnalysisResult
from retention_ml.outcomes.trial.trials import Trial


def summary(
    trial: Trial | None,
    result: AnalysisResult | None,
    newest: ScoredSnapshot | None,
    definition: ChurnDefinition,
    as_of: date,
    forgotten: str = "",
) -> Mapping[str, Any]:
    """`trial`, `verdict`, `reason`, `champion_version` and `challenger_version` of the receipt.

    Of a trial that has ended it gives the outcome: only where `trial["status"]` is `open` is there
    anything to decide.

    Parameters
    ----------
    trial : Trial or None
        The trial of the newest scored day, None where there is no challenger.
    result : AnalysisResult or None
        What the look says, None where there was none.
    newest : ScoredSnapshot or None
        The newest snapshot that can be evaluated.
    forgotten : str
        How many of each arm were forgotten, see `forgotten_sentence`.
    """
    values: dict[str, Any] = {
        "trial": None,
        "verdict": "inconclusive",
        "champion_version": newest.champion_version if newest else None,
        "challenger_version": newest.challenger_version if newest else None,
    }
    if newest is None:
        return {**values, "reason": f"Nothing was published up to {as_of} that can be evaluated."}
    if trial is None:
        return {**values, "reason": "No challenger scores beside the champion."}
    planned = str(trial.plan.get("assumption", ""))
    if trial.status != "open":
        verdict = "promote" if trial.status == "won" else "keep"
        reason = f"The trial ended on {trial.ended_on} ({trial.status}): {trial.reason}"
    elif result is None:
        verdict = "inconclusive"
        reason = (
            "No outcome window of a day that both scored has closed, settled and been covered by "
            f"orders yet; the first closes on {definition.window(trial.began_on)[1]}. {planned}"
        )
    else:
        verdict, reason = result.verdict.verdict, result.verdict.reason
    look = {"look": result.verdict.verdict, **result.figures} if result else {}
    return {
        "trial": {
            "trial_id": trial.trial_id,
            "status": trial.status,
            "began_on": str(trial.began_on),
            "foreseen": planned,
            **look,
        },
        "verdict": verdict,
        "champion_version": trial.champion_version,
        "challenger_version": trial.challenger_version,
        "reason": f"{reason} {forgotten}".rstrip(),
    }
