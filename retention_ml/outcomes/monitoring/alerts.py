"""When a change is an alert: often enough, not said already, in a sentence with a way on."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from retention_ml import clock
from retention_ml.outcomes.monitoring.drift import WHOLE, Change
from retention_ml.warehouse import Transaction, Warehouse

RUNBOOK = "docs/runbook.md"
_NAMED = 5

Key = tuple[str, str, str]

# Alerts that make a training due.
DRIFT_ALERTS = ("input_drift", "score_drift", "calibration_drift")

# What is watched, the alert it raises, and how it is told: what happened, and what to do.
_TOLD: Mapping[str, tuple[str, str, str]] = {
    "input": (
        "input_drift",
        "features were distributed otherwise",
        "Look whether a feed or its mapping has changed. Where the customers have, the next "
        "training learns it.",
    ),
    "missing": (
        "missing_drift",
        "features were missing more or less often",
        "Look for a feed that stopped or a column that is no longer filled.",
    ),
    "category": (
        "category_drift",
        "codes occurred more or less often",
        "Ask the shop what became of the codes that are new or gone.",
    ),
    "score": (
        "score_drift",
        "the churn probabilities were distributed otherwise",
        "Look at the input drift of the same days first; if there is none, at the model.",
    ),
    "tier": (
        "tier_drift",
        "the customers were distributed otherwise over the tiers",
        "Tell the people who act on tiers, and look at the score drift of the same days.",
    ),
    "explanation": (
        "explanation_drift",
        "the first reasons were distributed otherwise",
        "Look at the input drift of the features behind the reasons that gained.",
    ),
    "calibration": (
        "calibration_drift",
        "the newest customers with known outcomes churned otherwise than forecast",
        "Do not read the probabilities as such until a model that has learnt from these "
        "outcomes serves.",
    ),
    "label_rate": (
        "label_rate_drift",
        "the churn rate of the newest customers with known outcomes had moved",
        "Look for a season, a campaign or missing orders in the outcome windows.",
    ),
    "estimate": (
        "estimated_performance",
        "the ranking was expected to be worse",
        "The champion tells today's customers apart less well; see which features changed.",
    ),
}
# What lasts: its figures differ from day to day, but it is the same thing.
_LASTING = (*(kind for kind, _, _ in _TOLD.values()), "stale_scores", "stale_feed")
KINDS = (*_LASTING, "refused_snapshot", "refused_model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One row of `ops.alerts` before it is written.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    subject : str
        The thing it was noticed on.
    sentence : str
        What, how much, what to do; never a customer's number.
    evidence : mapping
        Figures as JSON values.
    """

    kind: str
    subject: str
    severity: Literal["warning", "critical"]
    sentence: str
    evidence: Mapping[str, Any]

    @property
    def runbook(self) -> str:
        """The section of the runbook about alerts of this kind."""
        return f"{RUNBOOK}#{self.kind.replace('_', '-')}"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "severity": self.severity,
            "sentence": self.sentence,
            "runbook": self.runbook,
        }


def persistent(windows: Sequence[Collection[Key]], *, at_least: int) -> set[Key]:
    """What is beyond in the newest window and in at least so many of all.

    Parameters
    ----------
    windows : sequence of collections of (kind, name, measure)
        What was beyond on each watched day, the newest last.

    Examples
    --------
    >>> a, b = ("input", "a", "psi"), ("input", "b", "psi")
    >>> sorted(persistent([{a, b}, {b}, {a}], at_least=2)) == [a]
    True
    """
    if not windows:
        return set()
    times = Counter(key for window in windows for key in set(window))
    return {key for key in windows[-1] if times[key] >= at_least}


