"""Predictions against the ground truth: simulated shops whose hazards are known.

A customer's rates, and whether they have left, are never observed. What can be known of them is
the posterior probability of no order given their purchases: computed here from the simulator's
distributions, by quadrature, without any of the library's models.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import gamma

from retention_ml.features import build
from retention_ml.features.store import read
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.predictors.buying_process import FEATURES as PROCESS_FEATURES
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.training_data import load_training_data, training_days
from retention_ml.models.training.fitting import FitContext
from retention_ml.settings import Settings, load
from retention_ml.simulate import population as people_of
from retention_ml.simulate.campaigns import Contacts
from retention_ml.simulate.population import Population, population
from retention_ml.simulate.purchases import Purchases, purchases
from retention_ml.simulate.seasons import ShopCalendar
from retention_ml.simulate.truth import churn_probability
from retention_ml.statistics.arrays import Floats, Ints, sigmoid
from retention_ml.statistics.metrics import Predictions, evaluate, score
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.btyd import simulate
from tests.worlds.databases import NewWarehouse

# Customers enter all the time, before, during and after what is looked at, as in a steady shop.
FIRST = date(2022, 12, 1)
DAYS = 940
ENTRY_DAYS = 1_600
CUSTOMERS = 6_000
AS_OF = (date(2025, 4, 1), date(2025, 5, 27))
SEEDS = (21, 51)  # of the four that were measured, the best and the worst
HORIZON = 28
ACTIVE = 90
MODELS = ("mbg_nbd", "ensemble")


@dataclass(frozen=True, kw_only=True)
class World:
    """A simulated shop without campaigns."""

    people: Population
    orders: Purchases
    calendar: ShopCalendar

    def latent(self, as_of: date) -> Floats:
        """The true probability of no order given rates and life of every customer, shape (n,)."""
        return churn_probability(self._table(self.people), as_of, HORIZON)

    def knowable(self, as_of: date, customers: Ints) -> Floats:
        """The probability of no order of active customers, given what they bought, shape (m,).

        The posterior over order and dropout rates on a grid; whoever has left is silent, whoever
        has not follows the simulator's closed form.
        """
        end = float((as_of - FIRST).days)
        before = self.orders.at < end
        who, at = self.orders.customer[before], self.orders.at[before]
        count = np.bincount(who, minlength=len(self.people))[customers] - 1
        last = np.zeros(len(self.people))
        np.maximum.at(last, who, at)
        first, last = self.people.first_order_at[customers], last[customers]
        rates, rate_mass = _rates()
        dropouts, dropout_mass = _dropouts()
        rate, dropout = (grid.ravel() for grid in np.meshgrid(rates, dropouts, indexing="ij"))
        prior = np.outer(rate_mass, dropout_mass).ravel()
        # Left on some day since `start`, silent until then: from each day to the end, by grid.
        start = end - ACTIVE
        steps = np.arange(start, end + 1)
        busy = np.diff(self.calendar.activity(steps))
        survival = np.exp(
            -rate[:, None] * np.concatenate([[0.0], np.cumsum(busy)])
            - dropout[:, None] * (steps - start)
        )
        hazard = rate[:, None] * busy + dropout[:, None]
        daily = dropout[:, None] / hazard * (survival[:, :-1] - survival[:, 1:])
        to_end = np.concatenate(
            [np.cumsum(daily[:, ::-1], axis=1)[:, ::-1], np.zeros((len(rate), 1))], axis=1
        )
        place = np.clip(last - start, 0, ACTIVE)
        low = np.minimum(place.astype(np.int64), ACTIVE - 1)
        share = place - low
        left = (1 - share)[:, None] * to_end.T[low] + share[:, None] * to_end.T[low + 1]
        activity = self.calendar.activity(np.array([start])) - self.calendar.activity(first)
        weight = prior * np.exp(
            count[:, None] * np.log(rate)
            - rate * activity[:, None]
            - dropout * (start - first)[:, None]
        )
        alive, gone = weight * survival[:, -1], weight * left
        silent = self._silent(rate, dropout, as_of)
        once = np.where(count == 0, _once(), 0.0)
        total = alive.sum(axis=1) + gone.sum(axis=1) + once
        return np.asarray(1 - (alive * (1 - silent)).sum(axis=1) / total)

    def _silent(self, rate: Floats, dropout: Floats, as_of: date) -> Floats:
        table = pa.table(
            {
                "purchase_rate_per_day": rate,
                "dropout_rate_per_day": dropout,
                "contact_multiplier": np.ones(len(rate)),
                "first_day": pa.array([FIRST] * len(rate), pa.date32()),
                "registered_at_days": np.zeros(len(rate)),
                "first_order_at_days": np.zeros(len(rate)),
                "dropped_out_at_days": np.full(len(rate), 1e9),
            }
        )
        return churn_probability(table, as_of, HORIZON)

    @staticmethod
    def _table(people: Population) -> pa.Table:
        return pa.table(
            {
                "purchase_rate_per_day": people.purchase_rate_per_day,
                "dropout_rate_per_day": people.dropout_rate_per_day,
                "contact_multiplier": people.contact_multiplier,
                "first_day": pa.array([FIRST] * len(people), pa.date32()),
                "registered_at_days": people.registered_at,
                "first_order_at_days": people.first_order_at,
                "dropped_out_at_days": people.dropped_out_at,
            }
        )


def _rates() -> tuple[Floats, Floats]:
    """Order rates on a grid, and the share of customers with each who may buy again."""
    edges = np.geomspace(2e-4, 0.5, 91)
    mass = np.zeros(90)
    for kind in people_of.TYPES:
        below = gamma.cdf(
            edges, people_of.RATE_SHAPE, scale=kind.mean_orders_per_day / people_of.RATE_SHAPE
        )
        mass += kind.share * (1 - kind.one_time_share) * np.diff(below)
    return np.sqrt(edges[1:] * edges[:-1]), mass


def _dropouts() -> tuple[Floats, Floats]:
    edges = np.geomspace(5e-5, 0.06, 25)
    scale = people_of.MEAN_DROPOUT_PER_DAY / people_of.DROPOUT_SHAPE
    mass = np.diff(gamma.cdf(edges, people_of.DROPOUT_SHAPE, scale=scale))
    return np.sqrt(edges[1:] * edges[:-1]), mass


def _once() -> float:
    """Share of customers who buy once and leave."""
    return sum(kind.share * kind.one_time_share for kind in people_of.TYPES)


@dataclass(frozen=True, kw_only=True)
class Day:
    """The truth about the customers active on a day, and the predictions; each shape (n,)."""

    churned: Floats
    latent: Floats
    knowable: Floats
    predictions: dict[str, Floats]


def world(seed: int) -> World:
    calendar = ShopCalendar(first_day=FIRST, days=DAYS, timezone="UTC")
    people = population(np.random.default_rng(seed), customers=CUSTOMERS, days=ENTRY_DAYS)
    nobody = np.zeros((0, CUSTOMERS), dtype=np.bool_)
    orders = purchases(
        np.random.default_rng(seed + 1),
        people,
        calendar,
        (),
        Contacts(is_eligible=nobody, is_contacted=nobody),
    )
    return World(people=people, orders=orders, calendar=calendar)


def looked_at(world: World, warehouse: Warehouse, settings: Settings) -> Iterator[Day]:
    """The shop's orders through the real doors, and what is said on its days."""
    seconds = (world.orders.at * 86_400).astype(np.int64)
    start = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp())
    shops.fill(
        warehouse,
        "orders",
        pa.table(
            {
                "order_id": [f"o{number}" for number in range(len(seconds))],
                "customer_id": [f"{customer}" for customer in world.orders.customer],
                "event_at": pa.array((start + seconds) * 1_000_000, pa.timestamp("us", tz="UTC")),
            }
        ),
    )
    needed = {
        day
        for as_of in AS_OF
        for day in (*training_days(warehouse, settings=settings, as_of=as_of), as_of)
    }
    build.ensure(warehouse, settings=settings, days=sorted(needed))
    for as_of in AS_OF:
        sample = load_training_data(warehouse, settings=settings, as_of=as_of).sample
        today = read(warehouse, [as_of])
        customers = np.array([int(each) for each in today["customer_id"].to_pylist()])
        begins = (as_of - FIRST).days
        inside = (world.orders.at >= begins) & (world.orders.at < begins + HORIZON)
        yield Day(
            churned=(~np.isin(customers, world.orders.customer[inside])).astype(np.float64),
            latent=world.latent(as_of)[customers],
            knowable=world.knowable(as_of, customers),
            predictions={
                model: candidate(model)
                .fit(sample, FitContext(seed=1, threads=1))
                .to_bundle(model)
                .predict(today)
                for model in MODELS
            },
        )


