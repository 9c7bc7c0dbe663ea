"""The day of a run."""

from datetime import date

import pytest
from retention_airflow.clock import day_of

from retention_ml.errors import UsageError


def test_a_hand_started_run_names_its_day() -> None:
    assert day_of({"as_of": "2017-11-20"}, None, "r") == date(2017, 11, 20)


def test_what_the_starter_names_wins_over_the_inherited_key() -> None:
    assert day_of({"as_of": "2017-11-20"}, "2026-01-01", "r") == date(2017, 11, 20)


@pytest.mark.parametrize("key", ["2026-03-01", "2026-03-01T00:00:00"])
@pytest.mark.parametrize("conf", [None, {}, {"as_of": None}])
def test_a_scheduled_run_inherits_its_day(conf: dict[str, None] | None, key: str) -> None:
    assert day_of(conf, key, "r") == date(2026, 3, 1)


def test_a_run_without_a_day_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"Run r names no day.*Start it again with the parameter"):
        day_of({}, None, "r")


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "01.03.2026"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected YYYY-MM-DD"):
        day_of({"as_of": text}, None, "r")