def drift_alerts(
    changes: Sequence[tuple[Change, str]],
    kept: Collection[Key],
    *,
    as_of: date,
    windows: int,
    windows_beyond: int,
) -> list[Alert]:
    """One alert for each kind of change that has lasted, the worst named first.

    Parameters
    ----------
    changes : sequence of (Change, str)
        What was measured of the day, and what it was compared with.
    kept : collection of (kind, name, measure)
        As of `persistent`.
    """
    found = []
    for watched, (kind, what, remedy) in _TOLD.items():
        beyond = [
            (change, reference)
            for change, reference in changes
            if change.kind == watched and (change.kind, change.name, change.measure) in kept
        ]
        if not beyond:
            continue
        beyond.sort(key=lambda each: -each[0].value / (each[0].threshold or 1.0))
        named = [_named(change) for change, _ in beyond[:_NAMED]]
        if beyond[0][0].name == WHOLE:
            named += [
                f"{change.measure} {change.value:.2f}"
                for change, _ in changes
                if (change.kind, change.name, change.threshold) == (watched, WHOLE, None)
            ]
        more = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
        found.append(
            Alert(
                kind=kind,
                subject=watched.replace("_", " "),
                severity="warning",
                sentence=f"On {as_of} {what}, compared with {beyond[0][1]}, and at least "
                f"{windows_beyond} times in the last {windows} watched days: "
                f"{', '.join(named)}{more}. {remedy}",
                evidence={
                    "count": len(beyond),
                    "worst": [
                        {
                            "name": change.name,
                            "measure": change.measure,
                            "value": round(change.value, 6),
                            "threshold": change.threshold,
                            "reference": reference,
                        }
                        for change, reference in beyond[:20]
                    ],
                },
            )
        )
    return found


def _named(change: Change) -> str:
    size = f"{change.measure} {change.value:.2f}, counts from {change.threshold:.2f}"
    return size if change.name == WHOLE else f"{change.name} ({size})"


def raise_alerts(
    transaction: Transaction,
    alerts: Sequence[Alert],
    *,
    as_of: date,
    cooldown_days: int,
    run_id: str,
) -> list[Alert]:
    """Append those alerts that were not raised on days around; which of them are news.

    Drift and staleness last: an alert of their kind and subject on a day fewer than
    `cooldown_days` away says it already. A refusal is a thing of its own: only the very same
    sentence says it already.

    An alert that this very run wrote already is news again: the run may have been cut off
    before anybody was told.
    """
    news = []
    for alert in alerts:
        recent = transaction.execute(
            "SELECT 1 FROM ops.alerts WHERE kind = :kind AND subject = :subject "
            "AND as_of <> :as_of AND abs(as_of - CAST(:as_of AS date)) < :days "
            "AND (:is_lasting OR sentence = :sentence) LIMIT 1",
            kind=alert.kind,
            subject=alert.subject,
            is_lasting=alert.kind in _LASTING,
            sentence=alert.sentence,
            as_of=as_of,
            days=cooldown_days,
        )
        if recent:
            continue
        transaction.execute(
            "INSERT INTO ops.alerts (as_of, kind, subject, severity, sentence, runbook, evidence, "
            "run_id, raised_at) VALUES (:as_of, :kind, :subject, :severity, :sentence, :runbook, "
            "CAST(:evidence AS jsonb), :run_id, :at) ON CONFLICT (as_of, kind, subject) DO NOTHING",
            as_of=as_of,
            evidence=json.dumps(dict(alert.evidence)),
            run_id=run_id,
            at=clock.now(),
            **alert.to_dict(),
        )
        if transaction.execute(
            "SELECT 1 FROM ops.alerts WHERE as_of = :as_of AND kind = :kind "
            "AND subject = :subject AND run_id = :run_id",
            as_of=as_of,
            kind=alert.kind,
            subject=alert.subject,
            run_id=run_id,
        ):
            news.append(alert)
    return news


def is_drift_alerted(warehouse: Warehouse, *, after: date, until: date) -> bool:
    """Whether drift was alerted for a day after `after` and not after `until`."""
    with warehouse.transaction() as transaction:
        alerts = transaction.execute(
            "SELECT 1 FROM ops.alerts WHERE kind = ANY (:kinds) AND as_of > :after "
            "AND as_of <= :until LIMIT 1",
            kinds=list(DRIFT_ALERTS),
            after=after,
            until=until,
        )
    return bool(alerts)
