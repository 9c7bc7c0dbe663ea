"""What every DAG has alike: owner, tags, retries, the parameter `as_of`, the shop's time zone."""

import re
from datetime import timedelta
from enum import StrEnum
from functools import partial
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
    task,
)

from retention_airflow.alerts import FailureAlert, LatenessAlert
from retention_airflow.runs import addresses
from retention_ml.deliveries.source_names import all_source_names
from retention_ml.settings import load

_SETTINGS = load()

OWNER = "data-engineering"
TIMEZONE = _SETTINGS.calendar.timezone
INBOX_PATH = _SETTINGS.home / "inbox"
INBOX_FOLDER = str(INBOX_PATH)
SOURCES_FOLDER = str(_SETTINGS.sources.resolve())
# Only a server can be asked every half minute.
MLFLOW_ADDRESS = (
    _SETTINGS.tracking_uri if (_SETTINGS.tracking_uri or "").startswith("http") else None
)
# The one that is usually registered takes longest: begun last, all would wait for it.
CANDIDATES = sorted(
    _SETTINGS.training.candidates, key=lambda name: name != _SETTINGS.training.champion_candidate
)
WAREHOUSE_POOL = "warehouse"
APPROVAL_TIME = timedelta(hours=_SETTINGS.promotion.approval_hours)
APPROVERS = list(_SETTINGS.promotion.approvers)
FIT = "Fits one candidate, calibrates it on later days and logs it to MLflow."
SOURCES = all_source_names(_SETTINGS.sources)
SOURCE_NAME = "{{ (task.op_args | first | default({}))['source'] | default(ti.map_index) }}"
"""What a mapped task is called: the source of the parcel, or of the receipt, that it is given first."""


class Tag(StrEnum):
    """Every tag a DAG may carry: how often it runs, its stage, and what a failure means.

    `impact/` says whom a failure hurts, `triage/` when somebody must look; a DAG has one of each.
    """

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
    BACKUPS = "backups"
    PRIVACY = "privacy"
    IMPACT_SCORES = "impact/scores"  # the scores of the day do not come: the last good ones stay up
    IMPACT_CUSTOMERS = (
        "impact/customers"  # customers are not contacted, or lists and stages are old
    )
    IMPACT_INSIGHT = "impact/insight"  # nobody is contacted wrongly; figures and alerts are missing
    TRIAGE_AT_ONCE = "triage/at-once"  # also at night: readers wait for it
    TRIAGE_SAME_DAY = "triage/same-day"  # before the offices close
    TRIAGE_NEXT_DAY = "triage/next-working-day"  # the next run usually mends it


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

_PRIORITIES = {Tag.IMPACT_SCORES: 30, Tag.IMPACT_CUSTOMERS: 20, Tag.IMPACT_INSIGHT: 10}
LONGEST = _PRIORITIES[Tag.IMPACT_CUSTOMERS] + 5
"""The priority of the longest task of what customers see: begun last, it would end the day alone."""

DEFAULT_ARGS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": [FailureAlert()],
}
step = partial(task, multiple_outputs=False)
"""A task that returns receipts. By itself Airflow stores a mapping once more key by key, each with a
request of its own: twenty for a receipt."""

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
        enum=[None, *SOURCES],
        values_display={"null": "every source in the inbox"},
        title="Source",
        description="One of the descriptions under sources/.",
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


def shared(doc: str, *tags: Tag) -> dict[str, Any]:
    """The arguments of `@dag` that are the same for all, and those that follow from these two.

    The first paragraph of the docstring is the description in the list of DAGs, as plain text; all
    of it the page. The tag of impact says which tasks go first where the machine has not room for
    all: what scores wait for, then what customers see, then insight.
    """
    first = " ".join(doc.strip().split("\n\n")[0].split())
    [priority] = [_PRIORITIES[tag] for tag in tags if tag in _PRIORITIES]
    return {
        "description": re.sub(r"[*`]", "", first),
        "doc_md": doc,
        "catchup": False,
        "tags": [*tags],
        "default_args": DEFAULT_ARGS | {"priority_weight": priority, "weight_rule": "absolute"},
        "owner_links": {OWNER: addresses.owner(_SETTINGS)},
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


def every_hour_if_live() -> CronPartitionTimetable | None:
    """The start of every hour while events are taken in and a digest is wanted, else never."""
    live = load().live
    if not (live.enabled and live.hourly_digest):
        return None
    return CronPartitionTimetable("0 * * * *", timezone=TIMEZONE, key_format="%Y-%m-%d")


def at_night() -> CronPartitionTimetable:
    """Four hours into every day of the shop, after the day's run and its backup."""
    return CronPartitionTimetable("0 4 * * *", timezone=TIMEZONE, key_format="%Y-%m-%d")


def at_night_if_backed_up() -> CronPartitionTimetable | None:
    """Three hours into every day of the shop, after the day's run, where backups have a folder."""
    if not load().backups.folder:
        return None
    return CronPartitionTimetable("0 3 * * *", timezone=TIMEZONE, key_format="%Y-%m-%d")
