"""Databases, roles, ports and environment of the local stack."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retention_ml.errors import StackError, UsageError, WarehouseError
from retention_ml.schema.migrate import migrate
from retention_ml.settings import Settings, load
from retention_ml.stack import address, components, databases, environment, keys, local
from retention_ml.stack.environment import Ports
from retention_ml.stack.processes import Component
from retention_ml.warehouse import Warehouse


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a home whose embedded Postgres runs, without Airflow and MLflow."""
    settings = load({"RETENTION_HOME": str(tmp_path_factory.mktemp("home"))})
    address.warehouse(settings).close()
    yield settings
    databases.server(settings.home).stop("immediate")


def connect(settings: Settings, role: str, database: str) -> Warehouse:
    return Warehouse(databases.address(settings.home, role, database))


def run(warehouse: Warehouse, sql: str) -> object:
    try:
        with warehouse.transaction() as transaction:
            return transaction.execute(sql)
    finally:
        warehouse.close()


def test_the_warehouse_is_made_migrated_and_found_again(stack: Settings) -> None:
    opened = address.warehouse(stack)
    try:
        assert migrate(opened) == []
        assert "password" not in repr(opened)
    finally:
        opened.close()


def test_each_service_has_a_database_of_its_own_that_others_cannot_enter(stack: Settings) -> None:
    for role in databases.OWNED:
        assert run(connect(stack, role, role), "SELECT 1")
        for other in set(databases.OWNED) - {role}:
            with pytest.raises(WarehouseError, match="permission denied"):
                run(connect(stack, role, other), "SELECT 1")


def test_the_reader_sees_reports_and_nothing_else(stack: Settings) -> None:
    def read(sql: str) -> object:
        return run(connect(stack, databases.READER, "retention"), sql)

    views = read("SELECT table_name FROM information_schema.views WHERE table_schema = 'reports'")
    for (view,) in views:  # type: ignore[attr-defined]
        read(f"SELECT * FROM reports.{view} LIMIT 1")
    for sql in (
        "SELECT * FROM raw.deliveries",
        "SELECT * FROM scores.customer_daily",
        "CREATE TABLE public.mine (x int)",
        "CREATE TEMP TABLE mine (x int)",
    ):
        with pytest.raises(WarehouseError):
            read(sql)
    with pytest.raises(WarehouseError, match="permission denied"):
        run(connect(stack, databases.READER, "airflow"), "SELECT 1")


def test_secrets_are_for_the_owner_only_and_stay_the_same(tmp_path: Path) -> None:
    first = keys.load(tmp_path)
    assert set(first) == set(keys.NAMES)
    assert len(set(first.values())) == len(keys.NAMES)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert keys.load(tmp_path) == first


def test_a_secret_that_is_missing_is_added_and_the_others_are_kept(tmp_path: Path) -> None:
    first = keys.load(tmp_path)
    others = {name: value for name, value in first.items() if name != "mlflow"}
    (tmp_path / "secrets.json").write_text(json.dumps(others))
    second = keys.load(tmp_path)
    assert {name: second[name] for name in others} == others
    assert second["mlflow"] != first["mlflow"]


def test_ports_are_remembered_while_they_are_free(tmp_path: Path) -> None:
    first = environment.ports(tmp_path)
    assert environment.ports(tmp_path) == first == environment.remembered_ports(tmp_path)


def test_a_port_that_somebody_took_is_replaced_but_our_own_is_not(tmp_path: Path) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        port = occupied.getsockname()[1]
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "ports.json").write_text(json.dumps({"airflow": port, "mlflow": 1}))
        assert environment.ports(tmp_path, running=("airflow",)).airflow == port
        assert environment.ports(tmp_path).airflow != port


def test_airflow_is_told_one_address_everywhere(stack: Settings) -> None:
    variables = environment.build(stack, Ports(airflow=18080, mlflow=15000), {"PATH": "/bin"})
    assert variables["AIRFLOW__API__PORT"] == "18080"
    assert variables["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"
    assert variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].startswith(
        "http://127.0.0.1:18080/"
    )
    assert variables["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:15000"
    assert "+psycopg2://airflow:" in variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]


