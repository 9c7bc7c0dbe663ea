"""Any candidate can be registered in MLflow's page, and promoted: its files say what it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from retention_ml.errors import RegistryError, UnfitModel
from retention_ml.features.store import read
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.promotion.promote import promote
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training import ledger
from retention_ml.models.training.train import fit, prepare, select
from retention_ml.outcomes.trial.trials import trial_between
from tests.models.conftest import Trained
from tests.worlds.registered import Shelf, a_bundle

CANDIDATES = ("recency", "rfm_logistic", "lightgbm")
PAGES = ("models:/{model_id}", "runs:/{run_id}/model")
"""What MLflow's page registers: a logged model, or one of a run."""


def _fits(shop: Trained) -> dict[str, ledger.Fit]:
    return ledger.fits(shop.warehouse, str(shop.receipt.details["training_id"]))


def _models(shop: Trained, run_id: str) -> dict[str, Any]:
    """The models of a run by name."""
    client = Registry(shop.settings)._client
    outputs = client.get_run(run_id).outputs.model_outputs
    models = [client.get_logged_model(each.model_id) for each in outputs]
    assert len({model.name for model in models}) == len(models)
    return {model.name: model for model in models}


def register_by_hand(shop: Trained, run_id: str, source: str = PAGES[0]) -> str:
    """What the button `Register model` does; the version."""
    model_id = _models(shop, run_id)["model"].model_id
    source = source.format(model_id=model_id, run_id=run_id)
    return _create_version(Registry(shop.settings), source, run_id)


def _create_version(registry: Registry, source: str, run_id: str) -> str:
    mlflow.set_tracking_uri(registry.uri)
    return str(registry._client.create_model_version("churn", source, run_id=run_id).version)


def _promote(shop: Trained, version: str) -> dict[str, Any]:
    receipt = promote(
        shop.warehouse,
        settings=shop.settings,
        version=version,
        decided_by="ann",
        reason="simple",
    )
    return dict(receipt.details)


@pytest.fixture
def shop(trained: Trained, copied: Callable[[Trained], Trained]) -> Trained:
    """A trained shop that this test may change."""
    return copied(trained)


def test_every_candidate_s_run_holds_the_bundle_that_was_evaluated(trained: Trained) -> None:
    fits = _fits(trained)
    assert set(fits) == set(CANDIDATES)
    for name, each in fits.items():
        models = _models(trained, each.mlflow_run_id)
        is_best = name == trained.receipt.details["selected_model"]
        assert set(models) == ({"model", "final_model"} if is_best else {"model"})
        folder = Path(models["model"].artifact_location) / "artifacts" / "bundle"
        assert Bundle.load(folder, each.bundle_sha256).model_name == name
        run = Registry(trained.settings)._client.get_run(each.mlflow_run_id)
        # The best one's description is the card of the version that was registered from it.
        note = "# Churn model" if is_best else "`model` is what was evaluated"
        assert note in run.data.tags["mlflow.note.content"]


def test_a_candidate_fitted_again_is_the_same_run_with_one_model(shop: Trained) -> None:
    """As after a crash before the ledger was written."""
    before = _fits(shop)["rfm_logistic"]
    training_id = str(shop.receipt.details["training_id"])
    with shop.warehouse.transaction() as transaction:
        for table in ("evaluation_predictions", "evaluations", "fits"):
            transaction.execute(f"DELETE FROM models.{table} WHERE model_name = 'rfm_logistic'")
    fit(shop.warehouse, settings=shop.settings, training_id=training_id, candidate="rfm_logistic")
    again = _fits(shop)["rfm_logistic"]
    assert again.mlflow_run_id == before.mlflow_run_id
    assert "model" in _models(shop, again.mlflow_run_id)


