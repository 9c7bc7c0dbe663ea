"""Trainings of shops beyond the limits of rows: samples are drawn before they are built."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.clock import midnight
from retention_ml.errors import NotReady
from retention_ml.features.roll_up import roll_up
from retention_ml.features.samples.sampling import is_sampled
from retention_ml.models.training import ledger
from retention_ml.models.training.preparation import load_prepared
from retention_ml.models.training.train import fit, prepare, select
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.models.training.conftest import changed_settings
from tests.worlds.features import buy, deliver
from tests.worlds.shops import RandomShop, random_shop


@pytest.fixture
def shop(warehouse: Warehouse) -> RandomShop:
    return random_shop(warehouse, customers=1_500, days=300, seed=4)


def _sampled(settings: Settings) -> Settings:
    limits = {"rows_max": 1_000, "evaluation_rows_max": 1_000}
    return changed_settings(settings, "training", candidates=("recency", "rfm_logistic"), **limits)


def test_prepared_twice_it_is_one_training_and_nothing_is_built_of_the_others(
    warehouse: Warehouse, small: Settings, shop: RandomShop
) -> None:
    settings = _sampled(small)
    first = prepare(warehouse, settings=settings, as_of=shop.last_day)
    second = prepare(warehouse, settings=settings, as_of=shop.last_day)
    same = ("training_id", "data_digest", "training_share", "evaluation_share")
    assert {name: first.details[name] for name in same} == {
        name: second.details[name] for name in same
    }
    assert second.details["feature_days_built"] == 0 < first.details["feature_days_built"]
    assert 0 < first.details["training_share"] < first.details["evaluation_share"] < 1
    assert warehouse.read("SELECT 1 FROM features.customer_daily").num_rows == 0
    [built] = warehouse.read(
        "SELECT sum(customers_count)::bigint AS sampled, sum(population_count)::bigint AS active "
        "FROM features.sample_builds"
    ).to_pylist()
    [stored] = warehouse.read("SELECT count(*) AS n FROM features.customer_sampled")[
        "n"
    ].to_pylist()
    assert stored == built["sampled"] < 2_500 < built["active"]
    # A day's labels in the ledger are those of everybody.
    assert warehouse.read("SELECT 1 FROM models.labels").num_rows == 0


def test_a_sample_has_the_rows_and_outcomes_that_these_customers_have_in_the_whole_shop(
    warehouse: Warehouse, small: Settings, shop: RandomShop
) -> None:
    settings = _sampled(small)
    sampled, whole = (
        load_prepared(
            warehouse,
            each,
            ledger.training(
                warehouse,
                str(prepare(warehouse, settings=each, as_of=shop.last_day).details["training_id"]),
            ),
        )
        for each in (settings, changed_settings(small, "training", candidates=("recency",)))
    )
    assert (whole.sample_share, whole.evaluation_share) == (1, 1)
    assert sampled.populations == whole.populations
    for day in sampled.populations:
        drawn, everybody = sampled.table([day]), whole.table([day])
        share = drawn.num_rows / everybody.num_rows
        shares = (sampled.sample_share, sampled.evaluation_share)
        assert min(abs(share - each) for each in shares) < 0.15
        chosen = everybody.filter(
            pa.compute.is_in(everybody["customer_id"], value_set=drawn["customer_id"])
        )
        assert drawn["customer_id"].equals(chosen["customer_id"])
        for name in sampled.features:
            assert np.array_equal(drawn[name].to_numpy(), chosen[name].to_numpy(), equal_nan=True)
        wanted = min(shares, key=lambda each: abs(share - each))
        assert is_sampled(drawn["customer_id"].combine_chunks(), wanted).all()
    day = max(sampled.histories)
    orders_count, all_orders_count = (each.histories[day].counts.sum() for each in (sampled, whole))
    assert abs(orders_count / all_orders_count - sampled.evaluation_share) < 0.1
    assert sampled.volumes is not None
    assert whole.volumes is not None
    assert np.isin(sampled.volumes.days, whole.volumes.days).all()


@pytest.mark.thorough
def test_it_is_fitted_and_selected_from_by_tasks_of_their_own(
    warehouse: Warehouse, small: Settings, shop: RandomShop
) -> None:
    settings = _sampled(small)
    training_id = str(
        prepare(warehouse, settings=settings, as_of=shop.last_day).details["training_id"]
    )
    for name in settings.training.candidates:
        fit(warehouse, settings=settings, training_id=training_id, candidate=name)
    receipt = select(
        warehouse, settings=settings, training_id=training_id, trial_between=trial_between
    )
    assert receipt.details["selected_model"] == "rfm_logistic"
    assert receipt.details["model_version"] == "1"


def test_history_that_comes_between_makes_another_training(
    warehouse: Warehouse, small: Settings, shop: RandomShop
) -> None:
    settings = _sampled(small)
    first = prepare(warehouse, settings=settings, as_of=shop.last_day).details
    training = ledger.training(warehouse, str(first["training_id"]))
    at = midnight(shop.last_day - timedelta(days=200), settings.calendar.timezone)
    deliver(
        warehouse,
        *(buy(f"late{n}", at + timedelta(hours=n), customer=f"new{n}") for n in range(60)),
    )
    roll_up(warehouse, settings=settings)
    with pytest.raises(NotReady, match=r"changed in between|There are no features of"):
        load_prepared(warehouse, settings, training)
    second = prepare(warehouse, settings=settings, as_of=shop.last_day).details
    assert second["training_id"] != first["training_id"]
    assert second["feature_days_built"] > 0