def test_airflow_has_a_login_for_each_role_with_a_password_of_its_own(tmp_path: Path) -> None:
    settings = load({"RETENTION_HOME": str(tmp_path)})
    local._write_passwords(tmp_path)
    path = tmp_path / "airflow" / "passwords.json"
    passwords = json.loads(path.read_text("utf-8"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(passwords) == set(environment.ROLES) == {"admin", "engineer", "approver", "viewer"}
    assert len(set(passwords.values())) == 4
    assert set(settings.promotion.approvers) <= set(passwords)


def test_a_password_that_a_person_changed_is_kept_and_new_logins_get_theirs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "airflow" / "passwords.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"admin": "my own"}), "utf-8")
    local._write_passwords(tmp_path)
    passwords = json.loads(path.read_text("utf-8"))
    assert passwords["admin"] == "my own"
    assert len(passwords["viewer"]) == 32


def test_the_roles_of_the_logins_are_those_of_airflow(stack: Settings) -> None:
    variables = environment.build(stack, Ports(airflow=1, mlflow=2), {"PATH": "/bin"})
    assert variables["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == (
        "admin:admin,engineer:op,approver:user,viewer:viewer"
    )


def test_a_task_that_died_with_its_scheduler_is_not_waited_for_long(stack: Settings) -> None:
    variables = environment.build(stack, Ports(airflow=1, mlflow=2), {"PATH": "/bin"})
    for name in ("TASK_INSTANCE_HEARTBEAT_TIMEOUT", "ORPHANED_TASKS_CHECK_INTERVAL"):
        assert int(variables[f"AIRFLOW__SCHEDULER__{name}"]) <= 60


def test_what_is_imported_before_tasks_exists_and_is_none_of_ours(stack: Settings) -> None:
    """A task runs the code and the settings of the moment it starts."""
    variables = environment.build(stack, Ports(airflow=1, mlflow=2), {"PATH": "/bin"})
    assert variables["AIRFLOW__SCHEDULER__MP_START_METHOD"] == "forkserver"
    modules = variables["AIRFLOW__CORE__MP_FORKSERVER_PRELOAD"].split(",")
    program = (
        "import importlib, sys; "
        f"[importlib.import_module(name) for name in {modules}]; "
        "print([name for name in sys.modules if name.startswith('retention')])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_only_what_concerns_the_platform_is_passed_on(stack: Settings) -> None:
    outside = {
        "PATH": "/bin",
        "AIRFLOW__CORE__DAGS_FOLDER": "/elsewhere",
        "HTTPS_PROXY": "http://proxy:3128",
        "RETENTION_CHURN__HORIZON_DAYS": "90",
        "RETENTION_RUN_ID": "x",
        "AIRFLOW_CONN_SMTP_DEFAULT": "smtp://mail.example:587",
    }
    variables = environment.build(stack, Ports(airflow=1, mlflow=2), outside)
    assert variables["AIRFLOW_CONN_SMTP_DEFAULT"] == "smtp://mail.example:587"
    assert variables["RETENTION_CHURN__HORIZON_DAYS"] == "90"
    assert variables["AIRFLOW__CORE__DAGS_FOLDER"].endswith("/dags")
    assert not {"HTTPS_PROXY", "RETENTION_RUN_ID"} & set(variables)


def test_the_status_of_a_home_that_never_ran_is_stopped(tmp_path: Path) -> None:
    settings = load({"RETENTION_HOME": str(tmp_path / "never")})
    assert {part["state"] for part in local.status(settings)} == {"stopped"}
    assert [part["name"] for part in local.status(settings)] == ["postgres", *components.NAMES]
    assert local.addresses(settings)["bi_dsn"] is None
    assert local.addresses(settings)["home"] == str(tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_a_home_is_only_made_for_who_may_make_one(tmp_path: Path) -> None:
    settings = load({"RETENTION_HOME": str(tmp_path / "never")})
    with pytest.raises(UsageError, match=rf"no warehouse in {tmp_path}/never, .* RETENTION_HOME"):
        address.require_warehouse(settings)
    assert local.new_home(settings) == f"A new home is made in {tmp_path}/never (RETENTION_HOME)."
    elsewhere = settings.model_copy(update={"warehouse_url": "postgresql://u@h/d"})
    address.require_warehouse(elsewhere)
    assert local.new_home(elsewhere) is not None
    assert not (tmp_path / "never").exists()


def test_a_home_that_is_there_is_not_new(stack: Settings) -> None:
    address.require_warehouse(stack)
    assert local.new_home(stack) is None


def test_a_day_does_not_run_without_the_parts_that_drive_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load({"RETENTION_HOME": str(tmp_path)})
    assert local.standstill(settings) == (
        "No day will run by itself: scheduler and dag-processor do not run. Start with `make up`."
    )
    monkeypatch.setattr(components, "running", lambda _: {"scheduler", "api-server"})
    assert "dag-processor does not run" in str(local.standstill(settings))
    monkeypatch.setattr(components, "running", lambda _: set(components.DRIVING))
    assert local.standstill(settings) is None


def test_of_an_airflow_elsewhere_nothing_is_said(tmp_path: Path) -> None:
    settings = load(
        {"RETENTION_HOME": str(tmp_path), "RETENTION_WAREHOUSE_URL": "postgresql://h/d"}
    )
    assert local.standstill(settings) is None
    environment.ports(tmp_path)  # as `stack up` remembers them
    assert local.standstill(settings) is not None


def test_what_runs_without_postgres_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.ports(tmp_path)
    monkeypatch.setattr(Component, "pid", lambda _: 1)
    monkeypatch.setattr(components, "mlflow_answers", lambda _: True)
    states = [part["state"] for part in local.status(load({"RETENTION_HOME": str(tmp_path)}))]
    assert states == ["stopped", *["without postgres"] * len(components.NAMES)]


def test_stopping_a_home_that_never_ran_is_harmless(tmp_path: Path) -> None:
    settings = load({"RETENTION_HOME": str(tmp_path / "never")})
    lines: list[str] = []
    local.down(settings, lines.append)
    assert lines == []


def test_a_part_that_ends_while_starting_is_named_with_its_last_words(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        components, "_command", lambda *_: ("/bin/sh", "-c", "echo the disk is full; exit 3")
    )
    with pytest.raises(StackError, match=r"mlflow ended[\s\S]*the disk is full[\s\S]*stack up"):
        local.start_mlflow(stack)


def test_a_heartbeat_from_before_the_start_does_not_count(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    def report(url: str) -> io.BytesIO:
        old = "2026-01-01T00:00:00+00:00"
        parts = {
            key: {"status": "healthy", heartbeat: old}
            for key, heartbeat in components._HEARTBEATS.values()
        }
        return io.BytesIO(json.dumps(parts).encode())

    monkeypatch.setattr(components, "_open", report)
    monkeypatch.setattr(components, "mlflow_answers", lambda _: False)
    monkeypatch.setattr(Component, "pid", lambda _: 1)
    at = Ports(airflow=1, mlflow=2)
    monkeypatch.setattr(Component, "started_at", lambda _: 1.0)
    assert components.healthy(stack, at) == set(components.AIRFLOW)
    monkeypatch.setattr(Component, "started_at", lambda _: 4e9)
    assert components.healthy(stack, at) == {"api-server"}
