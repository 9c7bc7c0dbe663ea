"""MLflow's page and API ask for a user and password where the settings say so."""

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from retention_ml.cli import tables
from retention_ml.errors import RegistryError, StackError
from retention_ml.models.registry.links import page_links
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.settings import Settings, load
from retention_ml.stack import components, environment, keys, local, mlflow_login
from retention_ml.stack.environment import Ports
from retention_ml.stack.postgres import free_port


@pytest.fixture
def guarded(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "port").write_text("5432")
    return load({"RETENTION_HOME": str(home), "RETENTION_MLFLOW__LOGIN": "true"})


def test_without_the_setting_nothing_is_asked_and_nothing_is_written(settings: Settings) -> None:
    mlflow_login.prepare(settings)
    assert not (settings.home / "mlflow" / "login.ini").exists()
    assert mlflow_login.server_arguments(settings) == ()
    assert mlflow_login.server_variables(settings) == {}
    assert mlflow_login.client_variables(settings) == {}


def test_every_part_of_the_stack_can_sign_in(guarded: Settings) -> None:
    password = keys.load(guarded.home)["mlflow_admin"]
    variables = environment.build(guarded, Ports(airflow=8080, mlflow=5000), {})
    assert variables["MLFLOW_TRACKING_USERNAME"] == "admin"
    assert variables["MLFLOW_TRACKING_PASSWORD"] == password
    assert "MLFLOW_AUTH_ADMIN_PASSWORD" not in variables  # the server alone needs it


def test_its_password_is_shown_to_who_asks_for_secrets_only(guarded: Settings) -> None:
    places = local.addresses(guarded)
    assert places["mlflow_user"] == "admin"
    assert places["mlflow_password"] == keys.load(guarded.home)["mlflow_admin"]
    shown = str(tables.hide_secret("mlflow_password", places["mlflow_password"]))
    assert shown == "shown by retention status --secrets"


def test_an_mlflow_of_somebody_else_is_not_told_our_password(guarded: Settings) -> None:
    elsewhere = guarded.model_copy(update={"tracking_uri": "http://mlflow.invalid"})
    assert mlflow_login.client_variables(elsewhere) == {}


def test_without_the_package_a_sentence_says_what_to_install(
    guarded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_login, "find_spec", lambda _: None)
    with pytest.raises(StackError, match=r"retention-ml\[login\]"):
        mlflow_login.prepare(guarded)


@pytest.fixture
def server(guarded: Settings, registry_database: Path) -> Iterator[Settings]:
    """The settings with the address of a running MLflow that has a login."""
    at = Ports(airflow=1, mlflow=free_port())
    mlflow_login.prepare(guarded)
    database = guarded.home / "mlflow" / "mlflow.db"
    shutil.copy(registry_database, database)
    part = components.component(guarded, "mlflow", at)
    part = replace(
        part,
        environment={**part.environment, "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{database}"},
    )
    part.start()
    try:
        deadline = time.monotonic() + 120
        while not components.mlflow_answers(at):
            assert time.monotonic() < deadline, part.last_words()
            time.sleep(0.2)
        yield guarded.model_copy(update={"tracking_uri": at.mlflow_url})
    finally:
        part.stop()


@pytest.mark.slow
def test_who_has_no_login_gets_nothing(
    server: Settings, guarded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{server.tracking_uri}/", timeout=10)
    assert refusal.value.code == 401
    refusal.value.close()
    with pytest.raises(RegistryError, match="401"):
        Registry(server).aliases(timeout="short")
    assert page_links(Registry(server)) == {}

    for name, value in mlflow_login.client_variables(guarded).items():
        monkeypatch.setenv(name, value)
    assert Registry(server).aliases(timeout="short") == {}
    links = page_links(Registry(server))
    assert list(links) == ["trainings"]
    assert links["trainings"].startswith(f"{server.tracking_uri}/#/experiments/")
