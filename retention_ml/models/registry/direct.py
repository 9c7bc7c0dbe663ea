"""Aliases and versions read from the file in which MLflow keeps them, without MLflow.

Importing MLflow and opening its store takes a second and a half of CPU, and a daily run only asks
where the alias stands. Whatever cannot be read plainly here, a tracking server, another schema, a
locked file, is left to MLflow's own client.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

from retention_ml.models.registry.model_version import ModelVersion

SCHEMA = "dc11669786a5"
"""The revision of MLflow's tables that the statements below were written for."""

_FILE = "sqlite:///"
_WAIT_SECONDS = 5.0
_WORKSPACE = "default"  # the one there is where workspaces are not enabled
_DELETED = "Deleted_Internal"
_WORKSPACE_SETTINGS = ("MLFLOW_ENABLE_WORKSPACES", "MLFLOW_WORKSPACE", "MLFLOW_WORKSPACE_STORE_URI")


class NotDirectError(Exception):
    """What keeps the registry from being read directly, in words: MLflow's client is to be asked."""


def read_aliases(uri: str, name: str) -> dict[str, str]:
    """The version each alias of a registered model points to; empty where there is no such model.

    Raises
    ------
    NotDirectError
        See the module.
    """
    with _opened(uri) as database:
        rows = database.execute(
            "SELECT alias, version FROM registered_model_aliases "
            "WHERE workspace = ? AND name = ? ORDER BY alias",
            (_WORKSPACE, name),
        ).fetchall()
    return {str(alias): str(version) for alias, version in rows}


def read_version(uri: str, name: str, number: str) -> ModelVersion | None:
    """The version of that number, or None.

    Raises
    ------
    NotDirectError
        See the module.
    """
    if not (number.isascii() and number.isdigit()):
        raise NotDirectError("the number of the version is none")
    key = (_WORKSPACE, name, int(number))
    with _opened(uri) as database:
        versions = database.execute(
            "SELECT version, run_id FROM model_versions "
            "WHERE workspace = ? AND name = ? AND version = ? AND current_stage <> ?",
            (*key, _DELETED),
        ).fetchall()
        tags = database.execute(
            "SELECT key, value FROM model_version_tags "
            "WHERE workspace = ? AND name = ? AND version = ? ORDER BY key",
            key,
        ).fetchall()
    if not versions:
        return None
    [(version, run_id)] = versions
    return ModelVersion.of(SimpleNamespace(version=version, run_id=run_id, tags=dict(tags)))


@contextmanager
def _opened(uri: str) -> Iterator[sqlite3.Connection]:
    """The file, to be read in one transaction, if it is one whose tables are known."""
    path = uri.removeprefix(_FILE)
    if not uri.startswith(_FILE) or "?" in path or not Path(path).is_file():
        raise NotDirectError("the registry is no file here")
    if any(os.environ.get(each) for each in _WORKSPACE_SETTINGS):
        raise NotDirectError("workspaces are set")
    try:
        address = f"file:{quote(str(Path(path).resolve()))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS)) as database:
            database.execute("BEGIN")
            if database.execute("SELECT version_num FROM alembic_version").fetchall() != [
                (SCHEMA,)
            ]:
                raise NotDirectError("its tables are of another version of MLflow")
            if database.execute(
                "SELECT 1 FROM registered_models WHERE workspace <> ? LIMIT 1", (_WORKSPACE,)
            ).fetchall():
                raise NotDirectError("it has workspaces")
            yield database
    except sqlite3.Error as error:
        raise NotDirectError(f"it cannot be read ({error})") from error
