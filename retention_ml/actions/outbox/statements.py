"""Statements that are each kept at once, over one connection: for one small thing after another."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from retention_ml.connections import DRIVER_ERRORS
from retention_ml.warehouse import Transaction, Warehouse


class Statements:
    """A connection that is made when it is needed, and again after it broke.

    No transaction is open between two statements. A transaction of its own for each would take five
    times as many round trips.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._session: sa.Connection | None = None

    def execute(self, sql: str, /, **parameters: Any) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        """Run one statement with `:named` parameters and keep what it did; its rows.

        Raises
        ------
        WarehouseError
            The database did not answer or refused; whether it was kept may not be known.
        """
        try:
            if self._session is None:
                engine = self._warehouse.engine
                session = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                session.detach()
                self._session = session
            return Transaction(self._session).execute(sql, **parameters)
        except DRIVER_ERRORS as error:
            self.close()
            raise self._warehouse.connections.explain(error, is_committing=True) from error

    def close(self) -> None:
        """End the connection."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(*DRIVER_ERRORS):
                session.close()
