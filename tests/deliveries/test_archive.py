"""Files that are archived and files that are refused by name."""

import errno
import gzip
import hashlib
import os
import random
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retention_ml.deliveries import archive
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.errors import FileRefused, SettingsError
from retention_ml.settings import Settings
from tests.chaos.counts import count


def _read(content: StoredFile) -> bytes:
    with content.open() as stream:
        return stream.read()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def _delivered(folder: Path, content: bytes = b"a,b\n1,2\n") -> Path:
    path = folder / "a.csv"
    path.write_bytes(content)
    return path


def test_a_file_is_archived_under_its_digest_exactly_as_delivered(
    tmp_path: Path, settings: Settings
) -> None:
    path = _delivered(tmp_path)
    archived = archive.store(path, settings)
    copy = archived.content.path
    assert copy == tmp_path / "home/landing" / archived.sha256[:2] / archived.sha256
    assert archived.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert _read(archived.content) == path.read_bytes()
    assert archive.store(path, settings) == archived
    assert not [p for p in (tmp_path / "home/landing").iterdir() if p.name.startswith(".")]


def test_the_copy_is_sealed(tmp_path: Path, settings: Settings) -> None:
    copy = archive.store(_delivered(tmp_path), settings).content
    assert copy.key_version == 1
    assert b"1,2" not in copy.path.read_bytes()


def test_a_known_file_is_not_written_again(tmp_path: Path, settings: Settings) -> None:
    path = _delivered(tmp_path)
    copy = archive.store(path, settings).content.path
    before = copy.stat()
    assert archive.store(path, settings).content.path == copy
    after = copy.stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_a_plain_copy_of_old_is_read_and_not_written_again(
    tmp_path: Path, settings: Settings
) -> None:
    path = _delivered(tmp_path)
    copy = archive.store(path, settings).content
    copy.path.write_bytes(path.read_bytes())
    before = copy.path.stat()
    content = archive.store(path, settings).content
    assert _read(content) == path.read_bytes()
    assert (content.key_version, copy.path.stat().st_ino) == (None, before.st_ino)


def test_what_was_taken_out_of_a_copy_does_not_come_back_with_the_file(
    tmp_path: Path, settings: Settings
) -> None:
    path = _delivered(tmp_path, b"id,b\nC0001,2\nC0002,3\n")
    content = archive.store(path, settings).content
    before = content.path.read_bytes()
    archive.replace_content(content, [b"id,b\n", b"\nC0002,3\n"])
    assert _read(archive.store(path, settings).content) == b"id,b\n\nC0002,3\n"
    assert content.path.read_bytes() != before


@pytest.mark.parametrize("damage", [b"a,b", b"a,b\n1,3\n", b"RETSEAL1", b""])
def test_a_damaged_copy_is_replaced_when_the_file_comes_again(
    tmp_path: Path, settings: Settings, damage: bytes
) -> None:
    path = _delivered(tmp_path)
    copy = archive.store(path, settings).content
    copy.path.write_bytes(damage)
    assert _read(archive.store(path, settings).content) == path.read_bytes()


def test_without_the_keys_nothing_is_stored_and_none_are_made(
    tmp_path: Path, settings: Settings
) -> None:
    archive.store(_delivered(tmp_path), settings)
    (settings.home / "keys.json").unlink()
    with pytest.raises(SettingsError, match=r"The archive \(.*\) was filled with keys"):
        archive.store(_delivered(tmp_path, b"c,d\n3,4\n"), settings)
    assert not (settings.home / "keys.json").exists()
    assert len(list((settings.home / "landing").rglob("*"))) == 2


def test_nobody_but_the_owner_may_look_into_the_archive(tmp_path: Path, settings: Settings) -> None:
    umask = os.umask(0)
    try:
        copy = archive.store(_delivered(tmp_path), settings).content.path
    finally:
        os.umask(umask)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    folders = {folder.stat().st_mode & 0o777 for folder in (copy.parent, copy.parent.parent)}
    assert folders == {0o700}


def test_a_file_is_discarded_only_where_the_archive_can_give_it_back(
    tmp_path: Path, settings: Settings
) -> None:
    path = _delivered(tmp_path)
    assert not archive.discard(path, settings)
    copy = archive.store(path, settings).content.path
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-1])
    assert not archive.discard(path, settings)
    assert path.exists()
    copy.write_bytes(whole)
    assert archive.discard(path, settings)
    assert not path.exists()


def _empty(path: Path) -> None:
    path.touch()


