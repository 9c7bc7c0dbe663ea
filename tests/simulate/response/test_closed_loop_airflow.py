"""What the closed loop through Airflow stands on: its clock, its shop, and its own arithmetic."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.closed_loop_shop import ACTIONS, ANSWERS, FIRST_DAY, HISTORY_DAYS, LivingShop
from benchmarks.closed_loop_shop import settings_of as variables_of
from benchmarks.closed_loop_truth import difference, same
from benchmarks.shifted_clock import shift
from retention_ml.actions.catalogue.loading import read_actions
from retention_ml.settings import load
from retention_ml.simulate.response.respond import respond
from retention_ml.simulate.response.worlds import world_named

FIRST = FIRST_DAY + timedelta(days=HISTORY_DAYS)


@pytest.fixture
def shop(tmp_path: Path) -> LivingShop:
    """A small shop with its history and its actions."""
    made = LivingShop(folder=tmp_path / "shop", customers=60, seed=1, world="four_types")
    made.prepare()
    return made


def _environment(home: Path) -> dict[str, str]:
    return variables_of(
        home, customers=60, smtp_url="smtp://a:1", webhook_url="http://a", webhook_secret="s"
    )


def test_another_process_sees_the_clock_that_was_moved(tmp_path: Path) -> None:
    shift.write(tmp_path, datetime(2025, 1, 6, 8, tzinfo=UTC))
    observed = subprocess.run(
        [sys.executable, "-c", "from retention_ml import clock; print(clock.now().isoformat())"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(shift.__file__).parent),
            "RETENTION_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    late = datetime.fromisoformat(observed) - datetime(2025, 1, 6, 8, tzinfo=UTC)
    assert timedelta(0) <= late < timedelta(minutes=1)


def test_without_a_file_the_clock_is_the_real_one(tmp_path: Path) -> None:
    assert abs(shift.now(tmp_path) - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_shop_has_settings_and_actions_without_a_mistake(shop: LivingShop) -> None:
    settings = load(_environment(shop.folder.parent))
    catalogue, problems, *_ = read_actions(settings.actions_folder)
    assert not problems
    assert set(catalogue.actions) == {"none", *ACTIONS}
    assert set(ANSWERS.values()) <= set(shop.truth.action_ids)
    assert settings.actions.enabled
    assert settings.churn.horizon_days == settings.actions.fatigue_days == 14


def test_each_file_of_the_shop_is_delivered_once(shop: LivingShop) -> None:
    days = shop.decision_days(2)
    assert days == [FIRST, FIRST + timedelta(days=7), FIRST + timedelta(days=14)]
    delivered = list(shop.files_until(days[0]))
    assert delivered
    for number in range(14):
        day = FIRST + timedelta(days=number)
        respond(shop.simulation, world_named("four_types"), out=shop.folder, day=day, contacts=[])
        if number % 7 == 6:
            assert shop.has_lived(day - timedelta(days=6))
            delivered += shop.files_until(day + timedelta(days=1))
    assert not shop.has_lived(days[2])
    assert sorted(delivered) == sorted(shop.folder.glob("*.csv"))


def test_the_difference_of_the_arms_is_found_within_its_error() -> None:
    rng = np.random.default_rng(7)
    errors = []
    for _ in range(200):
        propensity = rng.choice([0.2, 0.6], 400)
        treated = rng.random(400) < propensity
        # Who is treated more often buys more anyway: unweighted, the difference were far off.
        outcome = 10 * propensity + 0.5 * treated + rng.normal(size=400)
        value, error = difference(outcome, treated, propensity, np.arange(400))
        errors.append((value - 0.5) / error)
    assert abs(np.mean(errors)) < 0.3
    assert 0.7 < np.std(errors) < 1.3


@pytest.mark.parametrize(
    ("truth", "is_right"),
    [(["a", "b"], True), (["a"], False), (["a", "b", "c"], False), (["a", "b", "b"], False)],
)
def test_what_is_missing_too_much_or_twice_does_not_agree(truth: list[str], is_right: bool) -> None:
    assert same("mails", {"a", "b"}, truth)[-1] is is_right
