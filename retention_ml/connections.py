"""Connections to Postgres: none waits for ever, and what goes wrong ends in a sentence.

A host that is gone is noticed by TCP, a long statement ends by `statement_timeout`. A server that
takes bytes and never answers is noticed by neither: psycopg2's socket is cut here, and an ADBC
call, which shows no socket, is left to its thread.

The only module that imports a database driver.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import adbc_driver_manager
import psycopg2
import psycopg2.extensions
import sqlalchemy as sa

from retention_ml.deadlines import DEADLINES
from retention_ml.errors import UsageError, WarehouseError, first_words

if TYPE_CHECKING:
    import adbc_driver_postgresql.dbapi as adbc

DRIVER_ERRORS = (sa.exc.DBAPIError, sa.exc.TimeoutError, psycopg2.Error, adbc_driver_manager.Error)
STATEMENT_MINUTES_MAX = 30.0
_ANSWER_SECONDS = 30.0  # beyond the limit of a statement: the server ends it first if it lives
# Parameters of libpq; a host that is gone is noticed within a minute.
_BOUNDS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_DISK_FULL, _QUERY_CANCELED, _LOCK_NOT_AVAILABLE = "53100", "57014", "55P03"

Answer = TypeVar("Answer")


class Connections:
    """Where a Postgres is, and how long it is waited for.

    Parameters
    ----------
    url : str
        `postgresql://user:password@host:port/database`; parameters of libpq may follow.
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
        statement_minutes_max: float,
        session_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.address = _parse(url)
        self._minutes = statement_minutes_max
        options = (
            f"-c timezone=UTC -c lock_timeout=30s -c statement_timeout={60_000 * self._minutes:.0f}"
        )
        for name, value in (session_settings or {}).items():
            options += f" -c {name}={value}"
        stated = self.address.query.get("options", ())
        texts = (options, stated) if isinstance(stated, str) else (options, *stated)
        self._bounded = self.address.set(
            query={**_BOUNDS, **self.address.query, "options": " ".join(texts)}
        )

    @property
    def seconds_max(self) -> float:
        """How long an answer is waited for."""
        return 60 * self._minutes + _ANSWER_SECONDS

    def sqlalchemy_url(self, *settings: str) -> str:
        """The bounded address with its password, for an engine with `connect_arguments`.

        Parameters
        ----------
        *settings : str
            More settings of Postgres for its sessions, such as `jit=off`.
        """
        options = " ".join((str(self._bounded.query["options"]), *(f"-c {s}" for s in settings)))
        address = self._bounded.update_query_dict({"options": options})
        return address.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)

    def connect_arguments(self, failures: list[Exception] | None = None) -> dict[str, Any]:
        """The `connect_args` of an engine.

        Parameters
        ----------
        failures : list of Exception, optional
            For callers whose library hides errors and goes on: takes what the server, or the way to
            it, did to a connection. From then on no further one is made.
        """

        def connect(dsn: str, **_: Any) -> _Connection:
            if failures:
                raise failures[0]
            return _Connection(dsn, self.seconds_max, [] if failures is None else failures)

        return {"connection_factory": connect}

    def connect_for_arrow(self) -> "adbc.Connection":
        """A new ADBC connection; its calls are made with `calls`.

        Making it is one of them: the driver asks for types after libpq's own limit has ended.
        """
        address, _, query = self._bounded.render_as_string(hide_password=False).partition("?")
        url = f"{address}?{query.replace('+', '%20')}"  # libpq reads no plus
        # With it comes pandas: a third of a second that commands which read no tables are spared.
        import adbc_driver_postgresql.dbapi as adbc

        return self.calls()(lambda: adbc.connect(url))

    def calls(self) -> "Calls":
        """What to make the calls of one ADBC connection with."""
        return Calls(self.seconds_max)

    def explain(self, error: Exception, *, is_committing: bool = False) -> WarehouseError:
        """The sentence for an error of a driver.

        Parameters
        ----------
        is_committing : bool
            Whether it is the answer to a COMMIT.
        """
        cause = getattr(error, "orig", None) or error
        code = getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None)
        what, effect = first_words(cause).rstrip("."), "Nothing of that transaction was kept."
        if code == _DISK_FULL:
            return WarehouseError(
                f"The disk of the warehouse's server is full: {what}. {effect} Free space where "
                "Postgres keeps its data, then run the same command again.",
                code,
            )
        if code == _QUERY_CANCELED:
            return WarehouseError(
                f"The warehouse ended a statement: {what}. {effect} A statement may take "
                f"{self._minutes:g} minutes (statement_minutes_max under [compute]); raise that if "
                "the shop is large, then run the same command again.",
                code,
            )
        if code == _LOCK_NOT_AVAILABLE:
            return WarehouseError(
                f"Another run holds what this one waited for: {what}. {effect} Wait until it has "
                "ended, then run the same command again.",
                code,
            )
        if is_committing and not code:
            effect = (
                "It had been asked to keep a transaction and did not say whether it did; the same "
                "command finds out and does nothing twice."
            )
        return WarehouseError(
            f"The warehouse did not carry out a statement: {what}. {effect} Check that Postgres "
            "answers (`retention stack status`), then run the same command again.",
            code,
        )