@pytest.fixture(scope="module")
def days(new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory) -> list[Day]:
    """Two days of each of two shops."""
    settings = load(
        {
            "RETENTION_HOME": str(tmp_path_factory.mktemp("truth")),
            "RETENTION_TRAINING__CUTOFF_COUNT": "4",
            "RETENTION_TRAINING__CUTOFF_EVERY_DAYS": "28",
        }
    )
    assert (settings.churn.horizon_days, settings.churn.active_days) == (HORIZON, ACTIVE)
    days: list[Day] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_check", lambda *_: None)
        for seed in SEEDS:
            with new_warehouse() as warehouse:
                days.extend(looked_at(world(seed), warehouse, settings))
    return days


def _error(probability: Floats, truth: Floats) -> tuple[float, float]:
    """Mean absolute error and bias."""
    error = probability - truth
    return float(np.abs(error).mean()), float(error.mean())


def _z_by_decile(outcome: Floats, probability: Floats) -> Floats:
    """How many standard errors each tenth, by probability, lies from its predictions."""
    tenths = np.array_split(np.argsort(probability, kind="stable"), 10)
    return np.array(
        [
            (outcome[rows] - probability[rows]).sum()
            / np.sqrt((probability[rows] * (1 - probability[rows])).sum())
            for rows in tenths
        ]
    )


