"""What the columns mean, as one digest: ours, not that of a library that generates SQL."""

import dataclasses
import hashlib
from datetime import date

import pytest

from retention_ml.features import build as door
from retention_ml.features import definition
from retention_ml.features.build import ensure
from retention_ml.features.catalogue import CATALOGUE
from retention_ml.features.definition import definition_sha256
from retention_ml.features.engines import duckdb_sql
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.features import buy, deliver, in_zone

DAYS = [date(2025, 1, 10), date(2025, 1, 20)]


def test_the_digest_changes_with_version_columns_calendar_and_activity(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = CATALOGUE
    digests = [
        definition_sha256(in_zone(settings, "UTC", active_days=90)),
        definition_sha256(in_zone(settings, "UTC", active_days=60)),
        definition_sha256(in_zone(settings, "Europe/London", active_days=90)),
    ]
    utc = in_zone(settings, "UTC", active_days=90)
    for changed in (
        others,
        [dataclasses.replace(first, window_days=9), *others],
        [dataclasses.replace(first, unit="phase"), *others],
    ):
        monkeypatch.setattr(definition, "CATALOGUE", changed)
        digests.append(definition_sha256(utc))
    monkeypatch.setattr(definition, "CATALOGUE", CATALOGUE)
    monkeypatch.setattr(definition, "VERSION", 99)
    digests.append(definition_sha256(utc))
    assert len(set(digests)) == len(digests) == 7


def test_the_digest_knows_neither_generated_sql_nor_wording_nor_order(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = definition_sha256(settings)
    monkeypatch.setattr(definition, "duckdb_sql", lambda active_days: "SELECT of a newer compiler")
    worded = [dataclasses.replace(each, meaning="x", family="trend") for each in CATALOGUE[::-1]]
    monkeypatch.setattr(definition, "CATALOGUE", worded)
    assert definition_sha256(settings) == before


def test_days_named_by_their_sql_stay_comparable_until_the_version_is_raised(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds of before definitions had a version need not be made again."""
    settings = in_zone(settings, "UTC")
    monkeypatch.setattr(door, "_check", lambda *_: None)
    deliver(warehouse, buy("o1", shops.at("2025-01-02")))
    assert len(ensure(warehouse, settings=settings, days=DAYS)) == 2
    sql = hashlib.sha256(f"UTC\n{duckdb_sql(90)}".encode()).hexdigest()

    def name_by_sql() -> None:
        with warehouse.transaction() as transaction:
            transaction.execute("UPDATE features.builds SET catalogue_sha256 = :sql", sql=sql)

    name_by_sql()
    assert ensure(warehouse, settings=settings, days=DAYS) == []
    names = warehouse.read("SELECT DISTINCT catalogue_sha256 AS name FROM features.builds")
    assert names["name"].to_pylist() == [definition_sha256(settings)]
    name_by_sql()
    monkeypatch.setattr(definition, "VERSION", 2)
    assert len(ensure(warehouse, settings=settings, days=DAYS)) == 2
