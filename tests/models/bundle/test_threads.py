"""Every model predicts with the threads that it is granted, however it came into memory."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.labels.definition import churn_definition
from retention_ml.models.backtest.contenders import Recipe
from retention_ml.models.backtest.worker import Task, Worker
from retention_ml.models.bundle.bundle import _KINDS, Bundle
from retention_ml.models.bundle.starter import shipped
from retention_ml.models.predictors.blend import Blend, Member
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.predictors.trees import load_lightgbm
from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.models.training.train import fit, prepare
from retention_ml.scores import served
from retention_ml.settings import Settings
from tests.models.conftest import Trained
from tests.worlds import samples
from tests.worlds.registered import AS_OF, Shelf

ROWS = samples.rows(900)
CUSTOMERS = pa.table(
    {name: np.arange(5.0) for name in {*samples.FEATURES, *shipped.shipped().features}}
)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The numbers of threads that LightGBM is asked to predict with."""
    booster, numbers = load_lightgbm().Booster, set[int]()
    predict = booster.predict

    def spy(*arguments: object, **options: int) -> object:
        numbers.add(options["num_threads"])
        return predict(*arguments, **options)

    monkeypatch.setattr(booster, "predict", spy)
    return numbers


@pytest.fixture(scope="module")
def boosted() -> FittedModel:
    return candidate("lightgbm").fit(ROWS, FitContext(seed=1, threads=2))


def _granted(settings: Settings, threads: int) -> Settings:
    compute = settings.compute.model_copy(update={"threads": threads})
    return settings.model_copy(update={"compute": compute})


def _with_trees(boosted: FittedModel) -> dict[str, tuple[Predictor, tuple[str, ...]]]:
    """A predictor of every kind that holds trees, and its features."""
    member = Member(
        name="boosted", predictor=boosted.predictor, features=boosted.features, weight=1.0
    )
    starter = shipped.shipped()
    return {
        "trees": (boosted.predictor, boosted.features),
        "blend": (Blend(members=(member,), features=boosted.features, intercept=0.0), boosted.features),
        "paced": (starter.predictor, starter.features),
    }  # fmt: skip


@pytest.mark.parametrize("kind", sorted(set(_KINDS) - {"curve", "linear", "btyd", "seasonal"}))
def test_a_bundle_predicts_and_explains_with_the_threads_it_was_loaded_with(
    kind: str, boosted: FittedModel, used: set[int], tmp_path: Path
) -> None:
    predictor, features = _with_trees(boosted)[kind]
    made = Bundle.of(
        predictor, model_name="m", features=features, slope=1.0, intercept=0.0, threads=4
    )
    made.predict(CUSTOMERS)
    assert used == {4}
    folder = made.write(tmp_path / "bundle")
    for options, threads in (({}, 1), ({"threads": 3}, 3)):
        used.clear()
        loaded = Bundle.load(folder, **options)
        np.testing.assert_array_equal(loaded.predict(CUSTOMERS), made.predict(CUSTOMERS))
        loaded.contributions(CUSTOMERS)
        assert used == {4, threads}  # the one that was made is asked too


def test_whatever_scores_obeys_the_settings(
    shelf: Shelf, boosted: FittedModel, used: set[int]
) -> None:
    """Checked, from the cache, from the registry, and the starter."""
    settings = _granted(shelf.settings, 3)
    bundle = boosted.to_bundle(
        "lightgbm", definition_hash=churn_definition(settings).hash, as_of=str(AS_OF)
    )
    version = shelf.register(bundle).version
    shelf.promote(version, settings=settings)
    registry = Registry(settings)
    for _ in ("from the cache", "from the registry"):
        model = load_served_model(registry, shelf.warehouse, "champion")
        assert model is not None
        assert model.version == version
        model.bundle.predict(CUSTOMERS)
        shutil.rmtree(registry.folder)
    served.starter(settings).bundle.predict(CUSTOMERS)
    assert used == {3}


@pytest.mark.thorough
def test_what_is_trained_obeys_the_settings(
    trained: Trained, copied: Callable[[Trained], Trained], used: set[int]
) -> None:
    shop = copied(trained)
    training = shop.settings.training.model_copy(update={"seed": 5})
    settings = _granted(shop.settings.model_copy(update={"training": training}), 3)
    prepared = prepare(shop.warehouse, settings=settings, as_of=shop.as_of).details
    fit(
        shop.warehouse,
        settings=settings,
        training_id=str(prepared["training_id"]),
        candidate="lightgbm",
    )
    assert used == {3}


def test_a_worker_of_a_backtest_has_the_one_thread_of_its_process(
    trained: Trained, copied: Callable[[Trained], Trained], used: set[int]
) -> None:
    shop = copied(trained)
    worker = Worker(shop.warehouse, _granted(shop.settings, 3), threads=1)
    worker.run(Task(as_of=shop.as_of, recipe=Recipe(candidate="lightgbm_default", days="newest")))
    assert used == {1}
