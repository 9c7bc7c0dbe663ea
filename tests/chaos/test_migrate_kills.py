"""kill -9 of a migration: the schema is the old one or the new one, and the next call completes it."""

import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.context import ForkServerContext
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from retention_ml.failpoints import FAILPOINTS
from retention_ml.schema.migrate import migrate, missing_migrations
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests.chaos import migrator
from tests.chaos.counts import count

MINE = [name for name in FAILPOINTS if name.startswith("migrate.")]
SECONDS_MAX = 4.0
NewDatabase = Callable[[], Warehouse]

RELATIONS = """
SELECT count(*) AS relations FROM pg_class AS relation
JOIN pg_namespace AS schema ON schema.oid = relation.relnamespace
WHERE schema.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that find everything imported: a kill costs no start-up."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.migrator"])
    return context


@pytest.fixture
def new_database(postgres: EmbeddedPostgres) -> Iterator[NewDatabase]:
    """Makes empty databases; they are dropped in the end."""
    made: list[Warehouse] = []

    def make() -> Warehouse:
        name = f"empty_{uuid4().hex[:12]}"
        with _admin(postgres) as execute:
            execute(f"CREATE DATABASE {name}")
        made.append(Warehouse(postgres.url(name)))
        return made[-1]

    yield make
    for warehouse in made:
        warehouse.close()
        with _admin(postgres) as execute:
            execute(f"DROP DATABASE {make_url(warehouse.url).database} WITH (FORCE)")


@contextmanager
def _admin(postgres: EmbeddedPostgres) -> Iterator[Callable[[str], object]]:
    with closing(Warehouse(postgres.url())) as admin:
        options = admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with options as connection:
            yield connection.exec_driver_sql


def relations(warehouse: Warehouse) -> int:
    return int(warehouse.read(RELATIONS)["relations"][0].as_py())


@pytest.mark.fault("kill -9 of a migration at named places", promises="P1", row=15)
@pytest.mark.parametrize("failpoint", MINE)
def test_killed_at_a_failpoint_the_schema_is_the_old_one(
    processes: ForkServerContext, new_database: NewDatabase, failpoint: str
) -> None:
    warehouse = new_database()
    process = processes.Process(target=migrator.migrate, args=(warehouse.url, failpoint))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert relations(warehouse) == 0
    assert migrate(warehouse)
    assert missing_migrations(warehouse) == []


@pytest.mark.fault(
    "kill -9 of a migration at random",
    promises="P1",
    row=15,
    counted="kills of a migration at random",
)
@pytest.mark.slow
def test_killed_at_random_the_schema_is_the_old_one_or_the_new_one(
    processes: ForkServerContext, new_database: NewDatabase
) -> None:
    whole = new_database()
    migrate(whole)
    draw = random.Random(20260301)
    for _ in range(count("kills of a migration at random")):
        warehouse = new_database()
        process = processes.Process(target=migrator.migrate, args=(warehouse.url, ""))
        process.start()
        process.join(draw.uniform(0, SECONDS_MAX))
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
        assert relations(warehouse) in (0, relations(whole))
        migrate(warehouse)
        assert relations(warehouse) == relations(whole)
