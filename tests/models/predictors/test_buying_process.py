"""The buying process as a predictor of churn, and the two candidates made of it."""

import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from retention_ml.errors import NotReady, UnfitModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.predictors.buying_process import FEATURES, BuyingProcess
from retention_ml.models.training.candidates import bg_nbd, mbg_nbd
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext
from retention_ml.statistics.arrays import Floats, logit
from retention_ml.statistics.metrics import score
from tests.worlds.btyd import simulate

TRUE = BetaGeoNBD(r=0.8, alpha=25.0, a=0.6, b=2.5, modified=True)
MODEL = BuyingProcess(process=TRUE, horizon_days=28.0, reference=np.array([3.0, 30.0, 180.0]))
HORIZON_DAYS = 28


def _customers(count: int, seed: int) -> Floats:
    draw = np.random.default_rng(seed)
    tenure = draw.integers(1, 600, count).astype(np.float64)
    days = draw.geometric(0.3, count).astype(np.float64)
    recency = np.where(days == 1, tenure, np.ceil(tenure * draw.random(count)))
    return np.column_stack([days, recency, tenure])


def _rows(count: int, *, seed: int) -> TrainingSample:
    """Customers simulated over 800 days: two days on which they are looked at, and their histories.

    The histories are those of the later day; the earlier is to be left alone.
    """
    draw = np.random.default_rng(seed)
    T = draw.integers(10, 500, count).astype(np.float64)
    frequency, recency, later = simulate(TRUE, T, HORIZON_DAYS, seed=seed)
    values = np.column_stack([frequency + 1, T - recency, T])
    return TrainingSample(
        values=np.vstack([values, values]),
        days=np.repeat([20_000, 20_050], count).astype(np.int64),
        time_to_next_order=np.concatenate([np.zeros(count), np.where(later == 0, np.inf, 3.0)]),
        follow_up_days=np.full(2 * count, HORIZON_DAYS, dtype=np.int64),
        horizon_days=HORIZON_DAYS,
        groups=np.tile(np.arange(count), 2),
        weights=np.ones(2 * count),
        features=FEATURES,
        histories=PurchaseSummary.of(frequency, recency, T),
    )


ROWS = _rows(6_000, seed=1)


def test_the_margin_is_the_log_odds_of_no_order() -> None:
    values = _customers(500, seed=1)
    days, recency, tenure = values.T
    silent = TRUE.p_no_order(days - 1, tenure - recency, tenure, 28.0)
    np.testing.assert_allclose(MODEL.margin(values), logit(silent), rtol=1e-12)


def test_contributions_and_base_add_up_to_the_margin() -> None:
    values = _customers(2_000, seed=2)
    values[np.random.default_rng(1).random(values.shape) < 0.2] = np.nan
    added, base = MODEL.contributions(values)
    assert added.shape == (2_000, 3)
    np.testing.assert_allclose(added.sum(axis=1) + base, MODEL.margin(values), rtol=0, atol=1e-9)


def test_contributions_are_mean_gains_over_all_orders_of_revealing_the_features() -> None:
    values = _customers(40, seed=3)
    expected = np.zeros(values.shape)
    for order in permutations(range(3)):
        revealed = np.tile(MODEL.reference, (40, 1))
        for feature in order:
            before = MODEL.margin(revealed)
            revealed[:, feature] = values[:, feature]
            expected[:, feature] += (MODEL.margin(revealed) - before) / 6
    np.testing.assert_allclose(MODEL.contributions(values)[0], expected, rtol=0, atol=1e-12)


def test_what_equals_the_reference_or_is_missing_contributes_nothing() -> None:
    values = np.array([[3.0, 30.0, 180.0], [np.nan] * 3, [9.0, np.nan, 180.0]])
    added, base = MODEL.contributions(values)
    assert (added[:2] == 0).all()
    assert (added[2, 1:] == 0).all()
    assert added[2, 0] != 0
    assert base == MODEL.margin(values)[1]


def test_any_values_are_accepted() -> None:
    odd = [-5.0, 0.0, 1.0, 1e6, 1e15, np.nan]
    values = np.array([[a, b, c] for a in odd for b in odd for c in odd])
    assert np.isfinite(MODEL.margin(values)).all()
    added, base = MODEL.contributions(values)
    np.testing.assert_allclose(added.sum(axis=1) + base, MODEL.margin(values), rtol=0, atol=1e-9)
    assert MODEL.margin(np.empty((0, 3))).shape == (0,)
    assert MODEL.contributions(np.empty((0, 3)))[0].shape == (0, 3)


def test_recency_beyond_tenure_means_no_purchase_after_the_first() -> None:
    wrong, nearest = np.array([[4.0, 90.0, 50.0]]), np.array([[4.0, 50.0, 50.0]])
    assert MODEL.margin(wrong) == MODEL.margin(nearest)


