"""Nothing of the future reaches a model: no row, no outcome, no column, and no accident of order."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from retention_ml import clock
from retention_ml.errors import UsageError
from retention_ml.features import build
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.store import read
from retention_ml.labels.definition import ChurnDefinition, churn_definition
from retention_ml.labels.maturity import labels_of
from retention_ml.models.backtest.run import Files, backtest
from retention_ml.models.promotion.validate_version import unfit_reason
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import candidate, ensemble, members
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.training_data import (
    TrainingData,
    load_training_data,
    training_days,
)
from retention_ml.models.training.data.training_set import TrainingSet, assemble
from retention_ml.models.training.data.volumes import Volumes
from retention_ml.models.training.fit_candidate import training_sample
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.models.training.preparation import load_prepared, prepare_training
from retention_ml.settings import Settings, load
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import Predictions, evaluate
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.models.training import test_ensemble
from tests.worlds import shops
from tests.worlds.databases import NewWarehouse

ZONE = "Europe/Berlin"
AS_OF = date(2024, 10, 1)
MIDNIGHT = clock.midnight(AS_OF, ZONE)
MOMENT = timedelta(microseconds=1)
LONG_AGO = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
CHEAP = tuple(one for one in ensemble.RECIPES if one.name in ("boosted", "ridge", "buying_process"))
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module", autouse=True)
def _unchecked() -> Iterator[None]:
    """Without the expectations on features, which take seconds to import and are tested apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_check", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A quick training in a zone whose midnight is not that of UTC."""
    return load(
        {
            "RETENTION_HOME": str(tmp_path_factory.mktemp("leakage")),
            "RETENTION_CALENDAR__TIMEZONE": ZONE,
            "RETENTION_TRAINING__CUTOFF_COUNT": "2",
            "RETENTION_TRAINING__EVALUATION_COUNT": "1",
            "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "50",
            "RETENTION_READINESS__CUSTOMERS_MIN": "50",
            "RETENTION_READINESS__CHURNED_MIN": "10",
            "RETENTION_READINESS__RETAINED_MIN": "10",
        }
    )


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Orders, lines, events and products of a random shop to two months after the day."""
    tables: Tables = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shops, "fill", lambda _, name, rows: tables.update({name: _arrow(rows)}))
        shops.random_shop(None, customers=350, days=330, seed=8)  # type: ignore[arg-type]
    assert set(tables) == {"orders", "order_lines", "events", "products"}
    return tables


def _arrow(rows: Any) -> pa.Table:
    return rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)


def split(tables: Tables, at: datetime = MIDNIGHT) -> tuple[Tables, Tables]:
    """What happened before an instant, products among it, and what at it or after it."""
    before = {
        name: rows if name == "products" else rows.filter(pc.less(rows["event_at"], at))
        for name, rows in tables.items()
    }
    after = {
        name: rows.filter(pc.greater_equal(rows["event_at"], at))
        for name, rows in tables.items()
        if name != "products"
    }
    return before, after


def noise(after: Tables, *, seed: int, at: datetime = MIDNIGHT) -> Tables:
    """As many rows as in `after`, of other customers at other instants; the first at `at`."""
    draw = np.random.default_rng(seed)
    orders = after["orders"]
    count = orders.num_rows
    newest = pc.max(orders["event_at"]).as_py()
    seconds = np.sort(draw.integers(1, int((newest - at).total_seconds()), count))
    moments = [at, *(at + timedelta(seconds=int(each)) for each in seconds[1:-1]), newest]
    ids = [f"n{number:06d}" for number in range(count)]
    who = [f"c{number:05d}" for number in draw.integers(0, 350, count)]
    columns = {
        "customer_id": pa.array(who),
        "event_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
    }
    return {
        "orders": pa.table({"order_id": ids, "kind": ["purchase"] * count, **columns}),
        "order_lines": pa.table(
            {"order_id": ids, "product_id": ["p001"] * count, "quantity": [99] * count, **columns}
        ),
        "events": pa.table({"event_type": ["cart"] * count, "session_id": ids, **columns}),
    }


def late(before: Tables) -> Tables:
    """Orders of the past that nobody delivered in time, and corrections of some that were."""
    orders = before["orders"]
    missing = orders.slice(0, 80).set_column(
        0, "order_id", pa.array([f"late{number}" for number in range(80)])
    )
    corrected = orders.take(pa.array(range(100, 400, 3)))
    cancelled = pa.array(["cancellation"] * corrected.num_rows)
    place = corrected.column_names.index("kind")
    return {"orders": pa.concat_tables([missing, corrected.set_column(place, "kind", cancelled)])}


def write(
    warehouse: Warehouse, tables: Tables, *, files: int = 1, available_at: datetime | None = None
) -> None:
    """Deliver the tables, each in so many files."""
    for name, rows in tables.items():
        step = -(-rows.num_rows // files)
        for start in range(0, rows.num_rows, step):
            visible_from = LONG_AGO if name == "products" else available_at
            shops.fill(warehouse, name, rows.slice(start, step), available_at=visible_from)


def training_data(warehouse: Warehouse, settings: Settings) -> TrainingData:
    """The training data of a model of the day."""
    days = training_days(warehouse, settings=settings, as_of=AS_OF)
    build.ensure(warehouse, settings=settings, days=[*days, AS_OF])
    return load_training_data(warehouse, settings=settings, as_of=AS_OF)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a shop's model was trained on and predicts; equal where all of it is, to the last bit."""

    digest: str
    bundle_sha256: str
    probability: dict[str, float]
    sample: TrainingSample = field(compare=False)


