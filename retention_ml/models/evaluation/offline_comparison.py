"""Candidate against champion on the same customers, days and definition.

Every check is `better`, `passed`, `open` (not shown) or `failed`. One that failed keeps the
champion; all passed and one better promotes; anything else is inconclusive. A candidate must be
better in what would win a trial on outcomes: the Brier score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retention_ml.clock import day_of
from retention_ml.models.evaluation import checks
from retention_ml.models.evaluation.checks import Check, PromotionCriteria, Verdict
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import METRICS, OUTCOMES_MIN, Evaluation, Predictions, evaluate
from retention_ml.statistics.profit import PROFIT, Offer, profits
from retention_ml.statistics.ranks import rank_position

CANDIDATE, CHAMPION = "candidate", "champion"
PAIR = (CANDIDATE, CHAMPION)
_DIGITS = 6
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineComparison:
    """The result of comparing a candidate with the champion.

    Parameters
    ----------
    verdict : str
        `promote`, `keep` or `inconclusive`.
    reason : str
        The sentences that decided.
    evidence : mapping
        Every figure and sentence, as plain JSON values.
    evaluation : Evaluation or None
        Metrics of `candidate` and `champion`; None where nothing could be compared.
    """

    verdict: Verdict
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Evaluation | None = None


def compare_offline(
    predictions: Predictions,
    *,
    segments: Mapping[str, Bools],
    revenue_cents: Floats,
    criteria: PromotionCriteria,
    offer: Offer,
    limits: Sequence[Check],
    draws: int,
    seed: int,
) -> OfflineComparison:
    """Candidate against champion, every figure with its paired 95 % interval.

    What cannot be compared keeps the champion; where it raises, nobody is promoted either
    (`training.selection`).

    Parameters
    ----------
    predictions : Predictions
        Of the models `candidate` and `champion`, on days of whose outcomes the champion knew
        nothing.
    segments : mapping of str to array of bool, shape (n,)
        By code, see `evaluation.segments`.
    revenue_cents : array of float64, shape (n,)
        What each customer spends if retained, in minor units.
    limits : sequence of Check
        What the candidate must meet in any case, see `checks.hard_limits`.
    draws, seed : int
        Resamples of customers, and what decides them.
    """
    fault = _fault(predictions, segments, revenue_cents)
    if fault:
        return keep_champion(f"{fault} So the champion stays.")
    rows = _rows_with_both_outcomes(predictions)
    # A tier is given to everybody, whether or not their outcome may be looked at.
    everybody = np.flatnonzero(np.isin(predictions.days, predictions.days[rows]))
    moves = _tier_moves(predictions.take(everybody, PAIR), revenue_cents[everybody], criteria)
    predictions, revenue_cents = predictions.take(rows, PAIR), revenue_cents[rows]
    evaluation = evaluate(predictions, draws=draws, seed=seed, models=PAIR)
    earned = profits(predictions, revenue_cents, offer, draws=draws, seed=seed, models=PAIR)
    differences = {metric: evaluation.difference(*PAIR, metric) for metric in METRICS}
    by_segment = {
        code: _compare_segment(predictions, members[rows], draws, seed)
        for code, members in segments.items()
    }
    results = (
        *checks.discrimination(differences, criteria),
        checks.segments(by_segment, criteria),
        checks.calibration(differences["ece"]),
        checks.profit(earned.difference(*PAIR, PROFIT)),
        checks.tier_moves(moves, criteria),
        *limits,
    )
    verdict, facts = checks.verdict_of(results), _counts(predictions)
    reason = _reason(facts, differences, results, verdict)
    evidence = {
        "verdict": verdict,
        "reason": reason,
        "findings": checks.to_dicts(results),
        **facts,
        "metrics": _metrics(evaluation, METRICS) | _metrics(earned, (PROFIT,)),
        "segments": by_segment,
        "tier_moves_share": round(moves, _DIGITS),
        "bootstrap": {"draws": draws, "seed": seed, "unit": "customer"},
    }
    return OfflineComparison(
        verdict=verdict, reason=reason, evidence=evidence, evaluation=evaluation
    )


def keep_champion(reason: str) -> OfflineComparison:
    """Nothing changes, with the reason."""
    evidence = {"verdict": "keep", "reason": reason}
    return OfflineComparison(verdict="keep", reason=reason, evidence=evidence)


def _fault(
    predictions: Predictions, segments: Mapping[str, Bools], revenue_cents: Floats
) -> str | None:
    """Why nothing can be compared, or None."""
    count = len(predictions.outcome)
    if count == 0:
        return "There is no prediction to compare."
    for name in PAIR:
        probability = predictions.models[name]
        if probability.shape != (count,):
            return f"The {name} predicted {len(probability):,} of {count:,} customers."
        inside = np.isfinite(probability) & (probability >= 0) & (probability <= 1)
        if not inside.all():
            return f"The {name} predicts values that are no probabilities."
    if np.ptp(predictions.models[CANDIDATE]) == 0:
        return "The candidate predicts the same for every customer."
    if np.abs(predictions.models[CANDIDATE] - predictions.models[CHAMPION]).max() < _SAME:
        return (
            "The candidate is identical to the champion: it predicts the same for every customer."
        )
    if not segments:
        return "No segment was named to compare in."
    if len(revenue_cents) != count or any(len(members) != count for members in segments.values()):
        return "Segments or revenues are not those of the customers compared."
    if len(_rows_with_both_outcomes(predictions)) == 0:
        counts = _outcome_counts(predictions.evaluated())
        return (
            f"The days compared hold {counts['churned']:,} churned and {counts['retained']:,} "
            f"retained customers; at least {OUTCOMES_MIN} of each on a day are needed."
        )
    return None


def _rows_with_both_outcomes(predictions: Predictions) -> Ints:
    """Positions of the rows evaluated of days on which there are enough of both outcomes."""
    positions = [np.empty(0, dtype=np.int64)]
    for day in np.unique(predictions.days):
        rows = np.flatnonzero((predictions.days == day) & predictions.is_evaluated)
        churned = int(predictions.outcome[rows].sum())
        if min(churned, len(rows) - churned) >= OUTCOMES_MIN:
            positions.append(rows)
    return np.concatenate(positions)


def _compare_segment(
    predictions: Predictions, inside: Bools, draws: int, seed: int
) -> dict[str, Any]:
    """The ROC AUC of both models in a segment, where it is large enough, as plain JSON values."""
    members = predictions.take(inside)
    rows = _rows_with_both_outcomes(members)
    counts = {**_outcome_counts(members), "is_judged": len(rows) > 0}
    if len(rows) == 0:
        return counts
    evaluation = evaluate(members.take(rows), draws=draws, seed=seed, models=PAIR)
    auc = _metrics(evaluation, ("roc_auc",))["roc_auc"]
    difference = auc.pop("difference")
    return {**counts, "roc_auc": auc, "roc_auc_difference": difference}


def _counts(predictions: Predictions) -> dict[str, Any]:
    return {
        "days": [str(day_of(int(day))) for day in np.unique(predictions.days)],
        "customers": len(np.unique(predictions.groups)),
        **_outcome_counts(predictions),
    }


def _outcome_counts(predictions: Predictions) -> dict[str, int]:
    count, churned = len(predictions.outcome), int(predictions.outcome.sum())
    return {"predictions": count, "churned": churned, "retained": count - churned}


def _metrics(evaluation: Evaluation, metrics: Sequence[str]) -> dict[str, Any]:
    return {
        metric: {name: checks.interval_to_dict(evaluation.values[name][metric]) for name in PAIR}
        | {"difference": checks.interval_to_dict(evaluation.difference(*PAIR, metric))}
        for metric in metrics
    }


def _tier_moves(
    predictions: Predictions, revenue_cents: Floats, criteria: PromotionCriteria
) -> float:
    """The share of customers who would change their tier."""
    candidate, champion = (
        np.searchsorted(
            np.array(criteria.tier_bounds),
            tier_positions(predictions, name, revenue_cents, criteria.tiers_by),
            side="right",
        )
        for name in PAIR
    )
    return float(np.mean(candidate != champion))


def tier_positions(
    predictions: Predictions, name: str, revenue_cents: Floats, tiers_by: str
) -> Floats:
    """What the bounds of the tiers are compared with: the probability or a rank in its day."""
    probability = predictions.models[name]
    if tiers_by == "probability":
        return probability
    value = probability * revenue_cents
    first, then = (probability, value) if tiers_by == "share" else (value, probability)
    position = np.empty_like(probability)
    for day in np.unique(predictions.days):
        mask = predictions.days == day
        position[mask] = rank_position(first[mask], then[mask])
    return position


def _reason(
    counts: Mapping[str, Any],
    differences: Mapping[str, Interval],
    results: Sequence[Check],
    verdict: Verdict,
) -> str:
    nouns = {"roc_auc": "ROC AUC", "log_loss": "log loss", "brier": "Brier score"}
    figures = ", ".join(
        f"{noun} {checks.format_interval(differences[metric])}" for metric, noun in nouns.items()
    )
    decisive, conclusion = {
        "promote": (None, "It is better, and no worse in any check."),
        "keep": ("failed", "It is worse or unfit, so the champion stays."),
        "inconclusive": ("open", "That does not decide."),
    }[verdict]
    sentences = [
        f"Against the champion on the same {counts['customers']:,} customers "
        f"({', '.join(counts['days'])}): {figures}.",
        *(check.message for check in results if check.status == decisive),
        conclusion,
    ]
    return " ".join(sentences)
