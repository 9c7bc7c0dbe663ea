"""`dispatch_messages`: what could not be sent at once goes without waiting for tomorrow."""

import importlib.util
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from retention_airflow import doors, waiting

from retention_ml import clock
from retention_ml.actions.outbox.switches import switch
from retention_ml.settings import Settings
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse
from tests.dags.conftest import DAGS
from tests.worlds.outbox import channel_settings, put, row
from tests.worlds.receivers import MailServer, mail_server

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def running() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def server(running: MailServer) -> MailServer:
    running.mails.clear()
    return running


@pytest.fixture
def house(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings], Warehouse]:
    """Tasks see this warehouse and these settings."""
    from retention_ml.stack import address

    def set_up(settings: Settings) -> Warehouse:
        monkeypatch.setattr(address, "warehouse", lambda _: warehouse)
        monkeypatch.setattr(doors, "settings", lambda: settings)
        return warehouse

    return set_up


def _put(warehouse: Warehouse, *customers: str, channel: str = "email") -> None:
    now = clock.now()
    times = {"not_before": now - HOUR, "expires_at": now + HOUR}
    put(warehouse, [row(customer, channel, **times) for customer in customers])


def _states(warehouse: Warehouse) -> list[str]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute("SELECT state FROM actions.outbox ORDER BY customer_id")
    return [each.state for each in rows]


def test_where_actions_are_off_or_nothing_waits_the_run_is_skipped(
    house: Callable[[Settings], Warehouse], settings: Settings
) -> None:
    _put(house(settings), "ann")
    with pytest.raises(AirflowSkipException, match="enabled is false"):
        waiting.send_due()


def test_where_nothing_waits_the_run_is_skipped_and_leaves_no_receipt(
    house: Callable[[Settings], Warehouse], settings: Settings
) -> None:
    warehouse = house(channel_settings(settings))
    with pytest.raises(AirflowSkipException, match="No message waits"):
        waiting.send_due()
    with warehouse.transaction() as transaction:
        assert transaction.execute("SELECT * FROM ops.receipts WHERE door = 'dispatch'") == []


def test_a_channel_that_is_down_fails_no_run_and_the_next_one_sends(
    house: Callable[[Settings], Warehouse], settings: Settings, server: MailServer
) -> None:
    down = channel_settings(settings, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    warehouse = house(down)
    _put(warehouse, "ann", "bob")
    assert waiting.send_due() == {"waiting": ["email"]}
    house(channel_settings(settings, smtp_url=server.url))
    assert waiting.send_due() == {"waiting": []}
    assert _states(warehouse) == ["sent", "sent"]


def test_a_stop_that_is_lifted_at_noon_lets_messages_go_at_noon(
    house: Callable[[Settings], Warehouse], settings: Settings, server: MailServer
) -> None:
    warehouse = house(channel_settings(settings, smtp_url=server.url))
    _put(warehouse, "ann")
    switch(warehouse, channel="email", is_stopped=True, who="kim", why="x", run_id="r")
    assert waiting.send_due() == {"waiting": ["email"]}
    assert server.mails == []
    switch(warehouse, channel="email", is_stopped=False, who="kim", why="y", run_id="r")
    assert waiting.send_due() == {"waiting": []}
    assert len(server.mails) == 1


def test_what_a_quota_put_off_waits_for_the_next_run(
    house: Callable[[Settings], Warehouse], settings: Settings, server: MailServer
) -> None:
    warehouse = house(channel_settings(settings, smtp_url=server.url, per_hour=1))
    _put(warehouse, "ann", "bob")
    assert waiting.send_due() == waiting.send_due() == {"waiting": ["email"]}
    assert len(server.mails) == 1
    with warehouse.transaction() as transaction:  # an hour later
        transaction.execute("UPDATE actions.attempts SET started_at = started_at - interval '1 h'")
    assert waiting.send_due() == {"waiting": []}
    assert len(server.mails) == 2


@pytest.fixture(scope="module")
def load_dag_file() -> Callable[[], ModuleType]:
    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location(
            "dispatch_file", DAGS / "75_dispatch_messages.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.parametrize(
    ("is_enabled", "timetable"), [("true", "CronPartitionTimetable"), ("false", "NoneType")]
)
def test_it_has_a_schedule_only_while_actions_are_enabled(
    load_dag_file: Callable[[], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    is_enabled: str,
    timetable: str,
) -> None:
    monkeypatch.setenv("RETENTION_ACTIONS__ENABLED", is_enabled)
    dag = load_dag_file().dispatch_messages()
    assert type(dag.schedule).__name__ == timetable
    assert dag.max_active_runs == 1


def test_contacts_are_delivered_once_nothing_waits_and_what_is_noticed_is_told(
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
    dag = module.dispatch_messages()
    assert dag.get_task("dispatch").downstream_task_ids == {"deliver", "watch"}
    with pytest.raises(AirflowSkipException):
        dag.get_task("deliver").python_callable({"waiting": ["email"]})
    dag.get_task("deliver").python_callable({"waiting": []})
    watched = dag.get_task("watch").python_callable()
    dag.get_task("alert").python_callable(watched)
    assert called == ["deliver", "watch_actions"]
    assert sent == [(["an alert"], watched["as_of"])]
