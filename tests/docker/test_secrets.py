"""Secrets as files: made once, given to whom they belong, and missed at once."""

import os
import subprocess
from pathlib import Path

import pytest

from retention_ml.settings import PROJECT, load
from tests.docker.compose_file import DOCKER, compose, secret_names


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that make_secrets.sh makes."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run(["sh", str(DOCKER / "make_secrets.sh"), str(folder)], check=True)
    return folder


def test_secrets_are_made_once_for_their_owner_alone(secrets: Path) -> None:
    # mlflow_login names people, so nobody can make it.
    assert {path.name for path in secrets.iterdir()} == secret_names() - {"mlflow_login"}
    assert secrets.stat().st_mode & 0o777 == 0o700
    before = {path.name: path.read_text("utf-8") for path in secrets.iterdir()}
    assert len(set(before.values())) == len(before)
    (secrets / "airflow_jwt_secret").unlink()
    subprocess.run(["sh", str(DOCKER / "make_secrets.sh"), str(secrets)], check=True)
    after = {path.name: path.read_text("utf-8") for path in secrets.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"airflow_jwt_secret"}
    for role in ("retention", "airflow", "mlflow"):
        [url] = [text for name, text in after.items() if name in (
            f"{role}_warehouse_url", f"{role}_database_url")]  # fmt: skip
        password = after[f"{role}_db_password"]
        assert url.endswith(f"//{role}:{password}@postgres:5432/{role}")


def test_the_settings_accept_the_environment_of_the_containers(
    secrets: Path,
) -> None:
    variables = {
        name: value.replace("/run/secrets", str(secrets))
        for name, value in compose()["services"]["scheduler"]["environment"].items()
    }
    settings = load({**variables, "RETENTION_SETTINGS": str(PROJECT / "retention.toml")})
    assert settings.tracking_uri == "http://mlflow:5000"
    assert settings.warehouse_url == (secrets / "retention_warehouse_url").read_text("utf-8")


def _enter(variables: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(DOCKER / "entry.sh"), *command],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", [None, ""])
def test_a_container_ends_at_once_and_names_a_secret_that_is_missing_or_empty(
    text: str | None, tmp_path: Path
) -> None:
    script = (DOCKER / "entry.sh").read_text("utf-8").replace("/run/secrets", str(tmp_path))
    (tmp_path / "entry.sh").write_text(script, "utf-8")
    if text is not None:
        (tmp_path / "url").write_text(text, "utf-8")
    for name, value in (
        ("MLFLOW_BACKEND_STORE_URI_FILE", f"{tmp_path}/url"),
        ("RETENTION_WAREHOUSE_URL_FILE", f"{tmp_path}/url"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", f"cat {tmp_path}/url"),
    ):
        done = subprocess.run(
            ["sh", str(tmp_path / "entry.sh"), "echo", "started"],
            env={"PATH": os.environ["PATH"], name: value},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (78, "")
        assert f"The secret file {tmp_path}/url is missing, empty" in done.stderr
        assert name in done.stderr


def test_a_program_that_reads_only_the_environment_gets_its_secret_there(tmp_path: Path) -> None:
    script = (DOCKER / "entry.sh").read_text("utf-8").replace("/run/secrets", str(tmp_path))
    (tmp_path / "entry.sh").write_text(script, "utf-8")
    (tmp_path / "url").write_text("a b$c'd\"e\\f", "utf-8")
    done = subprocess.run(
        [
            "sh", str(tmp_path / "entry.sh"), "sh", "-c",
            'printf "%s|%s|%s" "$MLFLOW_BACKEND_STORE_URI" "${MLFLOW_BACKEND_STORE_URI_FILE-none}" '
            '"${RETENTION_WAREHOUSE_URL-none}"',
        ],
        env={
            "PATH": os.environ["PATH"],
            "MLFLOW_BACKEND_STORE_URI_FILE": f"{tmp_path}/url",
            "RETENTION_WAREHOUSE_URL_FILE": f"{tmp_path}/url",
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "a b$c'd\"e\\f|none|none"), done.stderr


def test_a_container_without_secrets_becomes_its_program() -> None:
    done = _enter({}, "echo", "started")
    assert (done.returncode, done.stdout) == (0, "started\n")