def test_silence_and_a_shorter_horizon_make_no_order_more_likely() -> None:
    recency = np.arange(1.0, 300.0)
    values = np.column_stack([np.full(299, 5.0), recency, np.full(299, 300.0)])
    assert (np.diff(MODEL.margin(values)) > 0).all()
    shorter = replace(MODEL, horizon_days=7.0)
    assert (shorter.margin(values) > MODEL.margin(values)).all()


def test_a_predictor_survives_writing() -> None:
    files = MODEL.files()
    assert list(files) == ["btyd.json"]
    assert files["btyd.json"].isascii()
    again = BuyingProcess.from_files(files, FEATURES)
    values = _customers(100, seed=4)
    np.testing.assert_array_equal(again.margin(values), MODEL.margin(values))
    np.testing.assert_array_equal(again.contributions(values)[0], MODEL.contributions(values)[0])
    assert again.files() == files


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("horizon_days", 0.0),
        ("horizon_days", float("nan")),
        ("reference", [1.0, 2.0]),
        ("reference", [1.0, 2.0, float("inf")]),
        ("process", {}),
        ("process", {**TRUE.to_dict(), "alpha": -1.0}),
    ],
)
def test_a_garbled_predictor_is_refused(name: str, value: object) -> None:
    content = {**json.loads(MODEL.files()["btyd.json"]), name: value}
    with pytest.raises(UnfitModel, match="Train anew"):
        BuyingProcess.from_files({"btyd.json": json.dumps(content).encode()}, FEATURES)


@pytest.mark.parametrize("features", [FEATURES[:2], FEATURES[::-1], ("recency_days",) * 3])
def test_other_features_are_refused(features: tuple[str, ...]) -> None:
    with pytest.raises(UnfitModel, match="finite values for purchase_days_count, recency_days"):
        BuyingProcess.from_files(MODEL.files(), features)


def test_the_candidates_recover_the_probabilities_of_the_simulated_process() -> None:
    new = _rows(20_000, seed=2).newest()
    for candidate, modified in ((bg_nbd, False), (mbg_nbd, True)):
        model = candidate.fit(ROWS, FitContext(seed=3, threads=1))
        assert model.features == FEATURES
        assert model.notes["has_weak_prior"] is False
        predicted = model.predict_proba(new.values)
        metrics = score(predicted, new.churned)
        assert metrics["roc_auc"][0] > 0.8
        assert metrics["ece"][0] < 0.02
        if modified:
            truth = TRUE.p_no_order(*_triple(new.values), HORIZON_DAYS)
            assert np.sqrt(np.mean((predicted - truth) ** 2)) < 0.02
            assert model.slope == pytest.approx(1, abs=0.12)
            assert model.intercept == pytest.approx(0, abs=0.12)


def _triple(values: Floats) -> tuple[Floats, Floats, Floats]:
    days, recency, tenure = values.T
    return days - 1, tenure - recency, tenure


@pytest.mark.parametrize("candidate", [bg_nbd, mbg_nbd])
def test_only_the_newest_day_calibrates_and_seeds_and_threads_change_nothing(
    candidate: object,
) -> None:
    fit = candidate.fit  # type: ignore[attr-defined]
    model = fit(ROWS, FitContext(seed=1, threads=1))
    again = fit(
        replace(
            ROWS, time_to_next_order=np.where(ROWS.days == 20_000, np.inf, ROWS.time_to_next_order)
        ),
        FitContext(seed=9, threads=2),
    )
    assert again.predictor.files() == model.predictor.files()
    assert (again.slope, again.intercept) == (model.slope, model.intercept)
    mixed = ROWS.take(np.random.default_rng(1).permutation(len(ROWS)))
    shuffled = fit(mixed, FitContext(seed=1, threads=1))
    assert shuffled.predictor.files() == model.predictor.files()
    assert shuffled.slope == pytest.approx(model.slope, abs=1e-9)


def test_outcomes_are_no_part_of_the_process() -> None:
    other = replace(ROWS, time_to_next_order=ROWS.time_to_next_order[::-1].copy())
    assert (
        mbg_nbd.fit(other, FitContext(seed=1, threads=1)).predictor.files()
        == mbg_nbd.fit(ROWS, FitContext(seed=1, threads=1)).predictor.files()
    )


def test_rows_without_histories_are_refused() -> None:
    with pytest.raises(NotReady, match="has no purchase histories"):
        bg_nbd.fit(replace(ROWS, histories=None), FitContext(seed=1, threads=1))


def test_features_that_are_missing_everywhere_do_no_harm() -> None:
    empty = replace(ROWS, values=np.full(ROWS.values.shape, np.nan))
    model = bg_nbd.fit(empty, FitContext(seed=1, threads=1))
    predicted = model.predict_proba(_customers(50, seed=5))
    assert np.isfinite(predicted).all()
    assert model.slope == 0
