"""A scored world for tests: features written straight in, and a model whose predictions are plain."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.errors import RegistryError
from retention_ml.features import build, catalogue, store
from retention_ml.features.definition import definition_sha256
from retention_ml.models.registry.model_version import ServedModel
from retention_ml.receipts import Receipt
from retention_ml.scores import publish as publish_module
from retention_ml.scores import served as served_module
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import sigmoid
from retention_ml.warehouse import Warehouse

DAY = date(2025, 3, 1)
WEIGHTS = {"recency_days": 0.06, "orders_count_90d": -0.5, "recency_over_gap_mean_ratio": 0.3}


@dataclass(frozen=True)
class PlainBundle:
    """Log-odds = bias + weights x features: the shape of a bundle, without its files."""

    model_name = "plain"
    weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    bias: float = -1.5
    manifest: Mapping[str, Any] = field(default_factory=lambda: {"definition_hash": "d" * 16})

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(self.weights)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(repr((self.weights, self.bias)).encode()).hexdigest()

    def contributions(self, table: pa.Table) -> tuple[np.ndarray, float]:
        columns = [
            np.nan_to_num(table[name].cast(pa.float64()).to_numpy()) * weight
            for name, weight in self.weights.items()
        ]
        return np.column_stack(columns), self.bias

    def predict(self, table: pa.Table) -> np.ndarray:
        added, base = self.contributions(table)
        return sigmoid(added.sum(axis=1) + base)


_BUNDLE_THAT_SCORED = served_module.bundle_that_scored


def digest_of(rows: pa.Table) -> str:
    """The digest that a build would record of a day's rows, other features missing."""
    for name in set(catalogue.FEATURE_NAMES) - set(rows.column_names):
        rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.float64()))
    return store.digest(rows)


def served_model(bundle: Any, version: str = "1") -> ServedModel:
    return ServedModel(version=version, bundle=bundle)


@dataclass
class World:
    """One shop's scoring: features by day, champion, challenger."""

    warehouse: Warehouse
    settings: Settings
    models: dict[str, ServedModel | None] = field(default_factory=dict)
    bundles: dict[str, Any] = field(default_factory=dict)  # all there ever were, by digest

    def install(self) -> "World":
        """Serve `models` instead of asking a registry; take features as they were written; leave
        Great Expectations aside. A test undoes it by monkeypatch.
        """
        served_module.served = lambda warehouse, settings, alias: self.models.get(alias)
        served_module.bundle_that_scored = self.bundle_that_scored
        publish_module._check_expectations = lambda warehouse, settings, manifest: None
        build.ensure_rows = lambda warehouse, *, settings, as_of: store.read_day(warehouse, as_of)
        return self

    def bundle_that_scored(self, settings: Settings, *, arm: str, version: str, sha256: str) -> Any:
        if arm == "starter":
            return _BUNDLE_THAT_SCORED(settings, arm=arm, version=version, sha256=sha256)
        if sha256 not in self.bundles:
            raise RegistryError(f"There is no version {version}.")
        return self.bundles[sha256]

    def champion(self, bundle: Any = None, version: str = "1", verdict: str = "promote") -> Any:
        """Make a bundle champion, with its row in the ledger."""
        return self._approve("champion", bundle or PlainBundle(), version, verdict)

    def challenger(self, bundle: Any = None, version: str = "2") -> Any:
        """Make a bundle challenger, with its row in the ledger."""
        return self._approve("challenger", bundle or PlainBundle(bias=0.5), version)

    def _approve(self, alias: str, bundle: Any, version: str, verdict: str = "promote") -> Any:
        self.models[alias] = served_model(bundle, version)
        self.bundles[bundle.sha256] = bundle
        with self.warehouse.transaction() as transaction:
            transaction.execute(
                "INSERT INTO models.promotions (alias, model_name, model_version, bundle_sha256, "
                "verdict, decided_by, reason, evidence, decided_at) VALUES (:alias, 'plain', "
                ":version, :sha, :verdict, 'test', 'test', '{}', :at)",
                verdict=verdict,
                alias=alias,
                version=version,
                sha=bundle.sha256,
                at=datetime(2025, 1, 1, tzinfo=UTC),
            )
        return bundle

    def features(
        self,
        day: date = DAY,
        customers: int = 60,
        seed: int = 1,
        *,
        first: int = 0,
        newest_input_at: datetime | None = None,
        **columns: Sequence[float | None],
    ) -> str:
        """Write the features of a day, replacing what is there; their digest."""
        draw = np.random.default_rng(seed)
        table = {
            "as_of": pa.array([day] * customers, pa.date32()),
            "customer_id": [f"c{i:05d}" for i in range(first, first + customers)],
        }
        recency = draw.integers(1, 90, customers).astype(float)
        table |= {
            "recency_days": recency,
            "purchase_days_count": np.full(customers, 8.0),
            "orders_count_90d": draw.integers(1, 6, customers).astype(float),
            "orders_count_30d": draw.integers(0, 2, customers).astype(float),
            "revenue_cents_90d": draw.integers(500, 50_000, customers).astype(float),
            "gap_median_days": draw.integers(5, 60, customers).astype(float),
            "recency_over_gap_mean_ratio": recency / 20,
        }
        table |= {name: pa.array(values, pa.float64()) for name, values in columns.items()}
        rows = pa.table(table)
        digest = digest_of(rows)
        add = ", ".join(
            f"ADD COLUMN IF NOT EXISTS {name} double precision" for name in catalogue.FEATURE_NAMES
        )
        with self.warehouse.transaction() as transaction:
            transaction.execute(f"ALTER TABLE features.customer_daily {add}")
            transaction.execute("DELETE FROM features.customer_daily WHERE as_of = :day", day=day)
            transaction.copy("features.customer_daily", rows)
            transaction.execute(
                "INSERT INTO features.builds (as_of, features_digest, catalogue_sha256, "
                "customers_count, newest_input_at, newest_rollup_id, engine, built_at) VALUES (:day, "
                ":digest, :catalogue, :n, :newest, 0, 'test', :at)",
                day=day,
                digest=digest,
                catalogue=definition_sha256(self.settings),
                n=customers,
                newest=newest_input_at
                or datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=5),
                at=datetime(2025, 1, 1, tzinfo=UTC),
            )
        return digest

    def set(self, section: str, **values: Any) -> None:
        """Change settings of a section."""
        changed = getattr(self.settings, section).model_copy(update=values)
        self.settings = self.settings.model_copy(update={section: changed})

    def score(self, day: date = DAY) -> Receipt:
        return score(self.warehouse, settings=self.settings, as_of=day)

    def publish(self, snapshot_id: int) -> Receipt:
        return publish(self.warehouse, settings=self.settings, snapshot_id=snapshot_id)

    def score_and_publish(self, day: date = DAY) -> int:
        snapshot_id = int(self.score(day).details["snapshot_id"])
        self.publish(snapshot_id)
        return snapshot_id

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.warehouse.read(sql).to_pylist()


def make_world(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """Features of `DAY` and a champion, nothing scored yet."""
    monkeypatch.setattr(served_module, "served", served_module.served)
    monkeypatch.setattr(served_module, "bundle_that_scored", served_module.bundle_that_scored)
    monkeypatch.setattr(publish_module, "_check_expectations", publish_module._check_expectations)
    monkeypatch.setattr(build, "ensure_rows", build.ensure_rows)
    world = World(warehouse, settings).install()
    world.features()
    world.champion()
    return world