def fit_and_predict(warehouse: Warehouse, settings: Settings) -> Result:
    """The ensemble of the day, with members that are quick, on the customers of the day."""
    data = training_data(warehouse, settings)
    model = ensemble.fit(data.sample, FitContext(seed=1, threads=1), recipes=CHEAP)
    bundle = model.to_bundle("ensemble", data_digest=data.digest)
    today = read(warehouse, [AS_OF])
    names = today["customer_id"].to_pylist()
    return Result(
        digest=data.digest,
        bundle_sha256=bundle.sha256,
        probability=dict(zip(names, bundle.predict(today).tolist(), strict=True)),
        sample=data.sample,
    )


def backtested(warehouse: Warehouse, settings: Settings, folder: Path) -> pa.Table:
    """The predictions of a backtest of the day, with labels."""
    where = Files(report=folder / "R.json", predictions=folder / "P.parquet")
    backtest(
        warehouse,
        settings=settings.model_copy(update={"home": folder}),
        days=[AS_OF],
        files=where,
        models=("recency", "mbg_nbd", "rfm_logistic"),
        workers=1,
    )
    return pq.read_table(where.predictions)


# The shop as it is, and as it would be with another future or none


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The whole shop, its future, late rows and corrections included: look, do not touch."""

    warehouse: Warehouse
    result: Result
    training_id: str


@pytest.fixture(scope="module")
def shop(new_warehouse: NewWarehouse, settings: Settings, tables: Tables) -> Iterator[Shop]:
    with new_warehouse() as warehouse:
        write(warehouse, tables)
        write(warehouse, late(split(tables)[0]), available_at=MIDNIGHT + MOMENT)
        result = fit_and_predict(warehouse, settings)
        receipt, _ = prepare_training(warehouse, settings, AS_OF)
        training_id = str(receipt.details["training_id"])
        yield Shop(warehouse=warehouse, result=result, training_id=training_id)


@pytest.mark.fault(
    "a training without the shop's future, its rows in any order", promises="P4 P7", row=(32, 34)
)
def test_without_its_future_and_in_any_order_a_shop_gets_the_same_model_to_the_last_bit(
    shop: Shop, new_warehouse: NewWarehouse, settings: Settings, tables: Tables
) -> None:
    before, after = split(tables)
    assert min(rows.num_rows for rows in after.values()) > 100
    draw = np.random.default_rng(4)
    mixed = {
        name: rows.take(pa.array(draw.permutation(rows.num_rows)))
        for name, rows in reversed(before.items())
    }
    with new_warehouse() as warehouse:
        write(warehouse, mixed, files=3)
        assert fit_and_predict(warehouse, settings) == shop.result


def test_with_another_future_a_shop_gets_the_same_model_and_backtest(
    shop: Shop, new_warehouse: NewWarehouse, settings: Settings, tables: Tables, tmp_path: Path
) -> None:
    before, after = split(tables)
    with new_warehouse() as warehouse:
        write(warehouse, before)
        write(warehouse, noise(after, seed=1))
        assert fit_and_predict(warehouse, settings) == shop.result
        receipt, _ = prepare_training(warehouse, settings, AS_OF)
        assert receipt.details["training_id"] == shop.training_id
        other = backtested(warehouse, settings, tmp_path / "other")
    actual = backtested(shop.warehouse, settings, tmp_path / "actual")
    assert other.drop_columns("churned").equals(actual.drop_columns("churned"))
    # The futures are different ones: else this would show nothing.
    assert pc.sum(pc.xor(other["churned"], actual["churned"])).as_py() > 20


def test_what_is_known_one_moment_earlier_is_learnt_from(
    shop: Shop, new_warehouse: NewWarehouse, settings: Settings, tables: Tables
) -> None:
    """The negative control: the same late rows, known at the midnight, change what is learnt."""
    before, _ = split(tables)
    with new_warehouse() as warehouse:
        write(warehouse, before)
        write(warehouse, late(before), available_at=MIDNIGHT)
        assert training_data(warehouse, settings).digest != shop.result.digest


def test_candidates_learn_nothing_of_the_evaluation_days(shop: Shop, settings: Settings) -> None:
    training = ledger.training(shop.warehouse, shop.training_id)
    actual = load_prepared(shop.warehouse, settings, training)
    first = min(training.plan.evaluation)
    assert first < AS_OF - timedelta(days=settings.churn.horizon_days)
    day = np.datetime64(first, "D")
    draw = np.random.default_rng(2)
    opened = (actual.days - day).astype(np.int64) + settings.churn.lead_days
    assert actual.volumes is not None
    other = replace(
        actual,
        # Orders from the first evaluation day on come on other days, or never.
        time_to_next_order=np.where(
            opened + actual.time_to_next_order >= 0,
            np.where(draw.random(len(opened)) < 0.3, np.inf, np.maximum(0, -opened) + 1),
            actual.time_to_next_order,
        ),
        values=np.where(
            (actual.days > day)[:, None], draw.random(actual.values.shape), actual.values
        ),
        volumes=replace(
            actual.volumes,
            orders=np.where(
                actual.volumes.days >= day.astype(np.int64), 1_000.0, actual.volumes.orders
            ),
        ),
    )
    plan = training.plan
    assert not np.array_equal(actual.churned(plan.evaluation), other.churned(plan.evaluation))
    train, again = (training_sample(settings, training, each) for each in (actual, other))
    for model in ("mbg_nbd", "logistic", "ensemble"):
        one, two = (_fitted(model, sample).to_bundle(model).sha256 for sample in (train, again))
        assert one == two, model
    # The negative control: whoever takes the days without the day as known on learns of them.
    naive = [_fitted("logistic", each.sample(plan.training)) for each in (actual, other)]
    assert naive[0].to_bundle("naive").sha256 != naive[1].to_bundle("naive").sha256


def _fitted(name: str, sample: TrainingSample) -> FittedModel:
    context = FitContext(seed=1, threads=1)
    if name == "ensemble":
        return ensemble.fit(sample, context, recipes=CHEAP)
    return candidate(name).fit(sample, context)


# Names


@pytest.fixture(scope="module")
def renamed(new_warehouse: NewWarehouse, settings: Settings, tables: Tables) -> Result:
    """The same shop, its customers called by each other's names; predictions by the old ones."""
    names = [f"c{number:05d}" for number in range(350)]
    drawn = np.random.default_rng(5).permutation(350)
    new = {name: names[at] for name, at in zip(names, drawn, strict=True)}
    old = {after: name for name, after in new.items()}

    def rename(rows: pa.Table) -> pa.Table:
        if "customer_id" not in rows.column_names:
            return rows
        place = rows.column_names.index("customer_id")
        called = pa.array([new[name] for name in rows["customer_id"].to_pylist()])
        return rows.set_column(place, "customer_id", called)

    before, _ = split(tables)
    with new_warehouse() as warehouse:
        write(warehouse, {name: rename(rows) for name, rows in before.items()})
        result = fit_and_predict(warehouse, settings)
        return replace(
            result,
            probability={old[name]: value for name, value in result.probability.items()},
        )


