"""Candidate against champion on the same customers, days and definition; closed in any doubt.

Every question gives a finding: `better`, `passed`, `open` (not shown) or `failed`. One that failed
keeps everything as it is; all passed and one better promotes; anything else is inconclusive. What
would win a trial on outcomes, the Brier score, is what a candidate must be better at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from retention_ml.models.evaluation import checks as asked
from retention_ml.models.evaluation.checks import (
    Demands,
    Finding,
    Verdict,
    figure,
    said,
    told,
    verdict_of,
)
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.metrics import (
    METRICS,
    OUTCOMES_MIN,
    Evaluation,
    Interval,
    Predictions,
    evaluate,
)
from retention_ml.statistics.profit import PROFIT, Offer, profits

CANDIDATE, CHAMPION = "candidate", "champion"
PAIR = (CANDIDATE, CHAMPION)
_EPOCH = date(1970, 1, 1)
_DIGITS = 6
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What the comparison said.

    Parameters
    ----------
    verdict : str
        `promote`, `keep` or `inconclusive`.
    reason : str
        The sentences that decided.
    findings : tuple of Finding
        Every question asked.
    evidence : mapping
        Every figure and sentence, as plain JSON values.
    evaluation : Evaluation or None
        Metrics of `candidate` and `champion`; None where nothing could be compared.
    rows_count : int
        Predictions compared: customers times days.
    """

    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    rows_count: int = 0


def contest(
    predictions: Predictions,
    *,
    segments: Mapping[str, Bools],
    revenue_cents: Floats,
    demands: Demands,
    offer: Offer,
    limits: Sequence[Finding],
    draws: int,
    seed: int,
) -> Contest:
    """Candidate against champion, every figure with its paired 95 % interval.

    Parameters
    ----------
    predictions : Predictions
        Of the models `candidate` and `champion`, on days from which the champion learnt nothing.
    segments : mapping of str to array of bool, shape (n,)
        By code, see `models.segments`.
    revenue_cents : array of float64, shape (n,)
        What each customer spends if retained, in minor units.
    limits : sequence of Finding
        What the candidate must hold in any case, see `findings.limits`.
    draws, seed : int
        Resamples of customers, and what decides them.
    """
    try:
        return _contest(predictions, segments, revenue_cents, demands, offer, limits, draws, seed)
    except Exception as error:
        return keep(
            f"Candidate and champion could not be compared ({type(error).__name__}: {error}), so "
            "the champion stays."
        )


def keep(reason: str, evidence: Mapping[str, Any] | None = None) -> Contest:
    """Nothing changes, with the reason."""
    return Contest(
        verdict="keep",
        reason=reason,
        evidence={"verdict": "keep", "reason": reason, **(evidence or {})},
    )


def _contest(
    predictions: Predictions,
    segments: Mapping[str, Bools],
    revenue_cents: Floats,
    demands: Demands,
    offer: Offer,
    limits: Sequence[Finding],
    draws: int,
    seed: int,
) -> Contest:
    wrong = _unsound(predictions, segments, revenue_cents)
    if wrong:
        return keep(f"{wrong} So the champion stays.")
    rows = _judged(predictions, np.ones(len(predictions.outcome), dtype=np.bool_))
    if len(rows) == 0:
        churned = int(predictions.outcome.sum())
        return keep(
            f"The days compared hold {churned:,} churned and "
            f"{len(predictions.outcome) - churned:,} retained customers; at least {OUTCOMES_MIN} of "
            "each on a day are needed. So the champion stays."
        )
    own = _take(predictions, rows)
    inside = {code: members[rows] for code, members in segments.items()}
    evaluation = evaluate(own, draws=draws, seed=seed, models=PAIR)
    differences = {metric: evaluation.difference(*PAIR, metric) for metric in METRICS}
    earned = profits(own, revenue_cents[rows], offer, draws=draws, seed=seed, models=PAIR)
    gained = earned.difference(*PAIR, PROFIT)
    by_segment = {code: _of_segment(own, kind, draws, seed) for code, kind in inside.items()}
    moves = _tier_moves(own, demands.tier_bounds)
    findings = (
        *asked.discrimination(differences, demands),
        asked.segments(by_segment, demands),
        asked.calibration(differences["ece"]),
        asked.profit(gained),
        asked.tier_moves(moves, demands),
        *limits,
    )
    days = [str(_EPOCH + timedelta(days=int(day))) for day in np.unique(own.days)]
    verdict = verdict_of(findings)
    reason = _reason(own, days, differences, findings, verdict)
    evidence = {
        "verdict": verdict,
        "reason": reason,
        "findings": told(findings),
        "days": days,
        "customers": len(np.unique(own.groups)),
        "predictions": len(own.outcome),
        "churned": int(own.outcome.sum()),
        "retained": int(len(own.outcome) - own.outcome.sum()),
        "metrics": _figures(evaluation, METRICS) | _figures(earned, (PROFIT,)),
        "segments": by_segment,
        "tier_moves_share": round(moves, _DIGITS),
        "bootstrap": {"draws": draws, "seed": seed, "unit": "customer"},
    }
    return Contest(
        verdict=verdict,
        reason=reason,
        findings=findings,
        evidence=evidence,
        evaluation=evaluation,
        rows_count=len(own.outcome),
    )


