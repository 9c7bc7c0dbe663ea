"""What a backup consists of: its tables with rows and digest, its files with size and SHA-256.

The manifest is written last. A folder without one is what an interrupted backup left.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from retention_ml import atomic_files
from retention_ml.errors import StackError

FILE = "manifest.json"
_PIECE = 1 << 20

Kind = Literal["dump", "base"]
Table = tuple[int, str]
"""Rows, and a digest that does not depend on their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A backup.

    Parameters
    ----------
    name : str
        Of its folder.
    kind : str
        `dump`: the databases as `pg_dump` writes them, all tables with digests. `base`: the
        server's data as they lay on the disk, from which archived WAL is replayed.
    taken_at : datetime
        When it was begun.
    postgres : str
        Version of the server.
    migration : str
        The last one the warehouse had.
    databases : mapping of str to mapping of str to (int, str)
        The tables of each database; empty for a `base`.
    files : mapping of str to (int, str)
        Size and SHA-256 of every file, by its path in the folder of the backup.
    """

    name: str
    kind: Kind
    taken_at: datetime
    postgres: str
    migration: str
    databases: Mapping[str, Mapping[str, Table]]
    files: Mapping[str, tuple[int, str]]

    @property
    def tables_count(self) -> int:
        """Tables with a digest."""
        return sum(len(tables) for tables in self.databases.values())

    @property
    def rows_count(self) -> int:
        """Rows of these tables."""
        return sum(rows for tables in self.databases.values() for rows, _ in tables.values())

    @property
    def size_bytes(self) -> int:
        """Bytes of its files, those that it shares with an earlier backup included."""
        return sum(size for size, _ in self.files.values())

    def write(self, folder: Path) -> None:
        """Write it into the folder of the backup."""
        values = asdict(self) | {"taken_at": self.taken_at.isoformat()}
        atomic_files.write_durable(folder / FILE, json.dumps(values, indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a backup.

        Raises
        ------
        StackError
            There is none, or it cannot be read.
        """
        try:
            values = json.loads((folder / FILE).read_text("utf-8"))
            return cls(**values | {"taken_at": datetime.fromisoformat(values["taken_at"])})
        except FileNotFoundError:
            raise StackError(
                f"{folder} is no backup: it has no {FILE}, which is written last. Name the folder "
                "of a whole one; `retention backup list` shows those there are."
            ) from None
        except (ValueError, TypeError, KeyError) as error:
            raise StackError(
                f"{folder / FILE} is damaged ({error}). Use another backup; "
                "`retention backup list` shows those there are."
            ) from error

    def damage(self, folder: Path) -> list[str]:
        """What is not as it was written: one sentence per file, missing, changed or further."""
        there = {path: size for path, size in sizes(folder).items() if path != FILE}
        faults = [f"{path} is missing" for path in sorted(self.files.keys() - there.keys())]
        faults += [f"{path} does not belong to it" for path in sorted(there.keys() - self.files)]
        for path in sorted(self.files.keys() & there.keys()):
            size, digest = self.files[path]
            if there[path] != size:
                faults.append(f"{path} has {there[path]:,} bytes instead of {size:,}")
            elif sha256(folder / path) != digest:
                faults.append(f"{path} has other bytes")
        return faults


def sizes(folder: Path) -> dict[str, int]:
    """Size of every file below a folder, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def to_row(manifest: Manifest) -> dict[str, Any]:
    """The manifest as columns of `ops.backups`."""
    return {
        "name": manifest.name,
        "kind": manifest.kind,
        "taken_at": manifest.taken_at,
        "migration": manifest.migration,
        "size_bytes": manifest.size_bytes,
        "files_count": len(manifest.files),
        "tables_count": manifest.tables_count,
        "rows_count": manifest.rows_count,
    }
