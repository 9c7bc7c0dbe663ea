"""kill -9 while effects are learned: no policy, or a whole one with its models, and once."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from retention_ml.actions.learning.train_uplift import train_uplift
from retention_ml.failpoints import FAILPOINTS
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.answering import AFTER, AnsweringShop

MINE = [name for name in FAILPOINTS if name.startswith("train_uplift.")]


def _train(url: str, settings: dict[str, Any], failpoint: str) -> None:
    """Learn in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    train_uplift(Warehouse(url), settings=Settings(**settings), as_of=AFTER)


@pytest.mark.parametrize("place", MINE)
def test_killed_anywhere_there_is_no_policy_or_a_whole_one(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, place: str
) -> None:
    assert len(MINE) == 2
    shop = AnsweringShop(warehouse, settings, tmp_path / "actions")
    shop.live()
    process = multiprocessing.get_context("forkserver").Process(
        target=_train, args=(warehouse.url, shop.settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    assert process.exitcode == -9
    policies = "SELECT policy_id FROM actions.policies WHERE kind = 'uplift'"
    bundles = "SELECT registered_at IS NULL AS is_new FROM actions.policy_bundles"
    is_committed = place == "train_uplift.after_commit"
    assert len(shop.rows(policies)) == len(shop.rows(bundles)) == is_committed
    receipt = shop.train()
    assert receipt.details["policy_id"] == "uplift-1"
    assert receipt.details["is_new"] == (not is_committed)
    assert shop.rows(policies) == [{"policy_id": "uplift-1"}]
    assert shop.rows(bundles) == [{"is_new": False}]  # MLflow was shown it
