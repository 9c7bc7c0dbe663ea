"""What a model may learn from: samples, days and what is known of them."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.clock import day_number
from retention_ml.features.build import ensure
from retention_ml.features.samples.sampling import is_sampled, sampled
from retention_ml.features.store import rows_of
from retention_ml.models.training.data.shares import Shares, build_features, decide_shares
from retention_ml.models.training.data.training_data import (
    load_training_data,
    load_training_set,
    training_days,
)
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop


@pytest.fixture
def shop(warehouse: Warehouse, small: Settings) -> tuple[Warehouse, Settings]:
    """A shop of which a training reads a sample, built whole and as the training builds it."""
    world = random_shop(warehouse, customers=700, days=300, seed=4)
    training = small.training.model_copy(update={"rows_max": 1_000})
    settings = small.model_copy(update={"training": training})
    as_of = world.last_day
    days = training_days(warehouse, settings=settings, as_of=as_of)
    ensure(warehouse, settings=settings, days=[*days, as_of])
    _build(warehouse, settings, as_of, days, [as_of])
    return warehouse, settings


def _build(
    warehouse: Warehouse,
    settings: Settings,
    as_of: date,
    days: Sequence[date],
    evaluation_days: Sequence[date],
) -> Shares:
    shares = decide_shares(
        warehouse,
        settings=settings,
        as_of=as_of,
        training_days=days,
        evaluation_days=evaluation_days,
    )
    build_features(warehouse, settings=settings, shares=[shares])
    return shares


def test_a_sample_holds_the_same_customers_on_every_day_and_today_is_whole(
    shop: tuple[Warehouse, Settings],
) -> None:
    warehouse, settings = shop
    as_of = max(warehouse.read("SELECT max(as_of) AS d FROM features.builds")["d"].to_pylist())
    whole = load_training_data(warehouse, settings=_unlimited(settings), as_of=as_of).sample
    some = load_training_data(warehouse, settings=settings, as_of=as_of).sample
    assert whole.current is not None
    assert some.current is not None
    assert len(some.current) == len(whole.current) == some.current_count
    assert 0.8 * 1_000 < len(some) < 1.2 * 1_000 < len(whole)
    for day in np.unique(whole.days):
        everybody = whole.values[whole.days == day]
        drawn = some.values[some.days == day]
        contents = {row.tobytes() for row in everybody}
        assert all(row.tobytes() in contents for row in drawn)
        assert some.population(int(day)) == len(everybody)
    counts = np.bincount(np.unique(some.groups, return_inverse=True)[1])
    assert counts.mean() > len(np.unique(some.days)) / 3


def test_below_its_limit_everybody_of_an_evaluation_day_is_read_and_the_sample_is_trained_on(
    shop: tuple[Warehouse, Settings],
) -> None:
    warehouse, settings = shop
    as_of = max(warehouse.read("SELECT max(as_of) AS d FROM features.builds")["d"].to_pylist())
    days = training_days(warehouse, settings=settings, as_of=as_of)
    evaluation_day = days[2]
    shares = _build(warehouse, settings, as_of, days, [evaluation_day, as_of])
    assert shares.evaluation == 1 > shares.training
    training_set = load_training_set(warehouse, settings=settings, as_of=as_of, shares=shares)
    population = training_set.populations[evaluation_day]
    assert len(training_set.positions([evaluation_day])) == population
    assert len(training_set.churned([evaluation_day])) == population
    sample = training_set.sample(days)
    assert 0.8 * 1_000 < len(sample) < 1.2 * 1_000
    rows = sample.values[sample.days == day_number(evaluation_day)]
    assert 0 < len(rows) < population
    # The database and the process choose the same customers.
    names = training_set.customers.take(pa.array(training_set.positions([evaluation_day])))
    drawn = sampled(rows_of([evaluation_day]), training_set.sample_share)
    by_database = warehouse.read(drawn.select("customer_id"))["customer_id"].to_pylist()
    by_process = names.filter(pa.array(is_sampled(names, training_set.sample_share))).to_pylist()
    assert sorted(by_database) == sorted(by_process)
    assert len(by_process) == len(rows)


def test_days_known_in_part_teach_shorter_windows_only(
    shop: tuple[Warehouse, Settings],
) -> None:
    warehouse, settings = shop
    as_of = max(warehouse.read("SELECT max(as_of) AS d FROM features.builds")["d"].to_pylist())
    sample = load_training_data(warehouse, settings=settings, as_of=as_of).sample
    horizon = settings.churn.horizon_days
    is_open = sample.follow_up_days < horizon
    assert is_open.any()
    assert sample.follow_up_days.min() >= -(-horizon // 3)
    assert np.isnan(sample.churned[is_open]).all()
    assert np.isfinite(sample.matured().churned).all()
    assert sample.matured().days.max() < sample.days.max()
    assert sample.within(-(-horizon // 3)).days.max() == sample.days.max()
    ordered = np.isfinite(sample.time_to_next_order)
    assert (sample.time_to_next_order[ordered] < sample.follow_up_days[ordered]).all()
    settled = as_of - timedelta(days=settings.churn.settle_days)
    assert sample.known_until_day <= day_number(settled)


def _unlimited(settings: Settings) -> Settings:
    training = settings.training.model_copy(update={"rows_max": 10_000_000})
    return settings.model_copy(update={"training": training})