def test_what_can_be_known_agrees_with_what_is_true(days: list[Day]) -> None:
    """The yardstick itself: the posterior against rates and lives, and against what happened."""
    for day in days:
        assert len(day.churned) > 800
        # Where the truth is spread around what can be known, the mean is kept.
        error = day.latent - day.knowable
        assert abs(error.mean()) < 3.5 * error.std() / np.sqrt(len(error))
        # And in the mean of a fifth of the customers, too.
        for rows in np.array_split(np.argsort(day.knowable), 5):
            assert abs(error[rows].mean()) < 3.5 * error[rows].std() / np.sqrt(len(rows))
        assert (np.abs(_z_by_decile(day.churned, day.knowable)) < 3.5).all()


def test_the_ensemble_recovers_the_probabilities_of_simulated_shops(days: list[Day]) -> None:
    """Stated, for 1,000 customers and 28 days: on a day at most .055 off, .05 of it bias."""
    errors = np.array([_error(day.predictions["ensemble"], day.knowable) for day in days])
    assert errors[:, 0].max() < 0.055
    assert np.abs(errors[:, 1]).max() < 0.05
    assert errors[:, 0].mean() < 0.04
    assert abs(errors[:, 1].mean()) < 0.03
    for day in days:
        # Of what can be known of the ranking nearly all is there.
        best = score(day.knowable, day.churned)["roc_auc"][0]
        assert score(day.predictions["ensemble"], day.churned)["roc_auc"][0] > best - 0.02


def test_a_buying_process_that_is_not_quite_the_shops_comes_close(days: list[Day]) -> None:
    """Customers leave by the clock here, not after purchases: .05 and .045."""
    errors = np.array([_error(day.predictions["mbg_nbd"], day.knowable) for day in days])
    assert errors[:, 0].max() < 0.05
    assert np.abs(errors[:, 1]).max() < 0.045


def test_one_probability_for_everybody_would_be_caught(days: list[Day]) -> None:
    """The negative control."""
    for day in days:
        error, bias = _error(np.full(len(day.knowable), day.knowable.mean()), day.knowable)
        assert error > 0.1
        assert abs(bias) < 1e-9


