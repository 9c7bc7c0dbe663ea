"""What the registry holds: versions by the thousand, and one model of a run for each bundle."""

import shutil
import sqlite3
from pathlib import Path

import mlflow
import pytest
from requests import JSONDecodeError

from retention_ml.errors import RegistryError, UnfitModel
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry import mlflow_registry
from retention_ml.models.registry.mlflow_registry import MODEL, Registry
from retention_ml.settings import Settings
from tests.worlds.registered import a_bundle, register

_MANY = 1_200
_COUNT = "WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"


@pytest.fixture
def registry(stocked: Settings, tmp_path: Path) -> Registry:
    """Three versions that this test may change."""
    shutil.copytree(stocked.home, tmp_path / "home")
    return Registry(stocked.model_copy(update={"home": tmp_path / "home"}))


@pytest.fixture
def full(registry: Registry) -> Registry:
    """A registry of 1,200 versions; the oldest and the newest are of the training `mine`."""
    with sqlite3.connect(registry.settings.home / "mlflow" / "mlflow.db") as database:
        for table, fixed in (("model_versions", "version = 1"), ("model_version_tags", "key = 'model_name' AND version = 1")):  # fmt: skip
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            chosen = ", ".join("i" if name == "version" else name for name in columns)
            database.execute(
                f"{_COUNT} INSERT INTO {table} ({', '.join(columns)}) "
                f"SELECT {chosen} FROM {table}, n WHERE {fixed}",
                [_MANY],
            )
    database.close()
    for version, sha256 in (("1", "a"), (str(_MANY), "b")):
        registry.set_version_tags(version, {"training_id": "mine", "bundle_sha256": sha256})
    return registry


def test_all_versions_are_listed_however_many(full: Registry) -> None:
    assert [each.version for each in full.versions()] == [str(n) for n in range(_MANY, 0, -1)]


@pytest.mark.parametrize("page", [1, 2, 3, 1_000])
def test_the_size_of_a_page_changes_nothing(
    registry: Registry, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_registry, "_VERSIONS_AT_ONCE", page)
    assert [each.version for each in registry.versions()] == ["3", "2", "1"]


def test_the_version_of_a_training_is_found_among_very_many(full: Registry) -> None:
    """Also the oldest, which a list of the newest thousand lacks."""
    for number, sha256 in (("1", "a"), (str(_MANY), "b")):
        version = full.version_of_training("mine", sha256)
        assert version is not None
        assert version.version == number
    assert full.version_of_training("mine", "c") is None
    assert full.version_of_training("another", "a") is None


def test_a_version_is_found_by_its_number_or_not_at_all(full: Registry) -> None:
    version = full.version("1")
    assert version is not None
    assert version.tags["model_name"] == "logistic"
    for absent in (str(_MANY + 1), "one", "1; DROP", ""):
        assert full.version(absent) is None


def _run(registry: Registry) -> str:
    return registry.log_candidate(
        training_id="a", model_name="b", params={}, metrics={"brier": 0.1}, texts={}, figures={},
        tags={},
    )  # fmt: skip


def _models(registry: Registry, run_id: str) -> list[str]:
    outputs = registry._client.get_run(run_id).outputs.model_outputs
    return [registry._client.get_logged_model(each.model_id).name for each in outputs]


@pytest.fixture(scope="module")
def bundles(stocked: Settings) -> list[Bundle]:
    return [a_bundle(stocked, seed) for seed in (1, 2)]


def test_a_bundle_logged_again_is_one_model(registry: Registry, bundles: list[Bundle]) -> None:
    run_id = _run(registry)
    first = registry.log_model(bundles[0], run_id=run_id, name=MODEL, has_metrics=True)
    assert registry.log_model(bundles[0], run_id=_run(registry), name=MODEL, has_metrics=True) == (
        first
    )
    assert _models(registry, run_id) == [MODEL]
    assert registry._client.get_run(run_id).info.status == "FINISHED"
    # The control: another bundle is another model.
    assert registry.log_model(bundles[1], run_id=run_id, name=MODEL, has_metrics=True) != first


def test_an_interrupted_upload_is_made_anew(
    registry: Registry, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    run_id = _run(registry)
    with monkeypatch.context() as patched:
        patched.setattr("mlflow.MlflowClient.log_model_artifacts", die)
        with pytest.raises(Killed):
            registry.log_model(bundles[0], run_id=run_id, name=MODEL, has_metrics=True)
    model = registry.log_model(bundles[0], run_id=run_id, name=MODEL, has_metrics=True)
    folder = Path(registry._client.get_logged_model(model).artifact_location)
    assert Bundle.load(folder / "artifacts" / "bundle", bundles[0].sha256)


def test_metrics_belong_to_the_model_that_was_evaluated(
    registry: Registry, bundles: list[Bundle]
) -> None:
    run_id = _run(registry)
    registry.log_model(bundles[0], run_id=run_id, name=MODEL, has_metrics=True)
    registry.register(bundles[1], run_id=run_id, tags={}, description="")
    outputs = registry._client.get_run(run_id).outputs.model_outputs
    models = [registry._client.get_logged_model(each.model_id) for each in outputs]
    measured = {model.name: [each.key for each in model.metrics or ()] for model in models}
    assert measured == {"model": ["brier"], "final_model": []}


def test_a_registration_that_was_interrupted_is_finished_with_the_model_it_logged(
    registry: Registry, bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    run_id = _run(registry)
    with monkeypatch.context() as patched:
        patched.setattr(registry._client, "create_model_version", die)
        with pytest.raises(Killed):
            registry.register(bundles[0], run_id=run_id, tags={}, description="")
    # The next process may have asked another registry before.
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    version = registry.register(bundles[0], run_id=run_id, tags={}, description="")
    assert version.version == "4"
    assert _models(registry, run_id) == ["final_model"]


class _StoreError(Exception):
    """As of a store of artifacts that this library does not know."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (_StoreError("slow down"), RegistryError),
        (OSError("away"), RegistryError),
        (ValueError("Invalid endpoint"), RegistryError),
        (JSONDecodeError("Expecting value", "<html>", 0), RegistryError),
        (TypeError("unsupported operand"), TypeError),
        (KeyError("tag"), KeyError),
        (MemoryError(), MemoryError),
        (UnfitModel("damaged"), UnfitModel),
    ],
)
def test_an_error_of_a_request_is_the_registry_s_unless_it_is_ours(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(registry._client, "set_model_version_tag", refuse)
    with pytest.raises(expected) as raised:
        registry.set_version_tags("1", {"a": "b"})
    assert type(raised.value) is expected


def test_a_version_is_its_training_s_final_model(registry: Registry, stocked: Settings) -> None:
    version = register(registry.settings, a_bundle(stocked, 5))
    assert version.run_id is not None
    assert _models(registry, version.run_id) == ["final_model"]
