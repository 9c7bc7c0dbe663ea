"""A version predicts and is served where only its requirements are installed: no library of ours.

Where the library is installed, it leaves that alone.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FitContext
from retention_ml.settings import Settings
from tests.house.repository import LIBRARY, ROOT
from tests.models.conftest import settings_in
from tests.models.registry.elsewhere import environment
from tests.models.registry.serving import ask, served
from tests.worlds import samples
from tests.worlds.registered import register

pytestmark = pytest.mark.thorough

ROWS = samples.table(samples.rows(300, seed=99))
_URI = "models:/churn/1"
_PREDICT = f"""
import json, sys
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model({_URI!r})
answer = model.predict(pd.read_parquet(sys.argv[1]))
import retention_ml_serving
modules = [name for name in sys.modules if name.startswith(("retention_ml", "ibis", "airflow"))]
print(json.dumps([[float(each) for each in answer], retention_ml_serving.__file__, modules]))
"""
_USE_THE_LIBRARY = f"""
import multiprocessing, sys
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model({_URI!r})
import retention_ml.settings
with multiprocessing.get_context("spawn").Pool(1) as pool:
    pool.apply(retention_ml.settings.load)
names = model.metadata.get_input_schema().input_names()
features = pd.read_parquet(sys.argv[1]).assign(customer_id="c", **{{names[0]: 3}})
print(len(model.predict(features[names].astype(float))), retention_ml.__file__)
"""


@dataclass(frozen=True)
class Elsewhere:
    """A registered version, and the environment of somebody who has only its requirements."""

    settings: Settings
    bundle: Bundle
    variables: dict[str, str]
    rows: Path

    def run(self, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, str(self.rows)],
            env=self.variables | variables,
            cwd=self.rows.parent,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def elsewhere(registry_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    folder = tmp_path_factory.mktemp("elsewhere")
    settings = settings_in(folder / "home", registry_database)
    fitted = candidate("lightgbm").fit(samples.rows(900), FitContext(seed=1, threads=1))
    bundle = fitted.to_bundle("lightgbm")
    register(settings, bundle)
    (requirements,) = (settings.home / "mlflow" / "artifacts").rglob("requirements.txt")
    pq.write_table(ROWS, folder / "rows.parquet")
    return Elsewhere(
        settings=settings,
        bundle=bundle,
        variables=environment(requirements.read_text(), folder / "hidden")
        | {"MLFLOW_TRACKING_URI": Registry(settings).uri},
        rows=folder / "rows.parquet",
    )


def test_that_environment_has_nothing_of_this_project(elsewhere: Elsewhere) -> None:
    """The control: without the code in the version nothing could be loaded."""
    for module in ("retention_ml", "airflow", "ibis"):
        done = elsewhere.run(f"import {module}")
        assert f"No module named '{module}'" in done.stderr
    assert elsewhere.run("import mlflow, lightgbm, pyarrow").returncode == 0


def test_a_version_predicts_there_to_the_last_bit(elsewhere: Elsewhere) -> None:
    done = elsewhere.run(_PREDICT)
    assert done.returncode == 0, done.stderr[-2_000:]
    probability, place, modules = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_array_equal(probability, elsewhere.bundle.predict(ROWS))
    assert Path(place).is_relative_to(elsewhere.settings.home / "mlflow" / "artifacts")
    assert {name.split(".")[0] for name in modules} == {"retention_ml_serving"}
    assert not {name for name in modules if "settings" in name or "warehouse" in name}


def test_another_release_that_is_installed_there_is_not_used(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    other = tmp_path / "retention_ml"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('another release')\n")
    path = f"{elsewhere.variables['PYTHONPATH']}:{tmp_path}"
    control = elsewhere.run("import retention_ml", PYTHONPATH=path)
    assert "another release" in control.stderr
    done = elsewhere.run(_PREDICT, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr[-2_000:]
    answer, *_ = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_array_equal(answer, elsewhere.bundle.predict(ROWS))


def test_the_library_works_in_a_process_that_loaded_a_version_and_in_its_children(
    elsewhere: Elsewhere,
) -> None:
    installed = {**os.environ, "MLFLOW_TRACKING_URI": elsewhere.variables["MLFLOW_TRACKING_URI"]}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _USE_THE_LIBRARY, str(elsewhere.rows)],
        env=installed | {"PYTHONPATH": str(ROOT)},
        cwd=elsewhere.rows.parent,
        capture_output=True,
        text=True,
        timeout=120,  # a pool whose process cannot start waits for ever
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout.split() == [str(ROWS.num_rows), str(LIBRARY / "__init__.py")]


def test_a_served_version_answers_with_the_same_probabilities(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    python = Path(sys.executable)
    with served(_URI, python=python, variables=elsewhere.variables, folder=tmp_path) as address:
        answer = ask(address, ROWS)
    np.testing.assert_array_equal(answer, elsewhere.bundle.predict(ROWS))
