"""Alerts that stand until what they say is over: raised once, again when it is worse, then cleared."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from retention_ml.outcomes.monitoring.alerts import STANDING, Alert
from retention_ml.warehouse import Transaction

_LOCK = "ops.alerts:standing"


def update_alerts(
    transaction: Transaction,
    alerts: Sequence[Alert],
    *,
    as_of: date,
    now: datetime,
    run_id: str,
) -> list[Alert]:
    """Clear the alerts that are over, raise those that are new or worse; return the raised ones.

    An alert that stands is raised again where its evidence has another `mark` or a higher `level`;
    other figures may change. One that this run raised is returned again: the run may have been cut
    off before anybody was notified.

    Parameters
    ----------
    transaction : Transaction
    alerts : sequence of Alert
        All that hold now, of kinds in `STANDING`.
    as_of : date
        The day of the alerts that are raised.
    now : datetime
        When they are raised or cleared.
    run_id : str
        The run that raises them.
    """
    transaction.lock(_LOCK)
    standing = {
        (row.kind, row.subject): row
        for row in transaction.execute(
            "SELECT alert_id, as_of, kind, subject, evidence, run_id FROM ops.alerts "
            "WHERE cleared_at IS NULL AND kind = ANY (:kinds) ORDER BY alert_id",
            kinds=list(STANDING),
        )
    }
    current = {(alert.kind, alert.subject): alert for alert in alerts}
    over = [row.alert_id for key, row in standing.items() if key not in current]
    news, again = [], []
    for key, alert in current.items():
        row = standing.get(key)
        if row is not None and not _is_worse(alert.evidence, row.evidence):
            if (row.run_id, row.as_of) == (run_id, as_of):
                again.append(alert)
            continue
        if row is not None:
            over.append(row.alert_id)
        news.append(alert)
    transaction.execute(
        "UPDATE ops.alerts SET cleared_at = :now WHERE alert_id = ANY (:ids)", now=now, ids=over
    )
    for alert in news:
        transaction.insert_row(
            "ops.alerts",
            {
                "as_of": as_of,
                **alert.to_dict(),
                "evidence": alert.evidence,
                "run_id": run_id,
                "raised_at": now,
            },
        )
    return [*news, *again]


def _is_worse(evidence: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    return evidence.get("mark") != before.get("mark") or evidence.get("level", 0) > before.get(
        "level", 0
    )
