"""When a change becomes an alert: it lasts, was not raised lately, and says what to do."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from retention_ml import clock
from retention_ml.errors import WarehouseError
from retention_ml.maintenance.invariants import Violation
from retention_ml.outcomes.monitoring.drift import WHOLE, Change, Key
from retention_ml.warehouse import Transaction, Warehouse

RUNBOOK = "docs/runbook.md"
_NAMES_MAX = 5
_EVIDENCE_MAX = 20
_STANDS_ALREADY = "(as_of, kind, subject) WHERE cleared_at IS NULL DO NOTHING"

# Alerts that make a training due.
DRIFT_ALERTS = ("input_drift", "score_drift", "calibration_drift")

# By what is watched: the alert it raises, what happened, and what to do.
_MESSAGES: Mapping[str, tuple[str, str, str]] = {
    "input": (
        "input_drift",
        "the distribution of features had changed",
        "Check whether a feed or its mapping changed. If the customers did, the next training "
        "learns it.",
    ),
    "missing": (
        "missing_drift",
        "features were missing more or less often",
        "Look for a feed that stopped or a column that is no longer filled.",
    ),
    "category": (
        "category_drift",
        "codes occurred more or less often",
        "Ask the shop about the codes that are new or gone.",
    ),
    "score": (
        "score_drift",
        "the distribution of churn probabilities had changed",
        "Look at the input drift of the same days first; if there is none, at the model.",
    ),
    "tier": (
        "tier_drift",
        "the distribution of customers over the tiers had changed",
        "Tell the people who act on tiers, and look at the score drift of the same days.",
    ),
    "explanation": (
        "explanation_drift",
        "the distribution of first reasons had changed",
        "Look at the input drift of the features behind the reasons that gained.",
    ),
    "calibration": (
        "calibration_drift",
        "the newest customers with known outcomes churned more or less often than forecast",
        "Do not rely on the level of the probabilities until a model trained on these outcomes "
        "serves.",
    ),
    "label_rate": (
        "label_rate_drift",
        "the churn rate of the newest customers with known outcomes had moved",
        "Look for a season, a campaign or missing orders in the outcome windows.",
    ),
    "estimate": (
        "estimated_performance",
        "the ranking was expected to be worse",
        "The champion separates today's customers less well; see which features changed.",
    ),
}
# Conditions that last: the figures differ from day to day, but it is the same condition.
_LASTING = (
    *(kind for kind, _, _ in _MESSAGES.values()),
    "failed_expectation",
    "gate_error",
    "stale_scores",
    "incomplete_feed",
    "stray_files",
    "lists_below_frequency",
    "abnormal_share",
    "stale_abnormal",
    "stale_feed",
    "broken_invariant",
)
# Conditions that are watched until they end (`outcomes.monitoring.actions`).
STANDING = (
    "unknown_messages",
    "failing_channel",
    "expiring_messages",
    "expired_messages",
    "stopped_channel",
    "action_files",
    "coupon_pool",
    "waiting_approval",
    "broken_guard",
    "invalid_experiment",
    "decided_experiment",
)
KINDS = (*_LASTING, *STANDING, "refused_snapshot", "refused_model", "refused_file")


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
        """All of it but the evidence, as plain JSON values."""
        names = ("kind", "subject", "severity", "sentence", "runbook")
        return {name: getattr(self, name) for name in names}


def persistent(windows: Sequence[Collection[Key]], *, at_least: int) -> set[Key]:
    """The keys beyond their threshold in the newest window and in at least so many of all.

    Parameters
    ----------
    windows : sequence of collections of (kind, name, measure)
        What was beyond its threshold on each watched day, the newest last.

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
    changes: Sequence[Change],
    lasting_keys: Collection[Key],
    *,
    as_of: date,
    windows: int,
    windows_beyond: int,
) -> list[Alert]:
    """One alert for each kind of change that has lasted, the worst named first.

    Parameters
    ----------
    changes : sequence of Change
        What was measured on the day.
    lasting_keys : collection of (kind, name, measure)
        Those of `persistent`.
    """
    alerts = []
    for watched, (kind, what, remedy) in _MESSAGES.items():
        of_kind = [change for change in changes if change.kind == watched]
        beyond = sorted(
            (change for change in of_kind if change.key in lasting_keys),
            key=lambda change: -change.value / (change.threshold or 1.0),
        )
        if not beyond:
            continue
        descriptions = [_describe(change) for change in beyond[:_NAMES_MAX]]
        if beyond[0].name == WHOLE:
            descriptions += [
                f"{change.measure} {change.value:.2f}"
                for change in of_kind
                if change.name == WHOLE and change.threshold is None
            ]
        more = f" and {len(beyond) - _NAMES_MAX} more" if len(beyond) > _NAMES_MAX else ""
        alerts.append(
            Alert(
                kind=kind,
                subject=watched.replace("_", " "),
                severity="warning",
                sentence=f"On {as_of} {what}, compared with {beyond[0].reference}, and at least "
                f"{windows_beyond} times in the last {windows} watched days: "
                f"{', '.join(descriptions)}{more}. {remedy}",
                evidence={
                    "count": len(beyond),
                    "worst": [
                        {
                            "name": change.name,
                            "measure": change.measure,
                            "value": round(change.value, 6),
                            "threshold": change.threshold,
                            "reference": change.reference,
                        }
                        for change in beyond[:_EVIDENCE_MAX]
                    ],
                },
            )
        )
    return alerts


