"""The containers: linted, parsed, and in step with the settings and the local stack."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from retention_ml.errors import WarehouseError
from retention_ml.schema.migrate import migrate
from retention_ml.settings import PROJECT, load
from retention_ml.stack import databases, environment, keys, local
from retention_ml.stack.postgres import EmbeddedPostgres, binaries
from retention_ml.warehouse import Warehouse

DOCKER = PROJECT / "docker"
SERVICES = {
    "postgres", "mlflow", "prepare", "api-server", "scheduler", "dag-processor", "triggerer",
}  # fmt: skip
AIRFLOW = {"api-server", "scheduler", "dag-processor", "triggerer"}
SECRETS = {
    "POSTGRES_PASSWORD": "dummy-postgres",
    "RETENTION_DB_PASSWORD": "dummy-retention",
    "RETENTION_BI_PASSWORD": "dummy-bi",
    "RETENTION_DS_PASSWORD": "dummy-ds",
    "RETENTION_CRM_PASSWORD": "dummy-crm",
    "RETENTION_ASSISTANT_PASSWORD": "dummy-assistant",
    "AIRFLOW_DB_PASSWORD": "dummy-airflow",
    "MLFLOW_DB_PASSWORD": "dummy-mlflow",
    "AIRFLOW_ADMIN_PASSWORD": "dummy-admin",
    "AIRFLOW_SECRET_KEY": "dummy-session",
    "AIRFLOW_JWT_SECRET": "dummy-jwt",
    "AIRFLOW_FERNET_KEY": "dummy-fernet",
}


def _program(name: str) -> str:
    program = shutil.which(name, path=str(Path(sys.executable).parent))
    assert program, f"{name} is not installed beside Python; run `make setup`."
    return program


def _config(environment: dict[str, str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    variables = tmp_path / "variables"
    variables.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    return subprocess.run(
        [
            _program("podman-compose"), "--dry-run", "--env-file", str(variables),
            "-f", str(DOCKER / "compose.yaml"), "config",
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )  # fmt: skip


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The compose file as a compose program understands it."""
    done = _config(SECRETS, tmp_path_factory.mktemp("compose"))
    assert done.returncode == 0, done.stderr
    parsed = yaml.safe_load(done.stdout)
    assert isinstance(parsed, dict)
    return parsed


