"""What is read without MLflow is what MLflow says; whatever is not plain is left to MLflow."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from retention_ml.models.registry import direct
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.tracking import NAME
from retention_ml.settings import Settings


@pytest.fixture
def registry(stocked: Settings, tmp_path: Path) -> Registry:
    """Three versions that this test may change, the second one champion."""
    shutil.copytree(stocked.home, tmp_path / "home")
    registry = Registry(stocked.model_copy(update={"home": tmp_path / "home"}))
    registry.set_alias("champion", "2")
    return registry


def _file(registry: Registry) -> Path:
    return registry.settings.home / "mlflow" / "mlflow.db"


def _change(registry: Registry, *statements: str) -> None:
    with closing(sqlite3.connect(_file(registry))) as database, database:
        for statement in statements:
            database.execute(statement)


def _of_mlflow(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """Aliases and versions 1 to 4 as MLflow's client says them."""

    def refuse(*_: object) -> None:
        raise direct.NotDirectError("")

    with monkeypatch.context() as patch:
        patch.setattr(direct, "read_aliases", refuse)
        patch.setattr(direct, "read_version", refuse)
        return (registry.aliases(), *(registry.version(number) for number in "1234"))


def _direct(registry: Registry) -> tuple[object, ...]:
    versions = (direct.read_version(registry.uri, NAME, number) for number in "1234")
    return (direct.read_aliases(registry.uri, NAME), *versions)


def test_aliases_and_versions_are_those_that_mlflow_says(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.set_version_tags("2", {"note": "ümlaut \x07", "empty": ""})
    registry.set_alias("challenger", "3")
    first = _of_mlflow(registry, monkeypatch)
    assert first[0] == {"champion": "2", "challenger": "3"}
    assert _direct(registry) == first
    registry.delete_alias("challenger")
    registry._client.delete_model_version(NAME, "3")
    second = _of_mlflow(registry, monkeypatch)
    assert second[3] is None
    assert _direct(registry) == second
    registry._client.delete_registered_model(NAME)
    assert _direct(registry) == _of_mlflow(registry, monkeypatch) == ({}, None, None, None, None)


def _schema(registry: Registry) -> None:
    _change(registry, "UPDATE alembic_version SET version_num = 'later'")


def _workspace(registry: Registry) -> None:
    _change(registry, "UPDATE registered_models SET workspace = 'other'")


def _gone(registry: Registry) -> None:
    _file(registry).unlink()


def _torn(registry: Registry) -> None:
    _file(registry).write_bytes(_file(registry).read_bytes()[:5_000])


def _other_tables(registry: Registry) -> None:
    _change(registry, "ALTER TABLE registered_model_aliases RENAME COLUMN alias TO name_of_it")


@pytest.mark.parametrize("damage", [_schema, _workspace, _gone, _torn, _other_tables])
def test_what_is_not_plain_is_left_to_mlflow(
    registry: Registry, damage: Callable[[Registry], None]
) -> None:
    damage(registry)
    with pytest.raises(direct.NotDirectError):
        direct.read_aliases(registry.uri, NAME)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql://a@b/c", "sqlite:///a?b=c"])
def test_another_kind_of_registry_is_left_to_mlflow(uri: str) -> None:
    with pytest.raises(direct.NotDirectError):
        direct.read_version(uri, NAME, "1")


@pytest.mark.parametrize("number", ["one", "", "-1", "1; DROP", "²"])
def test_what_is_no_number_is_left_to_mlflow(registry: Registry, number: str) -> None:
    with pytest.raises(direct.NotDirectError):
        direct.read_version(registry.uri, NAME, number)
    assert registry.version(number) is None


def test_workspaces_are_left_to_mlflow(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "shop")
    with pytest.raises(direct.NotDirectError):
        direct.read_aliases(registry.uri, NAME)


def test_a_file_is_not_written_by_reading(registry: Registry) -> None:
    before = _file(registry).read_bytes()
    _direct(registry)
    assert _file(registry).read_bytes() == before


def test_to_ask_for_the_champion_does_not_import_mlflow(registry: Registry) -> None:
    code = (
        "import sys\n"
        "from retention_ml.models.registry.mlflow_registry import Registry\n"
        "from retention_ml.settings import load\n"
        "registry = Registry(load({'RETENTION_HOME': sys.argv[1]}))\n"
        "print(registry.version_at('champion').version, 'mlflow' in sys.modules)"
    )
    home = str(registry.settings.home)
    done = subprocess.run(
        [sys.executable, "-c", code, home], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2", "False"]
