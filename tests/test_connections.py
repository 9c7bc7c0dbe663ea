"""Whatever the database or the way to it does: a sentence, in bounded time."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest

from retention_ml import connections
from retention_ml.errors import UsageError, WarehouseError
from retention_ml.quality import suites
from retention_ml.settings import PROJECT
from retention_ml.warehouse import Warehouse
from tests.worlds.networks import Proxy, proxy_to

pytestmark = pytest.mark.suites

MINUTES = 0.01
ANSWER_SECONDS = 0.5
GONE = "(no answer within|timeout expired).* Nothing of that transaction was kept"
NOTE = "INSERT INTO ops.fences VALUES ('a', 1)"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_ANSWER_SECONDS", ANSWER_SECONDS)


@pytest.fixture
def proxy(warehouse: Warehouse) -> Iterator[Proxy]:
    port = warehouse.connections.address.port
    assert port is not None
    with proxy_to(port) as proxy:
        yield proxy


@pytest.fixture
def distant(warehouse: Warehouse, proxy: Proxy) -> Iterator[Warehouse]:
    """The same warehouse by way of the proxy."""
    address = warehouse.connections.address.set(port=proxy.port, query={"connect_timeout": "2"})
    with closing(Warehouse(address.render_as_string(hide_password=False), MINUTES)) as distant:
        yield distant


@pytest.fixture
def fences(warehouse: Warehouse) -> Callable[[], int]:
    return lambda: warehouse.read("SELECT * FROM ops.fences").num_rows


# A database that falls silent

READY = b"Z\0\0\0\x05I"  # the server's last words when a client has logged in


def _statement(warehouse: Warehouse, proxy: Proxy) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(NOTE)
        proxy.is_silent = True
        transaction.execute("SELECT 1")


def _copy(warehouse: Warehouse, proxy: Proxy) -> None:
    rows = pa.table({"name": ["a"], "epoch": pa.array([1], pa.int64())})
    with warehouse.transaction() as transaction:
        transaction.execute(NOTE)
        proxy.is_silent = True
        transaction.copy("ops.fences", rows)


def _rollback(warehouse: Warehouse, proxy: Proxy) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(NOTE)
        proxy.is_silent = True
        transaction.execute("SELECT no_such_column")


def _kept_connection(warehouse: Warehouse, proxy: Proxy) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("SELECT 1")
    proxy.is_silent = True
    with warehouse.transaction() as transaction:
        transaction.execute(NOTE)


def _read(warehouse: Warehouse, proxy: Proxy) -> None:
    warehouse.read("SELECT 1")
    proxy.is_silent = True
    warehouse.read("SELECT 1")


def _snapshot(warehouse: Warehouse, proxy: Proxy) -> None:
    with warehouse.snapshot() as read:
        read("SELECT 1")
        proxy.is_silent = True
        read("SELECT 1")


def _wait_for_a_turn(warehouse: Warehouse, proxy: Proxy) -> None:
    with warehouse.exclusive("a"):
        pass
    proxy.is_silent = True
    with warehouse.exclusive("a"):
        pass


def _log_in(warehouse: Warehouse, proxy: Proxy) -> None:
    proxy.last_words = READY
    warehouse.read("SELECT 1")


def _log_in_again(warehouse: Warehouse, proxy: Proxy) -> None:
    """The connection that was kept is broken, and so is the way to a new one."""
    pid = warehouse.read("SELECT pg_backend_pid() AS pid")["pid"][0].as_py()
    with warehouse.transaction() as transaction:
        transaction.execute("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)
    proxy.last_words = READY
    warehouse.read("SELECT 1")


@pytest.mark.fault(
    "database falls silent, also in COMMIT and right after the log-in", promises="P1 P2", row=14
)
@pytest.mark.parametrize(
    "use",
    [
        _statement, _copy, _rollback, _kept_connection, _read, _snapshot, _wait_for_a_turn,
        _log_in, _log_in_again,
    ],
)  # fmt: skip
def test_a_database_that_falls_silent_is_left_with_a_sentence_and_nothing_is_kept(
    distant: Warehouse,
    proxy: Proxy,
    fences: Callable[[], int],
    use: Callable[[Warehouse, Proxy], None],
) -> None:
    began = time.monotonic()
    with pytest.raises(WarehouseError, match=GONE) as refusal:
        use(distant, proxy)
    assert time.monotonic() - began < 5 * (60 * MINUTES + ANSWER_SECONDS)
    assert "run the same command again" in str(refusal.value)
    assert fences() == 0


def _commit(warehouse: Warehouse, proxy: Proxy) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(NOTE)
        proxy.is_silent = True


def test_a_commit_without_an_answer_is_told_as_one_whose_end_is_unknown(
    distant: Warehouse, proxy: Proxy
) -> None:
    with pytest.raises(WarehouseError, match=r"did not say whether it did.*does nothing twice"):
        _commit(distant, proxy)


def _double(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("INSERT INTO public.t VALUES (1), (1)")


def test_a_constraint_that_refuses_a_commit_keeps_nothing_for_sure(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("CREATE TABLE public.t (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(WarehouseError, match="Nothing of that transaction was kept"):
        _double(warehouse)


def _stop_a_reader(warehouse: Warehouse, stop: Callable[[int], None]) -> None:
    with warehouse.snapshot() as read:
        stop(read("SELECT pg_backend_pid() AS pid")["pid"][0].as_py())
        read("SELECT 1")


def _stop_a_writer(warehouse: Warehouse, stop: Callable[[int], None]) -> None:
    with warehouse.transaction() as transaction:
        stop(transaction.execute("SELECT pg_backend_pid()")[0][0])
        transaction.execute("SELECT 1")


@pytest.mark.fault("process of the database stopped", promises="P1 P2", row=14)
@pytest.mark.parametrize("use", [_stop_a_reader, _stop_a_writer])
def test_a_server_process_that_is_stopped_is_left_too(
    warehouse: Warehouse, use: Callable[[Warehouse, Callable[[int], None]], None]
) -> None:
    """Its kernel acknowledges what comes, and `statement_timeout` does not fire in it."""
    stopped: list[int] = []

    def stop(pid: int) -> None:
        stopped.append(pid)
        os.kill(pid, signal.SIGSTOP)

    try:
        with (
            closing(Warehouse(warehouse.url, MINUTES)) as hasty,
            pytest.raises(WarehouseError, match="no answer within"),
        ):
            use(hasty, stop)
    finally:
        os.kill(stopped[0], signal.SIGCONT)


def test_a_server_that_takes_connections_and_says_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        mute = Warehouse(f"postgresql://u:secret@127.0.0.1:{port}/d?connect_timeout=2")
        for ask in (mute.transaction().__enter__, lambda: mute.read("SELECT 1")):
            with pytest.raises(WarehouseError, match="timeout expired") as refusal:
                ask()
            assert "secret" not in str(refusal.value)


SUITE = "staging.products"


def test_checks_of_a_silent_database_are_its_fault_and_not_that_of_the_rows(
    distant: Warehouse, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = PROJECT / "expectations"
    query = {SUITE: f"SELECT * FROM {SUITE}"}
    assert suites.run(distant, query, folder)
    validate = suites._validate

    def fall_silent(*arguments: Any) -> Any:
        proxy.is_silent = True
        return validate(*arguments)

    monkeypatch.setattr(suites, "_validate", fall_silent)
    for _ in ("in the middle", "from the beginning"):
        with pytest.raises(WarehouseError, match=GONE):
            suites.run(distant, query, folder)


def test_connections_to_a_silent_database_are_given_back_at_once(
    distant: Warehouse, proxy: Proxy
) -> None:
    distant.read("SELECT 1")
    with distant.transaction() as transaction:
        transaction.execute("SELECT 1")
    proxy.is_silent = True
    began = time.monotonic()
    distant.close()
    assert time.monotonic() - began < ANSWER_SECONDS


class _AnswersAtTheLimit(Future[str]):
    """The wait for it ends in the instant in which its answer comes."""

    def result(self, timeout: float | None = None) -> str:
        answer = super().result()
        if timeout is not None:
            raise TimeoutError
        return answer


def test_an_answer_in_the_instant_of_the_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "Future", _AnswersAtTheLimit)
    assert connections.Calls(5)(lambda: "an answer") == "an answer"


# Bounds


SLOW = "SELECT pg_sleep(60)::text AS product_id"


def _run(warehouse: Warehouse, sql: str) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(sql)


@pytest.mark.parametrize(
    "use",
    [
        lambda warehouse: _run(warehouse, SLOW),
        lambda warehouse: warehouse.read(SLOW),
        lambda warehouse: suites.run(warehouse, {SUITE: SLOW}, PROJECT / "expectations"),
    ],
    ids=["transaction", "read", "checks"],
)
def test_a_statement_that_takes_too_long_is_ended_and_the_setting_named(
    warehouse: Warehouse, use: Callable[[Warehouse], object]
) -> None:
    with (
        closing(Warehouse(warehouse.url, MINUTES / 3)) as hasty,
        pytest.raises(WarehouseError, match=r"statement timeout.*statement_minutes_max") as error,
    ):
        use(hasty)
    assert error.value.sqlstate == "57014"


def test_a_full_disk_of_the_server_is_told_as_one(warehouse: Warehouse) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    for ask in (_run, Warehouse.read):
        with pytest.raises(WarehouseError, match=r"server is full: .*extend file.* Free space"):
            ask(warehouse, full)


def test_a_host_that_is_gone_is_noticed_within_a_minute(warehouse: Warehouse) -> None:
    with warehouse.engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        with socket.socket(fileno=os.dup(driver.fileno())) as link:  # type: ignore[attr-defined]
            assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
            idle, interval, count = (
                link.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
    assert idle + interval * count <= 60


@pytest.mark.parametrize("setting", ["statement_timeout", "lock_timeout", "TimeZone"])
def test_every_kind_of_connection_has_the_same_bounds(warehouse: Warehouse, setting: str) -> None:
    shown = f"SELECT current_setting('{setting}') AS setting"
    with warehouse.transaction() as transaction:
        written = transaction.execute(shown)[0][0]
    expected = {"statement_timeout": "30min", "lock_timeout": "30s", "TimeZone": "UTC"}
    assert written == expected[setting]
    assert warehouse.read(shown)["setting"].to_pylist() == [written]


def test_what_the_address_says_wins_over_our_bounds(warehouse: Warehouse) -> None:
    url = f"{warehouse.url}?options=-c%20statement_timeout%3D7min%20-c%20work_mem%3D5MB"
    expected = {"statement_timeout": "7min", "work_mem": "5MB", "TimeZone": "UTC"}
    with closing(Warehouse(url)) as stated:
        for name, value in expected.items():
            shown = f"SELECT current_setting('{name}') AS setting"
            assert stated.read(shown)["setting"].to_pylist() == [value]
            with stated.transaction() as transaction:
                assert transaction.execute(shown)[0][0] == value


# Addresses


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:Pa55@h:notaport/x", "cannot be read"),
        ("postgresql://u:Pa55@h:54x32/x", "cannot be read"),
        ("u:Pa55@h/x", "cannot be read"),
        ("Pa55", "cannot be read"),
        ("", "cannot be read"),
        ("postgresql://u:Pa55@h", "names no database"),
        ("postgresql://u:Pa55@h/", "names no database"),
        ("postgresql://u:Pa55@/x", "names no host"),
        ("postgresql://u:Pa55@h:99999/x", "cannot be read"),
        ("mysql://u:Pa55@h/x", "begins with 'mysql'"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_words_without_its_password(
    url: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        Warehouse(url)
    assert "Pa55" not in str(refusal.value)
    assert "RETENTION_WAREHOUSE_URL" in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    "url", ["postgresql:///x?host=/run/postgresql", "postgresql://h/x", "postgresql:///?service=s"]
)
def test_addresses_that_libpq_completes_are_taken(url: str) -> None:
    assert repr(Warehouse(url)).startswith("Warehouse('postgresql://")


@pytest.mark.parametrize(
    "url", ["postgresql://u:Pa55@h/x", "postgresql://u@h/x?password=Pa55&sslpassword=Pa55"]
)
def test_a_warehouse_shows_no_password(url: str) -> None:
    assert "Pa55" not in repr(Warehouse(url))
    assert "h/x" in repr(Warehouse(url))
