"""The day of a run: what its starter names, else the partition key it inherits.

Where there is neither, a run started by hand is for today, and any other is refused. So is a day
that lies ahead of the run's start: it would be the newest for ever, and what begins from the newest
day could not be made any more.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from retention_ml.errors import UsageError
from retention_ml.settings import load


def as_of() -> date:
    """The day of the run that the calling task belongs to."""
    from airflow.sdk import get_current_context

    return day_of_run(get_current_context()["dag_run"])


def day_of_run(run: Any) -> date:
    """The day of a run, as tasks see it or as the mapping that callbacks get.

    Raises
    ------
    UsageError
        None is named, what is named is no date, or it is later than the day after the run's start.
    """

    def value(name: str) -> Any:
        return run.get(name) if isinstance(run, Mapping) else getattr(run, name, None)

    today = None
    if (run_after := value("run_after")) is not None:
        # Not the real clock: the tasks of a run, and its retries after midnight, are of one day.
        started = datetime.fromisoformat(str(run_after))
        today = started.astimezone(ZoneInfo(load().calendar.timezone)).date()
    run_id, is_manual = str(value("run_id")), value("run_type") == "manual"
    day = day_of(value("conf"), value("partition_key"), run_id, today if is_manual else None)
    if today is not None and day > (newest := today + timedelta(days=1)):
        raise UsageError(
            f"Run {run_id} names the day {day}, which lies ahead; expected a day up to {newest}, "
            "the day after the run was started. Start it again for such a day."
        )
    return day


def day_of(
    conf: Mapping[str, Any] | None,
    partition_key: str | None,
    run_id: str,
    today: date | None = None,
) -> date:
    """The day named by `conf["as_of"]`, else by the partition key, else `today`.

    Raises
    ------
    UsageError
        None is given, or what is given is no date.
    """
    stated = (conf or {}).get("as_of") or partition_key or today
    if not stated:
        raise UsageError(
            f"Run {run_id} names no day: its conf has no as_of and it has no partition key. "
            'Start it again with the parameter as_of, e.g. {"as_of": "2026-03-01"}.'
        )
    try:
        return datetime.fromisoformat(str(stated)).date()
    except ValueError:
        raise UsageError(
            f"Run {run_id} names the day {stated!r}; expected YYYY-MM-DD such as 2026-03-01."
        ) from None
