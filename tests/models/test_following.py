"""Which version is served, also when the registry was changed by hand or does not answer."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from retention_ml.errors import RegistryError
from retention_ml.models.registry import Registry
from tests.models.conftest import Trained


def _decisions(shop: Trained) -> list[tuple[str, str, str, str]]:
    rows = shop.warehouse.read(
        "SELECT alias, model_version, verdict, decided_by FROM models.promotions "
        "ORDER BY promotion_id OFFSET 2"
    ).to_pylist()
    return [(row["alias"], row["model_version"], row["verdict"], row["decided_by"]) for row in rows]


def _tag(registry: Registry, version: str, key: str, value: str) -> None:
    registry._client.set_model_version_tag("churn", version, key, value)


def test_an_approved_champion_is_served_without_a_new_decision(trained: Trained) -> None:
    served = Registry(trained.settings).served(trained.warehouse, "champion")
    assert served is not None
    assert served.version == "1"
    assert served.name == trained.receipt.details["selected_model"]
    assert _decisions(trained) == []


def test_without_any_training_nothing_is_served(
    trained: Trained, warehouse: object, small: object
) -> None:
    registry = Registry(small)  # type: ignore[arg-type]
    assert registry.served(warehouse, "champion") is None  # type: ignore[arg-type]
    assert registry.served(warehouse, "challenger") is None  # type: ignore[arg-type]


def test_an_alias_moved_by_hand_is_followed_and_written_down_once(
    copied: Callable[[Trained], Trained],
    twice_trained: Trained,
) -> None:
    shop = copied(twice_trained)
    registry = Registry(shop.settings)
    registry.point("champion", "2")
    for _ in range(2):
        served = registry.served(shop.warehouse, "champion")
        assert served is not None
        assert served.version == "2"
    assert _decisions(shop) == [("champion", "2", "follow", "mlflow")]
    registry.point("champion", "1")
    back = registry.served(shop.warehouse, "champion")
    assert back is not None
    assert back.version == "1"
    assert _decisions(shop)[-1] == ("champion", "1", "follow", "mlflow")


@pytest.mark.parametrize("fault", ["digest", "definition", "no tags"])
def test_an_unfit_version_under_the_alias_is_refused_and_the_last_good_stays(
    copied: Callable[[Trained], Trained],
    twice_trained: Trained,
    fault: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = copied(twice_trained)
    registry = Registry(shop.settings)
    registry.point("champion", "2")
    if fault == "definition":
        churn = shop.settings.churn.model_copy(update={"horizon_days": 21})
        registry = Registry(shop.settings.model_copy(update={"churn": churn}))
        with caplog.at_level(logging.WARNING):
            assert registry.served(shop.warehouse, "champion") is None
        assert "the settings ask for" in caplog.text
        return
    if fault == "digest":
        _tag(registry, "2", "bundle_sha256", "0" * 64)
    else:
        registry._client.delete_model_version_tag("churn", "2", "bundle_sha256")
    for _ in range(2):
        with caplog.at_level(logging.WARNING):
            served = registry.served(shop.warehouse, "champion")
        assert served is not None
        assert served.version == "1"
    assert _decisions(shop) == [("champion", "2", "refuse", "mlflow")]
    assert "Version 2 is not served as champion" in caplog.text


def test_files_swapped_after_approval_are_refused(
    copied: Callable[[Trained], Trained], trained: Trained
) -> None:
    shop = copied(trained)
    registry = Registry(shop.settings)
    for folder in (shop.settings.home / "models").iterdir():
        for path in folder.iterdir():
            path.write_bytes(path.read_bytes() + b" ")
    served = registry.served(shop.warehouse, "champion")
    assert served is not None
    assert served.bundle_sha256 == shop.receipt.details["bundle_sha256"]


def test_a_registry_that_is_down_leaves_the_last_good_from_the_cache(
    copied: Callable[[Trained], Trained],
    trained: Trained,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = copied(trained)
    down = Registry(shop.settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"}))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with caplog.at_level(logging.WARNING):
        served = down.served(shop.warehouse, "champion")
    assert served is not None
    assert served.version == "1"
    assert "The last good champion is used" in caplog.text
    with pytest.raises(RegistryError, match="did not carry out a request"):
        down.point("champion", "1")


def test_a_registry_that_is_down_and_an_empty_cache_is_an_error(
    copied: Callable[[Trained], Trained],
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = copied(trained)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    elsewhere = shop.settings.model_copy(
        update={"tracking_uri": "http://127.0.0.1:9", "home": tmp_path / "empty"}
    )
    with pytest.raises(RegistryError):
        Registry(elsewhere).served(shop.warehouse, "champion")


def test_an_alias_that_was_deleted_leaves_the_last_good_champion(
    copied: Callable[[Trained], Trained],
    trained: Trained,
) -> None:
    shop = copied(trained)
    registry = Registry(shop.settings)
    for alias in ("champion", "challenger"):
        registry._client.delete_registered_model_alias("churn", alias)
    served = registry.served(shop.warehouse, "champion")
    assert served is not None
    assert served.version == "1"
    assert registry.served(shop.warehouse, "challenger") is None
