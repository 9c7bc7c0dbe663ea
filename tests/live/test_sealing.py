"""A record in the log is opened by the keys of the warehouse, as the event that it was sealed for."""

from pathlib import Path

import pytest

from retention_ml.errors import SettingsError
from retention_ml.keys import Keyring
from retention_ml.live.sealing import Seals
from retention_ml.settings import Settings, load


def test_it_is_opened_after_a_rotation_and_by_nobody_else(
    settings: Settings, tmp_path: Path
) -> None:
    ring = Keyring.of(settings)
    seals = Seals(ring)
    key = seals.digest("key", "click-1")
    sealed = seals.seal('{"customer":"c1"}', key)
    assert b"c1" not in sealed
    ring.rotate("archive")
    ring.rotate("lookup")
    again = Seals(Keyring.of(settings))
    assert again.digest("key", "click-1") == key
    assert again.unseal(sealed, key) == '{"customer":"c1"}'
    other = Seals(Keyring.of(load({"RETENTION_HOME": str(tmp_path / "other")})))
    assert other.digest("key", "click-1") != key
    for opener, place in ((other, key), (again, seals.digest("key", "click-2"))):
        with pytest.raises(SettingsError, match="cannot be opened"):
            opener.unseal(sealed, place)
