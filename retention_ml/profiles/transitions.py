"""How many customers went from which stage to which: by day, week and month."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.profiles.stages import STAGES
from retention_ml.statistics.arrays import Ints

PERIODS = {"day": 1, "week": 7, "month": 30}
NONE = "none"
"""In place of a stage: not a customer on that day, as far as was known then."""
_STAGES = (*STAGES, NONE)
_NONE = len(STAGES)
SCHEMA = pa.schema(
    [
        ("period", pa.string()),
        ("from_as_of", pa.date32()),
        ("from_snapshot_id", pa.int64()),
        ("from_stage", pa.string()),
        ("to_stage", pa.string()),
        ("customers_count", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStages:
    """The stages of an earlier day: as published, or as they would have been.

    Parameters
    ----------
    as_of : date
    snapshot_id : int or None
        The published snapshot; None where nothing was published and the day was replayed.
    customer_ids : pa.StringArray, length n
    stage : array of int64, shape (n,)
        Places in `STAGES`.
    """

    as_of: date
    snapshot_id: int | None
    customer_ids: pa.StringArray
    stage: Ints


def days_before(as_of: date) -> dict[str, date]:
    """The day that each period compares with."""
    return {name: as_of - timedelta(days=days) for name, days in PERIODS.items()}


def transitions(
    customer_ids: pa.StringArray, stage: Ints, earlier: dict[str, DayStages]
) -> pa.Table:
    """A row per period, stage of the earlier day and stage now, with how many customers.

    Everybody of either day is counted: the rows of a stage of the earlier day add up to its
    customers then, those to a stage to its customers now. Who was no customer then comes from
    `none`; who is none any more, because an order was corrected or they are excluded as abnormal
    since, goes to `none`.
    """
    parts = [_of(period, customer_ids, stage, before) for period, before in earlier.items()]
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def _of(period: str, customer_ids: pa.StringArray, stage: Ints, before: DayStages) -> pa.Table:
    there = np.asarray(
        pc.fill_null(pc.index_in(customer_ids, value_set=before.customer_ids), -1).to_numpy(
            zero_copy_only=False
        ),
        dtype=np.int64,
    )
    stage_then = np.append(before.stage, _NONE)[there]  # -1, the last: not a customer then
    matrix = np.zeros((len(_STAGES), len(_STAGES)), dtype=np.int64)
    np.add.at(matrix, (stage_then, stage), 1)
    remains = np.zeros(len(before.customer_ids), dtype=bool)
    remains[there[there >= 0]] = True
    np.add.at(matrix[:, _NONE], before.stage[~remains], 1)
    source, target = np.nonzero(matrix)
    n = len(source)
    return pa.table(
        [
            pa.array([period] * n, pa.string()),
            pa.array([before.as_of] * n, pa.date32()),
            pa.array([before.snapshot_id] * n, pa.int64()),
            pa.array([str(_STAGES[place]) for place in source], pa.string()),
            pa.array([str(_STAGES[place]) for place in target], pa.string()),
            pa.array(matrix[source, target]),
        ],
        schema=SCHEMA,
    )
