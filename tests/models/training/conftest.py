"""A shop with an older champion, and trainings of today that nobody has selected from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from retention_ml.models.promotion.apply import sync_aliases
from retention_ml.models.promotion.decisions import write_decision
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fit_candidate import bundle_of, training_sample
from retention_ml.models.training.fitting import FitContext
from retention_ml.models.training.preparation import load_prepared
from retention_ml.models.training.train import fit, prepare
from retention_ml.settings import Settings
from tests.models.conftest import Trained, copy_of_shop

AGE_DAYS = 60


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A shop whose champion is version 2, made `AGE_DAYS` ago; two trainings are fitted."""

    shop: Trained
    first: tuple[Settings, str]
    second: tuple[Settings, str]


@pytest.fixture(scope="module")
def fitted(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fitted]:
    with copy_of_shop(trained, tmp_path_factory.mktemp("fitted") / "home") as shop:
        settings = changed_settings(
            shop.settings, "training", candidates=("recency", "rfm_logistic")
        )
        trainings = []
        for seed in (5, 6):
            seeded = changed_settings(settings, "training", seed=seed)
            prepared = prepare(shop.warehouse, settings=seeded, as_of=shop.as_of).details
            for name in seeded.training.candidates:
                fit(
                    shop.warehouse,
                    settings=seeded,
                    training_id=str(prepared["training_id"]),
                    candidate=name,
                )
            trainings.append((seeded, str(prepared["training_id"])))
        _give_older_champion(shop, *trainings[0])
        yield Fitted(shop=shop, first=trainings[0], second=trainings[1])


@pytest.fixture
def world(fitted: Fitted, copied: Callable[[Trained], Trained]) -> Fitted:
    """A copy that a test may change."""
    shop = copied(fitted.shop)
    home = {"home": shop.settings.home}
    return Fitted(
        shop=shop,
        first=(fitted.first[0].model_copy(update=home), fitted.first[1]),
        second=(fitted.second[0].model_copy(update=home), fitted.second[1]),
    )


def changed_settings(settings: Settings, section: str, **values: Any) -> Settings:
    changed = getattr(settings, section).model_copy(update=values)
    return settings.model_copy(update={section: changed})


def _give_older_champion(shop: Trained, settings: Settings, training_id: str) -> None:
    """A champion as of `AGE_DAYS` ago that knows recency only."""
    training = ledger.training(shop.warehouse, training_id)
    training_set = load_prepared(shop.warehouse, settings, training)
    sample = training_sample(settings, training, training_set)
    model = candidate("recency").fit(sample, FitContext(seed=1, threads=1))
    older = replace(training, as_of=shop.as_of - timedelta(days=AGE_DAYS))
    bundle = bundle_of(settings, older, "recency", model, training.plan.training, sample)
    registry = Registry(settings)
    run_id = shop.warehouse.read("SELECT mlflow_run_id FROM models.fits")["mlflow_run_id"][0]
    version = registry.register(
        bundle,
        run_id=run_id.as_py(),
        tags={"bundle_sha256": bundle.sha256},
        description="older",
    )
    with shop.warehouse.transaction() as transaction:
        write_decision(
            transaction,
            settings=shop.settings,
            alias="champion",
            model_name=bundle.model_name,
            version=version.version,
            bundle_sha256=bundle.sha256,
            verdict="promote",
            decided_by="test",
            reason="older",
            evidence={},
            training_id=None,
        )
    sync_aliases(registry, shop.warehouse)
