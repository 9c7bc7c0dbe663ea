"""The matrix of who went where: everybody of either day is in it once."""

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_of
from retention_ml.profiles.stages import STAGES, StageRules, stages
from retention_ml.profiles.transitions import NONE, DayStages, days_before, transitions
from tests.worlds.histories import FIRST, histories_of, random_purchases

RULES = StageRules(new_days=30, loyal_purchase_days=4, lapsed_days=90, slipping_intervals=2.0)


def test_rows_add_up_to_both_days() -> None:
    purchases = random_purchases(np.random.default_rng(4), 200, 300)
    now = histories_of(purchases, 300)
    days = days_before(now.as_of)
    earlier = {}
    for period, day in days.items():
        shortened = {
            name: [d for d in bought if d < (day - FIRST).days]
            for name, bought in purchases.items()
        }
        then = histories_of(shortened, (day - FIRST).days)
        earlier[period] = DayStages(
            as_of=day,
            snapshot_id=7 if period == "day" else None,
            customer_ids=then.customer_ids,
            stage=stages(then, RULES).stage,
        )
    stage = stages(now, RULES).stage
    table = transitions(now.customer_ids, stage, earlier).to_pandas()
    assert {p: (now.as_of - d).days for p, d in days.items()} == {"day": 1, "week": 7, "month": 30}
    for period, before in earlier.items():
        rows = table[table.period == period]
        ends = rows[rows.to_stage != NONE].groupby("to_stage").customers_count.sum()
        begins = rows[rows.from_stage != NONE].groupby("from_stage").customers_count.sum()
        for code, name in enumerate(STAGES):
            assert ends.get(name, 0) == (stage == code).sum()
            assert begins.get(name, 0) == (before.stage == code).sum()
    assert set(table[table.from_stage == NONE].to_stage) == {"new"}
    assert table[table.period == "day"].from_snapshot_id.unique().tolist() == [7]
    assert table[table.period == "week"].from_snapshot_id.isna().all()


def test_who_is_no_customer_any_more_goes_to_none() -> None:
    before = DayStages(
        as_of=day_of(19_000),
        snapshot_id=None,
        customer_ids=pa.array(["a", "b"]),
        stage=np.array([1, 2]),
    )
    [moved, stayed] = transitions(pa.array(["b"]), np.array([3]), {"day": before}).to_pylist()
    assert (moved["from_stage"], moved["to_stage"]) == ("new", NONE)
    assert (stayed["from_stage"], stayed["to_stage"]) == ("one_time", "repeat")
    assert [row["customers_count"] for row in (moved, stayed)] == [1, 1]
