"""What every candidate must do, and what each one is for."""

from dataclasses import replace

import numpy as np
import pytest

from retention_ml.models.training.candidates import NAMES, candidate, recency
from retention_ml.models.training.fitting import calibrate
from retention_ml.models.training.sample import cross_fit, folds
from retention_ml.statistics.arrays import logit
from retention_ml.statistics.metrics import score
from tests.worlds import samples

ROWS = samples.rows(2_000)
NEW = samples.rows(3_000, seed=50)
# The library's defaults are shown as they are.
CALIBRATED = [name for name in NAMES if name != "lightgbm_default"]
# What sees only a part of the customer can only do so much.
LEAST_ROC_AUC = {"recency": 0.7, "bg_nbd": 0.5, "mbg_nbd": 0.5}


@pytest.mark.parametrize("name", NAMES)
def test_equal_rows_and_seeds_give_equal_bytes(name: str) -> None:
    made = [
        candidate(name).fit(ROWS, seed=3, threads=threads, trials=0, seconds=10).to_bundle(name)
        for threads in (1, 2)
    ]
    assert made[0].sha256 == made[1].sha256


@pytest.mark.parametrize("name", CALIBRATED)
def test_predictions_for_new_customers_are_better_than_chance_and_calibrated(name: str) -> None:
    model = candidate(name).fit(ROWS, seed=3, threads=2, trials=0)
    columns = [NEW.features.index(feature) for feature in model.features]
    found = score(model.predict_proba(NEW.values[:, columns]), NEW.outcome)
    assert found["roc_auc"][0] > LEAST_ROC_AUC.get(name, 0.77)
    assert found["ece"][0] < 0.05


@pytest.mark.parametrize("name", CALIBRATED)
def test_where_nothing_can_be_learnt_nothing_is_claimed(name: str) -> None:
    noise = samples.rows(1_500, signal=0.0)
    model = candidate(name).fit(noise, seed=3, threads=2, trials=0)
    columns = [NEW.features.index(feature) for feature in model.features]
    said = model.predict_proba(NEW.values[:, columns])
    assert abs(said.mean() - noise.outcome.mean()) < 0.05
    assert said.std() < 0.06


@pytest.mark.parametrize("name", NAMES)
def test_constant_and_empty_features_do_no_harm(name: str) -> None:
    values = ROWS.values.copy()
    values[:, 3] = np.nan
    values[:, 4] = 7.0
    odd = replace(ROWS, values=values)
    model = candidate(name).fit(odd, seed=3, threads=2, trials=0)
    columns = [NEW.features.index(feature) for feature in model.features]
    said = model.predict_proba(NEW.values[:, columns])
    assert np.isfinite(said).all()
    model.to_bundle(name)


def test_settings_given_are_used_and_not_tuned() -> None:
    first = candidate("lightgbm").fit(ROWS, seed=3, threads=2, trials=4, seconds=60)
    again = candidate("lightgbm").fit(ROWS, seed=3, threads=2, params=first.params)
    assert first.to_bundle("lightgbm").sha256 == again.to_bundle("lightgbm").sha256
    assert first.notes["tuning_trials"] == 4
    assert first.notes["tuning_cut_short"] is False


def test_a_tuning_that_runs_out_of_time_says_so() -> None:
    model = candidate("lightgbm").fit(ROWS, seed=3, threads=2, trials=500, seconds=0.05)
    assert model.notes["tuning_cut_short"] is True


def test_the_recency_rule_rises_with_recency_and_reads_nothing_else() -> None:
    model = recency.fit(ROWS, seed=3, threads=2)
    assert model.features == ("recency_days",)
    said = model.predict_proba(np.arange(0, 200.0)[:, None])
    assert (np.diff(said) >= 0).all()


def test_all_rows_of_a_customer_are_in_one_fold() -> None:
    fold = folds(ROWS.groups, seed=1)
    for customer in np.unique(ROWS.groups)[:200]:
        assert len(set(fold[ROWS.groups == customer])) == 1
    assert sorted(set(fold)) == [0, 1, 2, 3]


def test_no_row_is_predicted_by_a_model_that_saw_its_customer() -> None:
    seen: list[set[int]] = []

    class Remember:
        def __init__(self, customers: set[int]) -> None:
            self.customers = customers

        def margin(self, values: np.ndarray) -> np.ndarray:
            seen.append(self.customers)
            return np.zeros(len(values))

    left: list[set[int]] = []

    def fit(inside: object, outside: object) -> object:
        left.append(set(outside.groups))  # type: ignore[attr-defined]
        return Remember(set(inside.groups))  # type: ignore[attr-defined]

    cross_fit(ROWS, fit, seed=1)  # type: ignore[arg-type]
    assert len(seen) == 4
    assert all(not (own & out) for own, out in zip(seen, left, strict=True))


def test_calibration_undoes_a_known_distortion() -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(size=20_000)
    rows = samples.rows(20_000)
    outcome = (draw.random(20_000) < 1 / (1 + np.exp(-truth))).astype(float)
    known = replace(rows, until_order=np.where(outcome == 1, np.inf, 0.0))
    slope, intercept = calibrate(3 * truth - 1, known)
    assert slope == pytest.approx(1 / 3, abs=0.02)
    assert intercept == pytest.approx(1 / 3, abs=0.05)


def test_a_model_that_ranks_backwards_becomes_a_constant() -> None:
    slope, intercept = calibrate(-5 * (ROWS.outcome - 0.5), ROWS)
    assert slope == 0
    assert intercept == pytest.approx(float(logit(np.array([ROWS.outcome.mean()]))[0]), abs=1e-6)
