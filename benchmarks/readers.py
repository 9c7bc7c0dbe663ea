"""Somebody who reads without pause while a door works: how long they waited."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from retention_ml.errors import WarehouseError
from retention_ml.warehouse import Warehouse

LOCK_MS_MAX = 10
_LOOK_UP = "SELECT risk_tier FROM reports.customer_risk LIMIT 1"
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(slots=True, kw_only=True)
class Looks:
    """Seconds of each look at the newest scores, and how many ended at a lock.

    A look ends there if it waits for one longer than `LOCK_MS_MAX` milliseconds.
    """

    seconds: list[float] = field(default_factory=list)
    locked_count: int = 0


@contextmanager
def reading(url: str, looks: Looks) -> Iterator[None]:
    """Look at the newest scores again and again until the block ends."""
    stop = threading.Event()

    def look() -> None:
        warehouse = Warehouse(url)
        while not stop.is_set():
            try:
                with warehouse.transaction() as transaction:
                    transaction.execute(f"SET LOCAL lock_timeout = {LOCK_MS_MAX:d}")
                    began = time.perf_counter()
                    transaction.execute(_LOOK_UP)
                    looks.seconds.append(time.perf_counter() - began)
            except WarehouseError as error:
                if error.sqlstate != _LOCK_NOT_AVAILABLE:
                    raise
                looks.locked_count += 1
            time.sleep(0.002)
        warehouse.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
