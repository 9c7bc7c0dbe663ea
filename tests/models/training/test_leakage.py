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
from retention_ml.models.promotion.validate_version import unfit
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import candidate, ensemble, members
from retention_ml.models.training.fit_candidate import learnt_of
from retention_ml.models.training.fitting import FittedModel
from retention_ml.models.training.preparation import load_rows, prepared
from retention_ml.models.training.sample import Rows
from retention_ml.models.training.season import Volumes
from retention_ml.models.training.training_data import Material, days_of, material
from retention_ml.models.training.training_set import TrainingSet, assemble
from retention_ml.settings import Settings, load
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.metrics import Interval, Predictions, evaluate
from retention_ml.warehouse import Warehouse
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
    found: Tables = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shops, "fill", lambda _, name, rows: found.update({name: _arrow(rows)}))
        shops.random_shop(None, customers=350, days=330, seed=8)  # type: ignore[arg-type]
    assert set(found) == {"orders", "order_lines", "events", "products"}
    return found


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
    own = {
        "customer_id": pa.array(who),
        "event_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
    }
    return {
        "orders": pa.table({"order_id": ids, "kind": ["purchase"] * count, **own}),
        "order_lines": pa.table(
            {"order_id": ids, "product_id": ["p001"] * count, "quantity": [99] * count, **own}
        ),
        "events": pa.table({"event_type": ["cart"] * count, "session_id": ids, **own}),
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
            known_from = LONG_AGO if name == "products" else available_at
            shops.fill(warehouse, name, rows.slice(start, step), available_at=known_from)


def known(warehouse: Warehouse, settings: Settings) -> Material:
    """What a model of the day learns from."""
    days = days_of(warehouse, settings=settings, as_of=AS_OF)
    build.ensure(warehouse, settings=settings, days=[*days, AS_OF])
    return material(warehouse, settings=settings, as_of=AS_OF)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a shop's model learnt from and said; equal where all of it is, to the last bit."""

    digest: str
    bundle_sha256: str
    probability: dict[str, float]
    rows: Rows = field(compare=False)


def said(warehouse: Warehouse, settings: Settings) -> Said:
    """The ensemble of the day, with members that are quick, on the customers of the day."""
    learnt = known(warehouse, settings)
    model = ensemble.fit(learnt.rows, seed=1, threads=1, recipes=CHEAP)
    bundle = model.to_bundle("ensemble", data_digest=learnt.digest)
    today = read(warehouse, [AS_OF])
    names = today["customer_id"].to_pylist()
    return Said(
        digest=learnt.digest,
        bundle_sha256=bundle.sha256,
        probability=dict(zip(names, bundle.predict(today).tolist(), strict=True)),
        rows=learnt.rows,
    )


def judged(warehouse: Warehouse, settings: Settings, folder: Path) -> pa.Table:
    """The predictions of a backtest of the day, with what followed."""
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
    said: Said
    training_id: str


@pytest.fixture(scope="module")
def shop(new_warehouse: NewWarehouse, settings: Settings, tables: Tables) -> Iterator[Shop]:
    with new_warehouse() as warehouse:
        write(warehouse, tables)
        write(warehouse, late(split(tables)[0]), available_at=MIDNIGHT + MOMENT)
        found = said(warehouse, settings)
        receipt, _ = prepared(warehouse, settings, AS_OF)
        yield Shop(warehouse=warehouse, said=found, training_id=str(receipt.details["training_id"]))


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
        assert said(warehouse, settings) == shop.said


def test_with_another_future_a_shop_gets_the_same_model_and_backtest(
    shop: Shop, new_warehouse: NewWarehouse, settings: Settings, tables: Tables, tmp_path: Path
) -> None:
    before, after = split(tables)
    with new_warehouse() as warehouse:
        write(warehouse, before)
        write(warehouse, noise(after, seed=1))
        assert said(warehouse, settings) == shop.said
        receipt, _ = prepared(warehouse, settings, AS_OF)
        assert receipt.details["training_id"] == shop.training_id
        told = judged(warehouse, settings, tmp_path / "other")
    own = judged(shop.warehouse, settings, tmp_path / "own")
    assert told.drop_columns("churned").equals(own.drop_columns("churned"))
    # The futures are different ones: else this would show nothing.
    assert pc.sum(pc.xor(told["churned"], own["churned"])).as_py() > 20


def test_what_is_known_one_moment_earlier_is_learnt_from(
    shop: Shop, new_warehouse: NewWarehouse, settings: Settings, tables: Tables
) -> None:
    """The negative control: the same late rows, known at the midnight, change what is learnt."""
    before, _ = split(tables)
    with new_warehouse() as warehouse:
        write(warehouse, before)
        write(warehouse, late(before), available_at=MIDNIGHT)
        assert known(warehouse, settings).digest != shop.said.digest


def test_candidates_learn_nothing_of_the_days_they_are_judged_on(
    shop: Shop, settings: Settings
) -> None:
    training = ledger.training(shop.warehouse, shop.training_id)
    rows = load_rows(shop.warehouse, settings, training)
    first = min(training.plan.evaluation)
    assert first < AS_OF - timedelta(days=settings.churn.horizon_days)
    day = np.datetime64(first, "D")
    draw = np.random.default_rng(2)
    opened = (rows.days - day).astype(np.int64) + settings.churn.lead_days
    assert rows.volumes is not None
    other = replace(
        rows,
        # Orders from the first day judged on come on other days, or never.
        until_order=np.where(
            opened + rows.until_order >= 0,
            np.where(draw.random(len(opened)) < 0.3, np.inf, np.maximum(0, -opened) + 1),
            rows.until_order,
        ),
        values=np.where((rows.days > day)[:, None], draw.random(rows.values.shape), rows.values),
        volumes=replace(
            rows.volumes,
            orders=np.where(
                rows.volumes.days >= day.astype(np.int64), 1_000.0, rows.volumes.orders
            ),
        ),
    )
    plan = training.plan
    assert not np.array_equal(rows.outcome(plan.evaluation), other.outcome(plan.evaluation))
    learnt, again = (learnt_of(settings, training, some) for some in (rows, other))
    for model in ("mbg_nbd", "logistic", "ensemble"):
        one, two = (_fitted(model, some).to_bundle(model).sha256 for some in (learnt, again))
        assert one == two, model
    # The negative control: whoever takes the days without the day as known on learns of them.
    naive = [_fitted("logistic", some.rows(plan.training)) for some in (rows, other)]
    assert naive[0].to_bundle("naive").sha256 != naive[1].to_bundle("naive").sha256


def _fitted(name: str, rows: Rows) -> FittedModel:
    if name == "ensemble":
        return ensemble.fit(rows, seed=1, threads=1, recipes=CHEAP)
    return candidate(name).fit(rows, seed=1, threads=1)


# Names


@pytest.fixture(scope="module")
def renamed(new_warehouse: NewWarehouse, settings: Settings, tables: Tables) -> Said:
    """The same shop, its customers called by each other's names; told by their old ones."""
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
        found = said(warehouse, settings)
        return replace(
            found,
            probability={old[name]: value for name, value in found.probability.items()},
        )


def test_customers_of_other_names_give_the_same_rows(shop: Shop, renamed: Said) -> None:
    one, other = (_sorted(each.rows) for each in (shop.said, renamed))
    np.testing.assert_array_equal(one, other)
    assert shop.said.rows.histories is not None
    assert renamed.rows.histories is not None
    for name in ("repeats", "last_at", "observed", "counts"):
        np.testing.assert_array_equal(
            getattr(shop.said.rows.histories, name), getattr(renamed.rows.histories, name)
        )
    # Only the digest names customers.
    assert shop.said.digest != renamed.digest


def _sorted(rows: Rows) -> Floats:
    table = np.column_stack([rows.days, rows.followed, rows.until_order, rows.values])
    return np.asarray(table[np.lexsort(table.T[::-1])])


def test_customers_of_other_names_get_the_same_probabilities(shop: Shop, renamed: Said) -> None:
    assert set(shop.said.probability) == set(renamed.probability)
    apart = [
        abs(renamed.probability[name] - value) for name, value in shop.said.probability.items()
    ]
    # Sums in another order, as far as the calibrations of the members carry them.
    assert max(apart) < 1e-8


# Columns


@pytest.fixture
def planted(shop: Shop, settings: Settings) -> Iterator[tuple[list[date], pa.Table]]:
    """The days learnt from, and the outcomes of these and of the day, now a column of the store."""
    days = list(days_of(shop.warehouse, settings=settings, as_of=AS_OF))
    later = AS_OF + timedelta(days=settings.churn.horizon_days + settings.churn.settle_days)
    answers = labels_of(shop.warehouse, settings=settings, days=[*days, AS_OF], known_as_of=later)
    with shop.warehouse.transaction() as transaction:
        transaction.execute("ALTER TABLE features.customer_daily ADD COLUMN is_churned float8")
        transaction.execute(
            "CREATE TEMP TABLE answers (as_of date, customer_id text, is_churned bool) "
            "ON COMMIT DROP"
        )
        transaction.copy("answers", answers.select(["as_of", "customer_id", "is_churned"]))
        transaction.execute(
            "UPDATE features.customer_daily AS f SET is_churned = a.is_churned::int FROM answers a "
            "WHERE (f.as_of, f.customer_id) = (a.as_of, a.customer_id)"
        )
    yield days, answers
    with shop.warehouse.transaction() as transaction:
        transaction.execute("ALTER TABLE features.customer_daily DROP COLUMN is_churned")


@pytest.mark.usefixtures("planted")
def test_a_column_of_the_future_never_reaches_a_model(shop: Shop, settings: Settings) -> None:
    assert read(shop.warehouse, [AS_OF]).column_names == ["as_of", "customer_id", *FEATURE_NAMES]
    told = said(shop.warehouse, settings)
    assert told == shop.said
    assert told.rows.features == FEATURE_NAMES
    receipt, rows = prepared(shop.warehouse, settings, AS_OF)
    assert receipt.details["training_id"] == shop.training_id
    assert rows.features == FEATURE_NAMES


def test_a_model_that_read_a_column_of_the_future_knows_all_and_is_not_served(
    shop: Shop, settings: Settings, planted: tuple[list[date], pa.Table]
) -> None:
    """The negative control, and the last line of defence."""
    days, answers = planted
    everything = shop.warehouse.read("SELECT * FROM features.customer_daily")

    def of(table: pa.Table, some: list[date]) -> pa.Table:
        return table.filter(pc.is_in(table["as_of"], pa.array(some, pa.date32())))

    definition = churn_definition(settings)
    naive = assemble(
        of(everything, days),
        of(answers, days),
        definition=definition,
        known_until=AS_OF,
        histories={},
    )
    model = candidate("logistic").fit(naive.rows(days), seed=1, threads=1)
    bundle = model.to_bundle("naive", definition_hash=definition.hash, as_of=str(AS_OF))
    today = of(everything, [AS_OF])
    outcome = today["is_churned"].to_numpy()
    assert _roc_auc(bundle.predict(today), outcome).value > 0.99
    honest = np.array([shop.said.probability[name] for name in today["customer_id"].to_pylist()])
    assert _roc_auc(honest, outcome).upper < 0.95

    told = len(FEATURE_NAMES) + 1
    with pytest.raises(UsageError, match=rf"lacks 1 of the {told} features .* 'is_churned'"):
        bundle.predict(today.select(["as_of", "customer_id", *FEATURE_NAMES]))
    refusal = unfit(settings, bundle)
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


def drawn_by_lot(rows: Rows, seed: int) -> Rows:
    """The rows with outcomes by lot, the same on all days of a customer."""
    rows = rows.matured()
    lots = np.random.default_rng(1_000 + seed).random(rows.groups.max() + 1)
    churned = lots[rows.groups] < rows.outcome.mean()
    return replace(rows, until_order=np.where(churned, np.inf, 3.0))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_outcomes_drawn_by_lot_cannot_be_predicted(shop: Shop, seed: int) -> None:
    rows = drawn_by_lot(shop.said.rows, seed)
    inside = np.random.default_rng(seed).random(rows.groups.max() + 1)[rows.groups] < 0.6
    learnt, left = rows.take(np.flatnonzero(inside)), rows.take(np.flatnonzero(~inside))
    model = ensemble.fit(learnt, seed=seed, threads=1, recipes=CHEAP)
    columns = [rows.features.index(name) for name in model.features]
    found = _roc_auc(model.predict_proba(left.values[:, columns]), left.outcome, left.groups)
    assert found.lower <= 0.5 <= found.upper
    # Out of fold it knows next to nothing: a slope and a level were fitted to a few hundred rows.
    assert model.notes["log_loss_out_of_fold"] > _entropy(learnt) - 0.03


def test_folds_that_part_a_customer_would_be_caught(shop: Shop) -> None:
    """The negative control: a customer on both sides of a fold is recognised by other days."""
    rows = drawn_by_lot(shop.said.rows, 1)
    parted = replace(rows, groups=np.arange(len(rows)))
    model = ensemble.fit(parted, seed=1, threads=1, recipes=CHEAP)
    assert model.notes["log_loss_out_of_fold"] < _entropy(rows) - 0.03


def _entropy(rows: Rows) -> float:
    rate = float(rows.outcome.mean())
    return float(-rate * np.log(rate) - (1 - rate) * np.log(1 - rate))


# Outcomes that are known in part

FIRST = date(2025, 1, 6)
EACH = 9


def training_set(until_order: Floats, *, lead: int, horizon: int) -> TrainingSet:
    """Nine customers on every seventh day, orders known for ever, with these outcomes."""
    days = len(until_order) // EACH
    return TrainingSet(
        definition=ChurnDefinition(active_days=90, lead_days=lead, horizon_days=horizon),
        known_until=FIRST + timedelta(days=10_000),
        days=np.repeat(np.datetime64(FIRST, "D") + 7 * np.arange(days), EACH),
        customers=pa.array([f"c{number % EACH}" for number in range(len(until_order))]),
        values=np.arange(len(until_order), dtype=np.float64)[:, None],
        until_order=until_order,
        features=("number",),
        digest="",
        volumes=Volumes(days=np.arange(20_000, 20_400, dtype=np.int64), orders=np.ones(400)),
    )


@examples(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 10_000),
    days=st.integers(1, 9),
    lead=st.integers(0, 10),
    horizon=st.integers(1, 40),
    known_days=st.integers(-5, 110),
)
def test_nothing_that_followed_later_is_in_the_rows(
    seed: int, days: int, lead: int, horizon: int, known_days: int
) -> None:
    draw = np.random.default_rng(seed)
    until_order = np.where(
        draw.random(days * EACH) < 0.2, np.inf, draw.integers(0, 120, days * EACH)
    )
    whole = training_set(until_order, lead=lead, horizon=horizon)
    every = [FIRST + timedelta(days=7 * number) for number in range(days)]
    known_until = FIRST + timedelta(days=known_days)
    rows = whole.rows(every, known_until=known_until)
    until = int(np.datetime64(known_until, "D").astype(np.int64))

    assert (rows.days + lead + rows.followed == until).all()
    assert (rows.followed > 0).all()
    seen = np.isfinite(rows.until_order)
    assert (rows.until_order[seen] < rows.followed[seen]).all()
    np.testing.assert_array_equal(np.isnan(rows.outcome), rows.followed < horizon)
    assert rows.volumes is not None
    assert (rows.volumes.days < until).all()
    for shorter in {1, max(1, horizon // 3), horizon}:
        asked = rows.within(shorter)
        assert len(asked) == (rows.followed >= shorter).sum()
        assert (asked.days + lead + shorter <= until).all()
        assert not np.isnan(asked.outcome).any()

    # Another future after that day gives the same rows.
    opened = whole.days.astype(np.int64) + lead
    unknown = opened + until_order >= until
    other = np.where(unknown, np.maximum(0, until - opened) + draw.integers(0, 9), until_order)
    again = training_set(other, lead=lead, horizon=horizon).rows(every, known_until=known_until)
    np.testing.assert_array_equal(again.until_order, rows.until_order)
    np.testing.assert_array_equal(again.values, rows.values)


def test_rows_that_ignore_what_is_known_would_be_caught() -> None:
    """The negative control: without the day, orders of the weeks after it are in the rows."""
    whole = training_set(np.full(EACH, 20.0), lead=0, horizon=28)
    known_until = FIRST + timedelta(days=14)
    assert np.isinf(whole.rows([FIRST], known_until=known_until).until_order).all()
    assert (whole.rows([FIRST]).until_order == 20).all()


@pytest.mark.parametrize(("recipe", "newest"), [("boosted", 28), ("boosted_third", 14)])
def test_days_known_in_part_teach_shorter_windows_only(
    recipe: str, newest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = test_ensemble.history(200)
    learnt: list[Rows] = []
    way = members.WAYS["boosted"]

    def spied(some: Rows, fold: Ints, **options: Any) -> members.FittedMember:
        learnt.append(some)
        return way(some, fold, **options)

    monkeypatch.setitem(members.WAYS, "boosted", spied)  # type: ignore[arg-type]
    chosen = tuple(one for one in ensemble.RECIPES if one.name == recipe)
    ensemble.fit(rows, seed=1, threads=1, recipes=chosen)
    (taught,) = learnt
    assert taught.followed.min() == newest >= taught.horizon_days
    assert not np.isnan(taught.outcome).any()
