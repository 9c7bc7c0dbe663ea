"""A version registered by an earlier release loads, predicts and explains as it did then.

The figures are equal to the last bit on one machine; processors differ in the last bits of `exp`
and of sums, so twelve digits are asked for.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from retention_ml.models.bundle import Bundle

FOLDER = Path(__file__).with_name("registered_before")


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """What that release computed on the day of registration; floats as hexadecimal text."""
    return dict(json.loads((FOLDER / "expected.json").read_text(encoding="utf-8")))


def _exact(texts: list[str]) -> np.ndarray:
    return np.array([float.fromhex(text) for text in texts])


def _same(figures: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(figures, expected, rtol=1e-12, atol=1e-12)


def test_its_bundle_predicts_and_explains_as_before(expected: dict[str, Any]) -> None:
    bundle = Bundle.load(FOLDER / "model" / "artifacts" / "bundle", expected["sha256"])
    features = pa.table({name: pa.array(v) for name, v in expected["features"].items()})
    contributions, base = bundle.contributions(features)
    _same(bundle.predict(features), _exact(expected["probability"]))
    _same(contributions, np.array([_exact(row) for row in expected["contributions"]]))
    _same(np.array(base), np.array(float.fromhex(expected["base"])))


def test_the_serving_file_that_mlflow_kept_with_it_still_runs(expected: dict[str, Any]) -> None:
    """That file imports `Bundle` from `retention_ml.models.bundle`, and nobody can change it."""
    import mlflow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = mlflow.pyfunc.load_model(str(FOLDER / "model"))
        probability = model.predict(pd.DataFrame(expected["features"]).astype(float))
    _same(np.asarray(probability), _exact(expected["probability"]))
