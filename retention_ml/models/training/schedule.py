"""Whether a training is due on a day."""

import time
from datetime import date, timedelta
from typing import Protocol

from retention_ml.models.training.gate_errors import gate_errors
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


class DriftAlerted(Protocol):
    """Reads whether drift was alerted in a span of days; the caller of `due` provides it."""

    def __call__(self, warehouse: Warehouse, /, *, after: date, until: date) -> bool:
        """Whether it was, for a day after `after` and not after `until`."""


def is_due(as_of: date, last: date | None, every_days: int) -> bool:
    """Whether `every_days` have passed between the last training's day and `as_of`.

    A day before the last training is never due: a backfill of the past does not train.

    Examples
    --------
    >>> is_due(date(2026, 3, 8), date(2026, 3, 1), 7)
    True
    >>> is_due(date(2026, 3, 7), date(2026, 3, 1), 7)
    False
    >>> is_due(date(2026, 2, 1), date(2026, 3, 1), 7)
    False
    >>> is_due(date(2026, 3, 1), None, 7)
    True
    """
    return last is None or (as_of - last).days >= every_days


def due(
    warehouse: Warehouse, *, settings: Settings, as_of: date, is_drift_alerted: DriftAlerted
) -> DecisionReceipt:
    """Look whether a training is due: `details["is_due"]`, and since when in `details["last"]`.

    It is due after `training.every_days`; where `monitoring.drift_starts_training`, after an alert
    of drift since the last one, at most every `monitoring.cooldown_days`; and where the candidates
    of a training could not be compared (`details["compares_again"]`).
    """
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        last: date | None = transaction.execute(
            "SELECT max(as_of) FROM models.trainings WHERE status = 'selected'"
        )[0][0]
    by_drift = settings.monitoring.drift_starts_training and is_drift_alerted(
        warehouse, after=last or as_of, until=as_of
    )
    every_days = settings.training.every_days
    if by_drift:
        every_days = min(every_days, max(1, settings.monitoring.cooldown_days))
    after = as_of - timedelta(days=settings.training.every_days)
    waiting = [one.training_id for one in gate_errors(warehouse, after=after, until=as_of)]
    is_due_now = bool(waiting) or is_due(as_of, last, every_days)
    return DecisionReceipt(
        door="due",
        as_of=as_of,
        sentence=f"A training is {'due' if is_due_now else 'not due'}: the last one is of "
        f"{last or 'no day'}, one follows every {every_days} days."
        + (f" The candidates of {', '.join(waiting)} are compared again." if waiting else ""),
        seconds=time.perf_counter() - started,
        details={
            "is_due": is_due_now,
            "last": last.isoformat() if last else None,
            "every_days": every_days,
            "by_drift": by_drift,
            "compares_again": waiting,
        },
    )
