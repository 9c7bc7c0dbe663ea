"""kill -9 while persons are forgotten: the same command goes on to the same end."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.erasure.forget import forget
from retention_ml.maintenance.erasure.prove import prove
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.maintenance.erasure.conftest import Filled, copied, numbers_filled, shop_files

pytestmark = pytest.mark.thorough

__all__ = ["numbers_filled", "shop_files"]

PLACES = [name for name in FAILPOINTS if name.split(".")[0] in ("forget", "empty_lines")]
_SECONDS_MAX = 3.0


def _run(url: str, settings: dict[str, Any], numbers: tuple[str, ...], failpoint: str) -> None:
    """Forget persons in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    forget(Warehouse(url), settings=Settings(**settings), numbers=numbers)


def _process(shop: Filled, failpoint: str = "") -> Any:
    process = multiprocessing.get_context("forkserver").Process(
        target=_run,
        args=(shop.warehouse.url, shop.settings.model_dump(), shop.gone, failpoint),
    )
    process.start()
    return process


def _finish(shop: Filled, expected: dict[str, object]) -> None:
    """The same command again ends where one that was never stopped does."""
    forget(shop.warehouse, settings=shop.settings, numbers=shop.gone)
    assert shop.state() == expected
    proof = prove(shop.warehouse, settings=shop.settings, numbers=shop.gone)
    assert proof.details["hits"] == {}
    assert proof.details["is_proved"]
    assert violations(shop.warehouse) == []


@pytest.fixture(scope="module")
def expected(numbers_filled: Filled, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The state after persons were forgotten without a stop."""
    with copied(numbers_filled, tmp_path_factory.mktemp("whole")) as shop:
        forget(shop.warehouse, settings=shop.settings, numbers=shop.gone)
        return shop.state()


@pytest.mark.fault("kill -9 while persons are forgotten, in each phase", promises="P1 P7", row=40)
@pytest.mark.parametrize("place", PLACES)
def test_killed_in_any_phase_the_same_command_goes_on_to_the_same_end(
    numbers_filled: Filled, expected: dict[str, object], tmp_path: Path, place: str
) -> None:
    assert len(PLACES) == 10
    with copied(numbers_filled, tmp_path) as shop:
        process = _process(shop, place)
        process.join(300)
        assert process.exitcode == -signal.SIGKILL
        assert shop.state() != expected
        _finish(shop, expected)


@pytest.mark.fault(
    "kill -9 at random while persons are forgotten",
    promises="P1 P7",
    row=40,
    counted="kills at random while persons are forgotten",
)
def test_killed_at_random_moments_the_same_command_goes_on_to_the_same_end(
    numbers_filled: Filled, expected: dict[str, object], tmp_path: Path
) -> None:
    moments = random.Random(11)
    for attempt in range(count("kills at random while persons are forgotten")):
        with copied(numbers_filled, tmp_path / str(attempt)) as shop:
            process = _process(shop)
            time.sleep(moments.uniform(0.2, _SECONDS_MAX))
            process.kill()
            process.join(60)
            _finish(shop, expected)
