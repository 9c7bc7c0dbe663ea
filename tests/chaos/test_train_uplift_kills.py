"""kill -9 while effects are learned: no policy, or a whole one with its models, and once."""

import multiprocessing
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml.actions.assignment.assign import assign
from retention_ml.actions.learning.train_uplift import train_uplift
from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.answering import AFTER, AFTER_ALL, AnsweringShop

pytestmark = pytest.mark.thorough

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


def _train_bandit(url: str, settings: dict[str, Any], failpoint: str) -> None:
    os.environ["RETENTION_FAILPOINT"] = failpoint
    train_uplift(Warehouse(url), settings=Settings(**settings), as_of=AFTER_ALL)


def _assign(url: str, settings: dict[str, Any], failpoint: str) -> None:
    """Decide the day after in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    day = AFTER_ALL + timedelta(days=1)
    assign(Warehouse(url), settings=Settings(**settings), as_of=day, today=day)


def test_killed_anywhere_a_bandit_is_whole_and_its_day_decided_once(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    shop = AnsweringShop(warehouse, settings, tmp_path / "actions")
    shop.live()
    shop.live_on()
    tables = [
        "SELECT count(*) AS rows FROM actions.policies WHERE kind = 'bandit'",
        "SELECT count(*) AS rows FROM actions.policy_bundles",
        "SELECT count(*) / 3 AS rows FROM actions.policy_values",
    ]
    for place in MINE:
        assert _kill(_train_bandit, shop, place) == -9
        is_committed = int(place == "train_uplift.after_commit")
        assert [shop.rows(sql)[0]["rows"] for sql in tables] == [is_committed] * 3
    assert not shop.train(AFTER_ALL).details["is_new"]
    day = AFTER_ALL + timedelta(days=1)
    shop.publish(day)
    of_day = f"SELECT assignments_digest FROM actions.days WHERE as_of = DATE '{day}'"
    for place in (name for name in FAILPOINTS if name.startswith("assign.")):
        assert _kill(_assign, shop, place) == -9
        assert len(shop.rows(of_day)) == int(place == "assign.after_commit")
    digests = shop.rows(of_day)
    assert shop.assign(day).details["is_repeat"]
    assert shop.rows(of_day) == digests
    assert violations(warehouse) == []


def _kill(door: Callable[..., None], shop: AnsweringShop, place: str) -> int | None:
    process = multiprocessing.get_context("forkserver").Process(
        target=door, args=(shop.warehouse.url, shop.settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    return process.exitcode
