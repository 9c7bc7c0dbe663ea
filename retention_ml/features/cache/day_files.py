"""The features of a day as an Arrow file: what `score` and `recommend` read of a day just built.

The columns of a row are read from Postgres one by one, which takes ten times longer.
"""

import logging
from contextlib import suppress
from datetime import date
from pathlib import Path

import pyarrow as pa

from retention_ml.atomic_files import make_folder, replacing
from retention_ml.failpoints import failpoint
from retention_ml.features.cache.origin import Origin

logger = logging.getLogger(__name__)

_DAYS_MAX = 3  # days: the newest, and what a backfill goes back and forth between


def day_folder(home: Path) -> Path:
    """Where the files are, below the home of the installation."""
    return home / "cache" / "days"


def write_day(
    folder: Path, as_of: date, rows: pa.Table, *, features_digest: str, origin: Origin
) -> None:
    """Keep the features of a day that stand in Postgres; older files make room.

    A folder that cannot be written is done without, with one line in the log.

    Parameters
    ----------
    rows : pa.Table
        As `store.read_day` returns them.
    features_digest : str
        The digest recorded for them.
    origin : Origin
        Of the `days`, read when the rows stood there.
    """
    rows = rows.replace_schema_metadata(_stamps(features_digest, origin))
    try:
        make_folder(folder, mode=0o700)
        with replacing(_path(folder, as_of)) as new:
            new.touch(mode=0o600)
            with new.open("wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
                writer.write_table(rows)
            failpoint("cache.before_day")
        files = sorted(folder.glob("*.arrow"), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-_DAYS_MAX]:
            path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning(
            "The features of %s cannot be kept as a file in %s (%s). They are read from Postgres, "
            "which takes longer.",
            as_of,
            folder,
            error.strerror or error,
        )


def read_day(folder: Path, as_of: date, *, features_digest: str, origin: Origin) -> pa.Table | None:
    """The rows of a day's file if it says to be of that build, else None with one line in the log.

    Whoever reads compares the digest of the rows.
    """
    try:
        with pa.OSFile(str(_path(folder, as_of))) as file:
            rows = pa.ipc.open_file(file).read_all()
    except FileNotFoundError:
        why = "there is none yet"
    except (pa.ArrowInvalid, OSError):
        why = "it is torn"
    else:
        stamps = _stamps(features_digest, origin)
        if rows.schema.metadata == {key.encode(): text.encode() for key, text in stamps.items()}:
            return rows.replace_schema_metadata(None)
        why = "it is of another build or warehouse, or rows were changed by hand since"
    logger.info("The file of the features of %s is made anew from Postgres: %s.", as_of, why)
    with suppress(OSError):
        _path(folder, as_of).unlink()
    return None


def _path(folder: Path, as_of: date) -> Path:
    return folder / f"{as_of}.arrow"


def _stamps(features_digest: str, origin: Origin) -> dict[str, str]:
    return {
        "features_digest": features_digest,
        "warehouse_id": origin.warehouse_id,
        "changes_count": str(origin.changes_count),
    }
