"""The keys that pseudonyms, sealed files and the audit log are made with, kept beside the warehouse.

They lie in `<home>/keys.json`, or where `RETENTION_PRIVACY_KEYS` says: a file, or their JSON. A key
is 32 random bytes. A purpose may have several versions: the newest makes what is new, the older ones
read what was made with them. Never in the database, a log, a receipt or a `repr`.
"""

import base64
import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from retention_ml import atomic_files
from retention_ml.errors import SettingsError, UsageError
from retention_ml.settings import Settings

Purpose = Literal["pseudonym", "lookup", "number", "archive", "audit"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
# How every sealed file begins; where there is one, its keys were lost, and new ones open nothing.
SEALED = b"RETSEAL1"
_FORMAT = 1
_KEY_BYTES = 32
_VARIABLE = "RETENTION_PRIVACY_KEYS"
_PUT_BACK = "Put back the file that this warehouse was filled with, from where you keep its copy"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its version, the first is 1, and 32 secret bytes."""

    version: int
    secret: bytes = field(repr=False)


class Keyring:
    """The keys of a warehouse, by purpose and version; get one by `Keyring.of`.

    Attributes
    ----------
    id : str
        A random name of the whole ring, no secret: what is made with its keys may say so.
    """

    def __init__(
        self, ring_id: str, keys: Mapping[Purpose, Mapping[int, bytes]], *, path: Path | None
    ) -> None:
        self.id = ring_id
        self._keys = {purpose: dict(versions) for purpose, versions in keys.items()}
        self._path = path

    def __repr__(self) -> str:
        versions = {purpose: sorted(versions) for purpose, versions in self._keys.items()}
        return f"Keyring(id={self.id!r}, versions={versions})"

    def __reduce__(self) -> str:
        raise TypeError("A keyring is not stored or sent; read it where it is needed.")

    @classmethod
    def of(cls, settings: Settings, *, may_create: bool = True) -> "Keyring":
        """The keys of these settings, as they are now; made where there are none yet.

        Of two processes that make them at once, both get those of the first.

        Parameters
        ----------
        settings : Settings
        may_create : bool
            False where something exists that was made with keys, such as a pseudonym.

        Raises
        ------
        SettingsError
            The keys are missing and may not be made, are damaged, or others may read their file.
        """
        stated = (settings.privacy_keys or "").strip()
        if stated.startswith("{"):
            return _parse(stated, _VARIABLE, path=None)
        path = Path(stated) if stated else settings.home / "keys.json"
        if not path.exists():
            _require_creatable(path, settings.home, may_create=may_create, is_stated=bool(stated))
            with _locked(path):
                if not path.exists():
                    keys = {purpose: {1: secrets.token_bytes(_KEY_BYTES)} for purpose in PURPOSES}
                    _write(cls(secrets.token_hex(8), keys, path=path), path)
        return _read(path)

    def current(self, purpose: Purpose) -> Key:
        """The newest key of a purpose, for what is made now."""
        return self.of_version(purpose, max(self._keys[purpose]))

    def of_version(self, purpose: Purpose, version: int) -> Key:
        """The key that something was made with.

        Raises
        ------
        SettingsError
            The ring does not have that version.
        """
        versions = self._keys[purpose]
        if version not in versions:
            raise SettingsError(
                f"{self._where} has no version {version} of the key for {purpose!r}; it has "
                f"{_list(versions)}. What was made with that version cannot be read without it. "
                f"{_PUT_BACK}."
            )
        return Key(version, versions[version])

    def versions(self, purpose: Purpose) -> tuple[int, ...]:
        """The versions of a purpose that can be read, the newest last."""
        return tuple(sorted(self._keys[purpose]))

    def require_id(self, expected: str) -> None:
        """Fail unless this is the ring that something was made with.

        Raises
        ------
        SettingsError
            It is the ring of another warehouse.
        """
        if self.id != expected:
            raise SettingsError(
                f"{self._where} holds the keys {self.id} of another warehouse; expected are the keys "
                f"{expected}. Nothing was read or written with them. {_PUT_BACK}, or name it in "
                f"{_VARIABLE}."
            )

    def rotate(self, purpose: Purpose) -> "Keyring":
        """The ring with a new version of a key, once it is stored; the older ones stay readable.

        Raises
        ------
        UsageError
            The key may not change, or is not in a file that could be written.
        """
        if purpose == "pseudonym":
            raise UsageError(
                "The key for 'pseudonym' cannot be rotated: every pseudonym would change, and with "
                "them arms, samples and all that is stored by customer. Rotate 'lookup' and 'number': "
                "they are what leads from a pseudonym back to a customer's number."
            )
        new = secrets.token_bytes(_KEY_BYTES)
        return self._change(purpose, lambda versions: versions.update({max(versions) + 1: new}))

    def drop(self, purpose: Purpose, version: int) -> "Keyring":
        """The ring without an old version, once that is gone from its file.

        What is still sealed with it can never be read again.

        Raises
        ------
        UsageError
            It is the newest version, or the ring does not have it.
        """
        versions = self.versions(purpose)
        if version not in versions[:-1]:
            raise UsageError(
                f"Version {version} of the key for {purpose!r} cannot be dropped; those that can are "
                f"{_list(versions[:-1])}. The newest version stays: rotate first."
            )
        return self._change(purpose, lambda versions: versions.pop(version, None))

    def _change(self, purpose: Purpose, edit: Callable[[dict[int, bytes]], object]) -> "Keyring":
        path = self._path
        if path is None:
            raise UsageError(
                f"The keys come as JSON from {_VARIABLE}, which cannot be written. Put them in a file "
                f"of mode 0600 and let {_VARIABLE} name it."
            )
        with _locked(path):
            newest = _read(path)  # another process may have changed them since
            newest.require_id(self.id)
            edit(newest._keys[purpose])
            _write(newest, path)
        return _read(path)

    @property
    def _where(self) -> str:
        return _VARIABLE if self._path is None else str(self._path)


def _require_creatable(path: Path, home: Path, *, may_create: bool, is_stated: bool) -> None:
    """Fail where new keys would only hide that the old ones are missing."""
    sealed = None if not may_create else _any_sealed(home / "landing")
    if not may_create or sealed is not None:
        what = "The warehouse" if sealed is None else f"The archive ({sealed})"
        raise SettingsError(
            f"There are no keys at {path}. {what} was filled with keys, and new ones would not open "
            f"it, so none were made and nothing was read. {_PUT_BACK}."
        )
    if is_stated and not path.parent.is_dir():
        raise SettingsError(
            f"{_VARIABLE} names {path}, but there is no folder {path.parent}. Expected is a file "
            "of keys, or a folder to make one in. Mount or make the folder, or correct the name."
        )


def _any_sealed(landing: Path) -> Path | None:
    for path in landing.glob("??/*"):
        with path.open("rb") as file:
            if file.read(len(SEALED)) == SEALED:
                return path
    return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A block that one process at a time is in, for the file of keys at `path`."""
    atomic_files.make_folder(path.parent, mode=0o700)
    lock = path.with_name(f".{path.name}.lock")
    with os.fdopen(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(ring: Keyring, path: Path) -> None:
    keys: dict[str, dict[str, str]] = {
        purpose: {str(n): base64.b64encode(key).decode() for n, key in versions.items()}
        for purpose, versions in ring._keys.items()
    }
    content = {"format": _FORMAT, "id": ring.id, "keys": keys, "sha256": _digest(ring.id, keys)}
    text = json.dumps(content, indent=2) + "\n"
    atomic_files.write_durable(path, text.encode(), mode=0o600)


def _read(path: Path) -> Keyring:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SettingsError(
            f"{path} may be read by others (mode {mode:04o}); expected 0600. Nothing was read. Run "
            f"`chmod 600 {path}`; if somebody may have read it, rotate its keys."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise _damaged(str(path)) from None  # which holds all that was read
    return _parse(text, str(path), path=path)


def _parse(text: str, where: str, *, path: Path | None) -> Keyring:
    try:
        content = json.loads(text)
        stated = {purpose: content["keys"][purpose] for purpose in PURPOSES}
        keys = {
            purpose: {int(n): base64.b64decode(key, validate=True) for n, key in versions.items()}
            for purpose, versions in stated.items()
        }
        is_whole = (
            content["format"] == _FORMAT
            and content["sha256"] == _digest(content["id"], content["keys"])
            and all(keys.values())
            and all(len(key) == _KEY_BYTES for of in keys.values() for key in of.values())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        is_whole = False
    if not is_whole:
        raise _damaged(where) from None  # what was wrong may quote a key
    return Keyring(content["id"], keys, path=path)


def _damaged(where: str) -> SettingsError:
    return SettingsError(
        f"{where} holds no complete keys: it was cut off, edited or is of a newer version. Expected "
        f"is the JSON as it was written. Nothing was read with it. {_PUT_BACK}."
    )


def _digest(ring_id: str, keys: Mapping[str, Mapping[str, str]]) -> str:
    """Tells a changed sign; of random keys it gives nothing away."""
    return hashlib.sha256(json.dumps([ring_id, keys], sort_keys=True).encode()).hexdigest()


def _list(versions: Mapping[int, bytes] | tuple[int, ...]) -> str:
    return ", ".join(str(version) for version in sorted(versions)) or "none"
