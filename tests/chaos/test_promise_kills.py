"""kill -9 while consent is written down and while what was kept long enough is deleted."""

import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retention_ml import clock
from retention_ml.audit.verify_chain import verify_chain
from retention_ml.maintenance.erasure.hold import end_holds, hold
from retention_ml.maintenance.expire import expire
from retention_ml.people.consents import Purpose, Statement
from retention_ml.people.holds import held_customers
from retention_ml.people.record_consent import record_consent
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill


def _record(url: str, settings: dict[str, Any]) -> None:
    os.environ["RETENTION_FAILPOINT"] = "record_consent.before_commit"
    _write(Warehouse(url), Settings(**settings))


def _write(warehouse: Warehouse, settings: Settings) -> int:
    refusal = Statement(
        customer_id="c1",
        purpose=Purpose.PROFILING,
        is_given=False,
        event_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return record_consent(warehouse, [refusal], settings=settings, by="test").written


def _expire(url: str, settings: dict[str, Any]) -> None:
    os.environ["RETENTION_FAILPOINT"] = "expire.before_commit"
    expire(Warehouse(url), settings=Settings(**settings))


def _kill(door: Any, warehouse: Warehouse, settings: Settings) -> None:
    process = multiprocessing.get_context("forkserver").Process(
        target=door, args=(warehouse.url, settings.model_dump())
    )
    process.start()
    process.join(60)
    assert process.exitcode == -9


@pytest.mark.fault("kill -9 while consent is written down", promises="P8")
def test_killed_while_consent_is_written_nothing_is_and_a_retry_writes_it(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "customers", [{"customer_id": "c1"}])
    _kill(_record, warehouse, settings)
    with warehouse.transaction() as transaction:
        assert transaction.execute("SELECT 1 FROM privacy.consents") == []
    assert _write(warehouse, settings) == 1
    assert verify_chain(warehouse, settings=settings).details["last_entry_id"] == 2


@pytest.mark.fault("kill -9 while what was kept long enough is deleted", promises="P1")
def test_killed_while_old_rows_are_deleted_they_are_there_and_a_retry_deletes_them(
    warehouse: Warehouse, settings: Settings
) -> None:
    old = clock.now() - timedelta(days=400)
    calls = "SELECT count(*) FROM ops.assistant_calls"
    with warehouse.transaction() as transaction:
        transaction.execute(
            "SELECT ops.record_assistant_call(:old, 'p', 'stdio', NULL, 'r', 'answered', "
            "'{}', 0, false, NULL, NULL, 0)",
            old=old,
        )
    only_calls = settings.model_copy(
        update={
            "privacy": settings.privacy.model_copy(
                update={"quarantine_days": 0, "messages_days": 0}
            )
        }
    )
    _kill(_expire, warehouse, only_calls)
    with warehouse.transaction() as transaction:
        assert transaction.execute(calls)[0][0] == 1
    assert expire(warehouse, settings=only_calls).written == 1
    assert verify_chain(warehouse, settings=settings).details["faults"] == []


def _hold(url: str, settings: dict[str, Any]) -> None:
    os.environ["RETENTION_FAILPOINT"] = "hold.before_commit"
    _keep(Warehouse(url), Settings(**settings), days=1)


def _keep(warehouse: Warehouse, settings: Settings, *, days: int) -> int:
    until = (clock.now() + timedelta(days=days)).date()
    return hold(
        warehouse, settings=settings, numbers=["c1"], until=until, reason="lawsuit", by="test"
    ).written


def _end(url: str, settings: dict[str, Any]) -> None:
    os.environ["RETENTION_FAILPOINT"] = "end_holds.after_tombstones"
    end_holds(Warehouse(url), settings=Settings(**settings))


@pytest.mark.fault("kill -9 while a person is put on legal hold", promises="P8")
def test_killed_while_a_person_is_held_they_are_not_and_a_retry_holds_them(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "customers", [{"customer_id": "c1"}])
    _kill(_hold, warehouse, settings)
    assert len(held_customers(warehouse)) == 0
    assert _keep(warehouse, settings, days=1) == 1
    assert verify_chain(warehouse, settings=settings).details["faults"] == []


@pytest.mark.fault("kill -9 when a legal hold is over", promises="P1")
def test_killed_when_a_hold_is_over_the_next_night_forgets_them(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "customers", [{"customer_id": "c1"}, {"customer_id": "c2"}])
    _keep(warehouse, settings, days=1)
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE privacy.holds SET hold_until = '2026-01-01'")
    _kill(_end, warehouse, settings)
    assert len(held_customers(warehouse)) == 1, "begun, and nothing is erased yet"
    assert end_holds(warehouse, settings=settings).written == 1
    assert len(held_customers(warehouse)) == 0
    left = warehouse.read("SELECT customer_id FROM curated.customers")
    assert left["customer_id"].to_pylist() == ["c2"]
    assert end_holds(warehouse, settings=settings).written == 0