def _symlink(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket may not be long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.chdir(here)


def _missing(path: Path) -> None: ...


def _cut_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a,b\n" * 1000)[:-12])


def _damaged_gzip(path: Path) -> None:
    whole = bytearray(gzip.compress(os.urandom(2000)))
    whole[200] ^= 0xFF
    path.write_bytes(bytes(whole))


def _empty_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(b""))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_missing, "no_file"),
        (_empty, "empty_file"),
        (Path.mkdir, "no_regular_file"),
        (_symlink, "no_regular_file"),
        (_pipe, "no_regular_file"),
        (_socket, "no_regular_file"),
        (_cut_gzip, "truncated_file"),
        (_damaged_gzip, "truncated_file"),
        (_empty_gzip, "empty_file"),
    ],
)
def test_other_shapes_are_refused_by_name(
    tmp_path: Path, make: Callable[[Path], None], code: str
) -> None:
    path = tmp_path / "lines.csv"
    make(path)
    with pytest.raises(FileRefused, match=r"lines\.csv") as caught:
        archive.store(path, Settings(home=tmp_path / "home"))
    assert caught.value.reason_code == code
    assert list((tmp_path / "home/landing").iterdir()) == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_symlink, "is a symbolic link; expected a regular file. Deliver the file itself."),
        (_socket, "is a socket; expected a regular file. Deliver the file itself."),
        (Path.mkdir, "is a directory; expected a regular file. Deliver the file itself."),
    ],
)
def test_what_is_no_file_is_called_what_it_is(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "lines.csv"
    make(path)
    with pytest.raises(FileRefused) as caught:
        archive.store(path, Settings(home=tmp_path / "home"))
    assert str(caught.value) == f"lines.csv {words}"


def test_a_file_that_may_not_be_read_is_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lines.csv"
    path.write_text("a\n", encoding="utf-8")

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(archive.os, "open", refuse)
    with pytest.raises(FileRefused, match=r"lines\.csv may not be read \(Permission denied\)"):
        archive.require_file(path)


@pytest.mark.fault("gzip bomb", promises="P1", row=19)
def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv.gz"
    path.write_bytes(gzip.compress(bytes(300 << 20), compresslevel=9))
    with pytest.raises(FileRefused, match="times its size") as caught:
        archive.store(path, Settings(home=tmp_path / "home"))
    assert caught.value.reason_code == "gzip_bomb"


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" * 10) + gzip.compress(b"b\n" * 10))
    assert archive.store(path, Settings(home=tmp_path / "home")).size_bytes == path.stat().st_size


@pytest.mark.fault("links, pipes, empty and growing files", promises="P1", row=(19, 24))
@pytest.mark.parametrize("change", [b"more", b""])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    path = tmp_path / "lines.csv"
    path.write_bytes(b"x" * 1000)
    monkeypatch.setattr(archive, "_PIECE", 100)
    pieces: Iterator[bytes] = archive.read_guarded(path, "lines.csv")
    next(pieces)
    if change:
        with path.open("ab") as writer:
            writer.write(change)
    else:
        os.utime(path, ns=(1, 1))
    with pytest.raises(FileRefused, match="changed while it was read"):
        list(pieces)


@pytest.mark.fault(
    "a file cut off, longer or changed in place at any moment of its reading",
    promises="P1",
    row=24,
    counted="files that change while they are read",
)
def test_whenever_and_however_a_file_changes_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_PIECE", 100)
    draw = random.Random(24)
    for number in range(count("files that change while they are read")):
        path = tmp_path / f"lines{number}.csv"
        path.write_bytes(b"x" * 1000)
        os.utime(path, ns=(number, number))
        pieces: Iterator[bytes] = archive.read_guarded(path, path.name)
        for _ in range(draw.randint(1, 9)):
            next(pieces)
        deed = _DEEDS[number % len(_DEEDS)]
        deed(path, draw.randint(1, 900))
        with pytest.raises(FileRefused, match="changed while it was read"):
            list(pieces)


def _cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def _lengthen(path: Path, size: int) -> None:
    with path.open("ab") as writer:
        writer.write(b"y" * size)


def _overwrite(path: Path, size: int) -> None:
    with path.open("r+b") as writer:
        writer.seek(1000 - size)
        writer.write(b"y")


_DEEDS = (_cut, _lengthen, _overwrite)


def test_a_file_that_nobody_touches_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_PIECE", 100)
    path = tmp_path / "lines.csv"
    path.write_bytes(b"x" * 1000)
    assert b"".join(archive.read_guarded(path, path.name)) == b"x" * 1000


def test_a_hostile_name_is_shown_harmlessly() -> None:
    assert archive.shown_name(Path("/x/a\nb\x1b[31m.csv")) == "a?b?[31m.csv"
    assert archive.shown_name(Path(os.fsdecode(b"/x/\xff.csv"))) == "?.csv"
