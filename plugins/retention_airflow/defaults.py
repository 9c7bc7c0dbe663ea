"""What every DAG has alike: owner, tags, retries, the parameter `as_of`, the shop's time zone."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

from airflow.sdk import (  # type: ignore[attr-defined]  # its stub lags behind
    AsyncCallback,
    CronPartitionTimetable,
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
)

from retention_airflow.alerts import FailureAlert, LatenessAlert
from retention_ml.settings import load

_SETTINGS = load()

OWNER = "data-engineering"
TIMEZONE = _SETTINGS.calendar.timezone
INBOX_FOLDER = str(_SETTINGS.home / "inbox")
SOURCES_FOLDER = str(_SETTINGS.sources.resolve())
# Only a server can be asked every half minute.
MLFLOW_ADDRESS = (
    _SETTINGS.tracking_uri if (_SETTINGS.tracking_uri or "").startswith("http") else None
)
CANDIDATES = list(_SETTINGS.training.candidates)
WAREHOUSE_POOL = "warehouse"
APPROVAL_TIME = timedelta(hours=_SETTINGS.promotion.approval_hours)


class Tag(StrEnum):
    """Every tag a DAG may carry."""

    DAILY = "daily"
    BETWEEN_DAYS = "between-days"
    WEEKLY = "weekly"
    ON_ARRIVAL = "on-arrival"
    DELIVERIES = "deliveries"
    FEATURES = "features"
    MODELS = "models"
    SCORES = "scores"
    PROFILES = "profiles"
    RECOMMENDATIONS = "recommendations"
    ACTIONS = "actions"
    OUTCOMES = "outcomes"


RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=["retention_ml.errors.HeldBack", "retention_ml.errors.UsageError"],
            action=RetryAction.FAIL,
            reason="A gate or the request itself says no; the same again would say no again.",
        ),
        RetryRule(
            exception=[
                "retention_ml.errors.WarehouseError",
                "retention_ml.errors.RegistryError",
                "retention_ml.errors.ChannelError",
                "retention_ml.errors.MachineError",
                "builtins.OSError",
                "builtins.MemoryError",
            ],
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=20),
            reason="A service, disk or memory did not answer; nothing was kept of that try.",
        ),
    ],
    default=RetryAction.FAIL,  # a defect; a task that was killed raises nothing and is retried
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": [FailureAlert()],
}
IN_TIME = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT,
    interval=timedelta(hours=_SETTINGS.monitoring.publish_hours_max),
    callback=AsyncCallback(LatenessAlert),
    name="scores are published in time",
)

DAY_PARAMS = {
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Day",
        description="The run sees what was known at the start of this day. "
        "Empty: today, or the day of the run's partition key.",
    )
}

DELIVERY_PARAMS = DAY_PARAMS | {
    "source": Param(
        None,
        type=["null", "string"],
        pattern="^[a-z][a-z0-9_]*$",
        title="Source",
        description="A description under sources/. Empty: every source in the inbox.",
    ),
    "files": Param(
        [],
        type="array",
        items={"type": "string"},
        title="Files",
        description="Paths to ingest. Empty: what lies complete in the inbox.",
    ),
    "history": Param(
        False,
        type="boolean",
        title="Historical import",
        description="The rows became known when they happened, not now.",
    ),
}

TRAINING_PARAMS = DAY_PARAMS | {
    "force": Param(
        False,
        type="boolean",
        title="Train at once",
        description="Also when no training is due.",
    ),
}

APPROVAL_PARAMS = {
    "why": Param(
        None,
        type=["null", "string"],
        maxLength=500,
        title="Why",
        description="Kept with the decision.",
    )
}


def midnight() -> CronPartitionTimetable:
    """The start of every day of the shop; the partition key is that day, `YYYY-MM-DD`.

    At midnight, not later: a backfill up to a day ends with that day's midnight.
    """
    return CronPartitionTimetable("0 0 * * *", timezone=TIMEZONE, key_format="%Y-%m-%d")


def morning() -> CronPartitionTimetable:
    """`monitoring.due_time` of every day of the shop, when its scores must be there."""
    hour, minute = map(int, _SETTINGS.monitoring.due_time.split(":"))
    return CronPartitionTimetable(
        f"{minute} {hour} * * *", timezone=TIMEZONE, key_format="%Y-%m-%d"
    )


def every_ten_minutes_if_enabled() -> CronPartitionTimetable | None:
    """Every ten minutes of every day of the shop while actions are enabled, else never."""
    if not load().actions.enabled:
        return None
    return CronPartitionTimetable("*/10 * * * *", timezone=TIMEZONE, key_format="%Y-%m-%d")
