"""Experiments that ended or became invalid, and guards that are broken."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.warehouse import Transaction

_ENDED = (
    "SELECT experiment_id, state, since, arm, reason FROM experiments.states "
    "WHERE state IN ('won', 'lost', 'undecided', 'invalid') AND since > :after AND since <= :as_of "
    "ORDER BY since, experiment_id"
)
# Of the newest look at each experiment; figures of an invalid one do not count.
_BROKEN = (
    "SELECT look.experiment_id, look.as_of, look.arm, look.metric, look.segment "
    "FROM experiments.looks AS look WHERE look.is_broken AND look.verdict <> 'invalid' "
    "AND look.as_of = (SELECT max(as_of) FROM experiments.looks AS newest "
    "WHERE newest.experiment_id = look.experiment_id AND newest.as_of <= :as_of) "
    "AND look.as_of > :after ORDER BY 1, 3, 4, 5"
)
_HARMS = {
    "retained": "{arm} makes fewer customers{whom} come back",
    "unsubscribed": "{arm} makes more customers unsubscribe or complain than is accepted",
    "returned": "{arm} makes more customers send something back than is accepted",
}
_ENDINGS = {
    "won": "{arm} won: it is better than leaving customers alone",
    "lost": "no action of it is left, each is worse than leaving customers alone or did harm",
    "undecided": "its time is over and nothing was shown",
}


def experiment_alerts(
    transaction: Transaction, *, as_of: date, cooldown_days: int
) -> Iterator[Alert]:
    """An alert for every experiment that ended lately, and for every guard that is broken."""
    days = {"after": as_of - timedelta(days=max(cooldown_days, 1)), "as_of": as_of}
    for row in transaction.execute(_ENDED, **days):
        yield _invalid(row) if row.state == "invalid" else _decided(row)
    for row in transaction.execute(_BROKEN, **days):
        yield _broken(row)


def _invalid(row: Any) -> Alert:
    return Alert(
        kind="invalid_experiment",
        subject=row.experiment_id,
        severity="critical",
        sentence=f"Experiment {row.experiment_id} is invalid since {row.since}. {row.reason}",
        evidence={"since": str(row.since)},
    )


def _decided(row: Any) -> Alert:
    ending = _ENDINGS[row.state].format(arm=row.arm)
    return Alert(
        kind="decided_experiment",
        subject=row.experiment_id,
        severity="warning",
        sentence=f"Experiment {row.experiment_id} ended on {row.since}: {ending}. {row.reason} "
        f"`retention experiments show {row.experiment_id}` has its page.",
        evidence={"since": str(row.since), "state": row.state, "arm": row.arm},
    )


def _broken(row: Any) -> Alert:
    whom = "" if row.segment == "all" else f" in tier {row.segment}"
    harm = _HARMS[row.metric].format(arm=row.arm, whom=whom)
    return Alert(
        kind="broken_guard",
        subject=f"{row.experiment_id}: {row.metric} of {row.arm}{whom}",
        severity="critical",
        sentence=f"A guard of experiment {row.experiment_id} is broken since the look of "
        f"{row.as_of} at the latest: {harm}. `retention experiments show {row.experiment_id}` has "
        f"the figures. Stop it with `retention experiments stop {row.experiment_id}` if it still "
        "runs.",
        evidence={"arm": row.arm, "metric": row.metric, "segment": row.segment},
    )
