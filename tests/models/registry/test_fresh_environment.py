"""A version in a fresh environment that has only MLflow and the version's own requirements.

Needs a package index and about a gigabyte, so `make model-elsewhere` runs it (it sets
RETENTION_MODEL_ELSEWHERE), not `make test`: that hides everything else that is installed instead
(`test_elsewhere.py`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.features.store import read
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.scores.score import score
from tests.models.conftest import Trained
from tests.models.registry.serving import ask, served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("RETENTION_MODEL_ELSEWHERE"),
        reason="It makes an environment from a package index; run `make model-elsewhere`.",
    ),
]
_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
_CHAMPION = "models:/churn@champion"
_ORDER = [("as_of", "ascending"), ("customer_id", "ascending")]
_PREDICT = """
import json, sys
import mlflow, pandas as pd
features = pd.read_parquet(sys.argv[2])
model = mlflow.pyfunc.load_model(sys.argv[1])
names = model.metadata.get_input_schema().input_names()
print(json.dumps([float(each) for each in model.predict(features[names].astype(float))]))
"""


@dataclass(frozen=True)
class Fresh:
    """A trained shop, and an environment of the requirements of its champion."""

    shop: Trained
    python: Path
    variables: dict[str, str]
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *arguments],
            env=self.variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def predict(self, uri: str, features: pa.Table) -> list[float]:
        """What the model at that address says there."""
        pq.write_table(features, self.folder / "features.parquet")
        done = self.run("-c", _PREDICT, uri, str(self.folder / "features.parquet"))
        assert done.returncode == 0, done.stderr[-2_000:]
        return [float(each) for each in json.loads(done.stdout.splitlines()[-1])]


@pytest.fixture(scope="module")
def fresh(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    folder = tmp_path_factory.mktemp("fresh")
    registry = Registry(trained.settings)
    with registry._request():
        requirements = registry._download(f"{_CHAMPION}/requirements.txt", folder)
    environment = folder / "environment"
    python = environment / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(environment)],
        [str(uv), "pip", "install", "--python", str(python), "-r", str(requirements)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stderr[-2_000:]
    variables = {name: os.environ[name] for name in _INHERITED if name in os.environ} | {
        "MLFLOW_TRACKING_URI": registry.uri,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return Fresh(shop=trained, python=python, variables=variables, folder=folder)


def test_nothing_of_this_project_is_there(fresh: Fresh) -> None:
    """The control: without the code in the version nothing could be loaded."""
    for module in ("retention_ml", "airflow", "ibis", "duckdb"):
        assert f"No module named '{module}'" in fresh.run("-c", f"import {module}").stderr


def test_the_champion_says_and_serves_there_what_the_scoring_run_wrote(
    fresh: Fresh, copied: Callable[[Trained], Trained], tmp_path: Path
) -> None:
    shop = copied(fresh.shop)
    receipt = score(shop.warehouse, settings=shop.settings, as_of=shop.as_of)
    scores = shop.warehouse.read(
        "SELECT churn_probability FROM scores.customer_daily "
        f"WHERE snapshot_id = {int(receipt.details['snapshot_id'])} ORDER BY customer_id"
    )["churn_probability"].to_numpy()
    features = read(shop.warehouse, [shop.as_of]).sort_by("customer_id")
    assert len(scores) == features.num_rows > 100
    apart = np.abs(fresh.predict(_CHAMPION, features) - scores)
    assert apart.max() < 1e-9

    names = Registry(shop.settings).fetch("1", str(shop.receipt.details["bundle_sha256"])).features
    floats = pa.table({name: features[name].cast(pa.float64()) for name in names})
    with served(
        _CHAMPION, python=fresh.python, variables=fresh.variables, folder=tmp_path
    ) as address:
        answer = ask(address, floats)
    assert np.abs(np.array(answer) - scores).max() < 1e-9


def test_every_candidate_says_there_what_it_was_evaluated_on(fresh: Fresh) -> None:
    shop = fresh.shop
    fits = shop.warehouse.read("SELECT model_name, mlflow_run_id FROM models.fits").to_pylist()
    assert {fit["model_name"] for fit in fits} == set(shop.settings.training.candidates)
    for fit in fits:
        rows = shop.warehouse.read(
            "SELECT as_of, customer_id, churn_probability FROM models.evaluation_predictions "
            f"WHERE model_name = '{fit['model_name']}' ORDER BY as_of, customer_id"
        )
        days = sorted(set(rows["as_of"].to_pylist()))
        features = read(shop.warehouse, days).sort_by(_ORDER)
        answer = fresh.predict(f"runs:/{fit['mlflow_run_id']}/model", features)
        np.testing.assert_allclose(answer, rows["churn_probability"].to_numpy(), rtol=0, atol=1e-9)
