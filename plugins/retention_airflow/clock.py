"""The day of a run: what its starter names, else the partition key it inherits, else a refusal."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from retention_ml.errors import UsageError


def as_of() -> date:
    """The day of the run that the calling task belongs to."""
    from airflow.sdk import get_current_context

    run = get_current_context()["dag_run"]
    return day_of(run.conf, getattr(run, "partition_key", None), run.run_id)


def day_of(conf: Mapping[str, Any] | None, partition_key: str | None, run_id: str) -> date:
    """The day named by `conf["as_of"]`, else by the partition key.

    Raises
    ------
    UsageError
        Neither is given, or what is given is no date.
    """
    stated = (conf or {}).get("as_of") or partition_key
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
