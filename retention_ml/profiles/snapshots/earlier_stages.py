"""The stages of an earlier day: those that readers see, else the day replayed."""

from datetime import date

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.profiles.histories import HistoryLog
from retention_ml.profiles.snapshots.pruning import is_pruned
from retention_ml.profiles.snapshots.snapshot import SNAPSHOTS
from retention_ml.profiles.stages import STAGES, StageRules, stages
from retention_ml.profiles.transitions import DayStages
from retention_ml.warehouse import Warehouse

_CUSTOMER_DAILY = ibis.table(
    {"snapshot_id": "int64", "customer_id": "string", "lifecycle_stage": "string"},
    name="customer_daily",
    database="profiles",
)
_NAMES = pa.array([str(stage) for stage in STAGES], pa.string())


def earlier_stages(log: HistoryLog, as_of: date, rules: StageRules) -> DayStages:
    """Everybody's stage on a day as published, or by what was known at its start."""
    return published_stages(log.warehouse, as_of) or replayed_stages(log, as_of, rules)


def published_stages(warehouse: Warehouse, as_of: date) -> DayStages | None:
    """Everybody's stage on a day as readers see it.

    None where nothing is published, or the rows of its customers are deleted.
    """
    with warehouse.transaction() as transaction:
        snapshot_id = SNAPSHOTS.published(transaction, as_of)
        if snapshot_id is None or is_pruned(transaction, snapshot_id):
            return None
    rows = warehouse.read(
        _CUSTOMER_DAILY.filter(_CUSTOMER_DAILY.snapshot_id == snapshot_id)
        .select("customer_id", "lifecycle_stage")
        .order_by("customer_id")
    )
    place = pc.index_in(rows["lifecycle_stage"].cast(pa.string()), value_set=_NAMES)
    return DayStages(
        as_of=as_of,
        snapshot_id=snapshot_id,
        customer_ids=rows["customer_id"].cast(pa.string()).combine_chunks(),
        stage=np.asarray(place.to_numpy(), dtype=np.int64),
    )


def replayed_stages(log: HistoryLog, as_of: date, rules: StageRules) -> DayStages:
    """Everybody's stage on a day by what was known at its start."""
    histories = log.known_at(as_of)
    return DayStages(
        as_of=as_of,
        snapshot_id=None,
        customer_ids=histories.customer_ids,
        stage=stages(histories, rules).stage,
    )