def _parse(url: str) -> sa.URL:
    shape = "postgresql://user:password@host:port/database in RETENTION_WAREHOUSE_URL"
    try:
        address = sa.make_url(url)
        if address.port is not None and not 0 < address.port < 65_536:
            raise ValueError
    except (sa.exc.ArgumentError, ValueError):  # what they say may hold the password
        raise UsageError(
            f"The warehouse address cannot be read; expected {shape}, where the port is a number. "
            "Write signs such as @ : / # ? % in the password as %40 %3A %2F %23 %3F %25."
        ) from None
    if not address.drivername.startswith("postgresql"):
        raise UsageError(
            f"The warehouse address begins with {address.drivername!r}; expected {shape}."
        )
    missing = [
        part
        for part, value in (
            ("host", address.host or address.query.get("host") or address.query.get("service")),
            ("database", address.database or address.query.get("service")),
        )
        if not value
    ]
    if missing:
        raise UsageError(f"The warehouse address names no {missing[0]}; expected {shape}.")
    return address.set(drivername="postgresql")


class Calls:
    """Calls one after another, each in a thread that is left behind if it is not answered in time.

    Raises
    ------
    psycopg2.OperationalError
        A call took longer than `seconds_max`.
    """

    def __init__(self, seconds_max: float) -> None:
        self._seconds_max = seconds_max
        self._newest: Future[Any] | None = None
        self._closing: list[Callable[[], object]] = []

    def __call__(self, work: Callable[[], Answer]) -> Answer:
        answer: Future[Answer] = Future()
        self._newest = answer

        def run() -> None:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            return answer.result(self._seconds_max)
        except TimeoutError:
            if answer.done():  # it came this instant, or is a TimeoutError itself
                return answer.result()
            raise _silence(self._seconds_max) from None

    @property
    def are_waiting(self) -> bool:
        """Whether the newest call was left behind: what it uses must not be touched."""
        return self._newest is not None and not self._newest.done()

    def at_end(self, close: Callable[[], object]) -> None:
        """Close something in `end`, in the order of these calls."""
        self._closing.append(close)

    def end(self) -> None:
        """Close what is to be closed; where a call was left behind, when it comes back."""
        if self._newest is not None and self.are_waiting:
            self._newest.add_done_callback(lambda _: self._close())
        else:
            self(self._close)

    def _close(self) -> None:
        for close in self._closing:
            with suppress(adbc_driver_manager.Error):
                close()


class _Connection(psycopg2.extensions.connection):
    """A connection whose socket is cut where an answer does not come in time."""

    def __init__(self, dsn: str, seconds_max: float, failures: list[Exception]) -> None:
        self._seconds_max, self._failures = seconds_max, failures
        with self._noting():
            super().__init__(dsn)
        self.cursor_factory = _Cursor

    def commit(self) -> None:
        with self.bounded():
            super().commit()

    def rollback(self) -> None:
        if self.closed:  # and so rolled back; an error here would hide the one that closed it
            return
        with self.bounded():
            super().rollback()

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Cut the socket if the block waits too long: to libpq the server has closed it."""
        is_late = threading.Event()

        def cut() -> None:
            is_late.set()
            with (
                suppress(psycopg2.Error, OSError),
                socket.socket(fileno=os.dup(self.fileno())) as link,
            ):
                link.shutdown(socket.SHUT_RDWR)

        try:
            with DEADLINES.within(self._seconds_max, cut), self._noting():
                yield
        except psycopg2.Error as error:
            if is_late.is_set():
                raise _silence(self._seconds_max) from error
            raise

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            self._failures.append(error)
            raise


class _Cursor(psycopg2.extensions.cursor):
    """A cursor of a bounded connection."""

    connection: _Connection

    def execute(self, *arguments: Any, **named: Any) -> None:
        with self.connection.bounded():
            super().execute(*arguments, **named)

    def copy_expert(self, *arguments: Any, **named: Any) -> None:
        with self.connection.bounded():
            super().copy_expert(*arguments, **named)


def _silence(seconds: float) -> psycopg2.OperationalError:
    return psycopg2.OperationalError(f"no answer within {seconds / 60:.3g} minutes")
