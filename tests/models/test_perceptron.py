"""The perceptron: what it learns, exact reasons, and files that are checked."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from retention_ml.errors import UnfitModel
from retention_ml.models.arrays import sigmoid
from retention_ml.models.bundle import Bundle
from retention_ml.models.candidates import candidate
from retention_ml.models.fitting import calibrate
from retention_ml.models.linear import Scale
from retention_ml.models.metrics import score
from retention_ml.models.perceptron import Perceptron, fit_perceptron
from retention_ml.models.rows import Rows, cross_fit
from tests.models import worlds

ROWS = worlds.rows(2_000)
NEW = worlds.rows(2_000, seed=50)
COUNT = len(worlds.FEATURES)


@pytest.fixture(scope="module")
def fitted() -> Perceptron:
    """A network fitted on the small world."""
    return fit_perceptron(ROWS, seed=3, hidden=8)


def answering(rows: Rows, churned: np.ndarray) -> Rows:
    """The same rows with other outcomes."""
    return replace(rows, until_order=np.where(churned, np.inf, 0.0))


def auc(model: Any, rows: Rows) -> float:
    return float(score(sigmoid(model.margin(rows.values)), rows.outcome)["roc_auc"][0])


def test_new_customers_are_predicted_as_well_as_by_ridge(fitted: Perceptron) -> None:
    ridge = candidate("logistic").fit(ROWS, seed=3, threads=1).predictor
    assert fitted.output.shape == (24,)
    assert auc(fitted, NEW) > auc(ridge, NEW) - 0.01
    assert auc(fitted, NEW) > 0.77


def test_a_small_shop_is_predicted_as_well_as_by_ridge() -> None:
    few = worlds.rows(700, seed=201)
    ridge = candidate("logistic").fit(few, seed=3, threads=1).predictor
    assert auc(fit_perceptron(few, seed=3), NEW) > auc(ridge, NEW) - 0.02


def test_what_two_features_say_together_is_learnt_where_a_sum_cannot() -> None:
    def crossed(rows: Rows) -> Rows:
        first, second = rows.values[:, 0] > 17, rows.values[:, 4] > 120
        return answering(rows, first ^ second)

    learnt, new = crossed(worlds.rows(4_000)), crossed(NEW)
    assert auc(fit_perceptron(learnt, seed=1), new) > 0.85
    assert auc(candidate("logistic").fit(learnt, seed=1, threads=1).predictor, new) < 0.7


def test_where_nothing_can_be_learnt_nothing_is_claimed() -> None:
    noise = worlds.rows(1_500, signal=0.0)
    margin, _ = cross_fit(noise, lambda inside, _: fit_perceptron(inside, seed=3), 3)
    slope, intercept = calibrate(margin, noise)
    said = sigmoid(slope * fit_perceptron(noise, seed=3).margin(NEW.values) + intercept)
    assert abs(said.mean() - noise.outcome.mean()) < 0.05
    assert said.std() < 0.06


def test_equal_rows_in_any_order_and_on_any_threads_give_equal_bytes() -> None:
    order = np.random.default_rng(2).permutation(len(ROWS))
    first = fit_perceptron(ROWS, seed=3, hidden=4, members=2)
    with threadpool_limits(limits=2, user_api="blas"):
        again = fit_perceptron(ROWS.take(order), seed=3, hidden=4, members=2)
    assert first.files() == again.files()
    assert first.files() != fit_perceptron(ROWS, seed=4, hidden=4, members=2).files()


def test_rows_of_little_weight_say_little() -> None:
    contrary = answering(ROWS, ROWS.outcome == 0)

    def both(weight: float) -> Rows:
        return replace(
            ROWS,
            values=np.concatenate([ROWS.values, contrary.values]),
            days=np.tile(ROWS.days, 2),
            until_order=np.concatenate([ROWS.until_order, contrary.until_order]),
            followed=np.tile(ROWS.followed, 2),
            groups=np.tile(ROWS.groups, 2),
            weights=np.append(np.ones(len(ROWS)), np.full(len(ROWS), weight)),
        )

    assert auc(fit_perceptron(both(1e-6), seed=3), NEW) > 0.77
    assert auc(fit_perceptron(both(1e6), seed=3), NEW) < 0.23


def test_rows_whose_outcome_is_not_known_yet_are_left_out() -> None:
    followed = ROWS.followed.copy()
    followed[::3] = 0
    some = ROWS.take(np.flatnonzero(followed > 0))
    found = fit_perceptron(replace(ROWS, followed=followed), seed=3, hidden=4, members=1)
    assert found.files() == fit_perceptron(some, seed=3, hidden=4, members=1).files()


def test_one_customer_is_enough_not_to_fail() -> None:
    one = replace(ROWS.take(np.arange(3)), groups=np.zeros(3, dtype=np.int64))
    assert np.isfinite(fit_perceptron(one, seed=1).margin(NEW.values)).all()


def test_constant_and_empty_features_do_no_harm() -> None:
    values = ROWS.values.copy()
    values[:, 3], values[:, 4] = np.nan, 7.0
    found = fit_perceptron(replace(ROWS, values=values), seed=1)
    added, base = found.contributions(NEW.values)
    np.testing.assert_allclose(added.sum(axis=1) + base, found.margin(NEW.values), atol=1e-9)
    assert np.abs(added[:, [3, 4]]).max() == 0


def test_contributions_and_base_add_up_to_the_log_odds(fitted: Perceptron) -> None:
    nothing = np.full((2, len(NEW.features)), np.nan)
    for values in (NEW.values, ROWS.values, nothing, 1e12 * NEW.values, NEW.values[:0]):
        added, base = fitted.contributions(values)
        assert added.shape == values.shape
        np.testing.assert_allclose(
            added.sum(axis=1) + base, fitted.margin(values), rtol=0, atol=1e-9
        )


def small(thresholds: list[float]) -> Perceptron:
    """Two features that score what they are, and two units."""
    line = Scale(np.array([-100.0, 100.0]), np.array([-100.0, 100.0]))
    return Perceptron(
        scales=(line, line),
        missing_shares=np.zeros(2),
        hidden=np.array([[1.0, -1.0], [2.0, 1.0]]),
        missing_hidden=np.zeros((2, 2)),
        thresholds=np.array(thresholds),
        output=np.array([1.0, 10.0]),
        intercept=0.5,
    )


def test_the_rescale_rule_gives_what_a_hand_computes() -> None:
    # Unit 1 goes from 1 to 1 + 3 + 2 = 6 by slope 1; unit 2 from -1 to -1 - 3 + 1, closed: 0.
    added, base = small([1.0, -1.0]).contributions(np.array([[3.0, 1.0]]))
    np.testing.assert_allclose(added, [[3.0, 2.0]], atol=1e-12)
    assert base == 1.5
    # Unit 2 goes from -1 to -1 + 3 + 1 = 3: it opens by 3 over a change of 4, times 10.
    added, _ = small([1.0, -1.0]).contributions(np.array([[-3.0, 1.0]]))
    unit_1 = np.array([-3.0, 2.0])
    np.testing.assert_allclose(added, [unit_1 + 7.5 * np.array([3.0, 1.0])], atol=1e-12)


def test_a_unit_that_does_not_move_gives_no_number_that_is_none() -> None:
    model = small([1.0, -1.0])
    values = np.array([[0.0, 0.0], [2.0, -1.0], [1e-13, 0.0]])
    added, base = model.contributions(values)
    np.testing.assert_allclose(added.sum(axis=1) + base, model.margin(values), rtol=0, atol=1e-9)


def test_the_order_of_rows_changes_nothing(fitted: Perceptron) -> None:
    order = np.random.default_rng(4).permutation(len(NEW))
    np.testing.assert_allclose(
        fitted.margin(NEW.values[order]), fitted.margin(NEW.values)[order], rtol=0, atol=1e-12
    )


def test_a_bundle_written_and_loaded_is_the_same_to_the_last_bit(
    fitted: Perceptron, tmp_path: Path
) -> None:
    made = Bundle.of(fitted, model_name="mlp", features=worlds.FEATURES, slope=0.9, intercept=0.1)
    loaded = Bundle.load(made.write(tmp_path / "bundle"), made.sha256)
    np.testing.assert_array_equal(loaded.predictor.margin(NEW.values), fitted.margin(NEW.values))
    assert set(made.contents) == {"manifest.json", "perceptron.json"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("intercept", float("nan")),
        ("output", []),
        ("output", [1.0]),
        ("output", [[1.0]]),
        ("thresholds", [float("inf")] * 24),
        ("hidden", [[1.0] * 24] * (COUNT - 1)),
        ("hidden", [[float("nan")] * 24] * COUNT),
        ("missing_hidden", [1.0]),
        ("missing_shares", [0.1] * (COUNT - 1)),
        ("scales", []),
        ("scales", [{"knots": [2.0, 1.0], "heights": [0.0, 1.0]}] * COUNT),
        ("scales", [{"knots": [1.0, 2.0], "heights": [0.0]}] * COUNT),
        ("scales", [{"knots": [[1.0]], "heights": [[0.0]]}] * COUNT),
        ("scales", [{"knots": [1.0], "heights": [float("inf")]}] * COUNT),
    ],
)
def test_weights_that_make_no_sense_are_refused(
    name: str, value: object, fitted: Perceptron
) -> None:
    content = {**json.loads(fitted.files()["perceptron.json"]), name: value}
    with pytest.raises(UnfitModel, match=f"does not fit its {COUNT} features"):
        Perceptron.from_files({"perceptron.json": json.dumps(content).encode()}, worlds.FEATURES)
