"""A data scientist with plain MLflow gets what the scoring run wrote, to the last digits."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from retention_ml.features import build
from retention_ml.features.store import read
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training.candidates import ensemble
from retention_ml.models.training.data.training_data import load_training_data, training_days
from retention_ml.models.training.fitting import FitContext
from retention_ml.scores.score import score
from tests.models.conftest import Trained

# The three lines, and what is needed to hand the numbers over.
_SCRIPT = """
import mlflow
model = mlflow.pyfunc.load_model("models:/churn@champion")
said = model.predict(df)
"""
_BEFORE = "import json, sys; import pandas as pd; df = pd.read_parquet(sys.argv[1])"
_AFTER = """
rivals = [name for name in sys.modules if name.startswith(("airflow", "retention_ml.warehouse"))]
print(json.dumps({"said": [float(p) for p in said], "rivals": rivals}))
"""
_SLOW = ("boosted_two_thirds", "boosted_third")


def asked(shop: Trained, folder: Path) -> dict[str, float]:
    """Probabilities by customer from a process that knows MLflow's address and nothing else."""
    features = read(shop.warehouse, [shop.as_of])
    pq.write_table(features, folder / "features.parquet")
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", _BEFORE + _SCRIPT + _AFTER, str(folder / "features.parquet")],
        env={
            **clean,
            "MLFLOW_TRACKING_URI": Registry(shop.settings).uri,
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "OMP_WAIT_POLICY": "PASSIVE",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["rivals"] == []
    return dict(zip(features["customer_id"].to_pylist(), answer["said"], strict=True))


def scored(shop: Trained) -> tuple[dict[str, float], str]:
    """What a scoring run of the day wrote, and the version it used."""
    receipt = score(shop.warehouse, settings=shop.settings, as_of=shop.as_of)
    rows = shop.warehouse.read(
        "SELECT customer_id, churn_probability, model_version FROM scores.customer_daily "
        f"WHERE snapshot_id = {int(receipt.details['snapshot_id'])}"
    ).to_pylist()
    assert len({row["model_version"] for row in rows}) == 1
    written = {row["customer_id"]: row["churn_probability"] for row in rows}
    return written, str(rows[0]["model_version"])


def ensemble_of(shop: Trained) -> Bundle:
    """An ensemble of the shop's day, with one member of each learner and the newest day's."""
    settings = shop.settings
    needed = training_days(shop.warehouse, settings=settings, as_of=shop.as_of)
    build.ensure(shop.warehouse, settings=settings, days=[*needed, shop.as_of])
    training_data = load_training_data(shop.warehouse, settings=settings, as_of=shop.as_of)
    definition = churn_definition(settings)
    quick = tuple(one for one in ensemble.RECIPES if one.name not in _SLOW)
    return ensemble.fit(
        training_data.sample, FitContext(seed=1, threads=1), recipes=quick
    ).to_bundle(
        "ensemble",
        definition=definition.to_dict(),
        definition_hash=definition.hash,
        as_of=str(shop.as_of),
    )


@pytest.mark.thorough
def test_three_lines_of_plain_mlflow_say_what_the_scoring_run_wrote(
    trained: Trained, copied: Callable[[Trained], Trained], tmp_path: Path
) -> None:
    """For an ensemble, put under the alias by hand after another model was champion."""
    shop = copied(trained)
    before, version = scored(shop)
    assert version == "1"
    registry = Registry(shop.settings)
    bundle = ensemble_of(shop)
    run_id = registry.versions()[0].run_id
    assert run_id is not None
    made = registry.register(
        bundle,
        run_id=run_id,
        tags={"bundle_sha256": bundle.sha256, "model_name": "ensemble"},
        description="ensemble",
    )
    registry.set_alias("champion", made.version)
    written, version = scored(shop)
    assert version == made.version == "2"
    predictions = asked(shop, tmp_path)
    assert _apart(predictions, written) < 1e-9
    # The negative control: the champion before says something else.
    assert _apart(predictions, before) > 0.01


def _apart(predictions: dict[str, float], written: dict[str, float]) -> float:
    assert len(written) > 100
    assert set(predictions) == set(written)
    return max(abs(predictions[name] - written[name]) for name in written)
