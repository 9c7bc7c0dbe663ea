"""Files for a CRM: named by day and number, complete with their manifest, equal when written again."""

import csv
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml.actions.outbox.channels import delta as delta_module
from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.errors import ChannelError
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outbox import DAY, NOON, channel_settings, put, row

PAYLOAD = {
    "subject": 'Say "hi", Ann',
    "coupon_code": "A-1",
    "variables": {"tier": "high", "reason": None, "products": [{"name": "Té"}]},
}


def _send(warehouse: Warehouse, settings: Settings, minutes: float = 0, **changes: Any) -> Receipt:
    return dispatch(
        warehouse,
        settings=channel_settings(settings, **changes),
        now=lambda: NOON + timedelta(minutes=minutes),
    )


def _put(warehouse: Warehouse, *customers: str, **changes: Any) -> None:
    changes = {"payload": PAYLOAD, **changes}
    put(warehouse, [row(name, "file", **changes) for name in customers])


def _states(warehouse: Warehouse) -> dict[str, str]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute("SELECT customer_id, state FROM actions.outbox")
    return {each.customer_id: each.state for each in rows}


def _folder(settings: Settings) -> Path:
    return settings.home / "outbox"


def _names(settings: Settings) -> list[str]:
    return sorted(path.name for path in _folder(settings).iterdir())


