"""The Postgres warehouse: transactions, and rows in and out.

Rows go in by binary COPY from Arrow and come out as Arrow; expressions are compiled by Ibis.
"""

import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from functools import cached_property, partial
from typing import Any, TypeVar

import ibis
import pgpq
import pyarrow as pa
import sqlalchemy as sa
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb

from retention_ml import clock
from retention_ml.connections import DRIVER_ERRORS, STATEMENT_MINUTES_MAX, Connections
from retention_ml.errors import WarehouseError, first_words
from retention_ml.expressions import insertion, sql_of
from retention_ml.receipts import DoorReceipt

logger = logging.getLogger(__name__)

AnyReceipt = TypeVar("AnyReceipt", bound=DoorReceipt)

_CHUNK_ROWS = 65_536
STREAMED_ROWS = 1_000


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

    def stream(self, sql: str, /, **parameters: Any) -> Iterator[sa.Row[*tuple[Any, ...]]]:
        """Rows of one statement by a cursor of the database, `STREAMED_ROWS` of them in memory."""
        return iter(
            self._connection.execute(
                sa.text(sql), parameters, execution_options={"yield_per": STREAMED_ROWS}
            )
        )

    def only_read(self, *, seconds_max: float) -> None:
        """See one state of the database in all statements that follow, and write nothing.

        Called before any other; a statement that takes longer than `seconds_max` is ended.
        """
        self.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self.execute(f"SET LOCAL statement_timeout = {1000 * seconds_max:.0f}")

    def run_script(self, sql: str) -> None:
        """Run statements that are separated by semicolons, without parameters."""
        self._connection.exec_driver_sql(sql.replace("%", "%%"))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A block of which nothing is kept if it raises, while the transaction goes on.

        Raises
        ------
        WarehouseError
            If the database refuses a statement of the block: its words and its code.
        """
        try:
            with self._connection.begin_nested():
                yield
        except sa.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            raise WarehouseError(
                first_words(error.orig or error), getattr(error.orig, "pgcode", None)
            ) from error

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

    def lock(self, key: str, *, minutes_max: int | None = None) -> None:
        """Wait for, and hold until the transaction ends, the lock of that name.

        `minutes_max` is how long, by default `lock_timeout` of the connection.
        """
        if minutes_max:
            self.execute(f"SET LOCAL lock_timeout = '{minutes_max:d}min'")
        self.execute("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=key)
        if minutes_max:
            self.execute("SET LOCAL lock_timeout TO DEFAULT")

    def insert(self, table: str, expression: ibis.Table) -> int:
        """INSERT the rows of an Ibis expression into `schema.table`; how many there were."""
        return self.insert_by(insertion(table, expression))

    def insert_by(self, statement: str) -> int:
        """Carry out a statement of `insertion`; how many rows there were."""
        return int(self._connection.exec_driver_sql(statement.replace("%", "%%")).rowcount)

    def select(self, expression: ibis.Table) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        """The rows of an Ibis expression, as this transaction sees them."""
        sql = sql_of(expression, "postgres").replace("%", "%%")
        return self._connection.exec_driver_sql(sql).fetchall()

    def copy(self, table: str, rows: pa.Table, *, json_columns: Sequence[str] = ()) -> int:
        """COPY Arrow rows into `schema.table`, matching columns by name; how many there were.

        Column types must be those of the table (int64 for bigint, int32 for integer, ...); text of
        `json_columns` becomes jsonb.
        """
        if rows.num_rows == 0:
            return 0
        encoder = _encoder(rows.schema, json_columns)
        columns = ", ".join(f'"{name}"' for name in rows.column_names)
        cursor = self._connection.connection.cursor()
        stream = _ChunkStream(encoder, rows)
        cursor.copy_expert(
            f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)", stream, size=1 << 20
        )
        return int(rows.num_rows)


def _encoder(schema: pa.Schema, json_columns: Sequence[str]) -> Any:
    if not json_columns:
        return pgpq.ArrowToPostgresBinaryEncoder(schema)
    infer = pgpq.ArrowToPostgresBinaryEncoder.infer_encoder
    builders = {
        field.name: StringEncoderBuilder.new_with_output(field, Jsonb())
        if field.name in json_columns
        else infer(field)
        for field in schema
    }
    return pgpq.ArrowToPostgresBinaryEncoder.new_with_encoders(schema, builders)


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
    statement_minutes_max : float
        The longest that one statement may take.
    session_settings : mapping of str to str, optional
        Settings of Postgres for every session, such as `{"work_mem": "64MB"}`.

    Raises
    ------
    UsageError
        If the address cannot be read or names no host or database.
    """

    def __init__(
        self,
        url: str,
        statement_minutes_max: float = STATEMENT_MINUTES_MAX,
        session_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.connections = Connections(url, statement_minutes_max, session_settings)

    @property
    def url(self) -> str:
        """The address with its password: never log it."""
        return self.connections.address.render_as_string(hide_password=False)

    def __repr__(self) -> str:
        address = self.connections.address.set(query={})  # which may hold a password too
        return f"Warehouse({address.render_as_string(hide_password=True)!r})"

    @cached_property
    def engine(self) -> sa.Engine:
        """The SQLAlchemy engine (psycopg2)."""
        return sa.create_engine(
            self.connections.sqlalchemy_url(),
            pool_pre_ping=True,
            connect_args=self.connections.connect_arguments(),
        )

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Raises
        ------
        WarehouseError
            If the database cannot be reached, refuses, breaks off, or falls silent.
        """
        is_committing = False
        try:
            with self.engine.begin() as connection:
                yield Transaction(connection)
                is_committing = True
        except DRIVER_ERRORS as error:
            raise self.connections.explain(error, is_committing=is_committing) from error

    @contextmanager
    def exclusive(self, key: str) -> Iterator[None]:
        """A block that one process at a time is in, with no transaction open meanwhile.

        For what takes longer than a statement and cannot be undone, such as a request to the model
        registry. A process that dies leaves the block; where the connection broke off, another may
        enter before this one has ended, so that what is written after it is checked again.

        Raises
        ------
        WarehouseError
            Another process has been in it for longer than `lock_timeout`.
        """
        try:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
                session.detach()  # it is closed with the block, and the lock goes with it
                lock = sa.text("SELECT pg_advisory_lock(hashtextextended(:key, 0))")
                session.execute(lock, {"key": key})
                yield
        except DRIVER_ERRORS as error:
            raise self.connections.explain(error) from error

    def read(
        self, query: ibis.Table | str, *, planner: Mapping[str, str] | None = None
    ) -> pa.Table:
        """The rows of an Ibis expression (or of SQL without parameters) as an Arrow table.

        `planner` holds settings of Postgres for this query alone, such as
        `{"enable_nestloop": "off"}`.
        """
        try:
            with self._reader() as call:
                for name, value in (planner or {}).items():
                    call(_execute, f"SET LOCAL {name} TO {value}")
                return call(_fetch, query)
        except DRIVER_ERRORS as error:
            raise self.connections.explain(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[ibis.Table | str], pa.Table]]:
        """A `read` for several queries that all see what was committed when the first began."""
        try:
            with self._reader() as call:
                call(_execute, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield partial(call, _fetch)
        except DRIVER_ERRORS as error:
            raise self.connections.explain(error) from error

    @cached_property
    def _readers(self) -> sa.pool.QueuePool:
        """Connections for Arrow, kept open: each takes 50 ms to make."""
        return sa.pool.QueuePool(self.connections.connect_for_arrow, max_overflow=-1)

    @contextmanager
    def _reader(self) -> Iterator[Callable[..., Any]]:
        """Calls functions with a cursor inside a transaction that ends with the block, in UTC."""
        connection: Any = self._readers.connect()
        calls = self.connections.calls()
        try:
            try:
                calls(lambda: _begin_reading(connection))
            except DRIVER_ERRORS:
                if calls.are_waiting:
                    raise
                # It was kept while the server went away: so were all others.
                connection.invalidate()
                self._readers.dispose()
                connection = self._readers.connect()
                calls(lambda: _begin_reading(connection))
            cursor = connection.cursor()
            calls.at_end(cursor.close)
            yield lambda work, *arguments: calls(lambda: work(cursor, *arguments))
        finally:
            if calls.are_waiting:
                calls.at_end(connection.dbapi_connection.close)
                connection.detach()
            else:
                calls.at_end(connection.close)
            calls.end()

    def record(self, receipt: AnyReceipt, run_id: str) -> AnyReceipt:
        """Store and log a door's receipt, and return it; without counts, zeros are stored."""
        counts = receipt.counts
        with self.transaction() as transaction:
            transaction.execute(
                "INSERT INTO ops.receipts (door, as_of, read_count, written_count, "
                "quarantined_count, left_out_count, duplicate_count, seconds, run_id, details, finished_at) "
                "VALUES (:door, :as_of, :read, :written, :quarantined, :left_out, :duplicates, "
                ":seconds, :run_id, CAST(:details AS jsonb), :finished_at)",
                door=receipt.door,
                as_of=receipt.as_of,
                read=counts.get("read", 0),
                written=counts.get("written", 0),
                quarantined=counts.get("quarantined", 0),
                left_out=counts.get("left_out", 0),
                duplicates=counts.get("duplicates", 0),
                seconds=receipt.seconds,
                run_id=run_id,
                details=json.dumps(receipt.stored_details, default=str),
                finished_at=clock.now(),
            )
        logger.info("%s", receipt)
        return receipt

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()
        self._readers.dispose()


def _to_json(value: object) -> str:
    """Days and instants as text; anything else that is no JSON raises, instead of becoming text."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON.")


def _execute(cursor: Any, sql: str) -> None:
    cursor.execute(sql)


def _fetch(cursor: Any, query: ibis.Table | str) -> pa.Table:
    """The rows of one query of an open transaction."""
    cursor.execute(query if isinstance(query, str) else sql_of(query, "postgres"))
    rows = cursor.fetch_arrow_table()
    # Numeric columns come as opaque text; everything else as it is.
    kinds = [(each.name, getattr(each.type, "storage_type", each.type)) for each in rows.schema]
    return rows.replace_schema_metadata(None).cast(pa.schema(kinds))


def _begin_reading(connection: Any) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET LOCAL timezone TO 'UTC'")
