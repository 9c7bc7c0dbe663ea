"""Registered versions without a training: small bundles, features to try them on, an empty ledger."""

import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.apply import load_served_model, sync_aliases
from retention_ml.models.promotion.decisions import write_decision
from retention_ml.models.promotion.promote import promote
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ModelVersion
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FitContext
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.samples import rows
from tests.worlds.scores import World

AS_OF = date(2025, 3, 1)
OLD_POLICY = {"medium": 0.2, "high": 0.4, "critical": 0.7, "hysteresis": 0.01}


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A warehouse with features and an empty ledger, and a registry with versions 1, 2 and 3."""

    warehouse: Warehouse
    settings: Settings

    @property
    def registry(self) -> Registry:
        return Registry(self.settings)

    @property
    def down(self) -> Settings:
        """The settings with a registry that does not answer."""
        return self.settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})

    def promote(self, version: str, **more: Any) -> Mapping[str, Any]:
        options = {"settings": self.settings, "decided_by": "ann", "reason": "because", **more}
        receipt = promote(self.warehouse, version=version, **options)
        return {"sentence": receipt.sentence, **receipt.details}

    def alias(self, name: str = "champion") -> str | None:
        return self.registry.aliases().get(name)

    def served(self, alias: str = "champion", settings: Settings | None = None) -> str | None:
        model = load_served_model(Registry(settings or self.settings), self.warehouse, alias)
        return model.version if model else None

    def ledger(self, alias: str = "champion") -> list[tuple[str, str]]:
        """Version and verdict of every decision, oldest first."""
        rows = self.rows(
            "SELECT alias, model_version, verdict FROM models.promotions ORDER BY promotion_id"
        )
        return [(row["model_version"], row["verdict"]) for row in rows if row["alias"] == alias]

    def open_decisions(self) -> int:
        return len(
            self.rows(
                "SELECT 1 AS one FROM models.promotions LEFT JOIN models.alias_moves USING "
                "(promotion_id) WHERE moved_at IS NULL AND verdict IN "
                "('promote', 'follow', 'rollback', 'retire')"
            )
        )

    def rows(self, sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.warehouse.read(sql).to_pylist()
        return rows

    def at_once(self, *calls: Callable[[], Any]) -> list[Any]:
        """What the calls return, made by as many threads at the same moment."""
        gate = threading.Barrier(len(calls))

        def call(one: Callable[[], Any]) -> Any:
            gate.wait()
            return one()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(call, calls))

    def make_challenger(self, version: str) -> None:
        """Make a version challenger."""
        sha256 = {each.version: each for each in self.registry.versions()}[version].tags[
            "bundle_sha256"
        ]
        with self.warehouse.transaction() as transaction:
            write_decision(
                transaction,
                settings=self.settings,
                alias="challenger",
                model_name="logistic",
                version=version,
                bundle_sha256=sha256,
                verdict="promote",
                decided_by="gate",
                reason="it may stand",
                evidence={},
                training_id=None,
            )
        sync_aliases(self.registry, self.warehouse)

    def register(self, bundle: Bundle, **tags: str) -> ModelVersion:
        return register(self.settings, bundle, **tags)


def a_bundle(settings: Settings, seed: int, **more: Any) -> Bundle:
    """A small logistic regression for the churn definition of the settings."""
    definition = churn_definition(settings)
    meaning = {"definition_hash": definition.hash, "as_of": str(AS_OF), **more}
    fitted = candidate("logistic").fit(rows(600, seed=seed), FitContext(seed=seed, threads=1))
    return fitted.to_bundle("logistic", **meaning)


def register(settings: Settings, bundle: Bundle, **tags: str) -> ModelVersion:
    """Register a bundle as the next version; only its maker has it in the cache."""
    registry = Registry(settings)
    run = registry.log_candidate(
        training_id=f"t{bundle.sha256[:8]}",
        model_name=bundle.model_name,
        params={},
        metrics={},
        texts={},
        figures={},
        tags={},
    )
    described = {
        "as_of": str(AS_OF),
        "model_name": bundle.model_name,
        "bundle_sha256": bundle.sha256,
        **tags,
    }
    return registry.register(bundle, run_id=run, tags=described, description="a model")


def stock(settings: Settings) -> None:
    """Register versions 1, 2 and 3 and keep them in the cache, as trainings do."""
    for seed in (1, 2, 3):
        bundle = a_bundle(settings, seed)
        register(settings, bundle)
        bundle.write(Registry(settings).folder / bundle.sha256)


def shelf_of(stocked: Settings, warehouse: Warehouse, home: Path) -> Shelf:
    """A copy of a stocked registry, with features to try models on."""
    shutil.copytree(stocked.home, home)
    settings = stocked.model_copy(update={"home": home})
    draw = np.random.default_rng(5)
    World(warehouse, settings).features(
        AS_OF,
        80,
        orders_count_365d=draw.integers(1, 9, 80).astype(float).tolist(),
        tenure_days=draw.integers(90, 700, 80).astype(float).tolist(),
    )
    return Shelf(warehouse=warehouse, settings=settings)
