"""Messages that wait: the task comes back for them while the day lasts, and holds no worker."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from retention_ml import clock

PAUSE = timedelta(minutes=5)


def come_back(receipt: Mapping[str, Any], as_of: date, timezone: str) -> dict[str, Any]:
    """The receipt of `dispatch`, if nothing waits any more or the day is over.

    Raises
    ------
    AirflowRescheduleException
        Something waits: the task runs again when it is due.
    """
    from airflow.sdk.exceptions import AirflowRescheduleException

    end = clock.midnight(as_of + timedelta(days=1), timezone)
    if at := return_at(receipt, now=clock.now(), end=end):
        raise AirflowRescheduleException(at)
    return dict(receipt)


def return_at(receipt: Mapping[str, Any], *, now: datetime, end: datetime) -> datetime | None:
    """When what waits is due, five minutes from now at the earliest; None from `end` on.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon, end = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    >>> receipt = {"waiting": {"email": 3}, "next_at": "2026-03-01 12:30:00+00:00"}
    >>> print(return_at(receipt, now=noon, end=end))
    2026-03-01 12:30:00+00:00
    >>> return_at({"waiting": {}, "next_at": None}, now=noon, end=end)
    """
    if not receipt["waiting"]:
        return None
    at = max(datetime.fromisoformat(receipt["next_at"]), now + PAUSE)
    return at if at < end else None
