"""The ensemble: exact reasons, equal bytes, and no data so odd that it fails."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.models.btyd.histories import Histories
from retention_ml.models.bundle.bundle import Bundle, Predictor
from retention_ml.models.predictors import seasonal
from retention_ml.models.predictors.blend import Blend
from retention_ml.models.predictors.linear import Linear
from retention_ml.models.training.candidates import ensemble, members
from retention_ml.models.training.fitting import FittedModel
from retention_ml.models.training.sample import Rows
from retention_ml.models.training.season import Volumes
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


def history(count: int = 500, *, seed: int = 1) -> Rows:
    """The same customers on four days whose outcome is known and one known halfway.

    The newest labels are those of `worlds.DAY`; orders are known for two years.
    """
    parts = []
    for back in range(-1, DAYS):
        day = samples.DAY - back * EVERY_DAYS
        one = samples.rows(count, seed=seed + back + 1)
        followed = min(samples.HORIZON_DAYS, samples.HORIZON_DAYS + back * EVERY_DAYS)
        parts.append(
            replace(
                one,
                values=np.hstack([one.values, season_of(day, count)]),
                days=np.full(count, day, dtype=np.int64),
                until_order=np.where(one.until_order < followed, one.until_order, np.inf),
                followed=np.full(count, followed, dtype=np.int64),
                groups=np.arange(count, dtype=np.int64),
            )
        )
    until = samples.DAY + samples.HORIZON_DAYS
    today = samples.rows(count, seed=seed + 90)
    every_day = np.arange(until - 700, until, dtype=np.int64)
    return replace(
        parts[1],
        values=np.vstack([part.values for part in parts]),
        days=np.concatenate([part.days for part in parts]),
        until_order=np.concatenate([part.until_order for part in parts]),
        followed=np.concatenate([part.followed for part in parts]),
        groups=np.concatenate([part.groups for part in parts]),
        weights=np.ones(len(parts) * count),
        features=FEATURES,
        volumes=Volumes(days=every_day, orders=100.0 + 60.0 * np.sin(2 * np.pi * every_day / 364)),
        current=np.hstack([today.values, season_of(until, count)]),
        known_until_day=until,
    )


ROWS = history()
UNTIL = ROWS.known_until_day
assert ROWS.current is not None
NEW: Floats = ROWS.current


def fit(rows: Rows, **options: object) -> FittedModel:
    return ensemble.fit(rows, **{"seed": 3, "threads": 1, "recipes": CHEAP, **options})  # type: ignore[arg-type]


@cache
def whole() -> FittedModel:
    """All members, fitted on `ROWS`."""
    return fit(ROWS, recipes=ensemble.RECIPES)


def said(model: FittedModel, values: Floats = NEW, features: tuple[str, ...] = FEATURES) -> Floats:
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
    made = model.to_bundle("ensemble")
    loaded = Bundle.load(made.write(tmp_path / "bundle"), made.sha256)
    far = NEW * np.random.default_rng(1).choice([-100.0, 0.0, 100.0], NEW.shape)
    nothing = np.full((5, len(FEATURES)), np.nan)
    for values in (NEW, far, nothing):
        added, base = loaded.contributions(table(values))
        margin = loaded._calibrated(loaded.predictor.margin(loaded.values(table(values))))
        np.testing.assert_allclose(added.sum(axis=1) + base, margin, rtol=0, atol=1e-9)
    added, base = loaded.contributions(table(NEW))
    log_odds = logit(loaded.predict(table(NEW)))
    np.testing.assert_allclose(added.sum(axis=1) + base, log_odds, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(loaded.predict(table(NEW)), said(model))
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
    np.testing.assert_allclose(said(model), said(whole()), rtol=0, atol=1e-9)


def test_numbers_of_customers_in_the_same_order_change_nothing() -> None:
    renumbered = replace(ROWS, groups=ROWS.groups * 17 + 4)
    assert fit(renumbered).to_bundle("e").sha256 == fit(ROWS).to_bundle("e").sha256


def test_the_shares_of_the_members_sum_to_one() -> None:
    for model in (whole(), fit(ROWS), fit(replace(ROWS, histories=None))):
        shares = [one.weight for one in blend_of(model).members if one.name != "season"]
        assert sum(shares) == pytest.approx(1.0, abs=1e-12)
        assert all(share > 0 for share in shares)


def _louder(times: float) -> members.Way:
    """A ridge regression that is so many times as sure of itself as it should be."""

    def loud(of: Predictor) -> Linear:
        assert isinstance(of, Linear)
        return replace(
            of,
            coefficients=times * of.coefficients,
            missing_coefficients=times * of.missing_coefficients,
            intercept=times * of.intercept,
        )

    def way(rows: Rows, fold: Ints, *, seed: int, threads: int) -> members.FittedMember:
        plain = members.ridge(rows, fold, seed=seed, threads=threads)
        return replace(
            plain,
            predictor=loud(plain.predictor),
            by_fold=[loud(predictor) for predictor in plain.by_fold],
        )

    return way


def test_a_member_that_is_too_sure_of_itself_has_no_louder_voice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = said(fit(ROWS))
    monkeypatch.setitem(members.WAYS, "ridge", _louder(3.0))
    np.testing.assert_allclose(said(fit(ROWS)), plain, rtol=0, atol=1e-6)


def test_a_member_that_hardly_says_anything_is_not_blown_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slopes() -> dict[str, float]:
        return {one.name: one.slope for one in blend_of(fit(ROWS)).members}

    plain = slopes()
    monkeypatch.setitem(members.WAYS, "ridge", _louder(0.01))
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
    changed = replace(ROWS, until_order=np.where(gone, np.inf, ROWS.until_order), volumes=None)
    labels = changed.newest()
    rate, before = labels.outcome.mean(), ROWS.matured().outcome.mean()
    assert rate - before > 0.1
    model = fit(changed)
    assert "season_belief" not in model.notes
    assert said(model, labels.values).mean() == pytest.approx(rate, abs=0.02)
    # Others of the same kind: their mean is that level too, within what chance does to 500.
    assert said(model).mean() == pytest.approx(rate, abs=0.04)


def test_the_season_is_one_member_and_without_it_nothing_else_changes() -> None:
    without = fit(replace(ROWS, volumes=None))
    timeless = NEW.copy()
    timeless[:, [FEATURES.index(name) for name in seasonal.FEATURES]] = np.nan
    with_season = fit(ROWS)
    np.testing.assert_allclose(said(with_season, timeless), said(without), rtol=0, atol=1e-12)
    assert set(without.features).isdisjoint(seasonal.FEATURES)
    moved = logit(said(with_season)) - logit(said(without))
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
    assert direction * (said(model).mean() - said(steady).mean()) > 0.02


def _constant(rows: Rows) -> Rows:
    return replace(rows, values=np.ones_like(rows.values), current=np.ones_like(NEW))


def _empty(rows: Rows) -> Rows:
    """Everything that comes from anything but orders is missing."""
    values = rows.values.copy()
    values[:, [FEATURES.index(name) for name in ("revenue_cents_365d", "gap_mean_days")]] = np.nan
    return replace(rows, values=values)


def _one_time(rows: Rows) -> Rows:
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
    return replace(rows, values=values, histories=Histories.of(nothing, nothing, newest))


def _few(rows: Rows) -> Rows:
    return history(200)


def _one_day(rows: Rows) -> Rows:
    return rows.newest()


def _everybody(rows: Rows, until_order: float) -> Rows:
    return replace(rows, until_order=np.full(len(rows), until_order))


ODD: dict[str, Callable[[Rows], Rows]] = {
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
def test_an_odd_shop_gets_a_sound_model(name: str) -> None:
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
    assert abs(said(model, labels.values).mean() - labels.outcome.mean()) < 0.15


@pytest.mark.parametrize("name", ["constant features", "200 customers", "everybody churned"])
def test_all_members_together_stand_odd_shops_too(name: str) -> None:
    probability = said(fit(ODD[name](ROWS), recipes=ensemble.RECIPES))
    assert ((probability > 0) & (probability < 1)).all()


@pytest.mark.parametrize("name", ["everybody churned", "everybody came back"])
def test_what_everybody_did_is_not_certain_for_the_next(name: str) -> None:
    odd = replace(ODD[name](ROWS), volumes=None)
    labels = odd.newest()
    # Of n customers none did otherwise: half a customer's worth of doubt remains.
    doubt = np.abs(labels.outcome.mean() - said(fit(odd), labels.values)).mean()
    assert doubt == pytest.approx(0.5 / len(labels), rel=0.5)
