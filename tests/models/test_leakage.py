"""Nothing of the future reaches a model: no row, no outcome, no column, and no accident of order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

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
from retention_ml.models import ledger
from retention_ml.models.arrays import Floats, Ints
from retention_ml.models.backtest.run import Files, backtest
from retention_ml.models.candidates import candidate, ensemble
from retention_ml.models.definition import ChurnDefinition, churn_definition
from retention_ml.models.following import fault_of
from retention_ml.models.material import Material, days_of, material
from retention_ml.models.maturity import labels_of
from retention_ml.models.metrics import Predictions, evaluate
from retention_ml.models.preparation import prepared
from retention_ml.models.registry import ModelVersion, Registry
from retention_ml.models.rows import Rows, folds
from retention_ml.models.season import Volumes
from retention_ml.models.training_set import TrainingSet, assemble
from retention_ml.models.trial import learnt_of
from retention_ml.settings import Settings, load
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests import shops

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


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where shops are written."""

    postgres: EmbeddedPostgres
    template: str

    @contextmanager
    def empty(self) -> Iterator[Warehouse]:
        """A migrated warehouse."""
        name = f"leakage_{uuid4().hex[:12]}"
        admin = Warehouse(self.postgres.url())
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {self.template}")
            warehouse = Warehouse(self.postgres.url(name))
            yield warehouse
            warehouse.close()
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.close()


@pytest.fixture(scope="module")
def server(postgres: EmbeddedPostgres, template_database: str) -> Server:
    return Server(postgres=postgres, template=template_database)


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Orders, lines, events and products of a random shop to two months after the day."""
    found: Tables = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shops, "fill", lambda _, name, rows: found.update({name: _arrow(rows)}))
        shops.random_shop(None, customers=450, days=330, seed=8)  # type: ignore[arg-type]
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
    who = [f"c{number:05d}" for number in draw.integers(0, 450, count)]
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
    """What a shop's model learnt from and said."""

    learnt: Material
    bundle_sha256: str
    probability: dict[str, float]


def said(warehouse: Warehouse, settings: Settings) -> Said:
    """The ensemble of the day, with members that are quick, on the customers of the day."""
    learnt = known(warehouse, settings)
    model = ensemble.fit(learnt.rows, seed=1, threads=1, recipes=CHEAP)
    bundle = model.to_bundle("ensemble", data_digest=learnt.digest)
    today = read(warehouse, [AS_OF])
    probability = bundle.predict(today)
    names = today["customer_id"].to_pylist()
    return Said(
        learnt=learnt,
        bundle_sha256=bundle.sha256,
        probability=dict(zip(names, probability.tolist(), strict=True)),
    )


def judged(warehouse: Warehouse, settings: Settings, folder: Path) -> pa.Table:
    """The predictions of a backtest of the day, with what followed."""
    where = Files(report=folder / "R.json", predictions=folder / "P.parquet")
    home = settings.model_copy(update={"home": folder})
    backtest(
        warehouse,
        settings=home,
        days=[AS_OF],
        files=where,
        models=("recency", "mbg_nbd", "rfm_logistic"),
        workers=1,
    )
    return pq.read_table(where.predictions)


# The shop as it is, and as it would be without its future


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The whole shop, its future, late rows and corrections included: look, do not touch."""

    warehouse: Warehouse
    said: Said
    training_id: str


@pytest.fixture(scope="module")
def shop(server: Server, settings: Settings, tables: Tables) -> Iterator[Shop]:
    with server.empty() as warehouse:
        write(warehouse, tables)
        write(warehouse, late(split(tables)[0]), available_at=MIDNIGHT + MOMENT)
        found = said(warehouse, settings)
        receipt, _ = prepared(warehouse, settings, AS_OF)
        yield Shop(
            warehouse=warehouse, said=found, training_id=str(receipt.details["training_id"])
        )


def test_without_its_future_a_shop_gets_the_same_model_to_the_last_bit(
    shop: Shop, server: Server, settings: Settings, tables: Tables
) -> None:
    before, after = split(tables)
    assert min(rows.num_rows for rows in after.values()) > 100
    with server.empty() as warehouse:
        write(warehouse, before)
        assert said(warehouse, settings) == replace(
            shop.said, learnt=pytest.approx(shop.said.learnt)
        ) or _same(said(warehouse, settings), shop.said)
        receipt, _ = prepared(warehouse, settings, AS_OF)
        assert receipt.details["training_id"] == shop.training_id
