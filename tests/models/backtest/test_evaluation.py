"""How a backtest evaluates predictions, segments and code, on rows made by hand."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.clock import day_of
from retention_ml.errors import AccountingError
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.backtest import code_digest, prediction_cache, predictions
from retention_ml.models.backtest.contenders import Recipe, contenders, names
from retention_ml.models.backtest.evaluation import evaluate_backtest
from retention_ml.models.evaluation.figures.curves import calibration_curve
from retention_ml.models.evaluation.segments import labelled_segments
from retention_ml.models.training.candidates import CANDIDATES
from retention_ml.settings import Settings, Training
from retention_ml.statistics.arrays import sigmoid
from retention_ml.statistics.bootstrap import customer_weights
from retention_ml.statistics.metrics import Predictions, score

DAYS = (14_000, 14_030)


def _predictions(count: int = 600, seed: int = 1) -> Predictions:
    """Two days; `champion` knows the truth, `mbg_nbd` half of it, `blind` nothing."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=count)
    return Predictions(
        days=np.repeat(DAYS, count // 2),
        groups=np.tile(np.arange(count // 2), 2),
        outcome=(draw.random(count) < sigmoid(2 * truth)).astype(float),
        models={
            "champion": sigmoid(2 * truth),
            "mbg_nbd": sigmoid(truth + draw.normal(size=count)),
            "recency": np.full(count, 0.5),
        },
    )


def test_the_better_model_has_the_better_figures() -> None:
    three = _predictions()
    fit = {str(day_of(day)): {"seconds": 1.0} for day in DAYS}
    document = evaluate_backtest(
        three,
        contenders=contenders(list(three.models), Training()),
        definition=ChurnDefinition(active_days=90, lead_days=0, horizon_days=28),
        segments={"first": np.arange(600) % 2 == 0, "nobody": np.zeros(600, dtype=bool)},
        about=dict.fromkeys(three.models, fit),
        draws=100,
        seed=1,
    )
    assert document["reference"] == "champion"
    for rival in ("mbg_nbd", "recency"):
        assert document["differences"][rival]["roc_auc"]["lower"] > 0
        assert document["differences"][rival]["log_loss"]["upper"] < 0
    assert document["models"]["recency"]["metrics"]["roc_auc"]["value"] == 0.5
    assert list(document["segments"]) == ["first"]
    assert list(document["segments"]["first"]["models"]) == ["champion", "mbg_nbd"]
    assert [day["customers"] for day in document["days"]] == [300, 300]


def test_lift_is_also_given_as_a_share_of_the_highest_possible() -> None:
    outcome = np.repeat([1.0, 0.0], [80, 20])
    perfect = score(np.linspace(0.9, 0.1, 100), outcome)
    assert perfect["lift_at_10"][0] == pytest.approx(1.25)
    assert perfect["lift_at_10_of_best"][0] == pytest.approx(1)
    rare = score(np.linspace(0.9, 0.1, 100), np.repeat([1.0, 0.0], [4, 96]))
    assert rare["lift_at_10_of_best"][0] == pytest.approx(1)
    assert score(np.full(100, 0.5), outcome)["lift_at_10_of_best"][0] == pytest.approx(0.8)


def test_predictions_for_other_customers_are_refused() -> None:
    labels = pa.table({"customer_id": ["a", "b"], "is_churned": [True, False]})
    both = pa.chunked_array([["a", "b"]])
    table = predictions.of_day(date(2024, 1, 1), labels, {"m": (both, np.array([0.1, 0.2]))})
    assert table.column_names == ["as_of", "customer_id", "churned", "m"]
    other = pa.chunked_array([["a", "c"]])
    with pytest.raises(AccountingError, match="m predicted 2 customers of 2024-01-01"):
        predictions.of_day(date(2024, 1, 1), labels, {"m": (other, np.array([0.1, 0.2]))})


def test_every_row_is_in_one_segment_of_each_kind() -> None:
    draw = np.random.default_rng(2)
    count = 300
    table = pa.table(
        {
            "as_of": pa.array(np.repeat(DAYS, count // 2).astype(np.int32)).cast(pa.date32()),
            "is_one_time_buyer": (draw.random(count) < 0.3).astype(float),
            "tenure_days": np.concatenate(
                [draw.integers(1, 90, 150), draw.integers(100, 200, 150)]
            ),
            "revenue_cents_365d": pa.array(
                draw.integers(0, 4, count).astype(float), mask=draw.random(count) < 0.1
            ),
        }
    )
    masks = list(labelled_segments(table).values())
    for kind in (masks[:2], masks[2:5], masks[5:]):
        assert (np.sum(kind, axis=0) == 1).all()
    # Thirds are those of each day, though customers are older on the second.
    for third in masks[2:5]:
        assert third[:150].sum() == pytest.approx(50, abs=4)


def test_the_band_of_calibration_covers_what_is_observed() -> None:
    many = _predictions(4_000)
    weights = customer_weights(many.groups, 200, 1)
    curve = calibration_curve(many.models["champion"], many.outcome, weights)
    assert curve.band is not None
    lower, upper = curve.band
    assert curve.counts.tolist() == [400] * 10
    assert (lower < curve.observed).all()
    assert (curve.observed < upper).all()
    assert ((lower < curve.predicted) & (curve.predicted < upper)).sum() >= 8


def test_the_key_of_cached_predictions_holds_everything_that_decides_them(
    settings: Settings,
) -> None:
    recipe = Recipe(candidate="lightgbm", days="all")
    newest = Recipe(candidate="lightgbm", days="newest")
    day = date(2024, 1, 1)

    def changed(section: str, **values: object) -> Settings:
        part = getattr(settings, section).model_copy(update=values)
        return settings.model_copy(update={section: part})

    same = prediction_cache.path_of(settings, recipe, day, "rows", "scored")
    others = {
        prediction_cache.path_of(settings, newest, day, "rows", "scored"),
        prediction_cache.path_of(settings, recipe, date(2024, 1, 2), "rows", "scored"),
        prediction_cache.path_of(settings, recipe, day, "other rows", "scored"),
        prediction_cache.path_of(settings, recipe, day, "rows", "others scored"),
        prediction_cache.path_of(changed("training", seed=7), recipe, day, "rows", "scored"),
        prediction_cache.path_of(changed("churn", horizon_days=7), recipe, day, "rows", "scored"),
    }
    assert len(others | {same}) == 7
    # Neither how it is evaluated nor on how many threads it runs changes what is predicted.
    assert same == prediction_cache.path_of(
        changed("training", bootstrap_draws=99), recipe, day, "rows", "scored"
    )
    assert same == prediction_cache.path_of(
        changed("compute", threads=1), recipe, day, "rows", "scored"
    )


def test_the_digest_of_code_follows_imports() -> None:
    reached = set(code_digest._reached(CANDIDATES["rfm_logistic"].module))
    assert "retention_ml.models.training.candidates.logistic" in reached
    assert "retention_ml.models.predictors.linear" in reached
    assert "retention_ml.models.training.candidates.recency" not in reached
    # What the sample, its labels and the arithmetic are made of, on whatever floor it is.
    assert {
        "retention_ml.models.training.data.training_data",
        "retention_ml.models.training.data.sample",
        "retention_ml.labels.labels",
        "retention_ml.statistics.metrics",
    } <= reached
    assert len({code_digest.code_digest(each.module) for each in CANDIDATES.values()}) == len(
        CANDIDATES
    )


def test_every_model_named_can_take_part() -> None:
    assert {"champion", "recency", "rfm_logistic", "bg_nbd", "mbg_nbd"} < set(names())
    assert {"lightgbm_default", "lightgbm_tuned"} < set(names())
    made = contenders(names(), Training())
    assert [each.name for each in made] == list(names())
    assert all(each.meaning for each in made)
