"""The doors of training, end to end on small shops."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from retention_ml.errors import AccountingError, NotReady, UsageError
from retention_ml.features.store import read
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.provenance import login_name
from retention_ml.models.training import selection
from retention_ml.models.training.data import training_data
from retention_ml.models.training.data.training_set import TrainingSet, assemble
from retention_ml.models.training.train import fit, prepare, select, train
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.models.conftest import Trained
from tests.worlds.features import record_as_stored
from tests.worlds.shops import random_shop


def test_a_first_training_with_evidence_makes_a_champion_and_leaves_the_slot_free(
    trained: Trained,
) -> None:
    details = trained.receipt.details
    assert details["verdict"] == "promote"
    assert details["selected_model"] in ("rfm_logistic", "lightgbm")
    registry = Registry(trained.settings)
    version = registry.version_at("champion")
    assert version is not None
    assert version.version == details["model_version"] == "1"
    assert registry.version_at("challenger") is None
    assert set(version.tags) >= {
        "as_of", "data_digest", "bundle_sha256", "git_sha", "churn_definition", "training_id",
        "gate_reason",
    }  # fmt: skip
    assert version.tags["churn_definition"] == churn_definition(trained.settings).hash
    assert version.tags["gate_verdict"] == "promote"
    rows = trained.warehouse.read(
        "SELECT alias, verdict, bundle_sha256, reason FROM models.promotions ORDER BY promotion_id"
    ).to_pylist()
    assert [(row["alias"], row["verdict"]) for row in rows] == [("champion", "promote")]
    assert {row["bundle_sha256"] for row in rows} == {version.tags["bundle_sha256"]}
    assert "95 % interval" in rows[0]["reason"]
    moved = trained.warehouse.read("SELECT count(*) AS n FROM models.alias_moves")
    assert moved["n"].to_pylist() == [1]


def test_every_candidate_has_metrics_with_intervals(trained: Trained) -> None:
    rows = trained.warehouse.read(
        "SELECT model_name, metric, value, lower, upper FROM models.evaluations"
    ).to_pylist()
    assert {row["model_name"] for row in rows} == {"recency", "rfm_logistic", "lightgbm"}
    absolute = [row for row in rows if "_minus_" not in row["metric"]]
    assert {row["metric"] for row in absolute} == {
        "roc_auc", "pr_auc", "pr_auc_retained", "log_loss", "brier", "ece", "lift_at_10",
        "recall_at_10", "lift_at_10_of_best",
    }  # fmt: skip
    within = [
        row["lower"] <= row["value"] <= row["upper"] for row in absolute if row["metric"] != "ece"
    ]
    assert all(within)
    better = [row for row in rows if row["metric"] == "roc_auc_minus_recency"]
    assert {row["model_name"] for row in better} == {"rfm_logistic", "lightgbm"}


def test_the_registry_holds_runs_with_metrics_plots_and_card(trained: Trained) -> None:
    runs = trained.warehouse.read("SELECT model_name, mlflow_run_id FROM models.fits").to_pylist()
    client = Registry(trained.settings)._client
    for run in runs:
        logged = client.get_run(run["mlflow_run_id"])
        assert logged.info.status == "FINISHED"
        # A chart per metric; the ends of its interval are no metrics.
        assert set(logged.data.metrics) == {
            "roc_auc", "pr_auc", "pr_auc_retained", "log_loss", "brier", "ece", "lift_at_10",
            "recall_at_10", "lift_at_10_of_best",
        }  # fmt: skip
        assert {file.path for file in client.list_artifacts(run["mlflow_run_id"], "plots")} == {
            "plots/roc.png", "plots/precision_recall.png", "plots/calibration.png",
            "plots/lift.png", "plots/shap_summary.png", "plots/segments.png",
            "plots/intervals.png",
        }  # fmt: skip
        assert "# Churn model" in logged.data.tags["mlflow.note.content"]
        assert logged.data.tags["mlflow.source.name"] == "retention train"
        assert logged.data.tags["mlflow.user"] == login_name()
    version = client.get_model_version("churn", "1")
    assert version.description.startswith("# Churn model")
    assert "## Limits" in version.description


def test_the_table_of_intervals_is_what_the_ledger_has(trained: Trained) -> None:
    rows = trained.warehouse.read(
        "SELECT metric, value, lower, upper, mlflow_run_id FROM models.evaluations "
        "WHERE model_name = 'lightgbm' AND metric NOT LIKE '%_minus_%'"
    ).to_pylist()
    client = Registry(trained.settings)._client
    text = Path(client.download_artifacts(rows[0]["mlflow_run_id"], "intervals.csv")).read_text()
    intervals = {row["metric"]: row for row in csv.DictReader(text.splitlines())}
    assert {row["metric"] for row in rows} == set(intervals)
    for row in rows:
        for name in ("value", "lower", "upper"):
            assert float(intervals[row["metric"]][name]) == pytest.approx(row[name], rel=1e-5)


def test_runs_name_the_data_that_they_used(trained: Trained) -> None:
    [row] = trained.warehouse.read(
        "SELECT data_digest, cutoffs, mlflow_run_id FROM models.trainings "
        "JOIN models.fits USING (training_id) WHERE model_name = 'lightgbm'"
    ).to_pylist()
    inputs = Registry(trained.settings)._client.get_run(row["mlflow_run_id"]).inputs
    datasets = {each.tags[0].value: each.dataset for each in inputs.dataset_inputs}
    assert {each.name for each in datasets.values()} == {
        "customer_daily.training", "customer_daily.evaluation"
    }  # fmt: skip
    for each in datasets.values():
        assert each.digest == row["data_digest"][:36]
    source = json.loads(datasets["training"].source)["tags"]
    assert source["table"] == "features.customer_daily"
    assert source["days"] == ", ".join(map(str, row["cutoffs"]))
    assert json.loads(datasets["training"].profile)["rows"] > 0
    import mlflow.data

    loaded = mlflow.data.get_source(inputs.dataset_inputs[0])
    assert loaded.to_dict()["tags"]["table"] == "features.customer_daily"


def test_a_training_has_a_run_above_its_candidates_with_a_page(trained: Trained) -> None:
    client = Registry(trained.settings)._client
    training_id = trained.receipt.details["training_id"]
    experiment = [Registry(trained.settings)._experiment]
    [parent] = client.search_runs(experiment, "tags.run_kind = 'training'")
    fits = trained.warehouse.read("SELECT model_name, mlflow_run_id FROM models.fits").to_pylist()
    for each in fits:
        tags = client.get_run(each["mlflow_run_id"]).data.tags
        assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert parent.data.tags["training_id"] == training_id
    assert parent.data.tags["gate_verdict"] == "promote"
    assert parent.data.tags["mlflow.note.content"].startswith("# Training as of ")
    page = Path(client.download_artifacts(parent.info.run_id, "comparison.html")).read_text()
    for words in (
        training_id,
        trained.receipt.details["selected_model"],
        *[each["model_name"] for each in fits],
    ):
        assert words in page
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page.replace("http://www.w3.org", "")


def test_what_mlflow_lost_of_a_training_is_shown_by_selecting_again(
    trained: Trained, copied: Callable[[Trained], Trained]
) -> None:
    shop = copied(trained)
    registry = Registry(shop.settings)
    search = ([registry._experiment], "tags.run_kind = 'training'")
    [before] = registry._client.search_runs(*search)
    registry._client.delete_run(before.info.run_id)
    receipt = select(
        shop.warehouse,
        settings=shop.settings,
        training_id=str(shop.receipt.details["training_id"]),
        trial_between=trial_between,
    )
    assert receipt.details == shop.receipt.details
    [after] = registry._client.search_runs(*search)
    assert after.data.tags["mlflow.note.content"] == before.data.tags["mlflow.note.content"]
    files = {file.path for file in registry._client.list_artifacts(after.info.run_id)}
    assert files == {"comparison.html", "intervals.csv"}


def test_training_again_changes_nothing(trained: Trained) -> None:
    again = train(
        trained.warehouse,
        settings=trained.settings,
        as_of=trained.as_of,
        trial_between=trial_between,
    )
    assert again.details == trained.receipt.details
    assert len(Registry(trained.settings).versions()) == 1


@pytest.mark.fault("the same training elsewhere", promises="P7", row=34)
@pytest.mark.slow
@pytest.mark.thorough
def test_the_same_training_elsewhere_gives_the_same_digest(
    trained: Trained, warehouse: Warehouse, small: Settings
) -> None:
    random_shop(warehouse, customers=900, days=400, seed=11)
    prepared = prepare(warehouse, settings=small, as_of=trained.as_of)
    assert prepared.details["training_id"] == trained.receipt.details["training_id"]
    for name in prepared.details["candidates"]:
        fit(warehouse, settings=small, training_id=prepared.details["training_id"], candidate=name)
    receipt = select(
        warehouse,
        settings=small,
        training_id=prepared.details["training_id"],
        trial_between=trial_between,
    )
    assert receipt.details["bundle_sha256"] == trained.receipt.details["bundle_sha256"]
    assert receipt.details["reason"] == trained.receipt.details["reason"]


def test_mlflow_serves_exactly_what_the_bundle_predicts(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    served = load_served_model(Registry(trained.settings), trained.warehouse, "champion")
    assert served is not None
    with Registry(trained.settings)._request():
        import mlflow

        mlflow.set_tracking_uri(Registry(trained.settings).uri)
        model = mlflow.pyfunc.load_model("models:/churn@champion")
        day = trained.warehouse.read("SELECT max(as_of) AS d FROM features.builds")["d"][0].as_py()
        features = read(trained.warehouse, [day])
        frame: pd.DataFrame = features.to_pandas()
        served_prediction = model.predict(frame)
    np.testing.assert_allclose(
        served_prediction, served.bundle.predict(features), rtol=0, atol=1e-12
    )


def test_nothing_in_the_registry_is_a_pickle(trained: Trained) -> None:
    files = list((trained.settings.home / "mlflow" / "artifacts").rglob("*"))
    assert any(path.name == "manifest.json" for path in files)
    assert not [path for path in files if path.suffix in {".pkl", ".pickle", ".joblib", ".skops"}]


def test_the_served_bundle_says_what_it_stands_for(trained: Trained) -> None:
    served = load_served_model(Registry(trained.settings), trained.warehouse, "champion")
    assert served is not None
    manifest = served.bundle.manifest
    assert manifest["as_of"] == str(trained.as_of)
    assert manifest["definition_hash"] == churn_definition(trained.settings).hash
    assert manifest["training_id"] == trained.receipt.details["training_id"]
    assert served.bundle.sha256 == trained.receipt.details["bundle_sha256"]


@pytest.mark.thorough
def test_a_candidate_that_no_day_can_compare_with_the_champion_becomes_challenger(
    copied: Callable[[Trained], Trained], trained: Trained
) -> None:
    shop = copied(trained)
    earlier = shop.as_of - timedelta(days=1)
    receipt = train(
        shop.warehouse, settings=shop.settings, as_of=earlier, trial_between=trial_between
    )
    assert receipt.details["verdict"] == "inconclusive"
    assert "cannot be compared yet" in receipt.details["reason"]
    registry = Registry(shop.settings)
    champion, challenger = registry.version_at("champion"), registry.version_at("challenger")
    assert champion is not None
    assert challenger is not None
    assert (champion.version, challenger.version) == ("1", "2")


@pytest.mark.fault("labels shuffled among customers", promises="P6", row=30)
@pytest.mark.thorough
def test_labels_shuffled_among_customers_promote_nobody(
    warehouse: Warehouse, small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = random_shop(warehouse, customers=700, days=400, seed=3)
    assemble_unshuffled = assemble

    def shuffle(*tables: pa.Table, **meaning: Any) -> TrainingSet:
        training_set = assemble_unshuffled(*tables, **meaning)
        draw = np.random.default_rng(8)
        shuffled = draw.permutation(training_set.time_to_next_order)
        return replace(training_set, time_to_next_order=shuffled)

    monkeypatch.setattr(training_data, "assemble", shuffle)
    receipt = train(warehouse, settings=small, as_of=shop.last_day, trial_between=trial_between)
    assert receipt.details["verdict"] != "promote"
    assert Registry(small).version_at("champion") is None
    rows = warehouse.read(
        "SELECT lower, upper FROM models.evaluations WHERE metric = 'roc_auc'"
    ).to_pylist()
    assert len(rows) == 3
    assert all(row["lower"] <= 0.5 <= row["upper"] for row in rows)


def test_a_shop_that_is_too_small_is_refused_with_a_report(
    warehouse: Warehouse, small: Settings
) -> None:
    shop = random_shop(warehouse, customers=60, days=300, seed=2)
    with pytest.raises(NotReady) as refused:
        train(warehouse, settings=small, as_of=shop.last_day, trial_between=trial_between)
    text = str(refused.value)
    assert "cannot carry a model yet: active customers, newest day" in text
    assert "demand" in text
    assert "wait for more customers" in text
    row = warehouse.read("SELECT status, reason, readiness::text AS r FROM models.trainings")
    assert row["status"].to_pylist() == ["failed"]
    report = json.loads(row["r"][0].as_py())
    assert not report["is_ready"]
    training_id = warehouse.read("SELECT training_id FROM models.trainings")["training_id"][
        0
    ].as_py()
    with pytest.raises(UsageError, match="was refused because the data is not ready"):
        fit(warehouse, settings=small, training_id=training_id, candidate="recency")


def test_an_empty_warehouse_is_refused_with_a_report(
    warehouse: Warehouse, small: Settings, trained: Trained
) -> None:
    with pytest.raises(NotReady, match="no orders") as refused:
        prepare(warehouse, settings=small, as_of=trained.as_of)
    assert "retention ingest --history" in str(refused.value)


def test_rows_that_changed_after_preparation_are_not_fitted(
    copied: Callable[[Trained], Trained],
    trained: Trained,
) -> None:
    shop = copied(trained)
    settings = shop.settings.model_copy(
        update={"training": shop.settings.training.model_copy(update={"seed": 5})}
    )
    prepared = prepare(shop.warehouse, settings=settings, as_of=shop.as_of)
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE features.customer_daily SET recency_days = recency_days + 1")

    def fit_recency() -> None:
        training_id = prepared.details["training_id"]
        fit(shop.warehouse, settings=settings, training_id=training_id, candidate="recency")

    with pytest.raises(AccountingError, match="not those that their build recorded"):
        fit_recency()
    record_as_stored(shop.warehouse)  # as if they had been built again
    with pytest.raises(NotReady, match="data or settings changed in between"):
        fit_recency()


def test_an_unknown_training_or_candidate_is_named(trained: Trained) -> None:
    with pytest.raises(UsageError, match="no training 'nope'"):
        select(
            trained.warehouse,
            settings=trained.settings,
            training_id="nope",
            trial_between=trial_between,
        )
    with pytest.raises(UsageError, match="no candidate 'oracle'"):
        fit(
            trained.warehouse,
            settings=trained.settings,
            training_id=str(trained.receipt.details["training_id"]),
            candidate="oracle",
        )


def test_data_after_the_day_changes_nothing(
    trained: Trained, warehouse: Warehouse, small: Settings
) -> None:
    random_shop(warehouse, customers=900, days=400, seed=11)
    day = trained.as_of - timedelta(days=60)
    before = prepare(warehouse, settings=small, as_of=day).details
    with warehouse.transaction() as transaction:
        for table in ("orders", "order_lines", "events"):
            transaction.execute(
                f"UPDATE curated.{table} SET customer_id = 'c00001' WHERE event_at >= :day", day=day
            )
    after = prepare(warehouse, settings=small, as_of=day).details
    assert after["training_id"] == before["training_id"]
    assert after["data_digest"] == before["data_digest"]


def test_a_bundle_in_the_cache_is_the_registered_one(trained: Trained) -> None:
    sha256 = str(trained.receipt.details["bundle_sha256"])
    folder = trained.settings.home / "models" / sha256
    assert Bundle.load(folder, sha256).sha256 == sha256


@pytest.mark.parametrize("place", ["train.after_register", "train.after_commit"])
@pytest.mark.thorough
def test_a_training_that_died_is_finished_by_the_next_run(
    copied: Callable[[Trained], Trained],
    trained: Trained,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = copied(trained)
    # Another churn definition has no champion yet, so that the alias moves.
    churn = shop.settings.churn.model_copy(update={"horizon_days": 21})
    settings = shop.settings.model_copy(update={"churn": churn})

    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == place:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(selection, "failpoint", die)
        with pytest.raises(Killed):
            train(shop.warehouse, settings=settings, as_of=shop.as_of, trial_between=trial_between)
    receipt = train(
        shop.warehouse, settings=settings, as_of=shop.as_of, trial_between=trial_between
    )
    assert receipt.details["verdict"] == "promote"
    registry = Registry(settings)
    assert [version.version for version in registry.versions()] == ["2", "1"]
    champion = registry.version_at("champion")
    assert champion is not None
    assert champion.version == "2"
    rows = shop.warehouse.read(
        "SELECT alias FROM models.promotions WHERE model_version = '2' ORDER BY promotion_id"
    )
    assert rows["alias"].to_pylist() == ["champion"]
