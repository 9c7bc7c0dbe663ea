"""Files of the home beside the archive in which forgotten persons stand: most are made anew by others."""

import csv
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml import atomic_files
from retention_ml.deliveries import archive, seal
from retention_ml.privacy.tombstones import Tombstones, words_of
from retention_ml.settings import Settings

_CUSTOMER = "customer_id"
_LINE_BYTES = 1 << 20


def erase_home_files(settings: Settings, forgotten: Tombstones) -> dict[str, int]:
    """Take them out of the files of the home; how many of each kind were changed or deleted.

    Deleted are the cache, what a backtest kept of predictions, pages of reports and files in `done/`
    that the archive holds; lines leave the files that are written for a CRM. What the shop's people
    have put elsewhere, such as in the inbox, is theirs: `prove` names it.
    """

    def is_of_somebody(text: str) -> bool:
        return forgotten.covers(text) or forgotten.covers_pseudonym(text)

    home = settings.home
    shutil.rmtree(home / "cache", ignore_errors=True)
    return {
        "predictions": _delete(_files(home / "backtests"), is_of_somebody),
        "pages": _delete(_files(home / "reports"), is_of_somebody),
        "outbox": sum(
            _without_lines(path, is_of_somebody) for path in _files(home / "outbox", "*.csv")
        ),
        "done": sum(
            archive.discard(path, settings)
            for path in seal.done_files(home / "inbox")
            if stands_in(path, is_of_somebody)
        ),
    }


def _files(folder: Path, pattern: str = "*") -> Iterator[Path]:
    return (path for path in sorted(folder.rglob(pattern)) if archive.kind(path) == "file")


def _delete(paths: Iterator[Path], is_of_somebody: Callable[[str], bool]) -> int:
    hit = [path for path in paths if stands_in(path, is_of_somebody)]
    for path in hit:
        path.unlink(missing_ok=True)
    return len(hit)


def stands_in(path: Path, is_of_somebody: Callable[[str], bool]) -> bool:
    """Whether a word of a text file, or a customer of a parquet file, is of somebody forgotten."""
    if path.suffix == ".parquet":
        try:
            names = pq.read_schema(path).names
            if _CUSTOMER not in names:
                return False
            customers = pq.read_table(path, columns=[_CUSTOMER])[_CUSTOMER]
        except (pa.ArrowInvalid, OSError):
            return False
        return any(is_of_somebody(str(each)) for each in customers.unique().to_pylist())
    with path.open("rb") as file:
        while line := file.readline(_LINE_BYTES):
            if any(map(is_of_somebody, words_of(line.decode("utf-8", "replace")))):
                return True
    return False


def _without_lines(path: Path, is_of_somebody: Callable[[str], bool]) -> int:
    """Write a CSV file anew without the rows of somebody; 1 if there were any."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or _CUSTOMER not in rows[0]:
        return 0
    place = rows[0].index(_CUSTOMER)
    left = [rows[0], *(row for row in rows[1:] if not is_of_somebody(row[place]))]
    if len(left) == len(rows):
        return 0
    text = io.StringIO(newline="")
    csv.writer(text).writerows(left)
    atomic_files.write_durable(path, text.getvalue().encode(), mode=0o600)
    return 1