def test_customers_of_other_names_give_the_same_rows(shop: Shop, renamed: Result) -> None:
    one, other = (_sorted(each.sample) for each in (shop.result, renamed))
    np.testing.assert_array_equal(one, other)
    assert shop.result.sample.histories is not None
    assert renamed.sample.histories is not None
    for name in ("frequency", "recency", "T", "counts"):
        np.testing.assert_array_equal(
            getattr(shop.result.sample.histories, name), getattr(renamed.sample.histories, name)
        )
    # Only the digest names customers.
    assert shop.result.digest != renamed.digest


def _sorted(sample: TrainingSample) -> Floats:
    table = np.column_stack(
        [sample.days, sample.follow_up_days, sample.time_to_next_order, sample.values]
    )
    return np.asarray(table[np.lexsort(table.T[::-1])])


def test_customers_of_other_names_get_the_same_probabilities(shop: Shop, renamed: Result) -> None:
    assert set(shop.result.probability) == set(renamed.probability)
    apart = [
        abs(renamed.probability[name] - value) for name, value in shop.result.probability.items()
    ]
    # Sums in another order, as far as the calibrations of the members carry them.
    assert max(apart) < 1e-8


# Columns


@pytest.fixture
def planted(shop: Shop, settings: Settings) -> Iterator[tuple[list[date], pa.Table]]:
    """The training days, and the outcomes of these and of the day, now a column of the store."""
    days = list(training_days(shop.warehouse, settings=settings, as_of=AS_OF))
    later = AS_OF + timedelta(days=settings.churn.horizon_days + settings.churn.settle_days)
    labels = labels_of(shop.warehouse, settings=settings, days=[*days, AS_OF], known_as_of=later)
    with shop.warehouse.transaction() as transaction:
        transaction.execute("ALTER TABLE features.customer_daily ADD COLUMN is_churned float8")
        transaction.execute(
            "CREATE TEMP TABLE labels (as_of date, customer_id text, is_churned bool) "
            "ON COMMIT DROP"
        )
        transaction.copy("labels", labels.select(["as_of", "customer_id", "is_churned"]))
        transaction.execute(
            "UPDATE features.customer_daily AS f SET is_churned = a.is_churned::int FROM labels a "
            "WHERE (f.as_of, f.customer_id) = (a.as_of, a.customer_id)"
        )
    yield days, labels
    with shop.warehouse.transaction() as transaction:
        transaction.execute("ALTER TABLE features.customer_daily DROP COLUMN is_churned")


