"""Keys are made once, read by their owner alone, and missing or foreign ones stop with a sentence."""

import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from retention_ml import keys
from retention_ml.errors import SettingsError, UsageError
from retention_ml.keys import PURPOSES, Keyring
from retention_ml.settings import Settings


def _settings(home: Path, stated: str | None = None) -> Settings:
    return Settings(home=home, privacy_keys=stated)


def _file(home: Path) -> Path:
    return home / "keys.json"


def test_keys_are_made_once_and_are_the_same_for_whoever_reads_them_later(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "home")
    first, second = Keyring.of(settings), Keyring.of(settings, may_create=False)
    assert first.id == second.id
    secrets = {first.current(purpose).secret for purpose in PURPOSES}
    assert secrets == {second.of_version(purpose, 1).secret for purpose in PURPOSES}
    assert len(secrets) == len(PURPOSES)
    assert {len(secret) for secret in secrets} == {32}
    assert Keyring.of(_settings(tmp_path / "other")).current("audit") != first.current("audit")


def test_the_file_and_its_folder_are_the_owners_alone(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        Keyring.of(_settings(tmp_path / "home"))
    finally:
        os.umask(umask)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "home", *(tmp_path / "home").iterdir())
    }
    assert modes == {"home": 0o700, "keys.json": 0o600, ".keys.json.lock": 0o600}