def test_the_image_file_has_no_findings() -> None:
    done = subprocess.run(
        [_program("hadolint"), str(DOCKER / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    careless = tmp_path / "Dockerfile"
    careless.write_text("FROM python\nRUN cd /tmp && sudo pip install mlflow\n")
    done = subprocess.run([_program("hadolint"), str(careless)], capture_output=True, check=False)
    assert done.returncode != 0


def test_compose_has_every_part_of_the_stack(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == SERVICES
    assert set(compose["volumes"]) == {"postgres", "artifacts", "home"}


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_a_missing_secret_is_named(missing: str, tmp_path: Path) -> None:
    rest = {name: value for name, value in SECRETS.items() if name != missing}
    done = _config(rest, tmp_path)
    assert done.returncode != 0
    assert f"{missing} is missing a value: set it in docker/.env" in done.stderr


def test_every_part_says_whether_it_is_well_and_comes_back(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["healthcheck"], name
        assert service["restart"] in ("unless-stopped", "on-failure:3"), name


def test_only_loopback_ports_are_published(compose: dict[str, Any]) -> None:
    published = [
        port for service in compose["services"].values() for port in service.get("ports", [])
    ]
    assert len(published) == 3
    assert all(str(port).startswith("127.0.0.1:") for port in published), published


def test_all_our_parts_share_one_image_and_one_home(compose: dict[str, Any]) -> None:
    built = SERVICES - {"postgres"}
    assert {compose["services"][name]["image"] for name in built} == {"retention-ml:local"}
    for name in AIRFLOW | {"prepare"}:
        assert compose["services"][name]["volumes"] == [
            "home:/var/lib/retention",
            "../actions/coupons:/opt/retention/app/actions/coupons:ro",
        ]


def test_coupon_codes_reach_the_containers_and_nothing_else(compose: dict[str, Any]) -> None:
    """They are worth money: neither in the image nor in the repository."""
    scheduler = compose["services"]["scheduler"]
    folder = f"{scheduler['environment']['RETENTION_ACTIONS_FOLDER']}/coupons"
    assert f"../actions/coupons:{folder}:ro" in scheduler["volumes"]
    for name, pattern in ((".gitignore", "actions/coupons/"), (".dockerignore", "actions/coupons")):
        assert pattern in (PROJECT / name).read_text(encoding="utf-8").splitlines()


def test_airflow_waits_for_the_migrations(compose: dict[str, Any]) -> None:
    for name in AIRFLOW:
        waits = compose["services"][name]["depends_on"]
        assert waits["prepare"]["condition"] == "service_completed_successfully"


def test_mlflow_answers_to_the_name_the_others_call_it_by(compose: dict[str, Any]) -> None:
    command = compose["services"]["mlflow"]["command"]
    hosts = next(part for part in command if part.startswith("--allowed-hosts="))
    assert hosts.removeprefix("--allowed-hosts=").split(",") == [
        "mlflow:5000", "127.0.0.1:*", "localhost:*",
    ]  # fmt: skip
    uri = compose["services"]["scheduler"]["environment"]["MLFLOW_TRACKING_URI"]
    assert uri == "http://mlflow:5000"


def test_each_part_gets_its_own_role_and_database(compose: dict[str, Any]) -> None:
    environment = compose["services"]["scheduler"]["environment"]
    assert environment["RETENTION_WAREHOUSE_URL"].endswith("@postgres:5432/retention")
    assert "//retention:dummy-retention@" in environment["RETENTION_WAREHOUSE_URL"]
    for name in (
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
    ):
        assert environment[name].endswith("//airflow:dummy-airflow@postgres:5432/airflow")
    store = compose["services"]["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"]
    assert store.endswith("//mlflow:dummy-mlflow@postgres:5432/mlflow")
    assert "RETENTION_WAREHOUSE_URL" not in compose["services"]["mlflow"]["environment"]
    assert "POSTGRES_PASSWORD" not in environment


def test_airflow_has_the_logins_of_the_local_stack(compose: dict[str, Any]) -> None:
    users = compose["services"]["api-server"]["environment"][
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"
    ]
    assert dict(user.split(":") for user in users.split(",")) == environment.ROLES


def test_passwords_are_made_once_and_the_administrators_is_that_of_the_file(
    tmp_path: Path,
) -> None:
    text = (DOCKER / "prepare.sh").read_text(encoding="utf-8")
    program = re.findall(r"<<'PYTHON'\n(.*?)^PYTHON$", text, re.DOTALL | re.MULTILINE)[0]
    variables = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_ADMIN_PASSWORD": "dummy-admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
    }
    made = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], env=variables, check=True)
        made.append(json.loads((tmp_path / "passwords.json").read_text("utf-8")))
    assert made[0] == made[1]
    assert made[0]["admin"] == "dummy-admin"
    assert len(made[0]["viewer"]) == 32


def test_the_settings_accept_the_environment_of_the_containers(compose: dict[str, Any]) -> None:
    environment = compose["services"]["scheduler"]["environment"]
    settings = load({**environment, "RETENTION_SETTINGS": str(PROJECT / "retention.toml")})
    assert settings.tracking_uri == "http://mlflow:5000"
    assert settings.warehouse_url is not None


def test_the_secrets_asked_for_are_those_of_the_example(tmp_path: Path) -> None:
    example = (DOCKER / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE)) == set(SECRETS)
    required = set(re.findall(r"\$\{([A-Z_]+):\?", (DOCKER / "compose.yaml").read_text("utf-8")))
    assert required == set(SECRETS)


def test_no_secret_stands_in_the_files() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    names = r"[A-Z_]*(?:PASSWORD|SECRET|SECRET_KEY|FERNET_KEY|JWT_SECRET)"
    for name, value in re.findall(rf"^\s*({names}): (.*)$", text, re.MULTILINE):
        assert value.startswith("${"), f"{name} has the literal value {value!r} in compose.yaml."
    for user, password in re.findall(r"//(\w+):([^@\s]+)@", text):
        assert password.startswith("${"), f"the address of {user} holds a literal password."
    for value in re.findall(r"^[A-Z_]+=(.*)$", (DOCKER / ".env.example").read_text("utf-8"), re.M):
        assert value == "", f".env.example holds the value {value!r}; leave secrets empty."
    assert not re.search(r"(?i)password|secret", (DOCKER / "Dockerfile").read_text("utf-8"))


def test_the_image_installs_from_the_lock_and_runs_as_nobody_special() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install (.+?)(?: \\)?$", text, re.MULTILINE)
    assert installs == ["--require-hashes --requirement requirements.txt", "--no-deps --editable ."]
    lock = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^[a-z0-9][\w.\-\[\],]*==", lock, re.MULTILINE)
    assert len(pinned) > 100
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["python:3.11-slim"] * 2
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]