@pytest.mark.usefixtures("planted")
def test_a_column_of_the_future_never_reaches_a_model(shop: Shop, settings: Settings) -> None:
    assert read(shop.warehouse, [AS_OF]).column_names == ["as_of", "customer_id", *FEATURE_NAMES]
    result = fit_and_predict(shop.warehouse, settings)
    assert result == shop.result
    assert result.sample.features == FEATURE_NAMES
    receipt, training_set = prepare_training(shop.warehouse, settings, AS_OF)
    assert receipt.details["training_id"] == shop.training_id
    assert training_set.features == FEATURE_NAMES


def test_a_model_that_read_a_column_of_the_future_knows_all_and_is_not_served(
    shop: Shop, settings: Settings, planted: tuple[list[date], pa.Table]
) -> None:
    """The negative control, and the last line of defence."""
    days, labels = planted
    everything = shop.warehouse.read("SELECT * FROM features.customer_daily")

    def of(table: pa.Table, some: list[date]) -> pa.Table:
        return table.filter(pc.is_in(table["as_of"], pa.array(some, pa.date32())))

    definition = churn_definition(settings)
    naive = assemble(
        of(everything, days),
        of(labels, days),
        definition=definition,
        known_until=AS_OF,
        histories={},
    )
    model = candidate("logistic").fit(naive.sample(days), FitContext(seed=1, threads=1))
    bundle = model.to_bundle("naive", definition_hash=definition.hash, as_of=str(AS_OF))
    today = of(everything, [AS_OF])
    outcome = today["is_churned"].to_numpy()
    assert _roc_auc(bundle.predict(today), outcome).value > 0.99
    honest = np.array([shop.result.probability[name] for name in today["customer_id"].to_pylist()])
    assert _roc_auc(honest, outcome).upper < 0.95

    count = len(FEATURE_NAMES) + 1
    with pytest.raises(UsageError, match=rf"lacks 1 of the {count} features .* 'is_churned'"):
        bundle.predict(today.select(["as_of", "customer_id", *FEATURE_NAMES]))
    refusal = unfit_reason(settings, bundle)
    assert refusal == "it reads 1 features that are not in the catalogue, first 'is_churned'"


