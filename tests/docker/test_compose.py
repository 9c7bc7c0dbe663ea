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

from retention_ml.errors import WarehouseError
from retention_ml.schema.migrate import migrate
from retention_ml.schema.rights import MIGRATOR, PUBLIC, SERVICES
from retention_ml.settings import PROJECT, load
from retention_ml.stack import databases, environment, keys, local
from retention_ml.stack.environment import Ports
from retention_ml.stack.postgres import EmbeddedPostgres, binaries
from retention_ml.warehouse import Warehouse
from tests.docker.compose_file import AIRFLOW, ALWAYS, DOCKER, OPTIONAL, compose, secret_names

PASSWORDS = {
    "RETENTION_DB_PASSWORD": "dummy-retention",
    "RETENTION_BI_PASSWORD": "dummy-bi",
    "RETENTION_DS_PASSWORD": "dummy-ds",
    "RETENTION_CRM_PASSWORD": "dummy-crm",
    "RETENTION_ASSISTANT_PASSWORD": "dummy-assistant",
    "AIRFLOW_DB_PASSWORD": "dummy-airflow",
    "MLFLOW_DB_PASSWORD": "dummy-mlflow",
}
# What the containers are told otherwise than the local stack's processes, or not at all.
ELSEWHERE = {
    "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LD_LIBRARY_PATH", "PATH",  # of the image
    "NO_PROXY", "no_proxy",  # nothing is on the loopback
    "RETENTION_SOURCES", "RETENTION_EXPECTATIONS", "RETENTION_ACTIONS_FOLDER",  # folders
    "MLFLOW_TRACKING_URI", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT", "AIRFLOW__API__BASE_URL", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
    "AIRFLOW__CORE__PARALLELISM",  # that of two threads and one more, to begin with
    "AIRFLOW__METRICS__OTEL_ON",  # by a variable
    # The forkserver's imports would be a list of the library's innards in a YAML file.
    "AIRFLOW__SCHEDULER__MP_START_METHOD", "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD",
    "RETENTION_METRICS__ENABLED",
}  # fmt: skip


def _program(name: str) -> str:
    program = shutil.which(name, path=str(Path(sys.executable).parent))
    assert program, f"{name} is not installed beside Python; run `make setup`."
    return program


@pytest.fixture(name="compose", scope="module")
def _compose() -> dict[str, Any]:
    return compose()


