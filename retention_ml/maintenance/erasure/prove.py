"""The door that proves that nothing is left of persons: every place is searched for what they were."""

import os
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml.audit.entries import Event
from retention_ml.deliveries import unpacking
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.errors import FileRefused
from retention_ml.keys import Keyring
from retention_ml.maintenance.erasure import archived, persons, quarantined, requests
from retention_ml.maintenance.erasure.requests import Person
from retention_ml.maintenance.erasure.search import LETTERS_MIN, Search
from retention_ml.privacy.pseudonyms import pseudonym
from retention_ml.privacy.tombstones import Tombstones
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_COLUMNS = (
    "SELECT n.nspname || '.' || c.relname AS name, a.attname AS column_name "
    "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
    "AND n.nspname NOT LIKE 'pg\\_%' AND format_type(a.atttypid, NULL) "
    "IN ('text', 'bytea', 'jsonb', 'json', 'text[]', 'character varying') ORDER BY 1, 2"
)
_PIECE = 1 << 22
_VALUES = 10_000  # of a column, looked through at once


def prove(
    warehouse: Warehouse, *, settings: Settings, numbers: Sequence[str], data: Path | None = None
) -> DecisionReceipt:
    """Search everything for these persons' numbers and pseudonyms; where they still stand.

    Searched are every text and byte column of the warehouse, the statistics of its columns, every
    file below the home (the archive opened), and the files of Postgres with its WAL where they lie
    on this machine. A number of fewer than six letters is an amount or a quantity, too: it is looked
    for where customers stand, in the tables, the quarantine and the archive.

    Parameters
    ----------
    numbers : sequence of str
        The shop's numbers.
    data : Path, optional
        The folder of the Postgres server, if it is not below the home.

    Returns
    -------
    DecisionReceipt
        `details`: is_proved, persons, hits (by place), never_forgotten and short_numbers (how
        many).
    """
    started = time.monotonic()
    with warehouse.transaction() as transaction:
        asked = requests.find_persons(transaction, settings, numbers, kind="prove")
        secret = persons.keyring_of(transaction, settings).current("pseudonym").secret
    requests.record_asked(warehouse, Event.PERSON_PROVED, asked, settings=settings)
    long = [number for number in numbers if len(number) >= LETTERS_MIN]
    short = [person for person in asked if len(person.number) < LETTERS_MIN]
    search = Search([*long, *(pseudonym(secret, number) for number in numbers)])
    hits: Counter[str] = Counter(_where_customers_stand(warehouse, settings, secret, short))
    with warehouse.transaction() as transaction:
        for place, count in _in_columns(transaction, search):
            hits[place] += count
        for place, count in _in_statistics(transaction, search):
            hits[place] += count
    for place, count in _in_files(settings, search, data):
        hits[place] += count
    missing = [place for place, person in enumerate(asked, start=1) if person.done_at is None]
    return warehouse.record(
        DecisionReceipt(
            door="prove",
            sentence=_sentence(len(asked), hits, len(missing)) + _about(len(short)),
            seconds=time.monotonic() - started,
            details={
                "is_proved": not hits and not missing,
                "persons": len(asked),
                "hits": dict(sorted(hits.items())),
                "never_forgotten": len(missing),
                "short_numbers": len(short),
            },
        ),
        settings.run_id,
    )


def _sentence(persons_count: int, hits: Counter[str], missing: int) -> str:
    whom = f"{persons_count:,} person{'' if persons_count == 1 else 's'}"
    never = f"{missing:,} of {whom} were never forgotten. " if missing else ""
    if hits:
        command = "people forget NUMBER" if missing else "people forget --again"
        return (
            f"{never}Of {whom} {sum(hits.values()):,} traces are left in {len(hits)} places. "
            f"Run `retention {command}`, and look at the places that stay."
        )
    if missing:
        return never.strip()
    return f"Of {whom} nothing is left."