def _roc_auc(probability: Floats, outcome: Floats, groups: Ints | None = None) -> Interval:
    count = len(outcome)
    return evaluate(
        Predictions(
            days=np.zeros(count, dtype=np.int64),
            groups=np.arange(count) if groups is None else groups,
            outcome=outcome,
            models={"model": probability},
        ),
        draws=200,
        seed=1,
    ).values["model"]["roc_auc"]


# Labels that mean nothing


def drawn_by_lot(sample: TrainingSample, seed: int) -> TrainingSample:
    """The sample with outcomes by lot, the same on all days of a customer."""
    sample = sample.matured()
    lots = np.random.default_rng(1_000 + seed).random(sample.groups.max() + 1)
    churned = lots[sample.groups] < sample.churned.mean()
    return replace(sample, time_to_next_order=np.where(churned, np.inf, 3.0))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_outcomes_drawn_by_lot_cannot_be_predicted(shop: Shop, seed: int) -> None:
    sample = drawn_by_lot(shop.result.sample, seed)
    inside = np.random.default_rng(seed).random(sample.groups.max() + 1)[sample.groups] < 0.6
    train, test = sample.take(np.flatnonzero(inside)), sample.take(np.flatnonzero(~inside))
    model = ensemble.fit(train, FitContext(seed=seed, threads=1), recipes=CHEAP)
    columns = [sample.features.index(name) for name in model.features]
    interval = _roc_auc(model.predict_proba(test.values[:, columns]), test.churned, test.groups)
    assert interval.lower <= 0.5 <= interval.upper
    # Out of fold it knows next to nothing: a slope and a base rate were fitted to a few hundred
    # rows.
    assert model.notes["log_loss_out_of_fold"] > _entropy(train) - 0.03


def test_folds_that_part_a_customer_would_be_caught(shop: Shop) -> None:
    """The negative control: a customer on both sides of a fold is recognised by other days."""
    sample = drawn_by_lot(shop.result.sample, 1)
    parted = replace(sample, groups=np.arange(len(sample)))
    model = ensemble.fit(parted, FitContext(seed=1, threads=1), recipes=CHEAP)
    assert model.notes["log_loss_out_of_fold"] < _entropy(sample) - 0.03


def _entropy(sample: TrainingSample) -> float:
    rate = float(sample.churned.mean())
    return float(-rate * np.log(rate) - (1 - rate) * np.log(1 - rate))


# Outcomes that are known in part

FIRST = date(2025, 1, 6)
EACH = 9


def training_set(time_to_next_order: Floats, *, lead: int, horizon: int) -> TrainingSet:
    """Nine customers on every seventh day, orders known for ever, with these outcomes."""
    days = len(time_to_next_order) // EACH
    return TrainingSet(
        definition=ChurnDefinition(active_days=90, lead_days=lead, horizon_days=horizon),
        known_until=FIRST + timedelta(days=10_000),
        days=np.repeat(np.datetime64(FIRST, "D") + 7 * np.arange(days), EACH),
        customers=pa.array([f"c{number % EACH}" for number in range(len(time_to_next_order))]),
        values=np.arange(len(time_to_next_order), dtype=np.float64)[:, None],
        time_to_next_order=time_to_next_order,
        features=("number",),
        volumes=Volumes(days=np.arange(20_000, 20_400, dtype=np.int64), orders=np.ones(400)),
    )


