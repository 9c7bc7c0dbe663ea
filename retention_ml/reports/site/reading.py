"""One read-only snapshot of the warehouse for all rows of a page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

from retention_ml.warehouse import Transaction, Warehouse

Row = dict[str, Any]
Select = Callable[..., list[Row]]
"""Rows of one statement as dicts: takes SQL with `:named` parameters, and the parameters."""

SECONDS_MAX = 20


@contextmanager
def reading(warehouse: Warehouse) -> Iterator[Select]:
    """Selects rows as they were when the first statement began; writing is refused.

    A statement of more than `SECONDS_MAX` is ended: nobody waits longer for a page.
    """
    with warehouse.transaction() as transaction:
        transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        transaction.execute(f"SET LOCAL statement_timeout = '{SECONDS_MAX}s'")
        yield partial(_select, transaction)


def _select(transaction: Transaction, sql: str, /, **parameters: Any) -> list[Row]:
    return [
        {
            name: float(value) if isinstance(value, Decimal) else value
            for name, value in row._mapping.items()
        }
        for row in transaction.execute(sql, **parameters)
    ]
