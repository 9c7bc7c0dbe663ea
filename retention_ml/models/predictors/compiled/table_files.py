"""The tables of a model's trees as a file: they are filled once, not in every process that scores.

A file is used only where it is of exactly these trees and this code, and whole; otherwise the tables
are made anew, with one line in the log. Whoever deletes the folder loses a second per model.
"""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml import clock
from retention_ml.atomic_files import replacing
from retention_ml.failpoints import failpoint
from retention_ml.models.predictors.pieces import Booster

logger = logging.getLogger(__name__)

Arrays = Mapping[str, npt.NDArray[Any]]

# A champion and a challenger, those before them, and the starter.
_FILES_MAX = 5
_DRAFT_SECONDS = 3_600  # nobody writes for so long
_PREDICTORS = Path(__file__).resolve().parents[1]
# What decides what stands in the tables.
_CODE = ("cuts.py", "leaves.py", "pieces.py", "forest.py", "compiled/kernels.py")


def key_of(boosters: Sequence[Booster]) -> str:
    """SHA-256 of all that the tables follow from: the trees, and the code that fills them."""
    total = hashlib.sha256(_code_sha256().encode())
    for booster in boosters:
        text = booster.text.encode()
        total.update(f"{booster.factor!r} {len(booster.columns)} {len(text)}\n".encode())
        total.update(booster.columns.astype("<i8").tobytes())
        total.update(text)
    return total.hexdigest()


def write(folder: Path, key: str, arrays: Arrays) -> None:
    """Keep the arrays of a forest; files that were not used for longest make room.

    A folder that cannot be written is done without, with one line in the log.
    """
    columns = {name: pa.array([values]) for name, values in arrays.items()}
    row = pa.table(columns).replace_schema_metadata({"key": key, "sha256": _sha256(arrays)})
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(_path(folder, key)) as new:
            new.touch(mode=0o600)
            with new.open("wb") as file, pa.ipc.new_file(file, row.schema) as writer:
                writer.write_table(row)
            failpoint("cache.before_trees")
        _make_room(folder)
    except OSError as error:
        logger.warning(
            "The tables of a model's trees cannot be kept as a file in %s (%s). They are made in "
            "every process that scores, which takes a second longer.",
            folder,
            error.strerror or error,
        )


def _make_room(folder: Path) -> None:
    """Delete all but the newest files, and what processes that were killed left half-written."""
    ages = {path: path.stat().st_mtime for path in folder.iterdir()}
    files = sorted((path for path in ages if path.suffix == ".arrow"), key=ages.__getitem__)
    before = clock.now().timestamp() - _DRAFT_SECONDS
    drafts = [path for path, at in ages.items() if path.suffix != ".arrow" and at < before]
    for path in [*files[:-_FILES_MAX], *drafts]:
        path.unlink(missing_ok=True)


def read(folder: Path, key: str) -> dict[str, npt.NDArray[Any]] | None:
    """The arrays that were kept under a key, else None with one line in the log."""
    path = _path(folder, key)
    try:
        with pa.OSFile(str(path)) as file:
            row = pa.ipc.open_file(file).read_all()
        stamps = row.schema.metadata or {}
        arrays = {name: _array(row[name]) for name in row.column_names}
    except FileNotFoundError:
        why = "there is none yet"
    except (pa.ArrowInvalid, OSError, AttributeError, IndexError):
        why = "it is torn"
    else:
        if stamps.get(b"key") != key.encode():
            why = "it is of other trees"
        elif stamps.get(b"sha256") != _sha256(arrays).encode():
            why = "its numbers are not those that were written"
        else:
            with suppress(OSError):
                os.utime(path)  # what is used stays
            return arrays
    logger.info("The file of the tables of a model's trees is made anew: %s.", why)
    with suppress(OSError):
        path.unlink()
    return None


def _array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """The one list of a column, copied: loops are compiled for arrays that may be written."""
    return np.array(column.chunk(0).values.to_numpy())


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.arrow"


def _sha256(arrays: Arrays) -> str:
    total = hashlib.sha256()
    for name in sorted(arrays):
        values = arrays[name]
        total.update(f"{name} {values.dtype.str} {len(values)}\n".encode())
        total.update(values.data)
    return total.hexdigest()


@cache
def _code_sha256() -> str:
    total = hashlib.sha256(f"{np.__version__} {numba.__version__}".encode())
    for name in _CODE:
        total.update((_PREDICTORS / name).read_bytes())
    return total.hexdigest()
