"""A world with two published days, a training and something in quarantine."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from retention_ml.scores import served as served_module
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.scores import DAY, World, make_world
from tests.worlds.shops import delivery

NEXT = DAY + timedelta(days=7)
_AT = datetime(2025, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="package")
def shop(new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """What `reports` has to tell about; tests only read it."""
    settings = load({"RETENTION_HOME": str(tmp_path_factory.mktemp("home"))})
    with new_warehouse() as warehouse:
        with pytest.MonkeyPatch.context() as patch:
            world = _fill(warehouse, settings, patch)
        yield world


@pytest.fixture
def fresh_shop(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same for a test that changes it."""
    return _fill(warehouse, settings, monkeypatch)


@pytest.fixture
def served_shop(shop: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same with its champion served."""
    monkeypatch.setattr(served_module, "served", lambda w, s, alias: shop.models.get(alias))
    monkeypatch.setattr(served_module, "bundle_that_scored", shop.bundle_that_scored)
    return shop


def _fill(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    world = make_world(warehouse, settings, monkeypatch)
    world.score_and_publish(DAY)
    world.features(NEXT, seed=2, first=6)
    world.score_and_publish(NEXT)
    _train(warehouse, "t-old", date(2025, 1, 1), datetime(2025, 1, 1, tzinfo=UTC))
    _train(warehouse, "t-new", date(2025, 2, 1), _AT)
    _quarantine(warehouse)
    return world


def _train(warehouse: Warehouse, training_id: str, as_of: date, ended: datetime) -> None:
    values = [
        ("recency", "roc_auc", 0.70, 0.66, 0.74),
        ("recency", "log_loss", 0.60, 0.58, 0.62),
        ("lightgbm", "roc_auc", 0.78, 0.75, 0.81),
        ("lightgbm", "log_loss", 0.55, 0.53, 0.57),
        ("lightgbm", "roc_auc_minus_recency", 0.08, 0.05, 0.11),
        ("lightgbm", "log_loss_minus_recency", -0.05, -0.07, -0.03),
        ("forest", "roc_auc", 0.71, 0.67, 0.75),
        ("forest", "roc_auc_minus_recency", 0.01, -0.02, 0.04),
    ]
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO models.trainings (training_id, as_of, definition_hash, cutoffs, "
            "evaluation_days, final_days, data_digest, status, selected_model, verdict, reason, "
            "model_version, readiness, created_at, finished_at) VALUES (:id, :as_of, 'd', '{}', "
            "'{}', '{}', 'x', 'selected', 'lightgbm', 'promote', 'better', '3', '{}', :at, :at)",
            id=training_id,
            as_of=as_of,
            at=ended,
        )
        for model, metric, value, lower, upper in values:
            transaction.execute(
                "INSERT INTO models.evaluations VALUES "
                "(:id, :model, :metric, :value, :lower, :upper, 900, 'run')",
                id=training_id,
                model=model,
                metric=metric,
                value=value,
                lower=lower,
                upper=upper,
            )
        transaction.execute(
            "INSERT INTO models.label_windows (as_of, definition_hash, definition, "
            "window_starts_at, window_ends_at, settles_at, customers_count, churned_count, "
            "known_as_of, matured_at) VALUES (:as_of, 'd', '{}', :at, :at, :at, 400, 100, "
            ":as_of, :at)",
            as_of=as_of,
            at=ended,
        )


def _quarantine(warehouse: Warehouse) -> None:
    number = delivery(warehouse, loaded_at=_AT)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE raw.deliveries SET delivered_count = 10, accepted_count = 6, "
            "quarantined_count = 3, duplicate_count = 1 WHERE delivery_id = :id",
            id=number,
        )
        for line, reason in ((2, "zero_quantity"), (5, "zero_quantity"), (7, "negative_price")):
            transaction.execute(
                "INSERT INTO quarantine.rows (delivery_id, line_number, source, feed, "
                "file_sha256, raw_text, reason_code, quarantined_at) "
                "VALUES (:id, :line, 'test', 'test', 'f', :raw, :reason, :at)",
                id=number,
                line=line,
                raw=f"row {line}",
                reason=reason,
                at=_AT,
            )
