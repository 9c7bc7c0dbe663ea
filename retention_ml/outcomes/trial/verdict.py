"""What a look at a trial says: promote, keep or inconclusive, with the reason in sentences.

The sequential evidence decides whether the challenger is better or worse; the guards only hold
back a challenger whose probabilities are better overall but which does harm somewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from retention_ml.models.evaluation.checks import Check, PromotionCriteria, Status, discrimination
from retention_ml.models.evaluation.checks import profit as profit_finding
from retention_ml.models.evaluation.segments import label
from retention_ml.outcomes.trial.paired import Compared
from retention_ml.outcomes.trial.sample import TrialSample
from retention_ml.settings import Trial as Rules
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import Predictions, ece_by_chance, score
from retention_ml.statistics.profit import PROFIT, Offer, profits
from retention_ml.statistics.sequential import Look

Outcome = Literal["open", "won", "lost", "undecided"]

_VERDICTS = {"won": "promote", "lost": "keep", "open": "inconclusive", "undecided": "inconclusive"}
_PROFIT_ROWS_MAX = 20_000
CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look says.

    Parameters
    ----------
    outcome : str
        `open`; `won`: the challenger is to be promoted; `lost`: it is worse; `undecided`: its time
        is over.
    reason : str
        Why, in sentences with their figures.
    """

    outcome: Outcome
    reason: str

    @property
    def verdict(self) -> str:
        """`promote`, `keep` (the champion) or `inconclusive`."""
        return _VERDICTS[self.outcome]


def verdict(
    look: Look,
    guards: Sequence[Check],
    *,
    scored_days: int,
    windows: int,
    elapsed_days: int,
    rules: Rules,
    metric: str = "the Brier score",
) -> Verdict:
    """What follows from the evidence of a day.

    Parameters
    ----------
    guards : sequence of Check
        All must have passed, or be better, before a challenger wins.
    scored_days : int
        Scored days whose outcomes have matured.
    windows : int
        Outcome windows, one after the other, in which most customers counted.
    elapsed_days : int
        Days since both first scored.
    metric : str
        What the differences are in, in words.
    """
    needed = 1 / rules.error_rate
    evidence = (
        f"On {look.count:,} forecasts of {scored_days} scored day{'' if scored_days == 1 else 's'} "
        f"the challenger improves {metric} by {look.mean:+.5f} "
        f"(always-valid interval {look.lower:+.5f} to {look.upper:+.5f}); "
        f"e-value for better {_e(look.e_better)}, for worse {_e(look.e_worse)}, {needed:.0f} decides."
    )
    is_better, is_worse = look.e_better >= needed, look.e_worse >= needed
    failing = [guard.message for guard in guards if guard.status not in ("passed", "better")]
    outcome: Outcome = "open"
    if windows < rules.windows_min:
        message = (
            f"Nothing is decided before {rules.windows_min} outcome windows one after the other "
            f"were counted, there are {windows}."
        )
    elif is_better and is_worse:
        message = "The evidence contradicts itself: first one was better, then the other."
    elif is_worse:
        outcome, message = "lost", "The challenger predicts worse."
    elif is_better and failing:
        message = f"The challenger predicts better, but it is held back: {' '.join(failing)}"
    elif is_better:
        passed = " ".join(guard.message for guard in guards)
        message = f"The challenger predicts better, and nothing speaks against it. {passed}"
        outcome = "won"
    else:
        message = "That does not decide."
    if outcome == "open" and elapsed_days >= rules.days_max:
        outcome = "undecided"
        message += (
            f" After {elapsed_days} days (at most {rules.days_max}) the challenger gives its place "
            "to the next."
        )
    return Verdict(outcome=outcome, reason=f"{evidence} {message}")


def guards(
    sample: TrialSample,
    compared: Sequence[Compared],
    *,
    criteria: PromotionCriteria,
    offer: Offer,
    draws: int,
    seed: int,
) -> list[Check]:
    """What may hold back a better challenger: ranking, segments, base rate, profit."""
    overall = {row.metric: row for row in compared if row.segment == "all"}
    if len(overall) < 3:
        return [
            Check(
                name="roc_auc",
                status="open",
                message="Too few customers churned or were retained to compare both models.",
            )
        ]
    differences = {
        name: Interval(row.difference, row.lower, row.upper) for name, row in overall.items()
    }
    checks = {check.name: check for check in discrimination(differences, criteria)}
    return [
        checks["roc_auc"],
        checks["log_loss"],
        _segments(compared, criteria.segment_margin),
        _calibration(sample, criteria.ece_max),
        *_profit(sample, offer, draws, seed),
    ]


