"""Databases of Airflow and MLflow, filled as an earlier version left them, migrated by the versions of the lock."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse

pytestmark = pytest.mark.thorough

# One of Airflow's versions before the lock's, each with the shape its tables had.
_AIRFLOW_BEFORE = ("3.0.0", "3.1.0", "3.2.0")
_AIRFLOW_ROWS = {
    "slot_pool": "INSERT INTO slot_pool (id, pool, slots, description, include_deferred) "
    "VALUES (7, 'warehouse', 2, 'tasks that write', false)",
    "variable": "INSERT INTO variable (key, val, is_encrypted) VALUES ('note', 'kept', false)",
    "connection": "INSERT INTO connection (conn_id, conn_type, host, port, is_encrypted, "
    "is_extra_encrypted) VALUES ('crm', 'http', 'crm.example.org', 443, false, false)",
    "job": "INSERT INTO job (dag_id, state, job_type, start_date, latest_heartbeat, hostname) "
    "VALUES (NULL, 'running', 'SchedulerJob', now(), now(), 'here')",
    "log": "INSERT INTO log (dttm, event, owner) SELECT now(), 'trigger', 'admin' "
    "FROM generate_series(1, 500)",
}
# Revisions of MLflow's schema before the newest.
_MLFLOW_BEFORE = (1, 10, 25)

NewDatabase = Callable[[], str]


@pytest.fixture
def new_database(postgres: EmbeddedPostgres) -> Iterator[NewDatabase]:
    """Makes empty databases and gives their addresses; they are dropped in the end."""
    made: list[str] = []

    @contextmanager
    def admin() -> Iterator[Callable[[str], object]]:
        with closing(Warehouse(postgres.url())) as server:
            options = server.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            with options as connection:
                yield connection.exec_driver_sql

    def make() -> str:
        made.append(f"component_{uuid4().hex[:12]}")
        with admin() as execute:
            execute(f"CREATE DATABASE {made[-1]}")
        return postgres.url(made[-1])

    yield make
    with admin() as execute:
        for name in made:
            execute(f"DROP DATABASE {name} WITH (FORCE)")


def _program(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout[-4000:]}"
    return done.stdout


def _rows(url: str, table: str, columns: str) -> list[dict[str, object]]:
    with closing(Warehouse(url)) as database:
        rows: list[dict[str, object]] = database.read(
            f"SELECT {columns} FROM {table} ORDER BY 1"
        ).to_pylist()
    return rows


@pytest.mark.parametrize("before", _AIRFLOW_BEFORE)
def test_airflow_migrates_a_filled_database(
    new_database: NewDatabase, tmp_path: Path, before: str
) -> None:
    url = new_database()
    variables = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url.replace("://", "+psycopg2://"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    _program(
        "airflow", "db", "migrate", "--use-migration-files", "--to-version", before, **variables
    )
    with closing(Warehouse(url)) as database, database.transaction() as transaction:
        [[revision]] = transaction.execute("SELECT version_num FROM alembic_version")
        for statement in _AIRFLOW_ROWS.values():
            transaction.execute(statement)
        columns = {
            table: ", ".join(
                row.attname
                for row in transaction.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:name AS regclass) "
                    "AND attnum > 0 AND NOT attisdropped ORDER BY attname = 'id' DESC, attname",
                    name=table,
                )
            )
            for table in _AIRFLOW_ROWS
        }
    expected = {table: _rows(url, table, names) for table, names in columns.items()}
    assert all(expected.values())
    _program("airflow", "db", "migrate", **variables)
    _program("airflow", "db", "check-migrations", "--migration-wait-timeout", "1", **variables)
    assert _rows(url, "alembic_version", "version_num") != [{"version_num": revision}]
    after = {table: _rows(url, table, names) for table, names in columns.items()}
    # Commands of Airflow write entries of the log of their own.
    lost = {t: [row for row in expected[t] if row not in after[t]][:2] for t in expected}
    assert lost == {table: [] for table in expected}
    pools = _program("airflow", "pools", "list", "--output", "plain", **variables)
    assert "tasks that write" in pools


@pytest.mark.parametrize("steps", _MLFLOW_BEFORE)
def test_mlflow_migrates_a_filled_database_and_does_not_serve_an_old_one_unmigrated(
    new_database: NewDatabase, tmp_path: Path, steps: int
) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.exceptions import MlflowException
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    url = new_database().replace("://", "+psycopg2://")
    config = _get_alembic_config(url)
    revisions = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    with closing(Warehouse(url.replace("+psycopg2", ""))) as database:
        Base.metadata.create_all(database.engine)
        command.upgrade(config, revisions[steps])
        with database.transaction() as transaction:
            transaction.execute(
                "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage) "
                "VALUES (7, 'churn', 'mlflow-artifacts:/7', 'active')"
            )
            transaction.execute(
                "INSERT INTO runs (run_uuid, name, source_type, entry_point_name, user_id, status, "
                "start_time, lifecycle_stage, artifact_uri, experiment_id) VALUES ('a1', 'fit', "
                "'LOCAL', '', 'x', 'FINISHED', 1, 'active', 'mlflow-artifacts:/7/a1', 7)"
            )
            transaction.execute("INSERT INTO params (key, value, run_uuid) VALUES ('n', '3', 'a1')")
            transaction.execute(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                "VALUES ('auc', 0.75, 1, 'a1', 0, false)"
            )
    # Where a table is missing the server migrates by itself; where only columns are, it refuses.
    try:
        SqlAlchemyStore(url, str(tmp_path)).engine.dispose()
        refusal = ""
    except MlflowException as error:
        refusal = str(error)
    assert not refusal or "mlflow db upgrade" in refusal
    with closing(Warehouse(url.replace("+psycopg2", ""))) as database:
        assert database.read("SELECT count(*) AS n FROM runs")["n"].to_pylist() == [1]
    _program("mlflow", "db", "upgrade", url)
    _program("mlflow", "db", "upgrade", url)
    store = SqlAlchemyStore(url, str(tmp_path))
    assert store.get_run("a1").data.params == {"n": "3"}
    assert [metric.value for metric in store.get_metric_history("a1", "auc")] == [0.75]
    assert store.get_experiment("7").name == "churn"
    store.engine.dispose()
    assert _rows(url.replace("+psycopg2", ""), "alembic_version", "version_num") == [
        {"version_num": revisions[0]}
    ]
