"""The list of a cache's parts, and what they are of."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retention_ml.atomic_files import write_text
from retention_ml.features.cache.origin import Origin
from retention_ml.features.cache.parts import Part, file_sha256

_FILE = "manifest.json"
_FORMAT = 1  # of the parts: those of another are made anew
# Files are read once in a process for their digest; who changes one changes its time.
_verified: set[tuple[str, int, int, str]] = set()


class UnusableCacheError(Exception):
    """What is wrong with the files of a cache, in words: they are made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The parts, the passes that they hold, and the columns that were cached.

    Parameters
    ----------
    origin : Origin
    newest_rollup_id : int
        The newest pass that the parts hold.
    passes_sha256 : str
        Of all passes up to that one.
    columns : dict of str to list of str
        Columns by table.
    parts : tuple of Part
    """

    origin: Origin
    newest_rollup_id: int
    passes_sha256: str
    columns: Mapping[str, list[str]]
    parts: tuple[Part, ...]

    def of(self, table: str) -> tuple[Part, ...]:
        """The parts of a table, oldest first."""
        return tuple(part for part in self.parts if part.table == table)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in place of the one before; its parts are there already."""
    content = {"format": _FORMAT, **asdict(manifest)}
    written = {"sha256": _sha256(content), **content}
    write_text(folder / _FILE, json.dumps(written, indent=1), mode=0o600)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder whose parts are those that it lists.

    Raises
    ------
    UnusableCacheError
        It is missing, torn or of another format, or a part is missing or is not what was written.
    """
    try:
        text = (folder / _FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UnusableCacheError("there is none yet") from None
    try:
        content = json.loads(text)
        if content.pop("sha256") != _sha256(content):
            raise UnusableCacheError("its manifest was changed or is torn")
        if content.pop("format") != _FORMAT:
            raise UnusableCacheError("it was written by another version")
        manifest = Manifest(
            origin=Origin(**content.pop("origin")),
            parts=tuple(Part(**part) for part in content.pop("parts")),
            **content,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UnusableCacheError("its manifest cannot be read") from None
    for part in manifest.parts:
        _require_intact(folder, part)
    return manifest


def _require_intact(folder: Path, part: Part) -> None:
    path = folder / part.file
    try:
        stat = path.stat()
        version = (str(path), stat.st_size, stat.st_mtime_ns, part.sha256)
        if version not in _verified:
            if file_sha256(path) != part.sha256:
                raise UnusableCacheError(f"{part.file} is torn or was changed")
            _verified.add(version)
    except FileNotFoundError:
        raise UnusableCacheError(f"{part.file} is missing") from None


def _sha256(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
