"""The clock of the machine is wrong: what is known of a day, and what is said of it, stays the same."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from retention_ml import clock
from retention_ml.curated.ingest import ingest
from retention_ml.features.build import build
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from tests.chaos.counts import count
from tests.models.conftest import settings_in
from tests.worlds.batches import with_source
from tests.worlds.databases import NewWarehouse
from tests.worlds.small_platform import HEADER

pytestmark = pytest.mark.thorough

AS_OF = date(2026, 2, 1)
CUSTOMERS = 60
# The nights on which clocks are put forward and back, a leap day, the end of 32-bit seconds.
NIGHTS = [
    datetime(2026, 3, 29, 1, 59, 59, 999_999, UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
]


def clocks(number: int) -> Sequence[datetime]:
    """So many instants after the newest row: the nights first, then any until 2060."""
    draw = random.Random(20260301)
    first = datetime(2026, 2, 2, tzinfo=UTC)
    others = (first + timedelta(seconds=draw.randrange(34 * 365 * 86_400)) for _ in range(number))
    return [*NIGHTS, *others][:number]


def delivered(folder: Path) -> Path:
    """A file of orders of the half year before the day."""
    draw, path = random.Random(4), folder / "lines.csv"
    lines = []
    for customer in range(CUSTOMERS):
        for order in range(draw.randint(1, 9)):
            at = datetime(2026, 1, 31, 23) - timedelta(minutes=draw.randrange(180 * 1_440))
            lines.append(f"{customer}-{order},p{order},c{customer},{at:%Y-%m-%d %H:%M:%S},1,2.50")
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.fault(
    "the clock of the machine years ahead, in the night it changes, at the end of 32-bit seconds",
    promises="P2",
    row=44,
    counted="clocks",
)
def test_whatever_the_clock_says_features_and_scores_of_a_day_are_equal(
    new_warehouse: NewWarehouse,
    registry_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, digests = delivered(tmp_path), set()
    for number, at in enumerate(clocks(count("clocks"))):
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        settings = with_source(settings_in(tmp_path / f"home{number}", registry_database), tmp_path)
        with new_warehouse() as warehouse:
            receipt = ingest(
                warehouse, settings=settings, source="shop", files=[file], history=True
            )
            assert receipt.quarantined == 0
            build(warehouse, settings=settings, as_of=AS_OF)
            details = score(warehouse, settings=settings, as_of=AS_OF).details
            digests.add((details["features_digest"], details["scores_digest"]))
    assert len(digests) == 1


@pytest.mark.fault("the clock behind the newest rows", promises="P1", row=44)
def test_behind_a_clock_that_is_late_rows_wait_in_quarantine_and_are_not_lost(
    new_warehouse: NewWarehouse, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 1, 15, tzinfo=UTC))
    settings = with_source(settings, tmp_path)
    with new_warehouse() as warehouse:
        receipt = ingest(
            warehouse, settings=settings, source="shop", files=[delivered(tmp_path)], history=True
        )
        assert receipt.quarantined > 0
        assert receipt.read == receipt.written + receipt.quarantined
        reasons = warehouse.read("SELECT DISTINCT reason_code FROM quarantine.rows")
        assert reasons["reason_code"].to_pylist() == ["event_in_future"]
