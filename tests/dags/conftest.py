"""Airflow in a home of its own; its state must be named before the first import of airflow."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
DAGS = PROJECT / "dags"

_HOME = Path(tempfile.mkdtemp(prefix="retention-airflow-"))
_VARIABLES = {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(_HOME / "plugins"),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW__API_AUTH__JWT_SECRET": "signs the sessions of tests and of nothing else " * 2,
}
os.environ.update(_VARIABLES)
sys.path.insert(0, str(PROJECT / "plugins"))


@pytest.fixture(scope="session")
def airflow_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables with which a child process parses or runs the DAGs."""
    return os.environ | {
        "PYTHONPATH": str(PROJECT / "plugins"),
        "RETENTION_HOME": str(tmp_path_factory.mktemp("home")),
    }


@pytest.fixture(scope="session")
def bag(airflow_environment: dict[str, str]) -> dict[str, Any]:
    """What Airflow finds in the DAG folder."""
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("describe.py")), str(DAGS)],
        env=airflow_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])
