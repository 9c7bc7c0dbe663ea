"""What every candidate must do, and what each one is for."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retention_ml.models.training import candidates
from retention_ml.models.training.candidates import BASELINE, CANDIDATES, candidate, recency
from retention_ml.models.training.data.sample import cross_fit, folds
from retention_ml.models.training.fitting import FitContext, calibrate
from retention_ml.settings import Training
from retention_ml.statistics.arrays import logit
from retention_ml.statistics.metrics import score
from tests.worlds import samples

ROWS = samples.rows(2_000)
NEW = samples.rows(3_000, seed=50)
# The library's defaults are shown as they are.
CALIBRATED = [name for name in CANDIDATES if name != "lightgbm_default"]
# What sees only a part of the customer can only do so much.
LEAST_ROC_AUC = {"recency": 0.7, "bg_nbd": 0.5, "mbg_nbd": 0.5}


def test_every_module_with_a_fit_is_a_candidate_and_every_candidate_has_one() -> None:
    folder = Path(candidates.__file__).parent
    with_fit = {path.stem for path in folder.glob("*.py") if "\ndef fit(" in path.read_text()}
    assert with_fit == set(CANDIDATES)
    assert len(CANDIDATES) >= 10
    assert {BASELINE, *Training().candidates, Training().champion_candidate} <= with_fit


def test_the_list_of_candidates_imports_none_of_their_libraries() -> None:
    code = "import sys, retention_ml.models.training.candidates; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    modules = set(loaded.stdout.split())
    assert "retention_ml.models.training.candidates" in modules
    assert not {"lightgbm", "optuna", "sklearn", "scipy.optimize"} & modules
    assert not {CANDIDATES[name].module for name in CANDIDATES} & modules


@pytest.mark.parametrize("name", CANDIDATES)
def test_equal_rows_and_seeds_give_equal_bytes(name: str) -> None:
    bundles = [
        candidate(name)
        .fit(ROWS, FitContext(seed=3, threads=threads, tuning_trials=0, tuning_seconds=10))
        .to_bundle(name)
        for threads in (1, 2)
    ]
    assert bundles[0].sha256 == bundles[1].sha256


@pytest.mark.parametrize("name", CALIBRATED)
def test_predictions_for_new_customers_are_better_than_chance_and_calibrated(name: str) -> None:
    model = candidate(name).fit(ROWS, FitContext(seed=3, threads=2, tuning_trials=0))
    columns = [NEW.features.index(feature) for feature in model.features]
    metrics = score(model.predict_proba(NEW.values[:, columns]), NEW.churned)
    assert metrics["roc_auc"][0] > LEAST_ROC_AUC.get(name, 0.77)
    assert metrics["ece"][0] < 0.05


@pytest.mark.parametrize("name", CALIBRATED)
def test_where_nothing_can_be_learnt_nothing_is_claimed(name: str) -> None:
    noise = samples.rows(1_500, signal=0.0)
    model = candidate(name).fit(noise, FitContext(seed=3, threads=2, tuning_trials=0))
    columns = [NEW.features.index(feature) for feature in model.features]
    probability = model.predict_proba(NEW.values[:, columns])
    assert abs(probability.mean() - noise.churned.mean()) < 0.05
    assert probability.std() < 0.06


@pytest.mark.fault("constant and empty features", promises="P6", row=33)
@pytest.mark.parametrize("name", CANDIDATES)
def test_constant_and_empty_features_do_no_harm(name: str) -> None:
    values = ROWS.values.copy()
    values[:, 3] = np.nan
    values[:, 4] = 7.0
    odd = replace(ROWS, values=values)
    model = candidate(name).fit(odd, FitContext(seed=3, threads=2, tuning_trials=0))
    columns = [NEW.features.index(feature) for feature in model.features]
    probability = model.predict_proba(NEW.values[:, columns])
    assert np.isfinite(probability).all()
    model.to_bundle(name)


def test_settings_given_are_used_and_not_tuned() -> None:
    first = candidate("lightgbm").fit(
        ROWS, FitContext(seed=3, threads=2, tuning_trials=4, tuning_seconds=60)
    )
    again = candidate("lightgbm").fit(ROWS, FitContext(seed=3, threads=2, params=first.params))
    assert first.to_bundle("lightgbm").sha256 == again.to_bundle("lightgbm").sha256
    assert first.notes["tuning_trials"] == 4
    assert first.notes["tuning_cut_short"] is False


def test_a_tuning_that_runs_out_of_time_says_so() -> None:
    model = candidate("lightgbm").fit(
        ROWS, FitContext(seed=3, threads=2, tuning_trials=500, tuning_seconds=0.05)
    )
    assert model.notes["tuning_cut_short"] is True


def test_the_recency_baseline_rises_with_recency_and_reads_nothing_else() -> None:
    model = recency.fit(ROWS, FitContext(seed=3, threads=2))
    assert model.features == ("recency_days",)
    probability = model.predict_proba(np.arange(0, 200.0)[:, None])
    assert (np.diff(probability) >= 0).all()


def test_all_rows_of_a_customer_are_in_one_fold() -> None:
    fold = folds(ROWS.groups, seed=1)
    for customer in np.unique(ROWS.groups)[:200]:
        assert len(set(fold[ROWS.groups == customer])) == 1
    assert sorted(set(fold)) == [0, 1, 2, 3]


def test_no_row_is_predicted_by_a_model_that_saw_its_customer() -> None:
    train: list[set[int]] = []

    class Remember:
        def __init__(self, customers: set[int]) -> None:
            self.customers = customers

        def margin(self, values: np.ndarray) -> np.ndarray:
            train.append(self.customers)
            return np.zeros(len(values))

    evaluation: list[set[int]] = []

    def fit(inside: object, outside: object) -> object:
        evaluation.append(set(outside.groups))  # type: ignore[attr-defined]
        return Remember(set(inside.groups))  # type: ignore[attr-defined]

    cross_fit(ROWS, fit, seed=1)  # type: ignore[arg-type]
    assert len(train) == 4
    pairs = zip(train, evaluation, strict=True)
    assert all(not (inside & outside) for inside, outside in pairs)


def test_calibration_undoes_a_known_distortion() -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(size=20_000)
    sample = samples.rows(20_000)
    churned = (draw.random(20_000) < 1 / (1 + np.exp(-truth))).astype(float)
    sample = replace(sample, time_to_next_order=np.where(churned == 1, np.inf, 0.0))
    slope, intercept = calibrate(3 * truth - 1, sample)
    assert slope == pytest.approx(1 / 3, abs=0.02)
    assert intercept == pytest.approx(1 / 3, abs=0.05)


def test_a_model_that_ranks_backwards_becomes_a_constant() -> None:
    slope, intercept = calibrate(-5 * (ROWS.churned - 0.5), ROWS)
    assert slope == 0
    assert intercept == pytest.approx(float(logit(np.array([ROWS.churned.mean()]))[0]), abs=1e-6)
