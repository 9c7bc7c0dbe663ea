"""Builds one day in a process of its own, again and again, until it is killed."""

import os
from datetime import date
from multiprocessing.synchronize import Event
from typing import Any

from retention_ml.features import build as door
from retention_ml.features import store
from retention_ml.features.build import build
from retention_ml.quality.suites import _great_expectations
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_great_expectations()  # takes seconds: once, in the server that these processes are forked from


def main(
    url: str,
    settings: dict[str, Any],
    as_of: str,
    failpoint: str,
    is_naive: bool,
    has_built: Event,
) -> None:
    """Build until somebody kills this process, or until it dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    warehouse = Warehouse(url)
    if is_naive:
        _record_apart(warehouse)
    while True:
        build(warehouse, settings=Settings(**settings), as_of=date.fromisoformat(as_of))
        has_built.set()


def _record_apart(warehouse: Warehouse) -> None:
    """Commit the rows of a day before their build is recorded: what the door must not do."""

    def replace_day(_: Transaction, as_of: date, rows: Any) -> int:
        with warehouse.transaction() as transaction:
            return real(transaction, as_of, rows)

    real, door.store.replace_day = store.replace_day, replace_day  # type: ignore[attr-defined]
