"""kill -9 while consent is written down and while what was kept long enough is deleted."""

import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from retention_ml import clock
from retention_ml.audit.verify_chain import verify_chain
from retention_ml.maintenance.expire import expire
from retention_ml.people.consents import Purpose, Statement
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


def test_killed_while_consent_is_written_nothing_is_and_a_retry_writes_it(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "customers", [{"customer_id": "c1"}])
    _kill(_record, warehouse, settings)
    with warehouse.transaction() as transaction:
        assert transaction.execute("SELECT 1 FROM privacy.consents") == []
    assert _write(warehouse, settings) == 1
    assert verify_chain(warehouse, settings=settings).details["last_entry_id"] == 2


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