def _image_variables() -> dict[str, str]:
    """What the Dockerfile puts into the environment."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    return dict(re.findall(r"^(?:ENV|   ) ([A-Z_0-9]+)=(\S+)", text, re.MULTILINE))


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
    profiles = {
        name: service["profiles"][0]
        for name, service in compose["services"].items()
        if "profiles" in service
    }
    assert profiles == OPTIONAL
    assert set(compose["services"]) == ALWAYS | set(OPTIONAL)
    assert set(compose["volumes"]) == {"postgres18", "artifacts", "home", "caddy", "prometheus"}


def test_every_part_says_whether_it_is_well_and_comes_back(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["healthcheck"], name
        assert service["restart"] in ("unless-stopped", "on-failure:3"), name
        if name not in ("postgres", "prepare"):
            assert service["healthcheck"]["interval"] == "15s", name


def test_no_part_may_write_its_root_or_has_a_capability(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else []), name
        assert "privileged" not in service, name
    users = {name: service.get("user") for name, service in compose["services"].items()}
    # The others are our image, which says 10001 itself.
    assert users == {
        **dict.fromkeys(users),
        "postgres": "999:999",
        "prometheus": "10001:10001",
        "caddy": "10001:10001",
    }


def test_only_loopback_ports_are_published(compose: dict[str, Any]) -> None:
    published = [
        port for service in compose["services"].values() for port in service.get("ports", [])
    ]
    assert len(published) == 6
    assert all(str(port).startswith("127.0.0.1:") for port in published), published


def test_all_our_parts_share_one_image_and_one_home(compose: dict[str, Any]) -> None:
    built = {name for name, service in compose["services"].items() if "build" in service}
    assert built == ALWAYS - {"postgres"} | {"metrics"}
    assert {compose["services"][name]["image"] for name in built} == {"retention-ml:local"}
    for name in AIRFLOW | {"prepare", "metrics"}:
        assert compose["services"][name]["volumes"][:2] == [
            "home:/var/lib/retention",
            "../actions/coupons:/opt/retention/app/actions/coupons:ro",
        ]


def test_the_parts_have_the_environment_of_the_local_stack(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    settings = load({"RETENTION_HOME": str(tmp_path), "RETENTION_METRICS__ENABLED": "true"})
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "port").write_text("5432", "utf-8")
    expected = environment.build(settings, Ports(airflow=8080, mlflow=5000), {})
    variables = _image_variables() | compose["services"]["scheduler"]["environment"]
    secrets = {name.removesuffix("_CMD") for name in variables if name.endswith("_CMD")}
    compared = set(expected) - ELSEWHERE - secrets
    assert len(compared) > 30
    different = {
        name: (expected[name], variables.get(name))
        for name in compared
        if name not in ("RETENTION_HOME", "AIRFLOW_HOME", "PYTHONPATH")
        and not name.endswith("_FOLDER")
        and expected[name] != variables.get(name)
    }
    assert different == {}, "docker/compose.yaml and stack/environment.py differ."
    assert secrets == {
        name
        for name in expected
        if re.search(r"FERNET_KEY|SQL_ALCHEMY_CONN|SECRET_KEY|JWT_SECRET", name)
    }


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


def test_each_part_gets_its_own_secrets_and_no_others(compose: dict[str, Any]) -> None:
    mounted = {name: set(part.get("secrets", [])) for name, part in compose["services"].items()}
    for name, part in compose["services"].items():
        named = set(re.findall(r"/run/secrets/(\w+)", json.dumps(part)))
        if name not in ("postgres", "caddy"):  # which name theirs in files of their own
            assert named == mounted[name], name
    assert mounted["mlflow"] == {"mlflow_database_url"}
    assert mounted["prometheus"] == set()
    for name in AIRFLOW | {"metrics"}:
        assert not mounted[name] & (mounted["postgres"] | mounted["mlflow"]), name
    entry = (DOCKER / "postgres" / "entry.sh").read_text(encoding="utf-8")
    [names] = re.findall(r"^for name in (.+); do$", entry, re.MULTILINE)
    assert {f"{name}_password" for name in names.split()} == mounted["postgres"]
    assert set().union(*mounted.values()) == secret_names()


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


def test_no_secret_stands_in_the_files(compose: dict[str, Any]) -> None:
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|FERNET|_URL$|_URI$|SQL_ALCHEMY", variable):
                assert re.search(r"_FILE$|_CMD$", variable) or "@" not in value, (name, variable)
    for name in ("docker/.env", "docker/secrets/"):
        assert name in (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert not re.search(r"(?i)password|secret", (DOCKER / "Dockerfile").read_text("utf-8"))


def test_the_example_names_the_variables_of_the_file_and_their_defaults() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    example = dict(
        re.findall(r"^#([A-Z_]+)=(.*)$", (DOCKER / ".env.example").read_text("utf-8"), re.M)
    )
    set_otherwise = {"RETENTION_GIT_SHA", "IMAGE"}
    assert set(example) - {"COMPOSE_PROFILES"} == set(defaults) - set_otherwise
    assert {k: v for k, v in example.items() if k not in ("METRICS", "COMPOSE_PROFILES")} == {
        k: v for k, v in defaults.items() if k not in set_otherwise | {"METRICS"}
    }


def test_the_image_installs_from_the_lock_and_runs_as_nobody_special() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip install ([^&\n]+)", text)
    assert [" ".join(words.split()) for words in installs] == [
        "--no-cache-dir --require-hashes --requirement uv.txt",
        "--no-cache --compile-bytecode --require-hashes --requirement requirements.txt",
        "--no-cache --no-deps --editable .",
    ]
    for name, least in (("requirements.txt", 100), ("docker/uv.txt", 1)):
        lock = (PROJECT / name).read_text(encoding="utf-8")
        pinned = re.findall(r"^[a-z0-9][\w.\-\[\],]*==", lock, re.MULTILINE)
        assert len(pinned) >= least
        assert lock.count("--hash=sha256:") >= len(pinned)
    assert "ARG BASE_IMAGE=python:3.11-slim" in text
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["$BASE_IMAGE"] * 2
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]


def test_the_image_has_the_uv_of_make_setup() -> None:
    [version] = re.findall(r"^UV_VERSION := (.+)$", (PROJECT / "Makefile").read_text("utf-8"), re.M)
    assert (DOCKER / "uv.txt").read_text("utf-8").startswith(f"uv=={version} ")


def test_the_image_carries_the_commit_it_was_built_from() -> None:
    build = compose({"RETENTION_GIT_SHA": "abc123"})["services"]["scheduler"]["build"]
    assert build["args"]["RETENTION_GIT_SHA"] == "abc123"
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
    assert _make_roles(own_server, PASSWORDS) == 0
    admin = Warehouse(own_server.url())
    roles = admin.read(
        "SELECT rolname::text, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolcanlogin"
    )
    without = admin.read(
        "SELECT rolname::text FROM pg_authid WHERE rolcanlogin AND rolpassword IS NULL"
    )
    owners = admin.read(
        "SELECT datname::text, pg_get_userbyid(datdba)::text AS owner FROM pg_database "
        "WHERE NOT datistemplate AND datname <> 'postgres'"
    )
    admin.close()
    assert set(roles["rolname"].to_pylist()) == {"postgres", *databases.ROLES}
    # Nobody connects as one of these before it was given a password (docs/privacy.md).
    assert set(without["rolname"].to_pylist()) == {PUBLIC, MIGRATOR, *SERVICES}
    assert set(databases.ROLES) <= set(keys.NAMES)
    powerful = [row["rolname"] for row in roles.to_pylist() if any(list(row.values())[1:])]
    assert powerful == ["postgres"]
    assert dict(zip(owners["datname"].to_pylist(), owners["owner"].to_pylist(), strict=True)) == {
        name: name for name in databases.OWNED
    }
    retention = Warehouse(
        own_server.url("retention", "retention", PASSWORDS["RETENTION_DB_PASSWORD"])
    )
    assert migrate(retention)
    retention.close()
    reader = Warehouse(
        own_server.url("retention", "retention_bi", PASSWORDS["RETENTION_BI_PASSWORD"])
    )
    assert reader.read("SELECT count(*) AS n FROM customer_risk")["n"].to_pylist() == [0]
    reader.close()
    scientist = Warehouse(
        own_server.url("retention", "retention_ds", PASSWORDS["RETENTION_DS_PASSWORD"])
    )
    assert scientist.read("SELECT count(*) AS n FROM models.labels")["n"].to_pylist() == [0]
    with pytest.raises(WarehouseError, match="permission denied"):
        scientist.read("SELECT * FROM curated.contact_permissions")
    scientist.close()
