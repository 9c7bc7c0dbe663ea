"""The ensemble: exact reasons, equal bytes, and no data so odd that it fails."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.predictors import seasonal
from retention_ml.models.predictors.blend import Blend
from retention_ml.models.predictors.linear import Linear
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.training.candidates import ensemble, members
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.volumes import Volumes
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.statistics.arrays import Floats, Ints, logit
from tests.worlds import samples

DAYS = 4
EVERY_DAYS = 14
FEATURES = (*samples.FEATURES, *seasonal.FEATURES)
# Quick, and of each kind.
CHEAP = tuple(
    one for one in ensemble.RECIPES if one.name in ("boosted_newest", "ridge", "buying_process")
)


def season_of(day: int, count: int) -> Floats:
    phase = 2 * np.pi * (day % 365.2425) / 365.2425
    return np.tile([np.sin(phase), np.cos(phase)], (count, 1))


def history(count: int = 500, *, seed: int = 1) -> TrainingSample:
    """The same customers on four days whose outcome is known and one known halfway.

    The newest labels are those of `worlds.DAY`; orders are known for two years.
    """
    days = []
    for back in range(-1, DAYS):
        day = samples.DAY - back * EVERY_DAYS
        sample = samples.rows(count, seed=seed + back + 1)
        follow_up_days = min(samples.HORIZON_DAYS, samples.HORIZON_DAYS + back * EVERY_DAYS)
        days.append(
            replace(
                sample,
                values=np.hstack([sample.values, season_of(day, count)]),
                days=np.full(count, day, dtype=np.int64),
                time_to_next_order=np.where(
                    sample.time_to_next_order < follow_up_days, sample.time_to_next_order, np.inf
                ),
                follow_up_days=np.full(count, follow_up_days, dtype=np.int64),
                groups=np.arange(count, dtype=np.int64),
            )
        )
    until = samples.DAY + samples.HORIZON_DAYS
    today = samples.rows(count, seed=seed + 90)
    every_day = np.arange(until - 700, until, dtype=np.int64)
    return replace(
        days[1],
        values=np.vstack([part.values for part in days]),
        days=np.concatenate([part.days for part in days]),
        time_to_next_order=np.concatenate([part.time_to_next_order for part in days]),
        follow_up_days=np.concatenate([part.follow_up_days for part in days]),
        groups=np.concatenate([part.groups for part in days]),
        weights=np.ones(len(days) * count),
        features=FEATURES,
        volumes=Volumes(days=every_day, orders=100.0 + 60.0 * np.sin(2 * np.pi * every_day / 364)),
        current=np.hstack([today.values, season_of(until, count)]),
        known_until_day=until,
    )


ROWS = history()
UNTIL = ROWS.known_until_day
assert ROWS.current is not None
NEW: Floats = ROWS.current


def fit(
    sample: TrainingSample,
    *,
    seed: int = 3,
    threads: int = 1,
    recipes: tuple[ensemble.Recipe, ...] = CHEAP,
) -> FittedModel:
    return ensemble.fit(sample, FitContext(seed=seed, threads=threads), recipes=recipes)


@cache
def whole() -> FittedModel:
    """All members, fitted on `ROWS`."""
    return fit(ROWS, recipes=ensemble.RECIPES)


def predict(
    model: FittedModel, values: Floats = NEW, features: tuple[str, ...] = FEATURES
) -> Floats:
    """Probabilities of customers with these features."""
    return model.predict_proba(values[:, [features.index(name) for name in model.features]])


def blend_of(model: FittedModel) -> Blend:
    assert isinstance(model.predictor, Blend)
    return model.predictor


def table(values: Floats) -> pa.Table:
    return pa.table(
        {name: pa.array(values[:, j], from_pandas=True) for j, name in enumerate(FEATURES)}
    )


def test_reasons_through_all_members_add_up_to_the_score(tmp_path: Path) -> None:
    model = whole()
    assert [one.name for one in blend_of(model).members] == [
        *(recipe.name for recipe in ensemble.RECIPES),
        "season",
    ]
    bundle = model.to_bundle("ensemble")
    loaded = Bundle.load(bundle.write(tmp_path / "bundle"), bundle.sha256)
    far = NEW * np.random.default_rng(1).choice([-100.0, 0.0, 100.0], NEW.shape)
    nothing = np.full((5, len(FEATURES)), np.nan)
    for values in (NEW, far, nothing):
        added, base = loaded.contributions(table(values))
        margin = loaded._calibrated(loaded.predictor.margin(loaded.values(table(values))))
        np.testing.assert_allclose(added.sum(axis=1) + base, margin, rtol=0, atol=1e-9)
    added, base = loaded.contributions(table(NEW))
    log_odds = logit(loaded.predict(table(NEW)))
    np.testing.assert_allclose(added.sum(axis=1) + base, log_odds, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(loaded.predict(table(NEW)), predict(model))
    # Each customer has reasons of their own, and every feature read is a reason for somebody.
    assert (np.abs(added).max(axis=0) > 0).all()
    assert len(np.unique(added.argmax(axis=1))) > 2


def test_equal_seeds_give_equal_bytes_on_any_number_of_threads() -> None:
    first = whole().to_bundle("ensemble")
    again = fit(ROWS, recipes=ensemble.RECIPES, threads=3).to_bundle("ensemble")
    assert first.sha256 == again.sha256
    other = fit(ROWS, seed=4).to_bundle("ensemble")
    assert other.sha256 != fit(ROWS).to_bundle("ensemble").sha256


def test_the_order_of_the_rows_changes_nothing() -> None:
    turned = ROWS.take(np.random.default_rng(5).permutation(len(ROWS)))
    model = fit(turned, recipes=ensemble.RECIPES)
    assert model.features == whole().features
    # Sums in another order, as far as the calibrations of the members carry them.
    np.testing.assert_allclose(predict(model), predict(whole()), rtol=0, atol=1e-8)


def test_numbers_of_customers_in_the_same_order_change_nothing() -> None:
    renumbered = replace(ROWS, groups=ROWS.groups * 17 + 4)
    assert fit(renumbered).to_bundle("e").sha256 == fit(ROWS).to_bundle("e").sha256


def test_the_shares_of_the_members_sum_to_one() -> None:
    for model in (whole(), fit(ROWS), fit(replace(ROWS, histories=None))):
        shares = [one.weight for one in blend_of(model).members if one.name != "season"]
        assert sum(shares) == pytest.approx(1.0, abs=1e-12)
        assert all(share > 0 for share in shares)


def _amplified(factor: float) -> members.Learner:
    """A ridge regression that is `factor` times as confident as it should be."""

    def amplify(predictor: Predictor) -> Linear:
        assert isinstance(predictor, Linear)
        return replace(
            predictor,
            coefficients=factor * predictor.coefficients,
            missing_coefficients=factor * predictor.missing_coefficients,
            intercept=factor * predictor.intercept,
        )

    def learner(sample: TrainingSample, fold: Ints, context: FitContext) -> members.FittedMember:
        plain = members.ridge(sample, fold, context)
        return replace(
            plain,
            predictor=amplify(plain.predictor),
            by_fold=[amplify(predictor) for predictor in plain.by_fold],
        )

    return learner


def test_an_overconfident_member_has_no_more_weight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = predict(fit(ROWS))
    monkeypatch.setitem(members.LEARNERS, "ridge", _amplified(3.0))
    np.testing.assert_allclose(predict(fit(ROWS)), plain, rtol=0, atol=1e-6)


def test_a_near_constant_member_is_not_amplified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slopes() -> dict[str, float]:
        return {one.name: one.slope for one in blend_of(fit(ROWS)).members}

    plain = slopes()
    monkeypatch.setitem(members.LEARNERS, "ridge", _amplified(0.01))
    quiet = slopes()
    grown = (quiet["ridge"] / plain["ridge"]) / (quiet["boosted_newest"] / plain["boosted_newest"])
    assert 1 < grown < 2  # not a hundred times


def test_members_may_weigh_differently() -> None:
    heavy = tuple(replace(one, weight=3.0 if one.name == "ridge" else 1.0) for one in CHEAP)
    weights = {one.name: one.weight for one in blend_of(fit(ROWS, recipes=heavy)).members}
    assert weights["ridge"] == pytest.approx(0.6)
    assert weights["buying_process"] == pytest.approx(0.2)


def test_without_the_season_the_level_is_that_of_the_newest_labels() -> None:
    # From now on customers come back half as often: only the newest labels know.
    newest = samples.DAY
    draw = np.random.default_rng(6)
    gone = (ROWS.days >= newest) & (draw.random(len(ROWS)) < 0.5)
    changed = replace(
        ROWS, time_to_next_order=np.where(gone, np.inf, ROWS.time_to_next_order), volumes=None
    )
    labels = changed.newest()
    rate, before = labels.churned.mean(), ROWS.matured().churned.mean()
    assert rate - before > 0.1
    model = fit(changed)
    assert "season_belief" not in model.notes
    assert predict(model, labels.values).mean() == pytest.approx(rate, abs=0.02)
    # Others of the same kind: their mean is that level too, within what chance does to 500.
    assert predict(model).mean() == pytest.approx(rate, abs=0.04)


def test_the_season_is_one_member_and_without_it_nothing_else_changes() -> None:
    without = fit(replace(ROWS, volumes=None))
    timeless = NEW.copy()
    timeless[:, [FEATURES.index(name) for name in seasonal.FEATURES]] = np.nan
    with_season = fit(ROWS)
    np.testing.assert_allclose(predict(with_season, timeless), predict(without), rtol=0, atol=1e-12)
    assert set(without.features).isdisjoint(seasonal.FEATURES)
    moved = logit(predict(with_season)) - logit(predict(without))
    assert moved == pytest.approx(with_season.notes["season_log_odds_first_day"], abs=0.02)


@pytest.mark.parametrize(("factor", "direction"), [(2.5, -1), (0.4, 1)])
def test_a_season_that_was_busier_last_year_lowers_the_churn_expected(
    factor: float, direction: int
) -> None:
    assert ROWS.volumes is not None
    days = ROWS.volumes.days
    last_year = (days >= UNTIL - 364) & (days < UNTIL - 364 + samples.HORIZON_DAYS)
    orders = np.where(last_year, 100.0 * factor, 100.0)
    model = fit(replace(ROWS, volumes=Volumes(days=days, orders=orders)))
    steady = fit(replace(ROWS, volumes=Volumes(days=days, orders=np.full(len(days), 100.0))))
    assert direction * (predict(model).mean() - predict(steady).mean()) > 0.02


def _constant(rows: TrainingSample) -> TrainingSample:
    return replace(rows, values=np.ones_like(rows.values), current=np.ones_like(NEW))


def _empty(rows: TrainingSample) -> TrainingSample:
    """Everything that comes from anything but orders is missing."""
    values = rows.values.copy()
    values[:, [FEATURES.index(name) for name in ("revenue_cents_365d", "gap_mean_days")]] = np.nan
    return replace(rows, values=values)


def _one_time(rows: TrainingSample) -> TrainingSample:
    values = rows.values.copy()
    for name, value in (
        ("orders_count", 1.0),
        ("purchase_days_count", 1.0),
        ("gap_mean_days", np.nan),
    ):
        values[:, FEATURES.index(name)] = value
    recency = values[:, FEATURES.index("recency_days")]
    values[:, FEATURES.index("tenure_days")] = recency
    newest = recency[rows.days == samples.DAY] + 1
    nothing = np.zeros(len(newest))
    return replace(rows, values=values, histories=PurchaseSummary.of(nothing, nothing, newest))


def _few(rows: TrainingSample) -> TrainingSample:
    return history(200)


def _one_day(rows: TrainingSample) -> TrainingSample:
    return rows.newest()


def _everybody(rows: TrainingSample, time_to_next_order: float) -> TrainingSample:
    return replace(rows, time_to_next_order=np.full(len(rows), time_to_next_order))


ODD: dict[str, Callable[[TrainingSample], TrainingSample]] = {
    "no histories": lambda rows: replace(rows, histories=None),
    "no volumes": lambda rows: replace(rows, volumes=None),
    "no orders in the volumes": lambda rows: replace(
        rows, volumes=Volumes(days=np.array([], dtype=np.int64), orders=np.array([]))
    ),
    "nobody today": lambda rows: replace(rows, current=NEW[:0]),
    "not told of today": lambda rows: replace(rows, current=None),
    "orders only": _empty,
    "constant features": _constant,
    "200 customers": _few,
    "one-time buyers only": _one_time,
    "one day": _one_day,
    "everybody churned": lambda rows: _everybody(rows, np.inf),
    "everybody came back": lambda rows: _everybody(rows, 3.0),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_shop_gets_a_valid_model(name: str) -> None:
    odd = ODD[name](ROWS)
    model = fit(odd)
    bundle = Bundle.from_contents(model.to_bundle("ensemble").contents)
    probability = bundle.predict(table(NEW))
    assert ((probability > 0) & (probability < 1)).all()
    added, base = bundle.contributions(table(NEW))
    margin = bundle._calibrated(bundle.predictor.margin(bundle.values(table(NEW))))
    np.testing.assert_allclose(added.sum(axis=1) + base, margin, rtol=0, atol=1e-9)
    names = {one.name for one in blend_of(model).members}
    assert ("buying_process" in names) == (odd.histories is not None)
    # What it says of those it learnt from is about what they did.
    labels = odd.newest()
    assert abs(predict(model, labels.values).mean() - labels.churned.mean()) < 0.15


@pytest.mark.parametrize("name", ["constant features", "200 customers", "everybody churned"])
def test_all_members_together_stand_odd_shops_too(name: str) -> None:
    probability = predict(fit(ODD[name](ROWS), recipes=ensemble.RECIPES))
    assert ((probability > 0) & (probability < 1)).all()


@pytest.mark.parametrize("name", ["everybody churned", "everybody came back"])
def test_what_everybody_did_is_not_certain_for_the_next(name: str) -> None:
    odd = replace(ODD[name](ROWS), volumes=None)
    labels = odd.newest()
    # Of n customers none did otherwise: half a customer's worth of doubt remains.
    doubt = np.abs(labels.churned.mean() - predict(fit(odd), labels.values)).mean()
    assert doubt == pytest.approx(0.5 / len(labels), rel=0.5)
