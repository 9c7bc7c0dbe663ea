"""Everybody's lifecycle stage on a day, for those who act on it."""

from datetime import date

import pyarrow as pa

from retention_ml.profiles.histories import read_log
from retention_ml.profiles.profile import choices_of
from retention_ml.profiles.snapshots.earlier_stages import published_stages, replayed_stages
from retention_ml.profiles.stages import STAGES
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def read_stages(warehouse: Warehouse, *, settings: Settings, as_of: date) -> pa.Table:
    """The stage of every customer and visitor as published, or by what was known at the day's start.

    A stage is a fact, so that both say the same while the rules are the same: who reads it needs
    not wait for the day's profiles.

    Returns
    -------
    pa.Table
        `customer_id`, `lifecycle_stage` (strings); empty where nobody is known.
    """
    day = published_stages(warehouse, as_of)
    if day is None:
        log = read_log(warehouse, as_of, settings.calendar.timezone)
        day = replayed_stages(log, as_of, choices_of(settings).rules)
    names = pa.array([str(stage) for stage in STAGES], pa.string())
    return pa.table(
        {"customer_id": day.customer_ids, "lifecycle_stage": names.take(pa.array(day.stage))}
    )
