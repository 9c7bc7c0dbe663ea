"""A sealed file gives back its bytes, in any order of reading, and nothing but its bytes."""

import hashlib
import io
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from retention_ml.deliveries.sealing import frames
from retention_ml.deliveries.sealing.frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    TAG_BYTES,
    DamagedArchive,
    SealingWriter,
    sealed_size,
)
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.errors import SettingsError
from retention_ml.keys import Keyring
from retention_ml.settings import Settings

SIZES = (1, 15, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 7)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring.of(Settings(home=tmp_path_factory.mktemp("keys")))


def _seal(folder: Path, content: bytes, ring: Keyring, *, piece: int = 700_001) -> StoredFile:
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / "landing" / sha256[:2] / sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = SealingWriter(file, ring)
        for start in range(0, len(content), piece):
            writer.write(content[start : start + piece])
        writer.finish(sha256)
    return StoredFile(path, sha256, ring)


@pytest.mark.parametrize("size", SIZES)
def test_the_bytes_come_back_and_are_not_on_the_disk(
    tmp_path: Path, ring: Keyring, size: int
) -> None:
    content = (b"C0001234;17.50;London\n" * (size // 22 + 1))[:size]
    stored = _seal(tmp_path, content, ring)
    with stored.open() as stream:
        assert stream.read() == content
    sealed = stored.path.read_bytes()
    assert len(sealed) == sealed_size(size)
    assert b"C0001234" not in sealed
    assert stored.is_whole()
    assert stored.key_version == 1


def test_equal_files_are_sealed_with_different_keys(tmp_path: Path, ring: Keyring) -> None:
    first = _seal(tmp_path / "a", b"same" * 9, ring).path.read_bytes()
    second = _seal(tmp_path / "b", b"same" * 9, ring).path.read_bytes()
    assert first[HEADER_BYTES:] != second[HEADER_BYTES:]


def test_reading_anywhere_gives_what_a_plain_file_gives(tmp_path: Path, ring: Keyring) -> None:
    content = os.urandom(2 * FRAME_BYTES + 12_345)
    draw = random.Random(20261130)
    with _seal(tmp_path, content, ring).open() as stream:
        plain = io.BytesIO(content)
        for _ in range(400):
            place = draw.randrange(len(content) + 100)
            length = draw.choice((1, 7, 4_096, 70_000, FRAME_BYTES + 3))
            assert stream.seek(place) == plain.seek(place)
            assert stream.read(length) == plain.read(length)
            assert stream.tell() == plain.tell()
        assert stream.seek(-10, io.SEEK_END) == len(content) - 10
        assert stream.read() == content[-10:]


def _read(stored: StoredFile) -> bytes:
    with stored.open() as stream:
        return stream.read()


def test_every_changed_bit_is_found(tmp_path: Path, ring: Keyring) -> None:
    content = b"id;amount\n" + b"C0001;1\n" * 40
    stored = _seal(tmp_path, content, ring)
    whole = stored.path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << (place % 8)
        stored.path.write_bytes(changed)
        if place < 8:  # it no longer says that it is sealed: its SHA-256 is not its name
            assert not stored.is_whole()
            continue
        with pytest.raises((DamagedArchive, SettingsError)) as refusal:
            _read(stored)
        sentence = str(refusal.value)
        assert "C0001" not in sentence
        if not isinstance(refusal.value, SettingsError):  # the ring's name or the key's version
            assert sentence.startswith(f"The archived copy landing/{stored.sha256[:2]}/")
            assert sentence.endswith("or put the copy back from a backup.")
    stored.path.write_bytes(whole)
    assert _read(stored) == content


@pytest.mark.parametrize("seed", range(40))
def test_a_random_change_of_a_large_file_is_found(tmp_path: Path, ring: Keyring, seed: int) -> None:
    draw = random.Random(seed)
    stored = _seal(tmp_path, draw.randbytes(2 * FRAME_BYTES + 99), ring)
    changed = bytearray(stored.path.read_bytes())
    changed[draw.randrange(HEADER_BYTES, len(changed))] ^= 1 << draw.randrange(8)
    stored.path.write_bytes(changed)
    assert not stored.is_whole()


_FRAME = FRAME_BYTES + TAG_BYTES


def _parts(sealed: bytes) -> list[bytes]:
    body = sealed[HEADER_BYTES:]
    return [sealed[:HEADER_BYTES], *(body[i : i + _FRAME] for i in range(0, len(body), _FRAME))]


@pytest.mark.fault(
    "bits of sealed files changed, frames cut off, moved, doubled, of another file", promises="P7"
)
@pytest.mark.parametrize(
    "tamper",
    [
        lambda p: b"".join(p[:-1]),  # the last frame cut off
        lambda p: b"".join(p)[:-1],
        lambda p: b"".join(p)[: HEADER_BYTES + TAG_BYTES - 1],
        lambda p: p[0],
        lambda p: p[0][:30],
        lambda p: b"".join((p[0], p[2], p[1], p[3])),  # two frames swapped
        lambda p: b"".join((p[0], p[1], p[3])),  # a frame left out
        lambda p: b"".join((*p, p[-1])),  # the last frame twice
        lambda p: b"".join((p[0], p[1], p[1], p[2], p[3])),
        lambda p: b"".join((*p, b"more")),
        lambda p: b"".join((p[0], p[3])),
    ],
)
def test_frames_cut_off_moved_or_added_are_found(
    tmp_path: Path, ring: Keyring, tamper: Callable[[list[bytes]], bytes]
) -> None:
    stored = _seal(tmp_path, os.urandom(2 * FRAME_BYTES + 5), ring)
    parts = _parts(stored.path.read_bytes())
    assert len(parts) == 4
    stored.path.write_bytes(tamper(parts))
    with pytest.raises(DamagedArchive, match=r"is damaged: .* Deliver the file again"):
        _read(stored)


def test_a_file_in_the_place_of_another_is_found(tmp_path: Path, ring: Keyring) -> None:
    first, second = (_seal(tmp_path, text * 9, ring) for text in (b"first", b"other"))
    first.path.write_bytes(second.path.read_bytes())
    with pytest.raises(DamagedArchive, match="it is another file"):
        _read(first)


def test_a_frame_of_another_file_is_found(tmp_path: Path, ring: Keyring) -> None:
    first, second = (_seal(tmp_path, os.urandom(FRAME_BYTES + 9), ring) for _ in range(2))
    parts, others = _parts(first.path.read_bytes()), _parts(second.path.read_bytes())
    first.path.write_bytes(b"".join((parts[0], others[1], parts[2])))
    assert not first.is_whole()


def test_with_other_keys_nothing_is_read(tmp_path: Path, ring: Keyring) -> None:
    stored = _seal(tmp_path, b"a;b\n", ring)
    other = Keyring.of(Settings(home=tmp_path / "other"))
    with pytest.raises(SettingsError, match=f"keys {other.id} of another warehouse"):
        StoredFile(stored.path, stored.sha256, other).open()


def test_a_file_of_an_old_key_is_read_until_that_is_dropped(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    old = _seal(tmp_path, b"a;b\n", Keyring.of(settings))
    ring = Keyring.of(settings).rotate("archive")
    assert _read(StoredFile(old.path, old.sha256, ring)) == b"a;b\n"
    assert _seal(tmp_path / "new", b"a;b\n", ring).key_version == 2
    with pytest.raises(SettingsError, match="no version 1 of the key for 'archive'"):
        StoredFile(old.path, old.sha256, ring.drop("archive", 1)).open()


def test_the_check_of_frames_catches_a_cipher_that_only_encrypts(
    tmp_path: Path, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A naive format whose frames are not bound to their number reads swapped frames gladly."""

    class Unbound:
        @staticmethod
        def pack(number: int, is_last: bool) -> bytes:
            return bytes(12)

    monkeypatch.setattr(frames, "_NONCE", Unbound)
    content = os.urandom(2 * FRAME_BYTES)
    stored = _seal(tmp_path, content, ring)
    head, first, second = _parts(stored.path.read_bytes())
    stored.path.write_bytes(head + second + first)
    assert _read(stored) == content[FRAME_BYTES:] + content[:FRAME_BYTES]
