"""What complaints are about, as features: by hand, point in time, and under other words."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.features.engines import ENGINES
from retention_ml.features.roll_up import roll_up
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.features import buy, deliver, in_zone, one, rows_of
from tests.worlds.shops import at

_DAY = date(2025, 6, 1)
_NAMES = [f"complaints_{area}_count_365d" for area in ("delivery", "goods", "price", "service")]


def _say(
    number: int, comment: str | None, kind: str = "complaint", mark: float | None = None
) -> dict[str, list[dict[str, Any]]]:
    return {
        "feedback": [
            {
                "feedback_id": f"f{number}",
                "customer_id": "c1",
                "event_at": at("2025-05-10"),
                "kind": kind,
                "rating_share": mark,
                "comment": comment,
            }
        ]
    }


def _counts(warehouse: Warehouse, settings: Settings, day: date = _DAY) -> list[float]:
    values = one(warehouse, settings, day)
    return [values[name] for name in _NAMES]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_complaint_counts_in_the_area_of_its_topic(
    warehouse: Warehouse, settings: Settings, engine: str
) -> None:
    settings = in_zone(settings, "UTC")
    deliver(
        warehouse,
        buy("o1", at("2025-05-01")),
        _say(1, "Parcel came two weeks late"),
        _say(2, "杯子碎了", "return_reason"),
        _say(3, "Far too small", "review", 0.25),
        _say(4, "Much too expensive", "survey", 0.5),
        _say(5, "Much too expensive", "survey", 0.25),
        _say(6, "Arrived early", "review", 1.0),
        _say(7, None),
        _say(8, "No refund yet"),
    )
    [row] = rows_of(warehouse, settings, [_DAY], engine=engine).to_pylist()
    assert [row[name] for name in _NAMES] == [1, 2, 1, 1]
    assert (row["complaints_count_365d"], row["feedback_count_365d"]) == (3, 8)


def test_a_complaint_counts_from_when_it_was_known_and_a_correction_from_its_own_day(
    warehouse: Warehouse, settings: Settings
) -> None:
    settings = in_zone(settings, "UTC")
    deliver(warehouse, buy("o1", at("2025-05-01")))
    deliver(warehouse, _say(1, "Parcel came late"), loaded_at=at("2025-05-20"))
    before = {day: _counts(warehouse, settings, date(2025, 5, day)) for day in (15, 20, 21)}
    deliver(warehouse, _say(1, "The cup is broken"), loaded_at=at("2025-05-25"))
    after = {day: _counts(warehouse, settings, date(2025, 5, day)) for day in (15, 20, 21, 25, 26)}
    assert {day: after[day] for day in before} == before
    assert after == {
        15: [0, 0, 0, 0],
        20: [0, 0, 0, 0],
        21: [1, 0, 0, 0],
        25: [1, 0, 0, 0],
        26: [0, 1, 0, 0],
    }


def test_other_words_count_all_messages_anew_and_the_same_words_nothing(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = in_zone(settings, "UTC")
    deliver(warehouse, buy("o1", at("2025-05-01")), _say(1, "The packstation was full"))
    assert _counts(warehouse, settings) == [0, 0, 0, 0]
    file = tmp_path / "topics.toml"
    file.write_text('[topics.delivery]\nen = ["packstation"]\n', encoding="utf-8")
    changed = settings.model_copy(update={"topics_file": file})
    assert _counts(warehouse, changed) == [1, 0, 0, 0]
    assert "The topics of messages have changed" in caplog.text
    caplog.clear()
    assert roll_up(warehouse, settings=changed).written == 0
    assert "topics of messages" not in caplog.text