def _about(short_count: int) -> str:
    if not short_count:
        return ""
    return (
        f" Numbers of fewer than {LETTERS_MIN} letters ({short_count:,}) were looked for where "
        "customers stand: elsewhere they are amounts, too."
    )


def _where_customers_stand(
    warehouse: Warehouse, settings: Settings, secret: bytes, short: Sequence[Person]
) -> dict[str, int]:
    """Rows of persons with short numbers, by table or file."""
    if not short:
        return {}
    whom = Tombstones(secret, [person.mark for person in short])
    with warehouse.transaction() as transaction:
        ids = [person.customer_id for person in short]
        counts = dict(persons.rows_by_table(transaction, ids))
        if quarantine_count := quarantined.count(transaction, settings, whom):
            counts["quarantine.rows"] = quarantine_count
    return counts | archived.rows_by_file(warehouse, settings, whom)


def _in_columns(transaction: Transaction, search: Search) -> Iterator[tuple[str, int]]:
    """How many values of each column have one of the words."""
    for row in transaction.execute(_COLUMNS):
        values = transaction.stream(
            f'SELECT "{row.column_name}" FROM {row.name} WHERE "{row.column_name}" IS NOT NULL'
        )
        texts = (_bytes(value[0]) for value in values)
        if count := sum(map(search.count_values, _groups(texts))):
            yield f"{row.name}.{row.column_name}", count


def _groups(texts: Iterator[bytes]) -> Iterator[list[bytes]]:
    while group := list(islice(texts, _VALUES)):
        yield group


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def _in_statistics(transaction: Transaction, search: Search) -> Iterator[tuple[str, int]]:
    rows = transaction.execute(
        "SELECT schemaname || '.' || tablename || '.' || attname AS name, "
        "concat_ws(' ', most_common_vals::text, histogram_bounds::text, "
        "most_common_elems::text) AS common FROM pg_stats"
    )
    for row in rows:
        if count := search.count((row.common or "").encode()):
            yield f"statistics of {row.name}", count


def _in_files(settings: Settings, search: Search, data: Path | None) -> Iterator[tuple[str, int]]:
    """Hits in files of the home, and in those of the server."""
    home = settings.home.absolute()
    keyring = Keyring.of(settings)
    for path in _paths(home):
        name = path.relative_to(home).as_posix()
        if count := _count_in_name(name, search) + _count_in_file(path, home, keyring, search):
            yield name, count
    if data is not None and not data.absolute().is_relative_to(home):
        for path in _paths(data):
            if count := search.count_in(_plain(path), is_binary=True):
                yield f"postgres/{path.relative_to(data).as_posix()}", count


def _count_in_name(name: str, search: Search) -> int:
    return search.count(name.replace("_", " ").encode("utf-8", "replace"))


def _count_in_file(path: Path, home: Path, keyring: Keyring, search: Search) -> int:
    if path.is_relative_to(home / "landing"):
        content = StoredFile(path, path.name.lstrip(".").split(".")[0], keyring)
        try:
            return _count_in_copy(content, search)
        except (FileRefused, ValueError, zipfile.BadZipFile, pa.ArrowInvalid):
            return 0  # a draft or damaged: nobody can read it
    return search.count_in(_plain(path), is_binary=path.is_relative_to(home / "postgres"))


def _count_in_copy(content: StoredFile, search: Search) -> int:
    """Hits in what an archived file has when it is unpacked, workbooks and Parquet files too."""
    with content.open() as file:
        beginning = file.read(4)
        file.seek(0)
        if beginning == b"PAR1":
            batches = pq.ParquetFile(file).iter_batches()
            return search.count_in(str(batch.to_pylist()).encode() for batch in batches)
        if beginning.startswith(b"PK"):
            with zipfile.ZipFile(file) as packed:
                return sum(search.count(packed.read(name)) for name in packed.namelist())
    return search.count_in(unpacking.pieces(content, content.name))


def _plain(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except (FileNotFoundError, PermissionError):
        return  # came and went meanwhile


def _paths(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path
