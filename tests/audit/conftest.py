"""An audit log with some entries, and what somebody with all rights in the database does to it."""

from dataclasses import dataclass

import pytest

from retention_ml.audit.entries import Entry, Event
from retention_ml.audit.record_event import record_event
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

ENTRIES = 12


@dataclass(frozen=True)
class Log:
    """A warehouse, its settings and the entries that were written."""

    warehouse: Warehouse
    settings: Settings
    entries: tuple[Entry, ...]

    def tamper(self, *statements: str) -> None:
        """Run statements as whoever owns the table and switches its triggers off."""
        with self.warehouse.transaction() as transaction:
            transaction.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                transaction.execute(statement)

    def add(self, count: int = 1) -> None:
        """Write further entries."""
        write(self.warehouse, self.settings, count)


def write(warehouse: Warehouse, settings: Settings, count: int) -> tuple[Entry, ...]:
    return tuple(
        record_event(
            warehouse,
            Event.CUSTOMER_EXPLAINED if number % 2 else Event.NUMBERS_OPENED,
            settings=settings,
            subject="scores",
            customer_id=f"C{number}" if number % 2 else None,
            details={"rows_count": number, "words": ["ä", "b"], "is_whole": True, "none": None},
        )
        for number in range(count)
    )


@pytest.fixture
def log(warehouse: Warehouse, settings: Settings) -> Log:
    return Log(warehouse, settings, write(warehouse, settings, ENTRIES))
