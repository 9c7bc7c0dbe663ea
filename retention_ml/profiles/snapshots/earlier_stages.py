"""The stages of an earlier day: those that readers see, else the day replayed."""

from datetime import date

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.profiles.histories import HistoryLog
from retention_ml.profiles.snapshots.snapshot import SNAPSHOTS
from retention_ml.profiles.stages import STAGES, StageRules, stages
from retention_ml.profiles.transitions import DayStages

_CUSTOMER_DAILY = ibis.table(
    {"snapshot_id": "int64", "customer_id": "string", "lifecycle_stage": "string"},
    name="customer_daily",
    database="profiles",
)
_NAMES = pa.array([str(stage) for stage in STAGES], pa.string())


def earlier_stages(log: HistoryLog, as_of: date, rules: StageRules) -> DayStages:
    """Everybody's stage on a day as published, or by what was known at its start."""
    warehouse = log.warehouse
    with warehouse.transaction() as transaction:
        snapshot_id = SNAPSHOTS.published(transaction, as_of)
    if snapshot_id is None:
        histories = log.known_at(as_of)
        customer_ids, stage = histories.customer_ids, stages(histories, rules).stage
    else:
        rows = warehouse.read(
            _CUSTOMER_DAILY.filter(_CUSTOMER_DAILY.snapshot_id == snapshot_id)
            .select("customer_id", "lifecycle_stage")
            .order_by("customer_id")
        )
        customer_ids = rows["customer_id"].cast(pa.string()).combine_chunks()
        place = pc.index_in(rows["lifecycle_stage"].cast(pa.string()), value_set=_NAMES)
        stage = np.asarray(place.to_numpy(), dtype=np.int64)
    return DayStages(as_of=as_of, snapshot_id=snapshot_id, customer_ids=customer_ids, stage=stage)
