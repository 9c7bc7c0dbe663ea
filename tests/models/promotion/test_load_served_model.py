"""The model that is served, also when the registry was changed by hand or does not answer."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from retention_ml.errors import RegistryError, UnfitModel
from retention_ml.models.bundle import sandbox
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion import apply
from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.promotion.decisions import policy_served, write_decision
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.models.promotion.validate_version import validate_version
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.registered import Shelf, a_bundle


def _tag(shelf: Shelf, version: str, key: str, value: str) -> None:
    shelf.registry._client.set_model_version_tag("churn", version, key, value)


def _refusal(shelf: Shelf) -> str:
    """Why a version was refused, the only time that one was; only a watch raises alerts."""
    (row,) = shelf.rows("SELECT reason FROM models.promotions WHERE verdict = 'refuse'")
    assert shelf.rows("SELECT kind FROM ops.alerts") == []
    return str(row["reason"])


def _log_something_else(shelf: Shelf, folder: Path) -> str:
    """Register a version whose artifacts are no bundle; its number."""
    import pickle

    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps({"never": "loaded"}))
    client = shelf.registry._client
    with shelf.registry._request():
        run = client.create_run(shelf.registry._experiment).info.run_id
        client.log_artifacts(run, str(folder), "model")
        made = client.create_model_version(
            "churn", f"runs:/{run}/model", run_id=run, tags={"bundle_sha256": "a" * 64}
        )
    return str(made.version)


def test_an_approved_champion_is_served_without_a_new_decision(shelf: Shelf) -> None:
    shelf.promote("1")
    for _ in range(2):
        assert shelf.served() == "1"
    assert shelf.ledger() == [("1", "promote")]


def test_where_nothing_was_decided_nothing_is_served(warehouse: Warehouse, small: Settings) -> None:
    registry = Registry(small)
    assert load_served_model(registry, warehouse, "champion") is None
    assert load_served_model(registry, warehouse, "challenger") is None


def test_an_alias_moved_by_hand_is_followed_in_both_directions_and_written_down_once(
    shelf: Shelf,
) -> None:
    shelf.promote("1")
    shelf.registry.set_alias("champion", "2")
    for _ in range(2):
        assert shelf.served() == "2"
    assert shelf.ledger() == [("1", "promote"), ("2", "follow")]
    shelf.registry.set_alias("champion", "1")
    for _ in range(2):
        assert shelf.served() == "1"
    assert shelf.ledger() == [("1", "promote"), ("2", "follow"), ("1", "follow")]


def test_a_first_champion_may_be_chosen_by_hand(shelf: Shelf) -> None:
    shelf.registry.set_alias("champion", "3")
    assert shelf.served() == "3"
    assert shelf.ledger() == [("3", "follow")]


def test_the_ledger_says_what_evidence_there_is_about_a_version_moved_by_hand(
    shelf: Shelf,
) -> None:
    with shelf.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO models.trainings (training_id, as_of, definition_hash, cutoffs, "
            "evaluation_days, final_days, data_digest, status, selected_model, verdict, reason, "
            "model_version, readiness, run_id, created_at, finished_at) VALUES ('t', '2025-02-01', "
            "'d', '{}', '{}', '{}', '', 'selected', 'logistic', 'keep', 'it is worse', '2', '{}', "
            "'r', '2025-02-01', '2025-02-01')"
        )
        transaction.execute(
            "INSERT INTO models.evaluations (training_id, model_name, metric, value, lower, upper, "
            "customers_count) VALUES ('t', 'logistic', 'roc_auc', 0.7, 0.65, 0.75, 80)"
        )
    for version in ("1", "2"):
        shelf.registry.set_alias("champion", version)
        shelf.served()
    without, trained = shelf.rows(
        "SELECT reason, evidence::text AS e, training_id FROM models.promotions "
        "ORDER BY promotion_id"
    )
    assert "there is no evidence about it" in without["reason"]
    assert "said keep (ROC AUC 0.700, 95 % interval 0.650 to 0.750)" in trained["reason"]
    assert json.loads(trained["e"])["reason"] == "it is worse"
    assert (without["training_id"], trained["training_id"]) == (None, "t")


def test_moving_the_alias_back_restores_the_policy_of_that_time(shelf: Shelf) -> None:
    shelf.promote("1")
    tiers = shelf.settings.tiers.model_copy(update={"critical": 0.9})
    edited = shelf.settings.model_copy(update={"tiers": tiers})
    shelf.registry.set_alias("champion", "2")
    assert shelf.served(settings=edited) == "2"
    assert policy_served(shelf.warehouse, edited, "2") == configured_policy(edited)
    shelf.registry.set_alias("champion", "1")
    assert shelf.served(settings=edited) == "1"
    assert policy_served(shelf.warehouse, edited, "1") == configured_policy(shelf.settings)


def test_a_challenger_made_champion_by_hand_leaves_its_slot(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.make_challenger("2")
    shelf.registry.set_alias("champion", "2")
    assert shelf.served() == "2"
    assert shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]
    assert shelf.served("challenger") is None
    assert shelf.registry.aliases() == {"champion": "2"}


def test_a_challenger_taken_off_by_hand_leaves_its_slot(shelf: Shelf) -> None:
    shelf.make_challenger("2")
    shelf.registry.delete_alias("challenger")
    for _ in range(2):
        assert shelf.served("challenger") is None
    assert shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]


def test_an_empty_registry_takes_nobody_off(
    shelf: Shelf, small: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.promote("1")
    shelf.make_challenger("2")
    empty = shelf.settings.model_copy(update={"tracking_uri": Registry(small).uri})
    with caplog.at_level(logging.WARNING):
        assert shelf.served("challenger", empty) is None
        assert shelf.served("champion", empty) == "1"
    assert "MLflow has no champion any more" in caplog.text
    assert shelf.ledger("challenger") == [("2", "promote")]
    assert shelf.served("challenger") == "2"


@pytest.mark.parametrize("alias", ["champion", "challenger"])
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("no digest", "its tag bundle_sha256 is ''"),
        ("a path for a digest", "its tag bundle_sha256 is '../../escape'"),
        ("another digest", "The bundle has the digest"),
        ("another definition", "it was trained for the churn definition ffff"),
        ("unknown features", "first 'shoe_size'"),
        ("one answer for all", "all 80 customers the same probability"),
    ],
)
def test_an_unfit_version_under_the_alias_is_refused_once_and_the_last_good_stays(
    shelf: Shelf, fault: str, sentence: str, alias: str, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sandbox, "fault_of_files", _in_this_process)
    if alias == "champion":
        shelf.promote("1")
    else:
        shelf.make_challenger("1")
    sound = a_bundle(shelf.settings, 4)
    meaning = {
        "model_name": "x", "definition_hash": sound.manifest["definition_hash"],
        "as_of": sound.manifest["as_of"],
    }  # fmt: skip
    features = sound.features
    bundle = {
        "another definition": a_bundle(shelf.settings, 4, definition_hash="f" * 16),
        "unknown features": Bundle.of(
            sound.predictor, slope=1.0, intercept=0.0, features=("shoe_size", *features[1:]),
            **meaning,
        ),
        "one answer for all": Bundle.of(
            sound.predictor, slope=0.0, intercept=0.0, features=features, **meaning
        ),
    }.get(fault, sound)  # fmt: skip
    tags = {
        "no digest": "",
        "a path for a digest": "../../escape",
        "another digest": "0" * 64,
    }
    shelf.register(bundle, **({"bundle_sha256": tags[fault]} if fault in tags else {}))
    shelf.registry.set_alias(alias, "4")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert shelf.served(alias) == "1"
    assert f"Version 4 is not served as {alias}" in caplog.text
    assert shelf.ledger(alias) == [("1", "promote"), ("4", "refuse")]
    assert sentence in _refusal(shelf)
    assert shelf.alias(alias) == "4"  # a person put it there; a person takes it away
    shelf.registry.set_alias(alias, "2")
    assert shelf.served(alias) == "2"


def _in_this_process(folder: Path, sha256: str, rows: object) -> str | None:
    try:
        Bundle.load(folder, sha256)
    except UnfitModel as error:
        return str(error)
    return None


def test_a_version_without_a_bundle_is_refused_and_nothing_of_it_is_loaded(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.promote("1")
    version = _log_something_else(shelf, tmp_path / "foreign")
    shelf.registry.set_alias("champion", version)
    assert shelf.served() == "1"
    assert shelf.ledger() == [("1", "promote"), (version, "refuse")]
    assert "was not made by this library" in _refusal(shelf)


def test_a_stranger_is_first_read_in_another_process_and_then_served(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    examine = sandbox.fault_of_files

    def watching(folder: Path, sha256: str, rows: Any) -> str | None:
        asked.append(sha256)
        assert rows.num_rows == 80
        return examine(folder, sha256, rows)

    monkeypatch.setattr(sandbox, "fault_of_files", watching)
    made = shelf.register(a_bundle(shelf.settings, 4))
    shelf.registry.set_alias("champion", "4")
    for _ in range(2):
        assert shelf.served() == "4"
    assert asked == [made.tags["bundle_sha256"]]
    assert shelf.ledger() == [("4", "follow")]


def test_a_version_known_to_the_ledger_must_have_the_digest_of_then(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.promote("2")
    _tag(shelf, "1", "bundle_sha256", "0" * 64)
    shelf.registry.set_alias("champion", "1")
    assert shelf.served() == "2"
    assert shelf.ledger()[-1] == ("1", "refuse")


def test_a_champion_of_another_definition_is_not_served(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.promote("1")
    churn = shelf.settings.churn.model_copy(update={"horizon_days": 21})
    other = shelf.settings.model_copy(update={"churn": churn})
    with caplog.at_level(logging.WARNING):
        assert shelf.served(settings=other) is None
    assert "the settings ask for" in caplog.text
    assert shelf.served() == "1"


def test_files_swapped_after_approval_are_refused(shelf: Shelf) -> None:
    shelf.promote("1")
    served = load_served_model(shelf.registry, shelf.warehouse, "champion")
    assert served is not None
    for path in (shelf.settings.home / "models" / served.bundle.sha256).iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    again = load_served_model(shelf.registry, shelf.warehouse, "champion")
    assert again is not None
    assert again.bundle.contents == served.bundle.contents


def test_what_was_decided_while_the_alias_was_looked_at_counts(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.promote("1")
    shelf.registry.set_alias("champion", "2")

    def slowly(*arguments: Any) -> Bundle:
        shelf.promote("3")
        return validate_version(*arguments)

    monkeypatch.setattr(apply, "validate_version", slowly)
    assert shelf.served() == "3"
    assert shelf.ledger() == [("1", "promote"), ("3", "promote")]


def test_a_decision_on_its_way_is_not_taken_for_a_move_by_hand(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.promote("1")
    sync_aliases, sha256 = apply.sync_aliases, _sha256(shelf, "2")

    def and_then(registry: Registry, warehouse: Warehouse) -> list[str]:
        sentences = sync_aliases(registry, warehouse)
        with warehouse.transaction() as transaction:
            write_decision(
                transaction, settings=shelf.settings, alias="champion", model_name="logistic",
                version="2", bundle_sha256=sha256, verdict="promote",
                decided_by="gate", reason="better", evidence={}, training_id=None,
            )  # fmt: skip
        return sentences

    with monkeypatch.context() as patched:
        patched.setattr(apply, "sync_aliases", and_then)
        assert shelf.served() == "2"
    assert shelf.served() == "2"
    assert shelf.ledger() == [("1", "promote"), ("2", "promote")]


def _sha256(shelf: Shelf, version: str) -> str:
    return {each.version: each.tags["bundle_sha256"] for each in shelf.registry.versions()}[version]


def test_a_registry_that_is_down_leaves_the_last_good_from_the_cache(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shelf.promote("1")
    shelf.make_challenger("2")
    with caplog.at_level(logging.WARNING):
        assert shelf.served(settings=shelf.down) == "1"
        assert shelf.served("challenger", shelf.down) == "2"
    assert "The last good champion is used" in caplog.text
    with pytest.raises(RegistryError, match="did not carry out a request"):
        Registry(shelf.down).set_alias("champion", "1")


@pytest.mark.parametrize(
    "address", ["http://ann:p@ss/'w)rd@mlflow:5000/api", "postgresql+psycopg://ann:p@ss@db/mlflow"]
)
def test_the_address_of_the_registry_is_not_quoted_with_its_password(
    shelf: Shelf, address: str
) -> None:
    with pytest.raises(RegistryError) as caught, shelf.registry._request():
        raise OSError(f"API request to {address} failed with exception 503")
    assert "API request to its address failed with exception 503" in str(caught.value)


def test_a_registry_that_is_down_and_an_empty_cache_is_an_error(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shelf.promote("1")
    with pytest.raises(RegistryError):
        shelf.served(settings=shelf.down.model_copy(update={"home": tmp_path / "empty"}))


def test_a_champion_alias_that_was_deleted_is_put_back(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.registry.delete_alias("champion")
    assert shelf.served() == "1"
    assert shelf.alias() == "1"
    assert shelf.ledger() == [("1", "promote")]
