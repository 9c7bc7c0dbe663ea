"""Whom the platform contacted is not trained on; whom it left alone by lot stands for them."""

import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.training.data.training_set import TrainingSet, assemble
from retention_ml.statistics.metrics import evaluate

DAY = date(2026, 3, 1)
DEFINITION = ChurnDefinition(active_days=90, lead_days=0, horizon_days=28)
IDS = ["bought", "left", "sent", "sent_later"]


def _training_set(contacts: pa.Table | None) -> TrainingSet:
    days = pa.array([DAY] * len(IDS), pa.date32())
    features = pa.table({"as_of": days, "customer_id": IDS, "x": [1.0, 2.0, 3.0, 4.0]})
    times = pa.array([2, None, None, None], pa.int64())
    labels = pa.table({"as_of": days, "customer_id": IDS, "time_to_next_order": times})
    return assemble(
        features,
        labels,
        definition=DEFINITION,
        known_until=DAY + timedelta(days=60),
        histories={},
        contacts=contacts,
    )


def _contacts() -> pa.Table:
    rows = [("k", "sent", "sent", 5), ("k", "left", "holdout", 5), ("l", "sent_later", "sent", 20)]
    start = datetime(2026, 3, 1, tzinfo=UTC)
    times = [start + timedelta(days=row[3]) for row in rows]
    return pa.table(
        {
            "campaign_id": [row[0] for row in rows],
            "customer_id": [row[1] for row in rows],
            "kind": [row[2] for row in rows],
            "event_at": pa.array(times, pa.timestamp("us", tz="UTC")),
        }
    )


def test_contacted_customers_are_left_out_and_others_stand_for_them() -> None:
    training_set = _training_set(_contacts())
    sample = training_set.sample([DAY])
    assert sample.values[:, 0].tolist() == [1, 2]
    assert sample.weights.round(9).tolist() == [1, 2]
    representation = training_set.representation([DAY])
    assert representation is not None
    assert (representation.rows_count, representation.contacted_count) == (4, 2)
    # Of campaign `l` nobody was left alone, so nobody stands for who was contacted by it alone.
    assert representation.unrepresented_count == 1
    assert (representation.by_lot_count, round(representation.weight_max, 9)) == (1, 2)
    assert representation.effective_count == pytest.approx(9 / 5)


def test_candidates_are_evaluated_on_those_left_alone() -> None:
    probability = np.array([0.2, 0.9, 0.1, 0.1])
    predictions = _training_set(_contacts()).predictions([DAY], {"m": probability})
    assert len(predictions.outcome) == 4  # in the order of the customers of the day
    assert predictions.evaluated().outcome.tolist() == [0, 1]
    values = evaluate(predictions, draws=20, seed=1).values["m"]
    assert values["brier"].value == pytest.approx((1 * 0.2**2 + 2 * 0.1**2) / 3)
    everybody = evaluate(replace(predictions, weights=None), draws=20, seed=1).values["m"]
    assert everybody["brier"].value == pytest.approx((0.04 + 0.01 + 2 * 0.81) / 4)


def test_a_model_of_an_earlier_day_knows_only_the_contacts_before_it() -> None:
    sample = _training_set(_contacts()).sample([DAY], known_until=DAY + timedelta(days=15))
    assert sample.values[:, 0].tolist() == [1, 2, 4]


def test_without_own_contacts_nothing_changes() -> None:
    training_set = _training_set(None)
    sample = training_set.sample([DAY])
    np.testing.assert_array_equal(sample.weights, np.ones(4))
    assert training_set.representation([DAY]) is None
    assert training_set.predictions([DAY], {}).weights is None
    assert training_set.digest == _training_set(_contacts()[:0]).digest
    assert training_set.digest != _training_set(_contacts()).digest


def test_every_contact_is_in_the_digest_however_it_lies_in_memory() -> None:
    contacts = _contacts()
    digest = _training_set(contacts).digest
    parts = pa.concat_tables([contacts[:1], contacts[1:]])
    assert _training_set(parts).digest == digest
    for name in contacts.column_names:
        column = contacts[name].take(pa.array([2, 0, 1]))
        changed = contacts.set_column(contacts.column_names.index(name), name, column)
        assert _training_set(changed).digest != digest


def test_a_digest_makes_no_python_value_of_each_contact() -> None:
    n = 100_000
    contacts = _contacts().take(pa.array(np.zeros(n, dtype=np.int64)))
    training_set = _training_set(contacts)
    tracemalloc.start()
    try:
        training_set.digest  # noqa: B018
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * n  # bytes; an object each takes more