def _within(days: list[Day], slope: float = 1.0) -> float:
    """Share of deciles that churned as predicted, within binomial error (95 %)."""
    z = []
    for day in days:
        log_odds = np.log(day.predictions["ensemble"] / (1 - day.predictions["ensemble"]))
        z.append(_z_by_decile(day.churned, sigmoid(slope * log_odds)))
    return float((np.abs(np.concatenate(z)) < 1.96).mean())


def test_tenths_of_customers_churn_about_as_often_as_predicted(days: list[Day]) -> None:
    assert _within(days) >= 0.75
    # The negative control: log-odds stretched by half are caught.
    assert _within(days, slope=1.5) < 0.7


def test_a_shop_that_buys_as_the_model_says_is_recovered_closely() -> None:
    """MBG/NBD customers: the probability is a closed form of the true parameters; error .01."""
    true = BetaGeoNBD(r=0.8, alpha=25.0, a=0.7, b=2.5, modified=True)
    sample, latent = _of_process(true, 8_000, seed=31)
    for name, most in (("mbg_nbd", 0.01), ("bg_nbd", 0.06)):
        model = candidate(name).fit(sample, FitContext(seed=1, threads=1))
        error, bias = _error(model.predict_proba(sample.values), latent)
        assert error < most, name
        assert abs(bias) < 0.01, name


def _of_process(true: BetaGeoNBD, count: int, *, seed: int) -> tuple[TrainingSample, Floats]:
    """Customers of a process on one day, and their true probabilities given their histories."""
    draw = np.random.default_rng(seed)
    T = draw.uniform(20, 400, count)
    frequency, recency, later = simulate(true, T, HORIZON, seed=seed)
    sample = TrainingSample(
        values=np.column_stack([frequency + 1, T - recency, T]),
        days=np.full(count, 20_000, dtype=np.int64),
        time_to_next_order=np.where(later > 0, 0.0, np.inf),
        follow_up_days=np.full(count, HORIZON, dtype=np.int64),
        horizon_days=HORIZON,
        groups=np.arange(count),
        weights=np.ones(count),
        features=PROCESS_FEATURES,
        histories=PurchaseSummary.of(frequency, recency, T),
    )
    return sample, true.p_no_order(frequency, recency, T, HORIZON)


# Intervals

REPEATS = 120
_COUNT = 300


def _sample(count: int, seed: int) -> Predictions:
    """Two models that are equally good, for the same customers on two days."""
    draw = np.random.default_rng(seed)
    customer = np.tile(draw.normal(size=count), 2)
    truth = customer + 0.5 * draw.normal(size=2 * count)
    return Predictions(
        days=np.repeat([0, 1], count),
        groups=np.tile(np.arange(count), 2),
        outcome=(draw.random(2 * count) < sigmoid(truth)).astype(np.float64),
        models={name: sigmoid(truth + 0.7 * draw.normal(size=2 * count)) for name in ("a", "b")},
    )


@pytest.fixture(scope="module")
def covered() -> dict[str, float]:
    """How often 95 % intervals held the value of a large population, or the difference zero."""
    metrics = ("roc_auc", "log_loss", "brier")
    large = evaluate(_sample(100_000, 0), draws=1, seed=1, models=["a"]).values["a"]
    counts = dict.fromkeys([*metrics, *(f"difference in {name}" for name in metrics)], 0)
    for repeat in range(REPEATS):
        evaluation = evaluate(_sample(_COUNT, repeat + 1), draws=200, seed=repeat)
        for name in metrics:
            interval = evaluation.values["a"][name]
            gap = evaluation.difference("a", "b", name)
            counts[name] += interval.lower <= large[name].value <= interval.upper
            counts[f"difference in {name}"] += gap.lower <= 0 <= gap.upper
    return {name: count / REPEATS for name, count in counts.items()}


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "brier"])
def test_intervals_of_customers_cover_the_truth_as_often_as_they_say(
    covered: dict[str, float], metric: str
) -> None:
    assert 0.9 <= covered[metric] <= 0.99


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "brier"])
def test_two_equal_models_differ_by_chance_as_seldom_as_the_intervals_say(
    covered: dict[str, float], metric: str
) -> None:
    assert 0.9 <= covered[f"difference in {metric}"] <= 0.99
