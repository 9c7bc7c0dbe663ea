"""`tell_warnings`: one message an hour, by the channels of alerts."""

import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from retention_ml import clock
from tests.dags.conftest import DAGS


@pytest.fixture(scope="module")
def load_dag_file() -> Callable[[], ModuleType]:
    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location("tell_file", DAGS / "77_tell_warnings.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.parametrize(
    ("is_enabled", "is_wanted", "timetable"),
    [
        ("true", "true", "CronPartitionTimetable"),
        ("true", "false", "NoneType"),
        ("false", "true", "NoneType"),
    ],
)
def test_it_has_a_schedule_only_while_events_are_taken_in_and_a_digest_is_wanted(
    load_dag_file: Callable[[], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    is_enabled: str,
    is_wanted: str,
    timetable: str,
) -> None:
    monkeypatch.setenv("RETENTION_LIVE__ENABLED", is_enabled)
    monkeypatch.setenv("RETENTION_LIVE__HOURLY_DIGEST", is_wanted)
    assert type(load_dag_file().tell_warnings().schedule).__name__ == timetable


def test_what_is_counted_is_sent_as_an_alert(
    load_dag_file: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load_dag_file()
    called, sent = list[str](), list[Any]()

    def call(door: Any, **arguments: Any) -> dict[str, Any]:
        called.append(door.__name__)
        return {"as_of": str(arguments["as_of"]), "alerts": ["an alert"]}

    monkeypatch.setattr(module.doors, "call", call)
    monkeypatch.setattr(module, "as_of", lambda: clock.now().date())
    monkeypatch.setattr(module.alerts, "send_alerts", lambda *each: sent.append(each))
    dag = module.tell_warnings()
    summary = dag.get_task("count").python_callable()
    dag.get_task("alert").python_callable(summary)
    assert called == ["tell_warnings"]
    assert sent == [(["an alert"], summary["as_of"])]
