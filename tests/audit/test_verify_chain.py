"""Whatever is done to the log by somebody with all rights but the key is noticed."""

import json
import random
import shutil
from collections.abc import Callable

import pytest

from retention_ml.audit import head as heads
from retention_ml.audit.verify_chain import verify_chain
from retention_ml.errors import AuditLogBroken
from retention_ml.keys import Keyring
from retention_ml.settings import load
from tests.audit.conftest import ENTRIES, Log

_COLUMNS = (
    "entry_id, recorded_at, event, person, subject, details, database_role, os_user, run_id, "
    "key_version, previous, digest"
)
_VALUES = {
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "event": "event || '.'",
    "person": "CASE WHEN person IS NULL THEN sha256('x') END",
    "subject": "'privacy.people'",
    "details": "details || '{\"rows_count\": 99}'",
    "database_role": "'nobody'",
    "os_user": "'nobody'",
    "run_id": "'other'",
    "previous": "sha256(previous)",
    "digest": "sha256(digest)",
}


def _update(lots: random.Random) -> list[str]:
    column = lots.choice(sorted(_VALUES))
    return [
        f"UPDATE audit.log SET {column} = {_VALUES[column]} "
        f"WHERE entry_id = {lots.randint(1, ENTRIES)}"
    ]


def _delete(lots: random.Random) -> list[str]:
    entry = lots.randint(1, ENTRIES - 1)
    statements = [f"DELETE FROM audit.log WHERE entry_id = {entry}"]
    if lots.random() < 0.5:  # and close the gap
        for later in range(entry + 1, ENTRIES + 1):
            statements.append(
                f"UPDATE audit.log SET entry_id = {later - 1} WHERE entry_id = {later}"
            )
    return statements


def _insert(lots: random.Random) -> list[str]:
    after = lots.randint(0, ENTRIES)
    statements = [
        f"UPDATE audit.log SET entry_id = {later + 1} WHERE entry_id = {later}"
        for later in range(ENTRIES, after, -1)
    ]
    source = lots.choice([place for place in range(1, ENTRIES + 2) if place != after + 1])
    source = min(source, ENTRIES) if after == ENTRIES else source
    statements.append(
        f"INSERT INTO audit.log ({_COLUMNS}) SELECT {after + 1}, recorded_at, event, person, "
        f"subject, details, database_role, os_user, run_id, key_version, sha256(digest), digest "
        f"FROM audit.log WHERE entry_id = {source}"
    )
    return statements


def _cut(lots: random.Random) -> list[str]:
    return [f"DELETE FROM audit.log WHERE entry_id > {lots.randint(0, ENTRIES - 1)}"]


def _swap(lots: random.Random) -> list[str]:
    one, other = lots.sample(range(1, ENTRIES + 1), 2)
    return [
        f"UPDATE audit.log SET entry_id = 1000 WHERE entry_id = {one}",
        f"UPDATE audit.log SET entry_id = {one} WHERE entry_id = {other}",
        f"UPDATE audit.log SET entry_id = {other} WHERE entry_id = 1000",
    ]


TAMPERINGS: tuple[Callable[[random.Random], list[str]], ...] = (
    _update,
    _delete,
    _insert,
    _cut,
    _swap,
)


@pytest.mark.fault(
    "somebody with all rights but the key changes, deletes, adds, cuts off or swaps entries of the audit log",
    promises="P7",
    row=42,
)
def test_every_one_of_a_hundred_tamperings_is_noticed_and_the_untouched_log_never(
    log: Log,
) -> None:
    with log.warehouse.transaction() as transaction:
        transaction.execute("CREATE TABLE public.genuine AS SELECT * FROM audit.log")
    noticed = 0
    for number in range(100):
        verify_chain(log.warehouse, settings=log.settings)
        log.tamper(*TAMPERINGS[number % len(TAMPERINGS)](random.Random(number)))
        with pytest.raises(AuditLogBroken, match="not what was written"):
            verify_chain(log.warehouse, settings=log.settings)
        noticed += 1
        log.tamper("DELETE FROM audit.log", "INSERT INTO audit.log SELECT * FROM public.genuine")
    assert noticed == 100
    assert verify_chain(log.warehouse, settings=log.settings).details["faults"] == []
    with log.warehouse.transaction() as transaction:
        [[stored]] = transaction.execute(
            "SELECT count(*) FROM ops.receipts WHERE door = 'verify_chain' "
            "AND jsonb_array_length(details -> 'faults') > 0"
        )
    assert stored == 100


def test_links_alone_would_not_notice_a_change(log: Log) -> None:
    """The naive check: each entry names the digest of the one before it."""
    log.tamper("UPDATE audit.log SET os_user = 'nobody' WHERE entry_id = 5")
    with log.warehouse.transaction() as transaction:
        [[broken]] = transaction.execute(
            "SELECT count(*) FROM (SELECT previous <> lag(digest) OVER (ORDER BY entry_id) AS bad "
            "FROM audit.log) AS link WHERE bad"
        )
    assert broken == 0
    with pytest.raises(AuditLogBroken, match="entry 5 is not what was written"):
        verify_chain(log.warehouse, settings=log.settings)


def test_each_fault_is_named(log: Log) -> None:
    log.tamper(
        "UPDATE audit.log SET event = 'x' WHERE entry_id = 2",
        "DELETE FROM audit.log WHERE entry_id IN (5, 6)",
        "DELETE FROM audit.log WHERE entry_id > 10",
    )
    with pytest.raises(AuditLogBroken) as raised:
        verify_chain(log.warehouse, settings=log.settings)
    assert (
        "entry 2 is not what was written; entries 5 to 6 are missing; entries 11 to 12 were cut off"
        in str(raised.value)
    )


def test_an_entry_made_with_another_key_is_noticed(log: Log) -> None:
    other = load({"RETENTION_HOME": str(log.settings.home.with_name("other"))})
    Keyring.of(other)
    shutil.copytree(log.settings.home / "audit", other.home / "audit")
    with pytest.raises(AuditLogBroken, match="entry 1 is not what was written"):
        verify_chain(log.warehouse, settings=other)


@pytest.mark.parametrize("edit", ["entry_id", "digest", "key_version", "signature", "format"])
def test_a_head_that_was_edited_is_noticed(log: Log, edit: str) -> None:
    path = heads.path_of(log.settings, log.warehouse)
    content = json.loads(path.read_text())
    content[edit] = {"entry_id": 11, "key_version": 1.5, "format": 2}.get(edit, "00" * 32)
    path.write_text(json.dumps(content))
    with pytest.raises(AuditLogBroken, match=r"\.json is not what was written"):
        verify_chain(log.warehouse, settings=log.settings)


def test_an_older_head_put_back_is_noticed(log: Log) -> None:
    older = heads.path_of(log.settings, log.warehouse).read_bytes()
    log.add(3)
    heads.path_of(log.settings, log.warehouse).write_bytes(older)
    with pytest.raises(AuditLogBroken, match="entries 13 to 15 were put in at its end"):
        verify_chain(log.warehouse, settings=log.settings)


def test_an_empty_log_is_whole(log: Log) -> None:
    log.tamper("DELETE FROM audit.log")
    with pytest.raises(AuditLogBroken, match="entries 1 to 12 were cut off"):
        verify_chain(log.warehouse, settings=log.settings)
    heads.path_of(log.settings, log.warehouse).unlink()
    assert verify_chain(log.warehouse, settings=log.settings).details["last_entry_id"] == 0
