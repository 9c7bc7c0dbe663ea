"""Migrations: forward only, and repeatable."""

import pytest

from retention_ml.errors import UsageError
from retention_ml.schema.migrate import migrate
from retention_ml.warehouse import Warehouse


def test_migrating_twice_changes_nothing(warehouse: Warehouse) -> None:
    assert migrate(warehouse) == []


def test_a_migration_that_was_changed_after_it_was_applied_is_refused(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE public.migrations SET sha256 = 'x' WHERE name LIKE '0001%'")
    with pytest.raises(UsageError, match=r"0001_ledgers\.sql is not the one"):
        migrate(warehouse)
