"""What last year says about the year ahead: on shops whose season and growth are known."""

from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from retention_ml.clock import day_number
from retention_ml.errors import NotReady, UnfitModel
from retention_ml.features.families import habits
from retention_ml.models.predictors import seasonal
from retention_ml.models.predictors.seasonal import Seasonal, intercept_for, log_odds_of_shift
from retention_ml.models.training.data.volumes import Volumes
from retention_ml.models.training.season import YEAR_DAYS, Season, season_ahead
from retention_ml.statistics.arrays import Floats, Ints, sigmoid

HORIZON = 28
NOW = day_number(date(2026, 3, 1))
FIRST = NOW - 600
REFERENCE = NOW - HORIZON
_DAILY_ORDERS = 1_000.0


def wave(days: Ints) -> Floats:
    """How busy a day is: twice as busy at its best as at its quietest, the same every year."""
    return np.exp(0.35 * np.sin(2 * np.pi * days / YEAR_DAYS))


def shop(
    busy: Callable[[Ints], Floats], *, first: int = FIRST, seed: int | None = 1, until: int = NOW
) -> Volumes:
    """Orders by day, drawn around `busy`, or exactly as busy as it says without a seed."""
    days = np.arange(first, until, dtype=np.int64)
    orders = _DAILY_ORDERS * busy(days)
    if seed is not None:
        orders = np.random.default_rng(seed).poisson(orders).astype(np.float64)
    return Volumes(days=days[orders > 0], orders=orders[orders > 0])


