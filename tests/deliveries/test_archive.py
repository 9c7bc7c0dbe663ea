"""Files that are archived and files that are refused by name."""

import errno
import gzip
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retention_ml.deliveries import archive
from retention_ml.errors import FileRefused


def test_a_file_is_archived_under_its_digest_exactly_as_delivered(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    archived = archive.store(path, tmp_path / "home")
    assert archived.path == tmp_path / "home/landing" / archived.sha256[:2] / archived.sha256
    assert archived.path.read_bytes() == path.read_bytes()
    assert archive.store(path, tmp_path / "home") == archived
    assert not [p for p in (tmp_path / "home/landing").iterdir() if p.name.startswith(".")]


def test_a_known_file_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    copy = archive.store(path, tmp_path / "home").path
    before = copy.stat()
    assert archive.store(path, tmp_path / "home").path == copy
    after = copy.stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_a_damaged_copy_is_replaced_when_the_file_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    copy = archive.store(path, tmp_path / "home").path
    copy.write_bytes(b"a,b")
    assert archive.store(path, tmp_path / "home").path.read_bytes() == path.read_bytes()


def test_nobody_but_the_owner_may_look_into_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n")
    archive.store(path, tmp_path / "home")
    assert (tmp_path / "home/landing").stat().st_mode & 0o077 == 0


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
        archive.store(path, tmp_path / "home")
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
        archive.store(path, tmp_path / "home")
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


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv.gz"
    path.write_bytes(gzip.compress(bytes(300 << 20), compresslevel=9))
    with pytest.raises(FileRefused, match="times its size") as caught:
        archive.store(path, tmp_path / "home")
    assert caught.value.reason_code == "gzip_bomb"


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" * 10) + gzip.compress(b"b\n" * 10))
    assert archive.store(path, tmp_path / "home").size_bytes == path.stat().st_size


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


def test_a_hostile_name_is_shown_harmlessly() -> None:
    assert archive.shown_name(Path("/x/a\nb\x1b[31m.csv")) == "a?b?[31m.csv"
    assert archive.shown_name(Path(os.fsdecode(b"/x/\xff.csv"))) == "?.csv"
