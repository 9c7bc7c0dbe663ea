"""`retention profile` makes and publishes profiles also where learning value fails, as the DAG does."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.errors import WarehouseError
from retention_ml.profiles.value import fit_value
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop

COMMAND = ["profile", "--as-of", "2024-12-01"]


@pytest.mark.parametrize(
    ("error", "name"),
    [(WarehouseError("The pool is dry."), "WarehouseError"), (OSError(28, "full"), "MachineError")],
)
def test_profiles_are_published_where_learning_fails(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, error: Exception, name: str
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setattr(fit_value, "learn", fails)
    random_shop(warehouse, customers=60, days=400)
    shown = CliRunner().invoke(app, COMMAND)
    assert shown.exit_code == 0, shown.output
    assert "Nothing was learnt about value:" in shown.stderr
    assert "The profiles were made with what was learnt before." in shown.stderr
    assert "publish_profiles of 2024-12-01" in shown.stdout
    document = json.loads(CliRunner().invoke(app, [*COMMAND, "--json"]).stdout)
    assert document["fit_value"]["error"] == name
    assert document["publish_profiles"]["is_repeat"]
