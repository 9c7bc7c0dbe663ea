"""kill -9 while lists are measured or rankers decided: figures are whole, a decision is taken once."""

import multiprocessing
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.outcomes.lists.decide_ranker import decide_ranker
from retention_ml.outcomes.lists.measure_lists import measure_lists
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import rounds
from tests.outcomes.lists.ranker_world import BEGAN, CLOSED, GOOD, POOR, rankers, settle_in

pytestmark = pytest.mark.thorough

PLACES = [p for p in FAILPOINTS if p.startswith(("measure_lists.", "decide_ranker."))]
AS_OF = CLOSED[2] + timedelta(days=4)
_ROWS = 3 * 3 * 4  # methods, lists and metrics of each day


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    """Measure and decide in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    configured = Settings(**{**settings, "home": Path(settings["home"])})
    _run(Warehouse(url), configured)


def _run(warehouse: Warehouse, settings: Settings) -> None:
    measure_lists(warehouse, settings=settings, as_of=AS_OF)
    decide_ranker(warehouse, settings=settings, as_of=AS_OF)


def _counts(warehouse: Warehouse, table: str, by: str) -> list[int]:
    rows = warehouse.read(f"SELECT count(*) AS n FROM {table} GROUP BY {by}").to_pylist()
    return [row["n"] for row in rows]


@pytest.mark.fault(
    "kill -9 while lists are measured and a ranker is decided",
    promises="P2",
    counted="kills in measuring lists and deciding rankers",
)
@pytest.mark.parametrize(
    ("place", "number"),
    [
        (place, number)
        for place in PLACES
        for number in rounds("kills in measuring lists and deciding rankers", len(PLACES))
    ],
)
def test_killed_anywhere_figures_are_whole_and_a_retry_decides_once(
    warehouse: Warehouse, settings: Settings, place: str, number: int
) -> None:
    assert len(PLACES) == 4
    settle_in(warehouse, settings, rankers(), champion=POOR, challenger=GOOD)
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    assert process.exitcode == -9
    assert set(_counts(warehouse, "outcomes.list_performance", "snapshot_id")) <= {_ROWS}
    won = "SELECT 1 FROM models.promotions WHERE decided_by = 'outcomes'"
    is_decided = place == "decide_ranker.after_commit"
    assert warehouse.read(won).num_rows == 2 * is_decided
    for _ in range(2):
        _run(warehouse, settings)
    assert warehouse.read(won).num_rows == 2
    days = _counts(warehouse, "outcomes.list_performance", "snapshot_id")
    assert days == [_ROWS] * 7  # of every tenth day, those whose window has closed
    trial = warehouse.read("SELECT status, began_on FROM outcomes.trials").to_pylist()
    assert trial == [{"status": "won", "began_on": BEGAN}]
    assert violations(warehouse) == []


def test_figures_written_one_by_one_would_be_noticed(
    warehouse: Warehouse, settings: Settings
) -> None:
    """Negative control: a day whose figures are not all there."""
    settle_in(warehouse, settings, rankers(), champion=POOR, challenger=GOOD)
    measure_lists(warehouse, settings=settings, as_of=CLOSED[0])
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM outcomes.list_performance WHERE metric = 'hit'")
    assert not set(_counts(warehouse, "outcomes.list_performance", "snapshot_id")) <= {_ROWS}