def labels(busy: Callable[[Ints], Floats], hazard: float = 1.0) -> dict[int, tuple[float, int]]:
    """Churn rates of past days of a steady clientele whose hazard of ordering follows `busy`."""
    rates = {}
    for day in range(REFERENCE - 6 * HORIZON, REFERENCE + 1, HORIZON // 2):
        activity = float(busy(np.arange(day, day + HORIZON)).mean())
        rates[day] = (float(np.exp(-hazard * activity)), 1_000)
    return rates


def ahead(
    volumes: Volumes,
    labelled: Mapping[int, tuple[float, int]],
    *,
    explained: float = 0.0,
    known_until: int = NOW,
) -> Season | None:
    return season_ahead(
        volumes,
        lead_days=0,
        horizon_days=HORIZON,
        reference_day=REFERENCE,
        known_until_day=known_until,
        labelled=labelled,
        explained=explained,
    )


def true_shift(busy: Callable[[Ints], Floats], day: int) -> float:
    """Log ratio of the orders of the window of `day` to those of the reference."""
    then, now = (float(busy(np.arange(at, at + HORIZON)).sum()) for at in (day, REFERENCE))
    return float(np.log(then / now))


def test_a_known_season_is_recovered_within_a_tenth() -> None:
    season = ahead(shop(wave), labels(wave))
    assert season is not None
    assert season.growth == pytest.approx(0.0, abs=0.02)
    truth = np.array([true_shift(wave, int(day)) for day in season.days])
    assert np.abs(truth).max() > 0.5
    # Root mean square, against how much there is to find; and nowhere far off.
    error = season.shifts - truth
    assert np.sqrt((error**2).mean()) < 0.1 * np.sqrt((truth**2).mean())
    assert np.abs(error).max() < 0.1 * np.abs(truth).max()
    assert season.belief > 0.9
    # With exact counts nothing but belief stands between the two.
    exact = ahead(shop(wave, seed=None), labels(wave))
    assert exact is not None
    np.testing.assert_allclose(exact.shifts, exact.belief * truth, rtol=0, atol=1e-9)


def test_a_season_turned_upside_down_would_be_caught() -> None:
    """The negative control: the same comparison with the opposite wave fails by far."""
    season = ahead(shop(lambda days: 1 / wave(days)), labels(lambda days: 1 / wave(days)))
    assert season is not None
    truth = np.array([true_shift(wave, int(day)) for day in season.days])
    assert np.sqrt(((season.shifts - truth) ** 2).mean()) > np.sqrt((truth**2).mean())


def test_a_shop_that_doubled_gives_its_growth_back() -> None:
    def doubling(days: Ints) -> Floats:
        return wave(days) * 2.0 ** ((days - NOW) / YEAR_DAYS)

    season = ahead(shop(doubling), {})
    assert season is not None
    assert season.growth == pytest.approx(np.log(2.0), rel=0.02)
    # Last year corrected for growth is right about the orders to come, before belief.
    truth = np.array([true_shift(doubling, int(day)) for day in season.days])
    np.testing.assert_allclose(season.shifts / season.belief, truth, rtol=0, atol=0.06)
    # But growth is no season: customers who explain it leave nothing to it.
    grown = true_shift(doubling, NOW) - true_shift(wave, NOW)
    explained = ahead(shop(doubling), {}, explained=grown)
    assert explained is not None
    assert explained.shifts[0] / explained.belief == pytest.approx(true_shift(wave, NOW), abs=0.06)


def test_the_faster_a_shop_changed_the_less_its_last_year_is_believed() -> None:
    beliefs = []
    for factor in (1.0, 1.3, 1.7, 2.0):
        season = ahead(shop(lambda days, f=factor: f ** ((days - NOW) / YEAR_DAYS)), {})  # type: ignore[misc]
        assert season is not None
        beliefs.append(season.belief)
    assert beliefs[0] > 0.85
    assert all(before > after for before, after in pairwise(beliefs))
    assert beliefs[-1] < 0.2


@pytest.mark.parametrize("left_after_a_year", [0.2, 0.05])
def test_a_cohort_that_fades_away_is_not_believed_at_all(left_after_a_year: float) -> None:
    def fading(days: Ints) -> Floats:
        return wave(days) * left_after_a_year ** ((days - FIRST) / YEAR_DAYS)

    assert ahead(shop(fading), labels(fading)) is None


@pytest.mark.parametrize(("since", "is_known"), [(YEAR_DAYS - 1, False), (YEAR_DAYS, True)])
def test_without_a_whole_year_nothing_is_said(since: int, is_known: bool) -> None:
    season = ahead(shop(wave, first=NOW - since), labels(wave))
    assert (season is not None) == is_known
    if season is not None:
        assert season.growth is None


def test_no_orders_say_nothing() -> None:
    nothing = np.array([])
    assert ahead(Volumes(days=nothing.astype(np.int64), orders=nothing), labels(wave)) is None


def test_orders_of_the_day_itself_and_later_are_not_used() -> None:
    volumes = shop(wave, until=NOW + 200)
    wild = Volumes(days=volumes.days, orders=np.where(volumes.days >= NOW, 5_000.0, volumes.orders))
    first, second = ahead(shop(wave), labels(wave)), ahead(wild, labels(wave))
    assert first is not None
    assert second is not None
    assert first.growth == second.growth
    np.testing.assert_array_equal(first.shifts, second.shifts)
    later = ahead(wild, labels(wave), known_until=NOW + 7)
    assert later is not None
    assert later.growth != first.growth


def test_labels_that_contradict_last_year_lower_the_belief() -> None:
    agreed, unheard, contradicted = (
        ahead(shop(wave, seed=None), labelled)
        for labelled in (labels(wave), {}, labels(lambda days: 1 / wave(days)))
    )
    assert agreed is not None
    assert unheard is not None
    assert contradicted is None or contradicted.belief < 0.5 * unheard.belief
    steady = ahead(shop(wave, seed=None), labels(lambda days: np.ones(len(days))))
    assert steady is not None
    assert steady.belief < unheard.belief <= agreed.belief


def test_labels_of_a_year_that_nobody_knows_are_no_evidence() -> None:
    # The later of a pair needs a last year: these have none.
    young = shop(wave, first=NOW - YEAR_DAYS - 5)
    contradicted = ahead(young, labels(lambda days: 1 / wave(days)))
    unheard = ahead(young, {})
    assert contradicted is not None
    assert unheard is not None
    assert contradicted.belief == unheard.belief


def test_one_class_of_labels_does_no_harm() -> None:
    for rate in (0.0, 1.0):
        season = ahead(shop(wave), dict.fromkeys(labels(wave), (rate, 50)))
        assert season is not None
        assert np.isfinite(season.shifts).all()


def test_the_season_ends_with_what_is_known_of_last_year() -> None:
    season = ahead(shop(wave), labels(wave))
    assert season is not None
    assert season.days[0] == NOW
    assert season.days[-1] + HORIZON - YEAR_DAYS <= NOW
    assert (np.diff(season.days) == 7).all()
    assert len(season.shifts) == len(season.days)


def features_of(days: Ints | Floats) -> Floats:
    """The time of the year of days since 1970-01-01, as the catalogue tells it."""
    phase = np.asarray(days, dtype=np.float64) % habits._YEAR / habits._YEAR * 2 * np.pi
    return np.column_stack([np.sin(phase), np.cos(phase)])


def whole_year() -> tuple[Seasonal, Ints, Floats]:
    """Heights of most of a year from the first of October on, its days and heights."""
    first = day_number(date(2026, 10, 1))
    days = first + np.arange(0, YEAR_DAYS - HORIZON, 7, dtype=np.int64)
    log_odds = 1.0 + np.sin(2 * np.pi * days / YEAR_DAYS)
    return Seasonal.of(days, log_odds), days, log_odds


def test_customers_of_a_day_get_the_height_of_that_day() -> None:
    predictor, days, log_odds = whole_year()
    np.testing.assert_allclose(predictor.margin(features_of(days)), log_odds, rtol=0, atol=1e-6)


def test_heights_are_joined_by_straight_lines_also_round_new_year() -> None:
    predictor, days, log_odds = whole_year()
    between = np.arange(days[0], days[-1])
    expected = np.interp(between, days, log_odds)
    steepest = np.abs(np.diff(log_odds)).max() / 7
    margin = predictor.margin(features_of(between))
    # Within half a day: the year is not whole days long.
    np.testing.assert_allclose(margin, expected, rtol=0, atol=steepest / 2 + 1e-9)
    new_year = day_number(date(2027, 1, 1))
    assert days[0] < new_year < days[-1]
    around = predictor.margin(features_of(np.arange(new_year - 3, new_year + 4)))
    assert np.abs(np.diff(around)).max() < steepest * 1.1
    assert around.min() > 0.5


def test_where_nothing_is_known_of_the_season_the_height_is_nothing() -> None:
    predictor, days, _ = whole_year()
    unknown = np.arange(days[-1] + 8, days[0] + 365 - 8)
    assert len(unknown) > 5
    assert (predictor.margin(features_of(unknown)) == 0).all()
    assert (predictor.margin(np.full((3, 2), np.nan)) == 0).all()


@pytest.mark.parametrize("horizon", [1, 7, 30, 90, 180])
@pytest.mark.parametrize("lead", [0, 14])
@pytest.mark.parametrize("begins", ["2026-01-01", "2026-03-01", "2026-12-28"])
def test_any_window_and_any_day_give_a_sound_predictor(
    begins: str, lead: int, horizon: int
) -> None:
    now = day_number(date.fromisoformat(begins))
    season = season_ahead(
        shop(wave, first=now - 700, until=now),
        lead_days=lead,
        horizon_days=horizon,
        reference_day=now - lead - horizon,
        known_until_day=now,
        labelled={},
        explained=0.0,
    )
    assert season is not None
    predictor = Seasonal.of(season.days, season.shifts)
    again = Seasonal.from_files(predictor.files(), seasonal.FEATURES)
    margin = predictor.margin(features_of(season.days))
    np.testing.assert_array_equal(again.margin(features_of(season.days)), margin)
    np.testing.assert_allclose(margin, season.shifts, rtol=0, atol=0.1)


def test_reasons_of_the_season_add_up() -> None:
    predictor, days, _ = whole_year()
    values = features_of(np.arange(days[0], days[0] + 366, 5))
    added, base = predictor.contributions(values)
    assert added.shape == values.shape
    np.testing.assert_allclose(
        added.sum(axis=1) + base, predictor.margin(values), rtol=0, atol=1e-12
    )


def test_a_season_comes_back_from_its_files() -> None:
    predictor, days, _ = whole_year()
    again = Seasonal.from_files(predictor.files(), seasonal.FEATURES)
    np.testing.assert_array_equal(
        again.margin(features_of(days)), predictor.margin(features_of(days))
    )
    with pytest.raises(UnfitModel, match="does not fit season_sin"):
        Seasonal.from_files(predictor.files(), seasonal.FEATURES[::-1])


@pytest.mark.parametrize("shift", [-0.8, -0.1, 0.3, 0.8])
def test_a_busier_season_moves_probabilities_as_hazards_do(shift: float) -> None:
    margin = np.random.default_rng(3).normal(0.4, 1.2, 5_000)
    moved = sigmoid(margin + log_odds_of_shift(shift, margin))
    assert moved.mean() == pytest.approx((sigmoid(margin) ** np.exp(shift)).mean(), abs=1e-9)
    assert np.sign(log_odds_of_shift(shift, margin)) == -np.sign(shift)


def test_an_intercept_gives_the_base_rate_it_is_for() -> None:
    margin = np.random.default_rng(4).normal(-1.0, 2.0, 2_000)
    for rate in (0.02, 0.5, 0.97):
        assert sigmoid(margin + intercept_for(margin, rate)).mean() == pytest.approx(rate, abs=1e-9)


@pytest.mark.parametrize("start", [-25.0, 25.0])
def test_a_base_rate_is_reached_from_anywhere(start: float) -> None:
    margin = np.linspace(start - 1, start + 1, 200)
    assert sigmoid(margin + intercept_for(margin, 0.7)).mean() == pytest.approx(0.7, abs=1e-9)


def test_a_base_rate_that_no_intercept_reaches_gives_the_farthest_one() -> None:
    margin = np.full(3, -60.0)
    assert intercept_for(margin, 1.0) == 40.0
    assert intercept_for(-margin, 0.0) == -40.0


def test_numbers_that_are_not_finite_are_refused() -> None:
    margin = np.array([0.0, np.nan, np.inf])
    with pytest.raises(NotReady, match="2 of 3 log-odds are not finite"):
        intercept_for(margin, 0.5)
    with pytest.raises(NotReady, match=r"0 of 1 log-odds .* rate to reach is nan"):
        intercept_for(margin[:1], float("nan"))


def test_newcomers_who_stop_coming_are_not_taken_for_a_quiet_season() -> None:
    """Regulars order as ever; newcomers, half of all orders, came until three months ago."""
    days = np.arange(NOW - 900, NOW, dtype=np.int64)
    regular = _DAILY_ORDERS * wave(days)
    newcomers = np.where(days < NOW - 90, regular, 0.0)
    volumes = Volumes(days=days, orders=regular + newcomers, repeats=regular)
    season = ahead(volumes, labels(wave))
    assert season is not None
    truth = np.array([true_shift(wave, int(day)) for day in season.days])
    assert np.abs(season.shifts / season.belief - truth).max() < 0.05
    # The negative control: counted with newcomers, last year seems twice as busy.
    mixed = ahead(Volumes(days=days, orders=volumes.orders), labels(wave))
    assert mixed is not None
    assert np.abs(mixed.shifts / mixed.belief - truth).max() > 0.2


@pytest.mark.parametrize("missing", [14, 27])
def test_weeks_of_last_year_that_were_never_delivered_are_no_quiet_season(missing: int) -> None:
    whole = shop(wave, seed=None)
    hole = NOW - YEAR_DAYS + 60
    mask = (whole.days < hole) | (whole.days >= hole + missing)
    season = ahead(Volumes(days=whole.days[mask], orders=whole.orders[mask]), labels(wave))
    usual = ahead(whole, labels(wave))
    assert season is not None
    assert usual is not None
    near = (season.days > NOW + 60 - HORIZON) & (season.days < NOW + 60 + missing)
    assert (season.shifts[near] == 0).any()
    # A hole that a window only touches is a few days' orders, and never turns into a collapse.
    assert np.abs(season.shifts - usual.shifts).max() < 1.0


def test_no_season_is_believed_to_be_more_than_a_few_times_as_busy() -> None:
    days = np.arange(NOW - 900, NOW, dtype=np.int64)
    orders = np.where(days % YEAR_DAYS < 30, 100_000.0, 10.0)
    season = ahead(Volumes(days=days, orders=orders), {})
    assert season is None or np.abs(season.shifts).max() <= 2.0


@pytest.mark.parametrize("gap", [(-300, -250), (-500, -470), (-70, -40)])
def test_a_hole_of_deliveries_is_no_growth(gap: tuple[int, int]) -> None:
    """In this year or in the last: the same days of both are compared."""
    whole = shop(wave, seed=None)
    is_there = (whole.days < NOW + gap[0]) | (whole.days >= NOW + gap[1])
    with_hole = Volumes(days=whole.days[is_there], orders=whole.orders[is_there])
    season = ahead(with_hole, {})
    naive = whole.orders[is_there & (whole.days >= NOW - 182)].sum() / (
        with_hole.orders[
            (with_hole.days >= NOW - 182 - YEAR_DAYS) & (with_hole.days < NOW - YEAR_DAYS)
        ].sum()
    )
    assert season is not None
    assert season.growth == pytest.approx(0.0, abs=1e-9)
    if gap != (-300, -250):  # in the half year that is compared, or a year before it
        assert abs(np.log(naive)) > 0.05