@pytest.mark.fault(
    "outcomes of the future in a training sample",
    promises="P4",
    row=32,
    counted="training samples without the future",
)
@examples(
    max_examples=count("training samples without the future"), deadline=None,
    derandomize=True, database=None,
)  # fmt: skip
@given(
    seed=st.integers(0, 10_000),
    days=st.integers(1, 9),
    lead=st.integers(0, 10),
    horizon=st.integers(1, 40),
    known_days=st.integers(-5, 110),
)
def test_nothing_that_happened_later_is_in_the_sample(
    seed: int, days: int, lead: int, horizon: int, known_days: int
) -> None:
    draw = np.random.default_rng(seed)
    time_to_next_order = np.where(
        draw.random(days * EACH) < 0.2, np.inf, draw.integers(0, 120, days * EACH)
    )
    whole = training_set(time_to_next_order, lead=lead, horizon=horizon)
    every = [FIRST + timedelta(days=7 * number) for number in range(days)]
    known_until = FIRST + timedelta(days=known_days)
    sample = whole.sample(every, known_until=known_until)
    until = clock.day_number(known_until)

    assert (sample.days + lead + sample.follow_up_days == until).all()
    assert (sample.follow_up_days > 0).all()
    ordered = np.isfinite(sample.time_to_next_order)
    assert (sample.time_to_next_order[ordered] < sample.follow_up_days[ordered]).all()
    np.testing.assert_array_equal(np.isnan(sample.churned), sample.follow_up_days < horizon)
    assert sample.volumes is not None
    assert (sample.volumes.days < until).all()
    for shorter in {1, max(1, horizon // 3), horizon}:
        within = sample.within(shorter)
        assert len(within) == (sample.follow_up_days >= shorter).sum()
        assert (within.days + lead + shorter <= until).all()
        assert not np.isnan(within.churned).any()

    # Another future after that day gives the same sample.
    opened = whole.days.astype(np.int64) + lead
    is_later = opened + time_to_next_order >= until
    other = np.where(
        is_later, np.maximum(0, until - opened) + draw.integers(0, 9), time_to_next_order
    )
    again = training_set(other, lead=lead, horizon=horizon).sample(every, known_until=known_until)
    np.testing.assert_array_equal(again.time_to_next_order, sample.time_to_next_order)
    np.testing.assert_array_equal(again.values, sample.values)


def test_a_sample_that_ignores_what_is_known_would_be_caught() -> None:
    """The negative control: without the day, orders of the weeks after it are in the sample."""
    whole = training_set(np.full(EACH, 20.0), lead=0, horizon=28)
    known_until = FIRST + timedelta(days=14)
    assert np.isinf(whole.sample([FIRST], known_until=known_until).time_to_next_order).all()
    assert (whole.sample([FIRST]).time_to_next_order == 20).all()


@pytest.mark.parametrize(("recipe", "newest"), [("boosted", 28), ("boosted_third", 14)])
def test_days_known_in_part_teach_shorter_windows_only(
    recipe: str, newest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples: list[TrainingSample] = []
    learner = members.LEARNERS["boosted"]

    def spy(sample: TrainingSample, fold: Ints, context: FitContext) -> members.FittedMember:
        samples.append(sample)
        return learner(sample, fold, context)

    monkeypatch.setitem(members.LEARNERS, "boosted", spy)
    recipes = tuple(one for one in ensemble.RECIPES if one.name == recipe)
    ensemble.fit(test_ensemble.history(200), FitContext(seed=1, threads=1), recipes=recipes)
    (sample,) = samples
    assert sample.follow_up_days.min() == newest >= sample.horizon_days
    assert not np.isnan(sample.churned).any()
