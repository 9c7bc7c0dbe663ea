"""A key gets a new version or loses an old one; the receipt says which, and never a key."""

import base64
import json

import pytest

from retention_ml.errors import UsageError
from retention_ml.keys import PURPOSES, Keyring
from retention_ml.maintenance.change_keys import change_keys
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def test_a_key_is_rotated_and_its_old_version_destroyed(
    warehouse: Warehouse, settings: Settings
) -> None:
    rotated = change_keys(warehouse, settings=settings, purpose="archive")
    assert rotated.details["versions"] == [1, 2]
    assert rotated.sentence.startswith("The key for archive has the new version 2.")
    dropped = change_keys(warehouse, settings=settings, purpose="archive", drop=1)
    assert dropped.details["versions"] == [2]
    ring = Keyring.of(settings)
    assert ring.versions("archive") == (2,)
    with warehouse.transaction() as transaction:
        rows = transaction.execute("SELECT details::text FROM ops.receipts ORDER BY finished_at")
    stored = " ".join(str(row[0]) for row in rows)
    assert stored.count(ring.id) == 2
    for purpose in PURPOSES:
        secret = ring.current(purpose).secret
        assert base64.b64encode(secret).decode() not in stored
        assert json.dumps(secret.hex()) not in stored


@pytest.mark.parametrize(
    ("purpose", "drop", "words"),
    [
        ("archives", None, r"'archives' is no purpose of a key; expected pseudonym, .*, audit\."),
        ("pseudonym", None, "cannot be rotated"),
        ("archive", 1, "cannot be dropped; those that can are none"),
        ("archive", 7, "cannot be dropped"),
    ],
)
def test_what_may_not_change_stays_and_nothing_is_recorded(
    warehouse: Warehouse, settings: Settings, purpose: str, drop: int | None, words: str
) -> None:
    before = Keyring.of(settings)
    with pytest.raises(UsageError, match=words):
        change_keys(warehouse, settings=settings, purpose=purpose, drop=drop)
    assert {p: Keyring.of(settings).versions(p) for p in PURPOSES} == {
        p: before.versions(p) for p in PURPOSES
    }
    assert warehouse.read("SELECT count(*) AS n FROM ops.receipts")["n"].to_pylist() == [0]
