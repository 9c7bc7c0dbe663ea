"""kill -9 of whoever writes into the audit log, alone and beside others."""

import multiprocessing
import os
import random
import time
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from retention_ml.audit import head as heads
from retention_ml.audit.entries import Event
from retention_ml.audit.read_log import newest_entries
from retention_ml.audit.record_event import record_event
from retention_ml.audit.verify_chain import verify_chain
from retention_ml.errors import AuditLogBroken
from retention_ml.failpoints import FAILPOINTS
from retention_ml.keys import Keyring
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count

PLACES = [name for name in FAILPOINTS if name.startswith("record_event.")]
WRITERS = 3


def _record(warehouse: Warehouse, settings: Settings, run_id: str) -> None:
    record_event(
        warehouse,
        Event.NUMBERS_OPENED,
        settings=settings.model_copy(update={"run_id": run_id}),
        subject="privacy.people",
    )


def _write_once(url: str, settings: dict[str, Any], failpoint: str) -> None:
    """One entry by a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    _record(Warehouse(url), Settings(**settings), "killed")


def _write_for_ever(url: str, settings: dict[str, Any]) -> None:
    warehouse, loaded = Warehouse(url), Settings(**settings)
    while True:
        _record(warehouse, loaded, "many")


def _started(target: Any, *arguments: Any) -> BaseProcess:
    process = multiprocessing.get_context("forkserver").Process(target=target, args=arguments)
    process.start()
    return process


@pytest.mark.fault("kill -9 while an entry of the audit log is written", promises="P7")
@pytest.mark.parametrize("place", PLACES)
def test_killed_while_an_entry_is_written_it_is_there_once_after_the_next(
    warehouse: Warehouse, settings: Settings, place: str
) -> None:
    assert len(PLACES) == 3
    _record(warehouse, settings, "before")
    process = _started(_write_once, warehouse.url, settings.model_dump(), place)
    process.join(60)
    assert process.exitcode == -9
    pending = verify_chain(warehouse, settings=settings).details["pending_count"]
    assert pending == int(place != "record_event.after_commit")
    _record(warehouse, settings, "after")
    assert verify_chain(warehouse, settings=settings).details["last_entry_id"] == 3
    entries = newest_entries(warehouse, settings, limit=9)
    assert [entry.run_id for entry in entries] == ["after", "killed", "before"]


@pytest.mark.fault(
    "kill -9 of writers of the audit log at random, beside others",
    promises="P7",
    counted="kills of writers of the audit log",
)
def test_killed_at_random_among_others_the_chain_is_one_and_whole(
    warehouse: Warehouse, settings: Settings
) -> None:
    lots = random.Random(8)
    Keyring.of(settings)
    writers = [
        _started(_write_for_ever, warehouse.url, settings.model_dump()) for _ in range(WRITERS)
    ]
    try:
        written, kills = 0, count("kills of writers of the audit log")
        for _ in range(kills):
            before, deadline = written, time.monotonic() + 60
            while written < before + WRITERS and time.monotonic() < deadline:
                time.sleep(lots.uniform(0, 0.05))
                written = _entries_count(warehouse)
            assert written > before
            place = lots.randrange(WRITERS)
            writers[place].kill()
            writers[place].join(60)
            written = int(verify_chain(warehouse, settings=settings).details["last_entry_id"])
            writers[place] = _started(_write_for_ever, warehouse.url, settings.model_dump())
    finally:
        for writer in writers:
            writer.kill()
            writer.join(60)
    _record(warehouse, settings, "last")
    receipt = verify_chain(warehouse, settings=settings)
    assert receipt.details["faults"] == []
    assert receipt.details["last_entry_id"] > kills


def _entries_count(warehouse: Warehouse) -> int:
    with warehouse.transaction() as transaction:
        [[entries_count]] = transaction.execute("SELECT count(*) FROM audit.log")
    return int(entries_count)


def test_a_head_that_is_written_after_the_row_only_would_miss_a_cut(
    warehouse: Warehouse, settings: Settings
) -> None:
    """The naive order: row, then head. After a kill between them the last row is cut unnoticed."""
    _record(warehouse, settings, "before")
    naive = heads.path_of(settings, warehouse).read_bytes()
    process = _started(
        _write_once, warehouse.url, settings.model_dump(), "record_event.after_commit"
    )
    process.join(60)

    def cut() -> None:
        with warehouse.transaction() as transaction:
            transaction.execute("SET LOCAL session_replication_role = replica")
            transaction.execute("DELETE FROM audit.log WHERE entry_id = 2")

    with_pending = heads.path_of(settings, warehouse).read_bytes()
    heads.path_of(settings, warehouse).write_bytes(naive)
    cut()
    verify_chain(warehouse, settings=settings)  # the entry is gone, and nobody knows
    heads.path_of(settings, warehouse).write_bytes(with_pending)
    assert verify_chain(warehouse, settings=settings).details["pending_count"] == 1
    _record(warehouse, settings, "after")
    entries = newest_entries(warehouse, settings, limit=9)
    assert [entry.run_id for entry in entries] == ["after", "killed", "before"]
    cut()
    with pytest.raises(AuditLogBroken, match="entry 2 is missing"):
        verify_chain(warehouse, settings=settings)
