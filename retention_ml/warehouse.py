"""The Postgres warehouse: the only module that imports a database driver.

Rows go in by binary COPY from Arrow and come out as Arrow; expressions are compiled by Ibis.
"""

import hashlib
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from functools import cached_property
from importlib.resources import files
from typing import Any, TypeVar

import adbc_driver_postgresql.dbapi as adbc
import ibis
import pgpq
import psycopg2
import pyarrow as pa
import sqlalchemy as sa

from retention_ml import clock
from retention_ml.errors import UsageError, WarehouseError
from retention_ml.receipts import DoorReceipt

logger = logging.getLogger(__name__)

AnyReceipt = TypeVar("AnyReceipt", bound=DoorReceipt)

_CHUNK_ROWS = 65_536
_MIGRATION_LOCK = 7_265_746


def compile_for_postgres(expression: ibis.Table) -> str:
    """The SQL of an unbound Ibis expression for Postgres."""
    return str(ibis.to_sql(expression, dialect="postgres"))


class Transaction:
    """One open transaction: all of it is kept, or nothing.

    Obtained from `Warehouse.transaction`.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, /, **parameters: Any) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        """Run one statement with `:named` parameters; its rows, empty if it returns none."""
        result = self._connection.execute(sa.text(sql), parameters)
        return result.fetchall() if result.returns_rows else []

    def change(self, sql: str, /, **parameters: Any) -> int:
        """Run one INSERT, UPDATE or DELETE; how many rows it touched."""
        return int(self._connection.execute(sa.text(sql), parameters).rowcount)

    def insert_row(
        self, table: str, row: Mapping[str, Any], *, on_conflict: str = "", returning: str = ""
    ) -> sa.Row[*tuple[Any, ...]] | None:
        """INSERT one row by column name, a mapping as jsonb; what `returning` names.

        None where it names nothing, or where `on_conflict` (`"DO NOTHING"`, `"(as_of) DO UPDATE
        SET …"`) kept the row out.
        """
        values = {
            column: json.dumps(dict(value), default=_to_json)
            if isinstance(value, Mapping)
            else value
            for column, value in row.items()
        }
        slots = ", ".join(
            f"CAST(:{column} AS jsonb)" if isinstance(row[column], Mapping) else f":{column}"
            for column in row
        )
        rows = self.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({slots})"
            + (f" ON CONFLICT {on_conflict}" if on_conflict else "")
            + (f" RETURNING {returning}" if returning else ""),
            **values,
        )
        return rows[0] if rows else None

    def lock(self, key: str) -> None:
        """Wait for, and hold until the transaction ends, the lock of that name."""
        self.execute("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=key)

    def insert(self, table: str, expression: ibis.Table) -> int:
        """INSERT the rows of an Ibis expression into `schema.table`; how many there were."""
        columns = ", ".join(f'"{name}"' for name in expression.columns)
        sql = f"INSERT INTO {table} ({columns}) {compile_for_postgres(expression)}"
        return int(self._connection.exec_driver_sql(sql.replace("%", "%%")).rowcount)

    def copy(self, table: str, rows: pa.Table) -> int:
        """COPY Arrow rows into `schema.table`, matching columns by name; how many there were.

        Column types must be those of the table (int64 for bigint, int32 for integer, ...).
        """
        if rows.num_rows == 0:
            return 0
        encoder = pgpq.ArrowToPostgresBinaryEncoder(rows.schema)
        columns = ", ".join(f'"{name}"' for name in rows.column_names)
        cursor = self._connection.connection.cursor()
        stream = _ChunkStream(encoder, rows)
        cursor.copy_expert(
            f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)", stream, size=1 << 20
        )
        return int(rows.num_rows)


class _ChunkStream(io.RawIOBase):
    """A readable stream of Postgres binary COPY data, encoded chunk by chunk."""

    def __init__(self, encoder: Any, rows: pa.Table) -> None:
        self._pieces = self._encode(encoder, rows)
        self._rest = b""

    @staticmethod
    def _encode(encoder: Any, rows: pa.Table) -> Iterator[bytes]:
        yield encoder.write_header()
        for batch in rows.to_batches(max_chunksize=_CHUNK_ROWS):
            yield encoder.write_batch(batch)
        yield encoder.finish()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        piece, self._rest = (
            (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        )
        return piece


class Warehouse:
    """A Postgres database that holds, or will hold, the platform's tables.

    Parameters
    ----------
    url : str
        `postgresql://user:password@host:port/database`.
    """

    def __init__(self, url: str) -> None:
        address = sa.make_url(url)
        if not address.drivername.startswith("postgresql"):
            raise UsageError(
                f"The warehouse address begins with {address.drivername!r}; expected "
                "postgresql://user:password@host:port/database in RETENTION_WAREHOUSE_URL."
            )
        self._address = address.set(drivername="postgresql")

    @property
    def url(self) -> str:
        """The address with its password: never log it."""
        return self._address.render_as_string(hide_password=False)

    def __repr__(self) -> str:
        return f"Warehouse({self._address.render_as_string(hide_password=True)!r})"

    @cached_property
    def engine(self) -> sa.Engine:
        """The SQLAlchemy engine (psycopg2)."""
        return sa.create_engine(
            self._address.set(drivername="postgresql+psycopg2"),
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 10,
                "keepalives_idle": 30,
                "options": "-c timezone=UTC -c lock_timeout=30s",
            },
        )

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Raises
        ------
        WarehouseError
            If the database cannot be reached, refuses, or breaks off.
        """
        try:
            with self.engine.begin() as connection:
                yield Transaction(connection)
        except (sa.exc.DBAPIError, psycopg2.Error) as error:
            raise _sentence(error) from error

    def read(
        self, query: ibis.Table | str, *, planner: Mapping[str, str] | None = None
    ) -> pa.Table:
        """The rows of an Ibis expression (or of SQL without parameters) as an Arrow table.

        `planner` holds settings of Postgres for this query alone, such as
        `{"enable_nestloop": "off"}`.
        """
        sql = query if isinstance(query, str) else compile_for_postgres(query)
        try:
            with self._reader() as cursor:
                for name, value in (planner or {}).items():
                    cursor.execute(f"SET LOCAL {name} TO {value}")
                cursor.execute(sql)
                rows = cursor.fetch_arrow_table()
        except adbc.Error as error:
            raise _sentence(error) from error
        return rows.replace_schema_metadata(None).cast(
            pa.schema([pa.field(field.name, _plain(field.type)) for field in rows.schema])
        )

    @cached_property
    def _readers(self) -> sa.pool.QueuePool:
        """Connections for Arrow, kept open: each takes 50 ms to make."""
        return sa.pool.QueuePool(lambda: adbc.connect(self.url), max_overflow=-1)

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        """A cursor inside a transaction that ends with the block, in UTC."""
        connection = self._readers.connect()
        try:
            try:
                _begin_reading(connection)
            except adbc.Error:
                # It was kept while the server went away: so were all others.
                connection.invalidate()
                self._readers.dispose()
                connection = self._readers.connect()
                _begin_reading(connection)
            with closing(connection.cursor()) as cursor:
                yield cursor
        finally:
            connection.close()

    def record(self, receipt: AnyReceipt, run_id: str) -> AnyReceipt:
        """Store and log a door's receipt, and return it; without counts, zeros are stored."""
        counts = receipt.counts
        with self.transaction() as transaction:
            transaction.execute(
                "INSERT INTO ops.receipts (door, as_of, read_count, written_count, "
                "quarantined_count, duplicate_count, seconds, run_id, details, finished_at) "
                "VALUES (:door, :as_of, :read, :written, :quarantined, :duplicates, :seconds, "
                ":run_id, CAST(:details AS jsonb), :finished_at)",
                door=receipt.door,
                as_of=receipt.as_of,
                read=counts.get("read", 0),
                written=counts.get("written", 0),
                quarantined=counts.get("quarantined", 0),
                duplicates=counts.get("duplicates", 0),
                seconds=receipt.seconds,
                run_id=run_id,
                details=json.dumps(receipt.stored_details, default=str),
                finished_at=clock.now(),
            )
        logger.info("%s", receipt)
        return receipt

    def migrate(self) -> list[str]:
        """Bring the schema up to date; the names of the migrations that were applied.

        All of it is one transaction; the views of `reports` are made anew if they changed.

        Raises
        ------
        UsageError
            If a migration is not the one that was applied.
        """
        applied: list[str] = []
        with self.transaction() as transaction:
            transaction.execute(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            transaction.execute(
                "CREATE TABLE IF NOT EXISTS public.migrations (name text PRIMARY KEY, "
                "sha256 text NOT NULL, applied_at timestamptz NOT NULL)"
            )
            applied_digests = {
                row[0]: row[1]
                for row in transaction.execute("SELECT name, sha256 FROM public.migrations")
            }
            for name, sql in _sql_files("migrations"):
                digest = hashlib.sha256(sql.encode()).hexdigest()
                if applied_digests.get(name, digest) != digest:
                    raise UsageError(
                        f"Migration {name} is not the one this warehouse was made with. Migrations "
                        "only go forward: put the file back and write a new one."
                    )
                if name in applied_digests:
                    continue
                transaction._connection.exec_driver_sql(sql.replace("%", "%%"))
                transaction.execute(
                    "INSERT INTO public.migrations VALUES (:name, :digest, :now)",
                    name=name,
                    digest=digest,
                    now=clock.now(),
                )
                applied.append(name)
            self._make_views(transaction)
        return applied

    def missing_migrations(self) -> list[str]:
        """The names of the migrations that `migrate` would apply; changes nothing."""
        with self.transaction() as transaction:
            [[exists]] = transaction.execute("SELECT to_regclass('public.migrations') IS NOT NULL")
            rows = transaction.execute("SELECT name FROM public.migrations") if exists else []
        applied = {row.name for row in rows}
        return [name for name, _ in _sql_files("migrations") if name not in applied]

    def _make_views(self, transaction: Transaction) -> None:
        views = _sql_files("reports/views")
        digest = hashlib.sha256("".join(sql for _, sql in views).encode()).hexdigest()
        applied_digest = transaction.execute(
            "SELECT sha256 FROM public.migrations WHERE name = 'views'"
        )
        if not applied_digest or applied_digest[0][0] != digest:
            transaction.execute("DROP SCHEMA IF EXISTS reports CASCADE")
            transaction.execute("CREATE SCHEMA reports")
            for _, sql in views:
                transaction._connection.exec_driver_sql(sql.replace("%", "%%"))
            transaction.execute("DELETE FROM public.migrations WHERE name = 'views'")
            transaction.execute(
                "INSERT INTO public.migrations VALUES ('views', :digest, :now)",
                digest=digest,
                now=clock.now(),
            )
        # The role may have been made after the views.
        if transaction.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = 'retention_bi' "
            "AND NOT has_schema_privilege(oid, 'reports', 'USAGE')"
        ):
            transaction.execute("GRANT USAGE ON SCHEMA reports TO retention_bi")
            transaction.execute("GRANT SELECT ON ALL TABLES IN SCHEMA reports TO retention_bi")

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()
        self._readers.dispose()


def _to_json(value: object) -> str:
    """Days and instants as text; anything else that is no JSON raises, instead of becoming text."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON.")


def _begin_reading(connection: Any) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET LOCAL timezone TO 'UTC'")


def _sql_files(folder: str) -> list[tuple[str, str]]:
    root = files("retention_ml").joinpath(*folder.split("/"))
    names = sorted(path.name for path in root.iterdir() if path.name.endswith(".sql"))
    return [(name, root.joinpath(name).read_text(encoding="utf-8")) for name in names]


def _plain(kind: pa.DataType) -> pa.DataType:
    """Numeric columns come as opaque text; everything else as it is."""
    if isinstance(kind, pa.ExtensionType):
        return kind.storage_type
    return kind


def _sentence(error: Exception) -> WarehouseError:
    first = str(getattr(error, "orig", None) or error).strip().splitlines()
    return WarehouseError(
        f"The warehouse did not carry out a statement: {first[0] if first else error!r}. "
        "Nothing of that transaction was kept. Check that Postgres answers "
        "(`retention stack status`), then run the same command again."
    )
