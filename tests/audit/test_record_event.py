"""Entries are written in turn, hold nobody's number, and never twice or not at all."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from retention_ml.audit import head as heads
from retention_ml.audit.anchor import anchor
from retention_ml.audit.entries import Event
from retention_ml.audit.read_log import newest_entries
from retention_ml.audit.record_event import record_event
from retention_ml.audit.verify_chain import verify_chain
from retention_ml.errors import AuditLogBroken, SettingsError, UsageError, WarehouseError
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.audit.conftest import ENTRIES, Log, write


def test_an_entry_says_what_happened_and_holds_no_number(log: Log) -> None:
    entries = newest_entries(log.warehouse, log.settings, limit=100)
    assert entries == list(reversed(log.entries))
    assert [entry.entry_id for entry in entries] == list(range(ENTRIES, 0, -1))
    with log.warehouse.transaction() as transaction:
        text = str(transaction.execute("SELECT log::text FROM audit.log AS log"))
    assert "C11" not in text
    assert "customer_explained" in text


def test_entries_about_a_customer_are_found_by_them_also_after_the_key_changed(log: Log) -> None:
    from retention_ml.keys import Keyring

    Keyring.of(log.settings).rotate("audit")
    log.add(4)
    about = newest_entries(log.warehouse, log.settings, limit=100, customer_id="C3")
    assert [entry.key_version for entry in about] == [2, 1]
    assert newest_entries(log.warehouse, log.settings, limit=100, customer_id="C99") == []
    assert verify_chain(log.warehouse, settings=log.settings).details["last_entry_id"] == 16


def test_writers_at_once_make_one_chain(warehouse: Warehouse, settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(write, Warehouse(warehouse.url), settings, 5) for _ in range(4)]:
            done.result()
    receipt = verify_chain(warehouse, settings=settings)
    assert receipt.details == {"last_entry_id": 20, "pending_count": 0, "faults": []}


def test_no_entry_is_changed_or_deleted_by_accident(log: Log) -> None:
    for statement in (
        "UPDATE audit.log SET event = 'x'",
        "DELETE FROM audit.log",
        "TRUNCATE audit.log",
    ):
        with (
            pytest.raises(WarehouseError, match="only added to"),
            log.warehouse.transaction() as transaction,
        ):
            transaction.execute(statement)
    verify_chain(log.warehouse, settings=log.settings)


def test_nothing_is_written_after_a_cut_until_somebody_says_why(log: Log) -> None:
    log.tamper("DELETE FROM audit.log WHERE entry_id > 9")
    with pytest.raises(AuditLogBroken, match="ends with entry 9, but its head in the home says 12"):
        log.add()
    with pytest.raises(UsageError, match="for a reason"):
        anchor(log.warehouse, settings=log.settings, reason=" ")
    receipt = anchor(log.warehouse, settings=log.settings, reason="a disk was lost")
    assert receipt.details == {"entry_id": 10, "expected_entry_id": 12}
    log.add()
    verify_chain(log.warehouse, settings=log.settings)
    anchored = newest_entries(log.warehouse, log.settings, limit=2)[1]
    assert anchored.event == Event.ANCHORED
    assert anchored.details == {
        "reason": "a disk was lost",
        "expected_entry_id": 12,
        "faults_count": 0,
    }


def test_without_its_end_in_the_home_nothing_is_written(log: Log) -> None:
    heads.path_of(log.settings, log.warehouse).unlink()
    with pytest.raises(AuditLogBroken, match=r"has 12 entries, but .*\.json"):
        log.add()


def test_without_the_keys_nothing_is_written_and_none_are_made(log: Log) -> None:
    keys = log.settings.home / "keys.json"
    keys.unlink()
    with pytest.raises(SettingsError, match="There are no keys"):
        record_event(
            log.warehouse, Event.NUMBERS_OPENED, settings=log.settings, subject="privacy.people"
        )
    assert not keys.exists()
