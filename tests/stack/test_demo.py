"""The demonstration's course: what it starts, what it waits for, when it gives up."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retention_ml.errors import StackError
from retention_ml.settings import Settings
from retention_ml.stack import address, demo, demo_data, demo_report, local
from retention_ml.stack.airflow_api import RUNNING
from retention_ml.stack.demo import CHAIN
from retention_ml.stack.demo_data import Delivery

DAY = date(2026, 3, 1)
Course = list[dict[str, list[tuple[str, str]]]]


def task(state: str, name: str = "door", map_index: int = -1, label: str | None = None) -> Any:
    return {
        "dag_id": "dag", "dag_run_id": "run", "task_id": name, "state": state, "try_number": 1,
        "map_index": map_index, "rendered_map_index": label, "duration": 1.5,
    }  # fmt: skip


class Airflow:
    """Shows one picture per look: the runs (id, state) of each DAG; the last picture stays."""

    url = "http://127.0.0.1:1"

    def __init__(self, course: Course, tasks: dict[str, list[Any]] | None = None) -> None:
        self.course = course
        self.of_run = tasks or {}
        self.looks = 0
        self.asked: dict[str, int] = {}
        self.started: list[tuple[str, str, date, dict[str, Any]]] = []

    def runs_of_day(self, day: date) -> dict[str, list[dict[str, Any]]]:
        self.looks += 1
        picture = self.course[min(self.looks, len(self.course)) - 1]
        return {
            dag_id: [{"dag_run_id": name, "state": state} for name, state in runs]
            for dag_id, runs in picture.items()
        }

    def tasks(self, dag_id: str, run_id: str) -> list[Any]:
        self.asked[run_id] = self.asked.get(run_id, 0) + 1
        return [
            one | {"dag_id": dag_id, "dag_run_id": run_id} for one in self.of_run.get(run_id, [])
        ]

    def log(self, _: Any) -> list[str]:
        return [f"line {i}" for i in range(30)] + ["NotReady: the reason at the end"]

    def start(self, dag_id: str, run_id: str, day: date, conf: dict[str, Any]) -> None:
        self.started.append((dag_id, run_id, day, conf))

    def dags(self) -> dict[str, bool]:
        return dict.fromkeys(CHAIN[:-1], True)

    def import_errors(self) -> list[str]:
        return []


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_POLL_SECONDS", 0.0)


def picture(*states: str, **more: list[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """One run a DAG, in the order of the chain."""
    runs = {name: [(f"{name}_1", state)] for name, state in zip(CHAIN, states, strict=False)}
    return runs | more


DONE = picture(*["success"] * len(CHAIN))


def follow(airflow: Airflow, **options: Any) -> list[str]:
    lines: list[str] = []
    demo.follow(airflow, DAY, lines.append, **options)  # type: ignore[arg-type]
    return lines


def test_a_day_is_through_when_every_dag_has_ended() -> None:
    airflow = Airflow(
        [
            {},
            picture("running"),
            picture("success", "queued"),
            picture("success", "success", "running", "success", "queued"),
            DONE,
        ]
    )
    follow(airflow)
    assert airflow.looks == 5 + demo._QUIET_LOOKS - 1


def test_whose_end_starts_nothing_is_not_waited_for_any_longer() -> None:
    lists = picture(*["success"] * 5, "running", "success")
    airflow = Airflow([*[lists] * 9, DONE])
    follow(airflow)
    assert airflow.looks == 10


def test_the_tasks_of_a_run_that_has_ended_are_asked_for_once() -> None:
    airflow = Airflow([DONE], {"score_customers_1": [task("success")]})
    follow(airflow)
    assert airflow.looks > 1
    assert airflow.asked == {f"{dag_id}_1": 1 for dag_id in CHAIN}


def test_the_second_scoring_by_a_new_champion_is_waited_for() -> None:
    again = {"score_customers": [("score_customers_1", "success"), ("score_customers_2", "queued")]}
    ended = {"score_customers": [("score_customers_1", "success"), ("score_customers_2", "failed")]}
    course = [DONE, DONE, DONE | again, DONE | again, DONE | ended]
    airflow = Airflow(course, {"score_customers_2": [task("failed", "publish")]})
    with pytest.raises(StackError, match="publish failed"):
        follow(airflow)


def test_whoever_stops_at_the_first_quiet_look_misses_it() -> None:
    """The control: at the second look all have ended, and the failure is still to come."""
    airflow = Airflow([DONE, DONE])
    states = [runs[-1]["state"] for runs in airflow.runs_of_day(DAY).values()]
    assert not RUNNING & set(states)


def test_every_task_that_ended_is_told_once() -> None:
    airflow = Airflow(
        [picture("running"), DONE],
        {
            "ingest_deliveries_1": [task("success", "per_source.land", 0), task("running", "x")],
            "train_models_1": [
                task("success", "fit", 1, "lightgbm"),
                task("skipped", "fit", 2, "logistic"),
                task("skipped", "hand_over"),
                task("up_for_retry", "select"),
            ],
        },
    )
    assert follow(airflow) == [
        "✓ ingest_deliveries › per_source.land 1.5 s",
        "✓ train_models › fit (lightgbm) 1.5 s",
        "– train_models › hand_over skipped",
        "↻ train_models › select up_for_retry",
    ]


def test_a_failed_task_ends_it_with_the_end_of_its_log() -> None:
    airflow = Airflow([DONE], {"train_models_1": [task("failed", "fit", 0, "logistic")]})
    with pytest.raises(StackError, match=r"train_models › fit \(logistic\) failed") as failure:
        follow(airflow)
    assert "the reason at the end" in str(failure.value)
    assert "line 5\n" not in str(failure.value)


def test_runs_of_an_earlier_attempt_are_not_looked_at() -> None:
    old = [("ingest_deliveries_0", "failed")]
    both = [*old, ("ingest_deliveries_1", "success")]
    airflow = Airflow(
        [{"ingest_deliveries": old}, DONE | {"ingest_deliveries": both}],
        {"ingest_deliveries_0": [task("failed")]},
    )
    follow(airflow, earlier={"ingest_deliveries_0"})
    with pytest.raises(StackError):
        follow(airflow)


def test_it_gives_up_with_the_place_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_PATIENCE_SECONDS", 0.05)
    with pytest.raises(StackError, match=r"2026-03-01 did not get through.*http://127"):
        follow(Airflow([picture("running")]))


def test_a_second_attempt_has_a_name_of_its_own_and_knows_the_first() -> None:
    delivery = Delivery(day=DAY, files=(Path("/a"), Path("/b")))
    airflow = Airflow([{}])
    assert demo.start(airflow, delivery) == set()  # type: ignore[arg-type]
    repeated = Airflow([picture() | {"ingest_deliveries": [("demo__2026-03-01", "failed")]}])
    assert demo.start(repeated, delivery) == {"demo__2026-03-01"}  # type: ignore[arg-type]
    assert [one[1] for one in (*airflow.started, *repeated.started)] == [
        "demo__2026-03-01",
        "demo__2026-03-01__2",
    ]
    conf = {"source": demo_data.SOURCE, "files": ["/a", "/b"], "history": True}
    assert airflow.started[0] == ("ingest_deliveries", "demo__2026-03-01", DAY, conf)


def test_a_dag_that_is_not_found_in_time_is_named() -> None:
    with pytest.raises(StackError, match=r"did not find measure_outcomes within 0 s"):
        demo.wait_for_dags(Airflow([]), seconds=0.0)  # type: ignore[arg-type]


def test_a_dag_file_that_cannot_be_imported_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Airflow, "import_errors", lambda _: ["40_score.py: NameError: nope"])
    with pytest.raises(StackError, match=r"cannot import a DAG file[\s\S]*NameError: nope"):
        demo.wait_for_dags(Airflow([]))  # type: ignore[arg-type]


def test_without_airflow_it_says_how_to_start_it(settings: Settings) -> None:
    with pytest.raises(StackError, match="retention stack up"):
        demo.connect(settings)


class Rehearsal:
    """`demo.run` with everything outside it replaced; notes which days were started."""

    def __init__(self, patch: pytest.MonkeyPatch, published: set[date]) -> None:
        self.started: list[date] = []
        self.closed = 0
        days = [date(2026, 3, number) for number in (1, 2, 3)]
        deliveries = [Delivery(day=day, files=()) for day in days]
        warehouse = SimpleNamespace(close=self._close)
        patch.setattr(local, "up", lambda *_: [])
        patch.setattr(local, "addresses", lambda _: {"airflow_url": "http://here"})
        patch.setattr(address, "complete", lambda settings: settings)
        patch.setattr(address, "warehouse", lambda _: warehouse)
        patch.setattr(demo_data, "prepare", lambda _: deliveries)
        patch.setattr(demo, "connect", lambda _: None)
        patch.setattr(demo, "wait_for_dags", lambda _: None)
        patch.setattr(demo, "start", self._start)
        patch.setattr(demo, "follow", lambda *_: None)
        patch.setattr(demo_report, "published_days", lambda _: published)
        patch.setattr(demo_report, "collect", lambda *_: {"tiers": []})

    def _start(self, _: object, delivery: Delivery) -> set[str]:
        self.started.append(delivery.day)
        return set()

    def _close(self) -> None:
        self.closed += 1


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        yield context


def test_days_that_are_published_are_not_run_again(
    patch: pytest.MonkeyPatch, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsal = Rehearsal(patch, {date(2026, 3, 1), date(2026, 3, 2)})
    outcome = demo.run(settings, show=False)
    assert rehearsal.started == [date(2026, 3, 3)]
    assert rehearsal.closed == 1
    assert outcome["airflow_url"] == "http://here"
    assert "the day 2026-03-03" in outcome["seconds"]
    assert capsys.readouterr().err.count("is published already") == 2


def test_a_first_run_runs_every_day_in_order(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    rehearsal = Rehearsal(patch, set())
    demo.run(settings, show=False)
    assert rehearsal.started == [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]


def test_the_warehouse_is_given_back_when_a_day_fails(
    patch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def fails(*_: object) -> None:
        raise StackError("a task failed")

    rehearsal = Rehearsal(patch, set())
    patch.setattr(demo, "follow", fails)
    with suppress(StackError):
        demo.run(settings, show=False)
    assert rehearsal.started == [date(2026, 3, 1)]
    assert rehearsal.closed == 1