def _segments(compared: Sequence[Compared], margin: float) -> Check:
    rows = [row for row in compared if row.segment != "all" and row.metric == "roc_auc"]
    below = [row for row in rows if not row.difference >= -margin]
    status: Status = "passed" if rows else "open"
    message = (
        f"Its ROC AUC is lower by more than {margin:g} in none of {len(rows)} customer segments."
        if rows
        else "No customer segment is large enough to be compared."
    )
    if below:
        status = "failed" if any(row.upper < -margin for row in below) else "open"
        segments = ", ".join(
            f"{label(row.segment)} ({row.difference:+.4f}, 95 % interval {row.lower:+.4f} to "
            f"{row.upper:+.4f})"
            for row in below
        )
        message = f"Its ROC AUC is lower by more than {margin:g} among: {segments}."
    return Check(name="segments", status=status, message=message)


def _calibration(sample: TrialSample, ece_max: float) -> Check:
    ece = float(score(sample.challenger, sample.churned)["ece"][0])
    chance = ece_by_chance(sample.challenger)
    return Check(
        name="calibration",
        status="passed" if ece - chance <= ece_max else "failed",
        message=f"Its calibration error is {ece:.3f}; chance alone gives {chance:.3f} for so few "
        f"customers, and {ece_max:g} beyond it is accepted.",
    )


def unharmed(everybody: Look, error_rate: float) -> Check:
    """The challenger is not worse where those whom a campaign reached count too.

    A campaign may target customers who do not buy: whom it left alone then depends on the outcome,
    and a model whose probabilities are all too low looks better among them.
    """
    harmed = everybody.mean < 0 or everybody.e_worse >= 1 / error_rate
    return Check(
        name="contacted_or_not",
        status="failed" if harmed else "passed",
        message="With those whom a campaign reached it improves the Brier score by "
        f"{everybody.mean:+.5f} ({everybody.count:,} forecasts); it must not make it worse.",
    )


def _profit(sample: TrialSample, offer: Offer, draws: int, seed: int) -> list[Check]:
    """Offers targeted by it earn no less, on days on which most customers counted."""
    rows = np.flatnonzero(np.isin(sample.days, sample.whole_days))
    if len(rows) == 0:
        return []
    share = _PROFIT_ROWS_MAX / len(rows)
    if share < 1:
        rows = rows[sample.codes[rows] < np.uint64(share * float(np.iinfo(np.uint64).max))]
    _, customers = np.unique(sample.codes[rows], return_inverse=True)
    earned = profits(
        Predictions(
            days=sample.days[rows],
            groups=customers.astype(np.int64),
            outcome=sample.churned[rows],
            models={CHAMPION: sample.champion[rows], CHALLENGER: sample.challenger[rows]},
        ),
        sample.revenue_cents[rows],
        offer,
        draws=draws,
        seed=seed,
    )
    return [profit_finding(earned.difference(CHALLENGER, CHAMPION, PROFIT))]


def calibration_bins(sample: TrialSample, count: int = 10) -> Mapping[str, list[dict[str, float]]]:
    """Predicted and observed churn of both models in bins of equal counts."""
    bins: dict[str, list[dict[str, float]]] = {}
    for role, probability in ((CHAMPION, sample.champion), (CHALLENGER, sample.challenger)):
        order = np.argsort(probability, kind="stable")
        bins[role] = [
            {
                "predicted": round(float(probability[part].mean()), 6),
                "observed": round(float(sample.churned[part].mean()), 6),
                "customers_count": len(part),
            }
            for part in np.array_split(order, max(1, min(count, len(order))))
            if len(part)
        ]
    return bins


def _e(value: float) -> str:
    return f"{value:,.2f}" if value < 10_000 else "over 10,000"