def test_processes_that_make_the_keys_at_once_end_with_the_same(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from retention_ml.keys import Keyring; "
        "from retention_ml.settings import Settings; sys.stdin.readline(); "
        "print(Keyring.of(Settings(home=Path(sys.argv[1]))).id)"
    )
    arguments = [sys.executable, "-c", script, str(tmp_path / "home")]
    pipe = subprocess.PIPE
    makers = [subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for maker in makers:  # all of them are waiting for their line, or will find it
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    ids = {maker.communicate(timeout=120)[0].strip() for maker in makers}
    assert ids == {Keyring.of(_settings(tmp_path / "home"), may_create=False).id}


def test_a_rotated_key_makes_what_is_new_and_the_old_one_still_reads(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    old = Keyring.of(settings)
    new = old.rotate("archive")
    assert (new.current("archive").version, new.versions("archive")) == (2, (1, 2))
    assert new.of_version("archive", 1) == old.current("archive")
    assert new.current("archive").secret != old.current("archive").secret
    assert {p: new.versions(p) for p in PURPOSES if p != "archive"} == {
        p: (1,) for p in PURPOSES if p != "archive"
    }
    assert Keyring.of(settings).current("archive") == new.current("archive")
    assert stat.S_IMODE(_file(tmp_path).stat().st_mode) == 0o600


def test_one_who_rotates_with_an_old_ring_loses_nobodys_version(tmp_path: Path) -> None:
    old = Keyring.of(_settings(tmp_path))
    old.rotate("archive")
    assert old.rotate("archive").versions("archive") == (1, 2, 3)


def test_a_dropped_version_is_gone_and_the_newest_one_cannot_be(tmp_path: Path) -> None:
    ring = Keyring.of(_settings(tmp_path)).rotate("archive")
    secret = ring.of_version("archive", 1).secret
    with pytest.raises(UsageError, match=r"Version 2 .* cannot be dropped; those that can are 1"):
        ring.drop("archive", 2)
    ring = ring.drop("archive", 1)
    assert ring.versions("archive") == (2,)
    assert keys.base64.b64encode(secret) not in _file(tmp_path).read_bytes()
    with pytest.raises(
        SettingsError, match=r"keys.json has no version 1 .*; it has 2\. .*Put back"
    ):
        ring.of_version("archive", 1)


def test_the_key_of_pseudonyms_never_changes(tmp_path: Path) -> None:
    ring = Keyring.of(_settings(tmp_path))
    with pytest.raises(UsageError, match="cannot be rotated: every pseudonym would change"):
        ring.rotate("pseudonym")
    assert Keyring.of(_settings(tmp_path)).versions("pseudonym") == (1,)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_not_read(tmp_path: Path, mode: int) -> None:
    Keyring.of(_settings(tmp_path))
    _file(tmp_path).chmod(mode)
    with pytest.raises(SettingsError, match=rf"read by others \(mode {mode:04o}\).*chmod 600"):
        Keyring.of(_settings(tmp_path))


def test_a_damaged_file_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    Keyring.of(_settings(tmp_path))
    whole = _file(tmp_path).read_bytes()
    content = json.loads(whole)
    damaged = [whole[:length] for length in range(0, len(whole) - 2, 37)]
    damaged += [b"\xff\xfe" + whole, b"[]", b"{}", b"null"]
    damaged += [
        json.dumps(content | change).encode()
        for change in (
            {"format": 2},
            {"id": "0"},
            {"keys": {}},
            {"keys": {p: {} for p in PURPOSES}},
        )
    ]
    for place in range(len(whole)):
        if chr(whole[place]).isalnum():
            damaged.append(
                whole[:place] + (b"A" if whole[place] != 65 else b"B") + whole[place + 1 :]
            )
    secrets = [key for versions in content["keys"].values() for key in versions.values()]
    for text in damaged:
        _file(tmp_path).write_bytes(text)
        with pytest.raises(SettingsError, match=r"holds no complete keys.*Put back") as refusal:
            Keyring.of(_settings(tmp_path))
        assert refusal.value.__cause__ is None
        assert not any(secret[:8] in str(refusal.value) for secret in secrets)


def test_keys_of_another_warehouse_are_recognised(tmp_path: Path) -> None:
    ring, other = Keyring.of(_settings(tmp_path / "a")), Keyring.of(_settings(tmp_path / "b"))
    ring.require_id(ring.id)
    with pytest.raises(
        SettingsError, match=rf"holds the keys {ring.id} of another warehouse; .* {other.id}\."
    ):
        ring.require_id(other.id)


@pytest.mark.fault("keys missing, damaged, of another warehouse, readable by others", promises="P1")
def test_missing_keys_are_not_made_anew_for_what_was_filled_with_others(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no keys at .*keys.json\. The warehouse was filled"):
        Keyring.of(_settings(tmp_path), may_create=False)
    plain = tmp_path / "landing" / "ab" / "abc"
    plain.parent.mkdir(parents=True)
    plain.write_bytes(b"id,country\n")
    Keyring.of(_settings(tmp_path))
    _file(tmp_path).unlink()
    (plain.parent / "abd").write_bytes(keys.SEALED + b"...")
    with pytest.raises(
        SettingsError, match=r"The archive \(.*abd\) was filled with keys.*Put back"
    ):
        Keyring.of(_settings(tmp_path))
    assert not _file(tmp_path).exists()


def test_keys_come_from_a_file_that_the_environment_names(tmp_path: Path) -> None:
    stated = tmp_path / "mounted" / "ring.json"
    with pytest.raises(SettingsError, match=r"there is no folder .*mounted.*Mount or make"):
        Keyring.of(_settings(tmp_path / "home", str(stated)))
    stated.parent.mkdir()
    ring = Keyring.of(_settings(tmp_path / "home", str(stated)))
    assert Keyring.of(_settings(tmp_path / "elsewhere", str(stated))).id == ring.id
    assert not (tmp_path / "home").exists()


def test_keys_come_as_json_and_then_cannot_be_rotated(tmp_path: Path) -> None:
    ring = Keyring.of(_settings(tmp_path))
    text = _file(tmp_path).read_text(encoding="utf-8")
    read = Keyring.of(_settings(tmp_path / "other", text))
    assert (read.id, read.current("audit")) == (ring.id, ring.current("audit"))
    with pytest.raises(UsageError, match="come as JSON from RETENTION_PRIVACY_KEYS"):
        read.rotate("archive")
    with pytest.raises(SettingsError, match="RETENTION_PRIVACY_KEYS holds no complete keys"):
        Keyring.of(_settings(tmp_path, text[:-20]))


def test_no_secret_is_shown_or_stored_with_the_ring_or_the_settings(tmp_path: Path) -> None:
    ring = Keyring.of(_settings(tmp_path))
    text = _file(tmp_path).read_text(encoding="utf-8")
    shown = repr(ring) + str(ring) + repr(ring.current("audit")) + repr(_settings(tmp_path, text))
    content = json.loads(text)
    for versions in content["keys"].values():
        assert versions["1"] not in shown
    assert not any(repr(ring.current(purpose).secret) in shown for purpose in PURPOSES)
    with pytest.raises(TypeError, match="not stored or sent"):
        pickle.dumps(ring)