def _describe(change: Change) -> str:
    size = f"{change.measure} {change.value:.2f}, counts from {change.threshold:.2f}"
    return size if change.name == WHOLE else f"{change.name} ({size})"


def invariant_alerts(broken: Sequence[Violation]) -> list[Alert]:
    """An alert for every invariant that does not hold."""
    return [
        Alert(
            kind="broken_invariant",
            subject=f"{violation.invariant.promise}: {violation.invariant.sentence}",
            severity="critical",
            sentence="The warehouse holds what must never be there. "
            f"{violation.sentence} {violation.remedy}",
            evidence={"promise": violation.invariant.promise, "count": violation.count},
        )
        for violation in broken
    ]


def unchecked_invariants_alert(error: WarehouseError) -> Alert:
    """An alert that nobody knows whether the invariants hold."""
    return Alert(
        kind="broken_invariant",
        subject="invariants",
        severity="critical",
        sentence=f"The invariants could not be checked. {error} `retention doctor --data` checks "
        "all of them.",
        evidence={"error": str(error)},
    )


def raise_alerts(
    transaction: Transaction,
    alerts: Sequence[Alert],
    *,
    as_of: date,
    cooldown_days: int,
    run_id: str,
) -> list[Alert]:
    """Append the alerts that were not raised on days nearby; return those that are new.

    Drift, staleness and broken invariants last: they are repeated only `cooldown_days` after
    an alert of the same kind and subject. A refusal is suppressed only by the same sentence.

    An alert that this run wrote already is new again: the run may have been cut off before
    anybody was notified.
    """
    new_alerts = []
    for alert in alerts:
        row = {
            "as_of": as_of,
            **alert.to_dict(),
            "evidence": alert.evidence,
            "run_id": run_id,
            "raised_at": clock.now(),
        }
        if transaction.execute(
            "SELECT 1 FROM ops.alerts WHERE kind = :kind AND subject = :subject "
            "AND as_of <> :as_of AND abs(as_of - CAST(:as_of AS date)) < :days "
            "AND (:is_lasting OR sentence = :sentence) LIMIT 1",
            **row,
            is_lasting=alert.kind in _LASTING,
            days=cooldown_days,
        ):
            continue
        transaction.insert_row("ops.alerts", row, on_conflict=_STANDS_ALREADY)
        if transaction.execute(
            "SELECT 1 FROM ops.alerts WHERE as_of = :as_of AND kind = :kind "
            "AND subject = :subject AND run_id = :run_id",
            **row,
        ):
            new_alerts.append(alert)
    return new_alerts


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