def _unsound(
    predictions: Predictions, segments: Mapping[str, Bools], revenue_cents: Floats
) -> str | None:
    """Why nothing can be compared, or None."""
    count = len(predictions.outcome)
    if count == 0:
        return "There is no prediction to compare."
    for name in PAIR:
        own = predictions.models[name]
        if own.shape != (count,):
            return f"The {name} predicted {len(own):,} of {count:,} customers."
        if not (np.isfinite(own).all() and own.min() >= 0 and own.max() <= 1):
            return f"The {name} predicts values that are no probabilities."
    if np.ptp(predictions.models[CANDIDATE]) == 0:
        return "The candidate says the same of every customer."
    gap = np.abs(predictions.models[CANDIDATE] - predictions.models[CHAMPION]).max()
    if gap < _SAME:
        return "The candidate is identical to the champion: it says the same of every customer."
    if not segments:
        return "No segment was named to compare in."
    if len(revenue_cents) != count or any(len(kind) != count for kind in segments.values()):
        return "Segments or revenues are not those of the customers compared."
    return None


def _judged(predictions: Predictions, inside: Bools) -> Ints:
    """Positions of the rows inside, of days on which there are enough of both outcomes."""
    kept = []
    for day in np.unique(predictions.days):
        rows = np.flatnonzero(inside & (predictions.days == day))
        churned = int(predictions.outcome[rows].sum())
        if min(churned, len(rows) - churned) >= OUTCOMES_MIN:
            kept.append(rows)
    return np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)


def _take(predictions: Predictions, rows: Ints) -> Predictions:
    return replace(
        predictions,
        days=predictions.days[rows],
        groups=predictions.groups[rows],
        outcome=predictions.outcome[rows],
        models={name: predictions.models[name][rows] for name in PAIR},
    )


def _of_segment(own: Predictions, inside: Bools, draws: int, seed: int) -> dict[str, Any]:
    churned = int(own.outcome[inside].sum())
    found: dict[str, Any] = {
        "predictions": int(inside.sum()),
        "churned": churned,
        "retained": int(inside.sum()) - churned,
        "is_judged": False,
    }
    rows = _judged(own, inside)
    if len(rows) == 0:
        return found
    evaluation = evaluate(_take(own, rows), draws=draws, seed=seed, models=PAIR)
    difference = evaluation.difference(*PAIR, "roc_auc")
    return found | {
        "is_judged": True,
        "roc_auc": {name: figure(evaluation.values[name]["roc_auc"]) for name in PAIR},
        "roc_auc_difference": figure(difference),
    }


def _figures(evaluation: Evaluation, metrics: Sequence[str]) -> dict[str, Any]:
    return {
        metric: {name: figure(evaluation.values[name][metric]) for name in PAIR}
        | {"difference": figure(evaluation.difference(*PAIR, metric))}
        for metric in metrics
    }


def _tier_moves(own: Predictions, bounds: tuple[float, ...]) -> float:
    candidate, champion = (
        np.searchsorted(np.array(bounds), own.models[name], side="right") for name in PAIR
    )
    return float(np.mean(candidate != champion))


def _reason(
    own: Predictions,
    days: Sequence[str],
    differences: Mapping[str, Interval],
    findings: Sequence[Finding],
    verdict: Verdict,
) -> str:
    figures = ", ".join(
        f"{noun} {said(differences[metric])}"
        for metric, noun in (
            ("roc_auc", "ROC AUC"),
            ("log_loss", "log loss"),
            ("brier", "Brier score"),
        )
    )
    against = {"keep": "failed", "inconclusive": "open"}.get(verdict)
    sentences = [
        f"Against the champion on the same {len(np.unique(own.groups)):,} customers "
        f"({', '.join(days)}): {figures}.",
        *(finding.sentence for finding in findings if finding.outcome == against),
    ]
    conclusion = {
        "promote": "It is better, and no worse in anything that was asked.",
        "keep": "It is worse or unfit, so the champion stays.",
        "inconclusive": "That does not decide.",
    }
    return " ".join([*sentences, conclusion[verdict]])