def test_messages_become_a_file_with_a_manifest(warehouse: Warehouse, settings: Settings) -> None:
    _put(warehouse, "ann", "bob\n", "=cmd")
    receipt = _send(warehouse, settings)
    assert (receipt.read, receipt.written) == (3, 3)
    assert _names(settings) == ["contacts_2026-03-01_0001.csv", "contacts_2026-03-01_0001.json"]
    content = (_folder(settings) / "contacts_2026-03-01_0001.csv").read_bytes()
    rows = list(csv.DictReader(content.decode().splitlines(keepends=True)))
    assert {each["customer_id"] for each in rows} == {"ann", "bob\n", "=cmd"}
    first = next(each for each in rows if each["customer_id"] == "ann")
    assert first == {
        "message_id": row("ann").message_id,
        "as_of": "2026-03-01",
        "customer_id": "ann",
        "action_id": "come_back",
        "address": "ann@shop.example",
        "coupon_code": "A-1",
        "products": '[{"name": "Té"}]',
        "reason": "",
        "subject": 'Say "hi", Ann',
        "tier": "high",
    }
    manifest = json.loads((_folder(settings) / "contacts_2026-03-01_0001.json").read_text("utf-8"))
    assert manifest == {
        "file": "contacts_2026-03-01_0001.csv",
        "as_of": "2026-03-01",
        "sequence": 1,
        "rows": 3,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_each_message_is_in_one_file_and_files_are_numbered_by_day(
    warehouse: Warehouse, settings: Settings
) -> None:
    _put(warehouse, *(f"c{number}" for number in range(5)))
    _put(warehouse, "old", as_of=DAY - timedelta(days=1))
    _send(warehouse, settings, rows_max=4)
    _put(warehouse, "late")
    _send(warehouse, settings)
    names = [name for name in _names(settings) if name.endswith(".csv")]
    customers = [
        each["customer_id"]
        for name in names
        for each in csv.DictReader((_folder(settings) / name).read_text("utf-8").splitlines())
    ]
    assert sorted(customers) == ["c0", "c1", "c2", "c3", "c4", "late", "old"]
    assert "contacts_2026-02-28_0001.csv" in names
    assert {name for name in names if "03-01" in name} >= {
        "contacts_2026-03-01_0001.csv",
        "contacts_2026-03-01_0002.csv",
    }
    assert set(_states(warehouse).values()) == {"sent"}


@pytest.mark.parametrize("place", ["before the file", "before the manifest"])
def test_a_file_that_was_begun_is_written_again_byte_for_byte(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    _put(warehouse, "ann", "bob")
    whole = delta_module.atomic_files.write_durable
    written: list[str] = []

    def failing(path: Path, content: bytes) -> None:
        if place == "before the file" or path.suffix == ".json":
            raise OSError(28, "No space left on device", str(path))
        whole(path, content)
        written.append(hashlib.sha256(content).hexdigest())

    monkeypatch.setattr(delta_module.atomic_files, "write_durable", _for_files(failing))
    with pytest.raises(ChannelError, match="The disk is full"):
        _send(warehouse, settings)
    assert set(_states(warehouse).values()) == {"sending"}
    monkeypatch.undo()
    _put(warehouse, "carl")
    _send(warehouse, settings)  # the lease of the first has not ended
    assert _states(warehouse) == {"ann": "sending", "bob": "sending", "carl": "sent"}
    _send(warehouse, settings, minutes=2)
    assert set(_states(warehouse).values()) == {"sent"}
    content = (_folder(settings) / "contacts_2026-03-01_0001.csv").read_bytes()
    assert written in ([], [hashlib.sha256(content).hexdigest()])
    with warehouse.transaction() as transaction:
        [first] = transaction.execute("SELECT sha256 FROM actions.deltas WHERE sequence = 1")
        tries = transaction.execute("SELECT result FROM actions.attempts")
    assert first.sha256 == hashlib.sha256(content).hexdigest()
    assert [each.result for each in tries] == ["sent"] * 3
    assert len(_names(settings)) == 4


@pytest.mark.parametrize("reached", ["nothing", "the file"])
def test_a_file_that_was_begun_is_not_written_too_late_and_its_messages_are_named(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch, reached: str
) -> None:
    _put(warehouse, "ann", "bob")
    whole = delta_module.atomic_files.write_durable

    def failing(path: Path, content: bytes) -> None:
        if reached == "nothing" or path.suffix == ".json":
            _no_room(path, content)
        whole(path, content)

    monkeypatch.setattr(delta_module.atomic_files, "write_durable", _for_files(failing))
    with pytest.raises(ChannelError):
        _send(warehouse, settings)
    monkeypatch.undo()
    receipt = _send(warehouse, settings, minutes=25 * 60)
    assert (receipt.written, receipt.details["unknown"]) == (0, 2)
    assert _states(warehouse) == {"ann": "unknown", "bob": "unknown"}
    assert not list(settings.home.glob("outbox/*.json"))
    assert _send(warehouse, settings, minutes=26 * 60).read == 0
    with warehouse.transaction() as transaction:
        tries = transaction.execute("SELECT result, code FROM actions.attempts")
    assert [tuple(each) for each in tries] == [("unknown", "worker_lost")] * 2


def test_what_was_claimed_and_not_begun_is_given_back_when_a_file_cannot_be_written(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(warehouse, "ann")
    _put(warehouse, "old", as_of=DAY - timedelta(days=1))
    monkeypatch.setattr(delta_module.atomic_files, "write_durable", _for_files(_no_room))
    with pytest.raises(ChannelError):
        _send(warehouse, settings)
    monkeypatch.undo()
    assert _states(warehouse) == {"ann": "pending", "old": "sending"}
    _send(warehouse, settings)
    assert _states(warehouse) == {"ann": "sent", "old": "sending"}


def test_a_file_whose_messages_were_changed_is_not_written_again(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(warehouse, "ann")
    monkeypatch.setattr(delta_module.atomic_files, "write_durable", _for_files(_no_room))
    with pytest.raises(ChannelError):
        _send(warehouse, settings)
    monkeypatch.undo()
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE actions.outbox SET address = 'eve@shop.example'")
    with pytest.raises(ChannelError, match="would not be what it was"):
        _send(warehouse, settings, minutes=2)


def _for_files(write: Callable[[Path, bytes], None]) -> Callable[..., None]:
    """Writes the files of the channel another way; keys and the audit log as ever."""
    as_ever = delta_module.atomic_files.write_durable

    def chosen(path: Path, content: bytes, **how: Any) -> None:
        if path.name == "keys.json" or "audit" in path.parts:
            as_ever(path, content, **how)
        else:
            write(path, content)

    return chosen


def _no_room(path: Path, content: bytes) -> None:
    raise OSError(28, "No space left on device", str(path))
