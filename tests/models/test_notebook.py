"""The notebook runs from top to bottom on a small shop, and does what it says."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from retention_ml.models.promotion.decisions import decisions
from retention_ml.models.registry.mlflow_registry import Registry
from tests.house.repository import ROOT
from tests.models.conftest import SMALL, Trained

_NOTEBOOK = ROOT / "notebooks" / "churn_model.py"


def _run(shop: Trained, **variables: str) -> str:
    names = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
    done = subprocess.run(
        [sys.executable, str(_NOTEBOOK)],
        env={
            **{name: os.environ[name] for name in names if name in os.environ},
            **SMALL,
            "RETENTION_HOME": str(shop.settings.home),
            "RETENTION_WAREHOUSE_URL": shop.warehouse.url,
            "MLFLOW_TRACKING_URI": Registry(shop.settings).uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "OMP_WAIT_POLICY": "PASSIVE",
            **variables,
        },
        cwd=shop.settings.home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


@pytest.mark.thorough
def test_it_loads_explains_compares_and_promotes_nothing_unasked(
    trained: Trained, copied: Callable[[Trained], Trained]
) -> None:
    shop = copied(trained)
    registry = Registry(shop.settings)
    before = registry.aliases()
    output = _run(shop)
    for words in ("active customers on", "What drives version 1", "| idea ", "idea minus"):
        assert words in output
    assert registry.aliases() == before
    assert len(registry.versions()) == 1

    output = _run(shop, PROMOTE="challenger")
    assert "Version 2 as challenger: followed" in output
    assert registry.aliases() == {**before, "challenger": "2"}
    newest, *_ = decisions(shop.warehouse, "challenger")
    assert (newest.verdict, newest.model_name, newest.model_version) == ("follow", "idea", "2")
