"""What complaints are about, as features: by hand, point in time, and under other words."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.errors import NotReady
from retention_ml.features import roll_up as module
from retention_ml.features.engines import ENGINES
from retention_ml.features.roll_up import roll_up
from retention_ml.feedback.fit_stars import fit_stars
from retention_ml.feedback.label import label, labels_sha256
from retention_ml.feedback.starter.shipped import shipped
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


def _annoyed_in_pleased_words(count: int) -> dict[str, list[dict[str, Any]]]:
    """Marks that turn the starter's words of praise into their opposite."""
    pairs = [("great amazing wonderful parcel", 0.0), ("zorp blee", 1.0)]
    return {
        "feedback": [
            _say(100 + n, f"{pairs[n % 2][0]} {n}", "review", pairs[n % 2][1])["feedback"][0]
            for n in range(count)
        ]
    }


def test_stars_fitted_later_change_no_area_and_no_feature_when_messages_are_read_again(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = in_zone(settings, "UTC")
    areas = "SELECT feedback_id, topic, area, sentiment_share FROM feedback.messages ORDER BY 1"
    deliver(
        warehouse,
        buy("o1", at("2025-05-01")),
        _say(1, "Great amazing wonderful parcel"),
        _annoyed_in_pleased_words(2_000),
    )
    before, labels = _counts(warehouse, settings), warehouse.read(areas)
    fitted = fit_stars(warehouse, settings=settings, as_of=_DAY)
    assert "own weights count" in fitted.sentence
    file = tmp_path / "topics.toml"
    file.write_text('[topics.delivery]\nen = ["packstation"]\n', encoding="utf-8")
    assert _counts(warehouse, settings.model_copy(update={"topics_file": file})) == before
    assert _counts(warehouse, settings) == before
    again = warehouse.read(areas)
    assert labels.drop(["sentiment_share"]) == again.drop(["sentiment_share"])
    shares = [table["sentiment_share"][0].as_py() for table in (labels, again)]
    assert shares[0] > 0.5 > 0.1 > shares[1]


def test_another_starter_reads_all_messages_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = labels_sha256(settings)
    other = replace(shipped(), sha256="another")
    monkeypatch.setattr("retention_ml.feedback.label.shipped", lambda: other)
    assert labels_sha256(settings) != before


def test_messages_that_another_run_reads_with_other_words_stop_the_pass(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = in_zone(settings, "UTC")
    deliver(warehouse, buy("o1", at("2025-05-01")), _say(1, "Parcel came late"))
    roll_up(warehouse, settings=settings)
    before = warehouse.read("SELECT * FROM features.customer_day")
    deliver(warehouse, _say(2, "Parcel came late"))

    def label_and_be_overtaken(warehouse: Warehouse, *, settings: Settings) -> None:
        label(warehouse, settings=settings)
        with warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE feedback.labelled SET labels_sha256 = 'other' "
                "WHERE delivery_id = (SELECT min(delivery_id) FROM feedback.labelled)"
            )

    with monkeypatch.context() as patch:
        patch.setattr(module, "label", label_and_be_overtaken)
        with pytest.raises(NotReady, match="1 deliveries were read meanwhile with other topics"):
            roll_up(warehouse, settings=settings)
    assert warehouse.read("SELECT * FROM features.customer_day").equals(before)
    assert roll_up(warehouse, settings=settings).details["rollup_id"] == 2
