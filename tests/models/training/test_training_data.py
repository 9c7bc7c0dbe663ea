"""What a model may learn from: samples, days and what is known of them."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.features.build import ensure
from retention_ml.features.local_time import day_number
from retention_ml.features.store import rows_of
from retention_ml.labels.sampling import is_sampled, sampled
from retention_ml.models.training.training_data import days_of, gather, material
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop


@pytest.fixture
def shop(warehouse: Warehouse, small: Settings) -> tuple[Warehouse, Settings]:
    made = random_shop(warehouse, customers=700, days=300, seed=4)
    training = small.training.model_copy(update={"rows_max": 1_000})
    settings = small.model_copy(update={"training": training})
    as_of = made.last_day
    days = days_of(warehouse, settings=settings, as_of=as_of)
    ensure(warehouse, settings=settings, days=[*days, as_of])
    return warehouse, settings


def test_a_sample_holds_the_same_customers_on_every_day_and_today_is_whole(
    shop: tuple[Warehouse, Settings],
) -> None:
    warehouse, settings = shop
    as_of = max(warehouse.read("SELECT max(as_of) AS d FROM features.builds")["d"].to_pylist())
    whole = material(warehouse, settings=_unlimited(settings), as_of=as_of).rows
    some = material(warehouse, settings=settings, as_of=as_of).rows
    assert whole.current is not None
    assert some.current is not None
    assert len(some.current) == len(whole.current)
    assert 0.8 * 1_000 < len(some) < 1.2 * 1_000 < len(whole)
    for day in np.unique(whole.days):
        everybody = whole.values[whole.days == day]
        drawn = some.values[some.days == day]
        known = {row.tobytes() for row in everybody}
        assert all(row.tobytes() in known for row in drawn)
        assert some.population(int(day)) == len(everybody)
    counts = np.bincount(np.unique(some.groups, return_inverse=True)[1])
    assert counts.mean() > len(np.unique(some.days)) / 3


def test_of_a_day_judged_on_everybody_is_there_and_only_the_sample_is_learnt_from(
    shop: tuple[Warehouse, Settings],
) -> None:
    warehouse, settings = shop
    as_of = max(warehouse.read("SELECT max(as_of) AS d FROM features.builds")["d"].to_pylist())
    days = days_of(warehouse, settings=settings, as_of=as_of)
    judged = days[2]
    found = gather(warehouse, settings=settings, as_of=as_of, days=days, whole_days=[judged, as_of])
    assert len(found.positions([judged])) == found.populations[judged]
    assert len(found.outcome([judged])) == found.populations[judged]
    learnt = found.rows(days)
    assert 0.8 * 1_000 < len(learnt) < 1.2 * 1_000
    chosen = learnt.values[learnt.days == day_number(judged)]
    assert 0 < len(chosen) < found.populations[judged]
    # The database and the process choose the same customers.
    names = found.customers.take(pa.array(found.positions([judged])))
    drawn = sampled(rows_of([judged]), found.learnt_share)
    by_database = warehouse.read(drawn.select("customer_id"))["customer_id"].to_pylist()
    by_process = names.filter(pa.array(is_sampled(names, found.learnt_share))).to_pylist()
    assert sorted(by_database) == sorted(by_process)
    assert len(by_process) == len(chosen)


def test_days_known_in_part_teach_shorter_windows_only(
    shop: tuple[Warehouse, Settings],
) -> None:
    warehouse, settings = shop
    as_of = max(warehouse.read("SELECT max(as_of) AS d FROM features.builds")["d"].to_pylist())
    rows = material(warehouse, settings=settings, as_of=as_of).rows
    horizon = settings.churn.horizon_days
    young = rows.followed < horizon
    assert young.any()
    assert rows.followed.min() >= -(-horizon // 3)
    assert np.isnan(rows.outcome[young]).all()
    assert np.isfinite(rows.matured().outcome).all()
    assert rows.matured().days.max() < rows.days.max()
    assert rows.within(-(-horizon // 3)).days.max() == rows.days.max()
    known = rows.until_order[np.isfinite(rows.until_order)]
    assert (known < rows.followed[np.isfinite(rows.until_order)]).all()
    settled = as_of - timedelta(days=settings.churn.settle_days)
    assert rows.known_until_day <= day_number(settled)


def _unlimited(settings: Settings) -> Settings:
    training = settings.training.model_copy(update={"rows_max": 10_000_000})
    return settings.model_copy(update={"training": training})
