"""What every DAG has alike: owner, tags, retries, the parameter `as_of`, the shop's time zone."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule
from retention_ml.settings import load

_SETTINGS = load()

OWNER = "data-engineering"
TIMEZONE = _SETTINGS.calendar.timezone
INBOX_FOLDER = str(_SETTINGS.home / "inbox")
CANDIDATES = list(_SETTINGS.training.candidates)
DAY_KEY = "%Y-%m-%d"
WAREHOUSE_POOL = "warehouse"


class Tag(StrEnum):
    """Every tag a DAG may carry."""

    DAILY = "daily"
    WEEKLY = "weekly"
    ON_ARRIVAL = "on-arrival"
    DELIVERIES = "deliveries"
    FEATURES = "features"
    MODELS = "models"
    SCORES = "scores"


RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=["retention_ml.errors.HeldBack", "retention_ml.errors.UsageError"],
            action=RetryAction.FAIL,
            reason="A gate or the request itself says no; the same again would say no again.",
        ),
        RetryRule(
            exception=["retention_ml.errors.WarehouseError", "retention_ml.errors.RegistryError"],
            action=RetryAction.RETRY,
            retry_delay=timedelta(seconds=20),
            reason="A service did not answer; nothing was kept of that try.",
        ),
    ],
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": timedelta(hours=2),
}


def as_of_param() -> Param:
    """The day a hand-started run is for."""
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title="Day",
        description="The run sees what was known at the start of this day. "
        "Empty: the day of the run's partition key.",
    )
