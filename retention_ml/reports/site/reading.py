"""One read-only snapshot of the warehouse for all rows of a page."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from retention_ml.warehouse import Transaction, Warehouse

Row = dict[str, Any]

SECONDS_MAX = 20


class Select:
    """Rows of one statement as dicts: takes SQL with `:named` parameters, and the parameters."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def __call__(self, sql: str, /, **parameters: Any) -> list[Row]:
        """All rows."""
        return [_row(row._mapping) for row in self._transaction.execute(sql, **parameters)]

    def stream(self, sql: str, /, **parameters: Any) -> Iterator[Row]:
        """Rows one after the other, however many there are: few are in memory at a time."""
        return (_row(row._mapping) for row in self._transaction.stream(sql, **parameters))


@contextmanager
def reading(warehouse: Warehouse) -> Iterator[Select]:
    """Selects rows as they were when the first statement began; writing is refused.

    A statement of more than `SECONDS_MAX` is ended: nobody waits longer for a page.
    """
    with warehouse.transaction() as transaction:
        transaction.only_read(seconds_max=SECONDS_MAX)
        # A day of a large shop looks costly enough to be compiled, which takes longer than reading.
        transaction.execute("SET LOCAL jit = off")
        yield Select(transaction)


def _row(values: Mapping[Any, Any]) -> Row:
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }
