"""Somebody who reads without pause while a door works: how long they waited at most."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from retention_ml.warehouse import Warehouse

_LOOK_UP = "SELECT risk_tier FROM reports.customer_risk LIMIT 1"
_LOCKS = (
    "SELECT DISTINCT mode FROM pg_locks WHERE relation = 'scores.customer_daily'::regclass "
    "AND pid <> pg_backend_pid() AND mode <> 'AccessShareLock'"
)


@contextmanager
def reading(url: str, waits: list[float], modes: set[str]) -> Iterator[None]:
    """Look at the newest scores again and again; seconds of each look, locks that others hold."""
    stop = threading.Event()

    def look() -> None:
        warehouse = Warehouse(url)
        while not stop.is_set():
            with warehouse.transaction() as transaction:
                began = time.perf_counter()
                transaction.execute(_LOOK_UP)
                waits.append(time.perf_counter() - began)
                modes.update(str(row.mode) for row in transaction.execute(_LOCKS))
            time.sleep(0.002)
        warehouse.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
