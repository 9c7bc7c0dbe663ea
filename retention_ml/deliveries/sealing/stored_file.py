"""A file of the archive, to be read like one on the disk whether it is sealed or, of old, plain."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from retention_ml.deliveries.sealing.frames import (
    HEADER_BYTES,
    DamagedArchive,
    SealedStream,
    damage,
    key_version,
)
from retention_ml.keys import SEALED, Keyring

if TYPE_CHECKING:
    import pyarrow as pa

_BUFFER_BYTES = 1 << 16
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file below `landing/`: where it lies, its SHA-256 as delivered, and the keys that open it.

    Each time it is opened it may have been sealed since; its bytes are the same.
    """

    path: Path
    sha256: str
    keyring: Keyring = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """Its name in the archive."""
        return self.path.name

    def open(self, mode: str = "rb") -> BinaryIO:
        """The bytes as delivered, from the first on.

        Raises
        ------
        DamagedArchive, SettingsError
            As `SealedStream`.
        """
        if mode != "rb":
            raise ValueError(f"A file of the archive is opened with 'rb', not with {mode!r}.")
        file = self.path.open("rb")
        try:
            is_sealed = file.read(len(SEALED)) == SEALED
            file.seek(0)
            if not is_sealed:
                return file
            stream = SealedStream(file, self.sha256, self.keyring, self._where)
        except BaseException:
            file.close()
            raise
        return cast("BinaryIO", io.BufferedReader(stream, _BUFFER_BYTES))

    @property
    def key_version(self) -> int | None:
        """The version of the archive key that it is sealed with; None if it is plain."""
        with self.path.open("rb") as file:
            return key_version(file.read(HEADER_BYTES))

    def pieces(self) -> Iterator[bytes]:
        """All of its bytes, once they proved to be those that were written.

        Raises
        ------
        DamagedArchive
            After the last piece, where a plain file has another SHA-256; else as `open`.
        """
        digest = hashlib.sha256()
        is_plain = self.key_version is None
        with self.open() as stream:
            while piece := stream.read(_PIECE):
                if is_plain:  # of a sealed file its tags are the proof
                    digest.update(piece)
                yield piece
        if is_plain and digest.hexdigest() != self.sha256:
            raise damage(self._where, "its SHA-256 is not its name")

    def is_whole(self) -> bool:
        """Whether all of its bytes are as they were written, after reading all of them."""
        try:
            for _ in self.pieces():
                pass
        except DamagedArchive:
            return False
        return True

    @property
    def _where(self) -> str:
        return "/".join(self.path.parts[-3:])


DeliveredFile = Path | StoredFile
"""What readers read: a file of the archive, or one that was never delivered."""


def size_of(file: DeliveredFile) -> int:
    """The bytes of a file as delivered."""
    if isinstance(file, Path):
        return file.stat().st_size
    with file.open() as stream:
        return stream.seek(0, io.SEEK_END)


def for_arrow(file: DeliveredFile) -> "pa.NativeFile":
    """The file as Arrow reads it, which it closes with its last reader."""
    # Late: DAG files look at the inbox too.
    import pyarrow as pa

    plain = pa.OSFile(str(file if isinstance(file, Path) else file.path))
    if isinstance(file, Path):
        return plain
    if plain.read(len(SEALED)) != SEALED:
        plain.seek(0)
        return plain
    plain.close()
    return pa.PythonFile(file.open(), mode="r")
