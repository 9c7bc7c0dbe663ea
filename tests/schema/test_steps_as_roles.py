"""Each step runs with the rights of its role, and with no more."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from retention_ml.audit.verify_chain import verify_chain
from retention_ml.features import build as build_module
from retention_ml.features.build import build
from retention_ml.features.store import ensure_columns
from retention_ml.schema.migrate import migrate
from retention_ml.schema.rights import AUDITOR, LOADER, SCORER, SERVICES
from retention_ml.scores import publish as publish_module
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.warehouse import Warehouse
from tests.people.conftest import numbers_in, settings_of, shop_files, take_in

__all__ = ["shop_files"]


@contextmanager
def _as(warehouse: Warehouse, role: str) -> Iterator[Warehouse]:
    other = Warehouse(warehouse.url, session_settings={"role": role})
    try:
        yield other
    finally:
        other.close()


@pytest.fixture
def roles(warehouse: Warehouse) -> Warehouse:
    """A warehouse with the roles of the steps."""
    with warehouse.transaction() as transaction:
        for role in SERVICES:
            transaction.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
    migrate(warehouse)
    ensure_columns(warehouse)
    return warehouse


def test_files_become_scores_by_loader_and_scorer_and_the_auditor_verifies(
    roles: Warehouse,
    shop_files: tuple[Path, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build_module, "_check", lambda *_: None)
    monkeypatch.setattr(publish_module, "_check_expectations", lambda *_, **__: None)
    settings, day = settings_of(tmp_path / "home", pseudonyms=True), date(2024, 3, 15)
    with _as(roles, LOADER) as loader:
        take_in(loader, settings, shop_files)
        with loader.transaction() as transaction:
            [[count]] = transaction.execute("SELECT count(*) FROM privacy.people")
    assert count == len(numbers_in(shop_files))
    with _as(roles, SCORER) as scorer:
        build(scorer, settings=settings, as_of=day)
        snapshot_id = score(scorer, settings=settings, as_of=day).details["snapshot_id"]
        publish(scorer, settings=settings, snapshot_id=int(snapshot_id))
        [listed] = scorer.read("SELECT count(*) AS n FROM reports.customer_risk")["n"].to_pylist()
    assert listed > 50
    with _as(roles, AUDITOR) as auditor:
        verify_chain(auditor, settings=settings)
