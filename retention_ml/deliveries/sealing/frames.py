"""Sealed files: AES-256-GCM in frames of 1 MiB, with a key of their own that the archive key wraps.

A header, then the frames, each with its tag. The wrapped key is bound to the header and to the
SHA-256 of the file as delivered; a frame to that key, to its number and to being the last. So bytes
that were changed, cut off, appended, reordered, or come from another file are found when they are read.

References
----------
NIST SP 800-38D (GCM). V. T. Hoang, R. Reyhanitabar, P. Rogaway, D. Vizár, "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015 (STREAM: number and last flag
in the nonce).
"""

import io
import os
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from retention_ml.errors import FileRefused
from retention_ml.keys import SEALED, Keyring

FRAME_BYTES = 1 << 20
TAG_BYTES = 16
# Beginning, ring of keys, version of the archive key, bytes in a frame; then nonce and wrapped key.
_BOUND = struct.Struct(">8s8sII")
_NONCE_BYTES, _WRAPPED_BYTES = 12, 32 + TAG_BYTES
HEADER_BYTES = _BOUND.size + _NONCE_BYTES + _WRAPPED_BYTES
_NONCE = struct.Struct(">QI")  # number of the frame, 1 if it is the last


class DamagedArchive(FileRefused):
    """A sealed file is not what was written."""


def damage(where: str, why: str) -> DamagedArchive:
    """What is said of the file `where`, such as `landing/ab/abcd…`."""
    return DamagedArchive(
        f"The archived copy {where} is damaged: {why}. Expected are the bytes that were written. "
        "Nothing of it was used. Deliver the file again, or put the copy back from a backup.",
        "damaged_archive",
    )


def sealed_size(size_bytes: int) -> int:
    """The bytes that a file of so many has when it is sealed.

    Examples
    --------
    >>> sealed_size(1 << 20) - sealed_size(0)
    1048576
    """
    frames = max(1, -(-size_bytes // FRAME_BYTES))
    return HEADER_BYTES + size_bytes + TAG_BYTES * frames


def key_version(beginning: bytes) -> int | None:
    """The version of the archive key that a file was sealed with; None if it is not sealed."""
    if len(beginning) < _BOUND.size or not beginning.startswith(SEALED):
        return None
    return int(_BOUND.unpack(beginning[: _BOUND.size])[2])


class SealingWriter:
    """Writes pieces into an empty file, sealed; it can be read once `finish` has returned."""

    def __init__(self, file: BinaryIO, keyring: Keyring) -> None:
        self._file, self._keyring = file, keyring
        self._key = AESGCM.generate_key(256)
        self._cipher = AESGCM(self._key)
        self._waiting = bytearray()
        self._number = 0
        file.write(bytes(HEADER_BYTES))

    def write(self, piece: bytes) -> None:
        """Add bytes; those of a whole frame go into the file once more follow."""
        self._waiting += piece
        while len(self._waiting) > FRAME_BYTES:
            self._write_frame(self._waiting[:FRAME_BYTES], is_last=False)
            del self._waiting[:FRAME_BYTES]

    def finish(self, sha256: str) -> None:
        """Write the last frame and the header, for a file with this SHA-256 as delivered."""
        self._write_frame(self._waiting, is_last=True)
        key = self._keyring.current("archive")
        bound = _BOUND.pack(SEALED, bytes.fromhex(self._keyring.id), key.version, FRAME_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = AESGCM(key.secret).encrypt(nonce, self._key, bound + bytes.fromhex(sha256))
        self._file.seek(0)
        self._file.write(bound + nonce + wrapped)

    def _write_frame(self, content: bytearray, *, is_last: bool) -> None:
        self._file.write(self._cipher.encrypt(_NONCE.pack(self._number, is_last), content, None))
        self._number += 1


class SealedStream(io.RawIOBase):
    """The plain bytes of a sealed file, one frame of them in memory; it can be sought in.

    Parameters
    ----------
    file : BinaryIO
        Closed with the stream.
    sha256 : str
        Of the file as delivered.
    keyring : Keyring
    where : str
        The file, for messages.

    Raises
    ------
    DamagedArchive
        The header or the last frame is not what was written; while reading, any other.
    SettingsError
        It was sealed with keys that the ring does not have.
    """

    def __init__(self, file: BinaryIO, sha256: str, keyring: Keyring, where: str) -> None:
        super().__init__()
        self._file, self._where = file, where
        size = os.fstat(file.fileno()).st_size
        self._cipher = AESGCM(self._unwrap(sha256, keyring))
        sealed = size - HEADER_BYTES
        self._frame_count = -(-sealed // (FRAME_BYTES + TAG_BYTES))
        self.size_bytes = sealed - TAG_BYTES * self._frame_count
        if self._frame_count < 1 or self.size_bytes < 0:
            raise self._damaged("its end is missing")
        self._place = 0
        self._number, self._content = -1, b""
        self._frame(self._frame_count - 1)  # that nothing was cut off

    def _unwrap(self, sha256: str, keyring: Keyring) -> bytes:
        self._file.seek(0)
        header = self._file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            raise self._damaged("its header is cut off")
        bound, nonce = header[: _BOUND.size], header[_BOUND.size : -_WRAPPED_BYTES]
        magic, ring_id, version, frame_bytes = _BOUND.unpack(bound)
        if magic != SEALED or frame_bytes != FRAME_BYTES:
            raise self._damaged("its header was changed")
        keyring.require_id(ring_id.hex())
        key = keyring.of_version("archive", version)
        try:
            return AESGCM(key.secret).decrypt(
                nonce, header[-_WRAPPED_BYTES:], bound + bytes.fromhex(sha256)
            )
        except InvalidTag:
            raise self._damaged("its header was changed, or it is another file") from None

    def _frame(self, number: int) -> bytes:
        if number != self._number:
            self._file.seek(HEADER_BYTES + number * (FRAME_BYTES + TAG_BYTES))
            sealed = self._file.read(FRAME_BYTES + TAG_BYTES)
            nonce = _NONCE.pack(number, number == self._frame_count - 1)
            try:
                self._content = self._cipher.decrypt(nonce, sealed, None)
            except (InvalidTag, ValueError):
                raise self._damaged(
                    f"part {number + 1:,} of {self._frame_count:,} was changed, cut off or moved"
                ) from None
            self._number = number
        return self._content

    def _damaged(self, why: str) -> DamagedArchive:
        return damage(self._where, why)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill the buffer as far as the frame reaches; how many bytes, 0 at the end."""
        if self._place >= self.size_bytes:
            return 0
        number, offset = divmod(self._place, FRAME_BYTES)
        piece = memoryview(self._frame(number))[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the plain bytes."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size_bytes}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """The place in the plain bytes."""
        return self._place

    def close(self) -> None:
        """Close the file too, and forget its content."""
        self._file.close()
        self._content = b""
        super().close()