@pytest.mark.parametrize("name", CANDIDATES)
@pytest.mark.parametrize("source", PAGES)
def test_every_candidate_can_be_registered_and_promoted(
    shop: Trained, name: str, source: str
) -> None:
    candidate = _fits(shop)[name]
    version = register_by_hand(shop, candidate.mlflow_run_id, source)
    assert _promote(shop, version)["changed"]
    served = load_served_model(Registry(shop.settings), shop.warehouse, "champion")
    assert served is not None
    assert (served.version, served.name) == (version, name)
    assert served.bundle.sha256 == candidate.bundle_sha256
    # Those of the evaluation, to the last digit: this very bundle was evaluated.
    rows = shop.warehouse.read(
        "SELECT as_of, customer_id, churn_probability FROM models.evaluation_predictions "
        f"WHERE model_name = '{name}' ORDER BY as_of, customer_id"
    )
    days = sorted(set(rows["as_of"].to_pylist()))
    features = read(shop.warehouse, days).sort_by(
        [("as_of", "ascending"), ("customer_id", "ascending")]
    )
    np.testing.assert_allclose(
        served.bundle.predict(features), rows["churn_probability"].to_numpy(), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("written", [0, 1, 4])
def test_tags_that_were_written_in_part_are_written_again(
    shop: Trained, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    candidate = _fits(shop)["lightgbm"]
    version = register_by_hand(shop, candidate.mlflow_run_id)
    client = mlflow.MlflowClient
    whole, calls = client.set_model_version_tag, iter(range(5))

    def break_off(*args: Any) -> None:
        if next(calls) == written:
            raise OSError("away")
        whole(*args)

    with monkeypatch.context() as patched:
        patched.setattr(client, "set_model_version_tag", break_off)
        with pytest.raises(RegistryError, match="away"):
            _promote(shop, version)
    _promote(shop, version)
    described = Registry(shop.settings).version(version)
    assert described is not None
    assert len(described.tags) == 5


def test_its_tags_and_its_evidence_follow_from_its_files(shop: Trained) -> None:
    candidate = _fits(shop)["lightgbm"]
    version = register_by_hand(shop, candidate.mlflow_run_id)
    registry = Registry(shop.settings)
    before = registry.version(version)
    assert before is not None
    assert before.tags == {}
    _promote(shop, version)
    after = registry.version(version)
    assert after is not None
    assert after.tags == {
        "bundle_sha256": candidate.bundle_sha256,
        "model_name": "lightgbm",
        "as_of": str(shop.as_of),
        "churn_definition": churn_definition(shop.settings).hash,
        "training_id": shop.receipt.details["training_id"],
    }
    row = shop.warehouse.read(
        "SELECT evidence -> 'offline' ->> 'model_name' AS name, training_id, "
        "(evidence -> 'offline' -> 'metrics' -> 'roc_auc' ->> 0)::float AS roc_auc, "
        "(SELECT value FROM models.evaluations WHERE metric = 'roc_auc' "
        "AND model_name = 'lightgbm') AS measured "
        f"FROM models.promotions WHERE model_version = '{version}'"
    ).to_pylist()[0]
    assert row["name"] == "lightgbm"
    assert row["training_id"] == shop.receipt.details["training_id"]
    assert row["roc_auc"] == row["measured"]


def test_an_alias_moved_to_it_is_followed(shop: Trained) -> None:
    version = register_by_hand(shop, _fits(shop)["recency"].mlflow_run_id)
    registry = Registry(shop.settings)
    registry.set_alias("champion", version)
    for _ in range(2):  # the second time it is what the ledger approved
        served = load_served_model(registry, shop.warehouse, "champion")
        assert served is not None
        assert served.version == version
    rows = shop.warehouse.read(
        f"SELECT verdict, reason FROM models.promotions WHERE model_version = '{version}'"
    ).to_pylist()
    assert [row["verdict"] for row in rows] == ["follow"]
    assert "It is the candidate recency of the training of" in rows[0]["reason"]


@pytest.mark.thorough
def test_a_training_does_not_take_it_for_its_own(shop: Trained) -> None:
    """Registered and promoted between the fits and the selection."""
    settings = shop.settings.model_copy(
        update={"training": shop.settings.training.model_copy(update={"seed": 5})}
    )
    prepared = prepare(shop.warehouse, settings=settings, as_of=shop.as_of)
    training_id = str(prepared.details["training_id"])
    for name in settings.training.candidates:
        fit(shop.warehouse, settings=settings, training_id=training_id, candidate=name)
    best = str(shop.receipt.details["selected_model"])
    candidate = ledger.fits(shop.warehouse, training_id)[best]
    version = register_by_hand(shop, candidate.mlflow_run_id)
    _promote(shop, version)
    details = select(
        shop.warehouse, settings=settings, training_id=training_id, trial_between=trial_between
    ).details
    assert details["model_version"] not in (None, version)
    registered = Registry(settings).version(str(details["model_version"]))
    assert registered is not None
    assert registered.tags["training_id"] == training_id
    assert registered.tags["bundle_sha256"] != candidate.bundle_sha256


# It must not serve


def test_one_that_may_not_serve_is_refused_and_gets_no_tags(shelf: Shelf) -> None:
    registry = shelf.registry
    shelf.promote("1")
    bundle = a_bundle(shelf.settings, 6, definition_hash="of another question")
    run_id = registry.log_candidate(
        training_id="t", model_name="logistic", params={}, metrics={}, texts={}, figures={},
        tags={},
    )  # fmt: skip
    model_id = registry.log_model(bundle, run_id=run_id, name="model", has_metrics=True)
    other = _create_version(registry, f"models:/{model_id}", run_id)
    nothing = _create_version(registry, f"runs:/{run_id}/nothing", run_id)
    for version, words in ((other, "trained for the churn definition"), (nothing, "no model")):
        with pytest.raises(UnfitModel, match=words):
            shelf.promote(version)
        described = registry.version(version)
        assert described is not None
        assert described.tags == {}
    assert shelf.served() == "1"


def test_files_changed_after_it_was_promoted_are_refused(shop: Trained) -> None:
    candidate = _fits(shop)["recency"]
    version = register_by_hand(shop, candidate.mlflow_run_id)
    _promote(shop, version)
    registry = Registry(shop.settings)
    registry.set_version_tags(version, {"bundle_sha256": "0" * 64})
    served = load_served_model(registry, shop.warehouse, "champion")
    assert served is not None
    assert served.version == "1"
