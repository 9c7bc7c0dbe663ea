"""The day of a run."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from retention_airflow.clock import day_of, day_of_run

from retention_ml.errors import UsageError


def test_a_hand_started_run_names_its_day() -> None:
    assert day_of({"as_of": "2017-11-20"}, None, "r") == date(2017, 11, 20)


def test_what_the_starter_names_wins_over_the_inherited_key() -> None:
    assert day_of({"as_of": "2017-11-20"}, "2026-01-01", "r") == date(2017, 11, 20)


@pytest.mark.parametrize("key", ["2026-03-01", "2026-03-01T00:00:00"])
@pytest.mark.parametrize("conf", [None, {}, {"as_of": None}])
def test_a_scheduled_run_inherits_its_day(conf: dict[str, None] | None, key: str) -> None:
    assert day_of(conf, key, "r") == date(2026, 3, 1)


LATE_EVENING = "2026-03-01T23:30:00+00:00"


def run(**values: Any) -> Any:
    return SimpleNamespace(
        **{"conf": None, "partition_key": None, "run_id": "r", "run_after": LATE_EVENING} | values
    )


@pytest.mark.parametrize(
    ("timezone", "day"), [("UTC", date(2026, 3, 1)), ("Europe/Berlin", date(2026, 3, 2))]
)
@pytest.mark.parametrize("conf", [None, {}, {"as_of": None}, {"as_of": ""}])
def test_an_empty_day_in_the_form_is_the_shops_today_when_the_run_was_started(
    conf: dict[str, Any] | None, timezone: str, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_CALENDAR__TIMEZONE", timezone)
    by_hand = run(conf=conf, run_type="manual")
    assert day_of_run(by_hand) == day_of_run(vars(by_hand)) == day
    assert day_of_run(run(conf={"as_of": "2017-11-20"}, run_type="manual")) == date(2017, 11, 20)
    assert day_of_run(run(partition_key="2017-11-20", run_type="manual")) == date(2017, 11, 20)


@pytest.mark.parametrize("kind", ["scheduled", "asset_triggered", "backfill", "operator_triggered"])
def test_a_run_that_nobody_started_by_hand_must_name_its_day(kind: str) -> None:
    with pytest.raises(UsageError, match="Run r names no day"):
        day_of_run(run(run_type=kind))


@pytest.mark.parametrize(
    "named", [{"conf": {"as_of": "2026-03-04"}}, {"partition_key": "2026-03-04"}]
)
@pytest.mark.parametrize("kind", ["manual", "asset_triggered", "backfill", "scheduled"])
def test_a_day_that_lies_ahead_of_the_runs_start_is_refused(
    kind: str, named: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_CALENDAR__TIMEZONE", "Europe/Berlin")  # there it is March 2nd
    ahead = run(run_type=kind, **named)
    for form in (ahead, vars(ahead)):
        with pytest.raises(
            UsageError,
            match=r"the day 2026-03-04, which lies ahead; expected a day up to 2026-03-03",
        ):
            day_of_run(form)


@pytest.mark.parametrize("kind", ["manual", "asset_triggered"])
def test_tomorrow_is_a_day_of_a_run(kind: str) -> None:
    assert day_of_run(run(run_type=kind, conf={"as_of": "2026-03-02"})) == date(2026, 3, 2)


def test_a_run_without_a_day_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"Run r names no day.*Start it again with the parameter"):
        day_of({}, None, "r")


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "01.03.2026"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected YYYY-MM-DD"):
        day_of({"as_of": text}, None, "r")
