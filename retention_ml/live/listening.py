"""Waiting for what another transaction announces, without asking again and again."""

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from retention_ml.connections import DRIVER_ERRORS
from retention_ml.warehouse import Warehouse


@contextmanager
def listening(warehouse: Warehouse, channel: str) -> Iterator[Callable[[float], bool]]:
    """A function that waits for the next announcement, at most so many seconds; whether one came.

    What is announced while nobody waits is not lost: the next wait ends at once.

    Raises
    ------
    WarehouseError
        The connection broke off.
    """
    try:
        with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
            session.detach()  # it hears of a channel that nobody else asked for
            session.execute(sa.text(f"LISTEN {channel}"))
            connection: Any = session.connection.dbapi_connection

            def wait(seconds: float) -> bool:
                # What came with the answer to a statement lies there already.
                if not connection.notifies:
                    select.select([connection], [], [], seconds)
                    connection.poll()
                has_news = bool(connection.notifies)
                connection.notifies.clear()
                return has_news

            yield wait
    except DRIVER_ERRORS as error:
        raise warehouse.connections.explain(error) from error