def test_the_image_carries_the_commit_it_was_built_from(tmp_path: Path) -> None:
    done = _config(SECRETS | {"RETENTION_GIT_SHA": "abc123"}, tmp_path)
    build = yaml.safe_load(done.stdout)["services"]["scheduler"]["build"]
    assert build["args"] == ["RETENTION_GIT_SHA=abc123"]
    final_stage = (DOCKER / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    assert "ARG RETENTION_GIT_SHA" in final_stage
    assert "ENV RETENTION_GIT_SHA=$RETENTION_GIT_SHA" in final_stage


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        part
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
        for part in line.split()
    ]
    assert {"requirements.txt", "retention_ml", "dags", "sources"} <= set(copied)
    included = re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    for part in copied:
        assert (PROJECT / part).exists(), f"{part} is copied into the image but does not exist."
        assert part in included, f"{part} is copied into the image; add !{part} to .dockerignore."


def test_the_pools_are_those_of_the_local_stack() -> None:
    text = (DOCKER / "prepare.sh").read_text(encoding="utf-8")
    made = {
        name: (int(slots), meaning)
        for name, slots, meaning in re.findall(
            r'^airflow pools set (\w+) (\d+) "(.+)"$', text, re.M
        )
    }
    assert made == local.POOLS


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of its own: roles belong to the whole server."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("roles"))
    server.start()
    yield server
    server.stop("immediate")


def _make_roles(server: EmbeddedPostgres, variables: dict[str, str]) -> int:
    return subprocess.run(
        [
            str(binaries() / "psql"), "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--quiet",
            "--host", "127.0.0.1", "--port", str(server.port), "--username", "postgres",
            "--file", str(DOCKER / "postgres" / "roles.sql"),
        ],
        env={"PGPASSWORD": server.password, "PATH": os.environ["PATH"], **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode  # fmt: skip


def test_the_roles_are_those_of_the_local_stack(own_server: EmbeddedPostgres) -> None:
    assert _make_roles(own_server, {}) != 0, "without passwords no role may be made"
    assert _make_roles(own_server, SECRETS) == 0
    admin = Warehouse(own_server.url())
    roles = admin.read(
        "SELECT rolname::text, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolcanlogin"
    )
    owners = admin.read(
        "SELECT datname::text, pg_get_userbyid(datdba)::text AS owner FROM pg_database "
        "WHERE NOT datistemplate AND datname <> 'postgres'"
    )
    admin.close()
    assert set(roles["rolname"].to_pylist()) == {"postgres", *databases.ROLES}
    assert set(databases.ROLES) <= set(keys.NAMES)
    powerful = [row["rolname"] for row in roles.to_pylist() if any(list(row.values())[1:])]
    assert powerful == ["postgres"]
    assert dict(zip(owners["datname"].to_pylist(), owners["owner"].to_pylist(), strict=True)) == {
        name: name for name in databases.OWNED
    }
    retention = Warehouse(
        own_server.url("retention", "retention", SECRETS["RETENTION_DB_PASSWORD"])
    )
    assert migrate(retention)
    retention.close()
    reader = Warehouse(
        own_server.url("retention", "retention_bi", SECRETS["RETENTION_BI_PASSWORD"])
    )
    assert reader.read("SELECT count(*) AS n FROM customer_risk")["n"].to_pylist() == [0]
    reader.close()
    scientist = Warehouse(
        own_server.url("retention", "retention_ds", SECRETS["RETENTION_DS_PASSWORD"])
    )
    assert scientist.read("SELECT count(*) AS n FROM models.labels")["n"].to_pylist() == [0]
    with pytest.raises(WarehouseError, match="permission denied"):
        scientist.read("SELECT * FROM curated.contact_permissions")
    scientist.close()
