"""No transaction stays open while a model is fitted or the registry is asked: in no test."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.training.candidates import Candidate
from retention_ml.warehouse import Warehouse

_here = threading.local()


def count() -> int:
    """How many transactions of the warehouse this thread has open."""
    return int(getattr(_here, "count", 0))


def require_none(what: str) -> None:
    """Fail where one is open."""
    assert count() == 0, (
        f"{what} while a transaction is open: it would hold its locks, and keep Postgres from "
        "cleaning up, for as long as that takes. Read first, then do it, then write in a short "
        "transaction that checks again; `Warehouse.exclusive` keeps other processes out."
    )


def idle_in_transaction(warehouse: Warehouse) -> int:
    """How many sessions of the database Postgres sees waiting inside a transaction."""
    with warehouse.transaction() as transaction:
        [[sessions]] = transaction.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state LIKE 'idle in transaction%'"
        )
    return int(sessions)


@contextmanager
def guarded() -> Iterator[None]:
    """Transactions are counted; fits and requests to the registry fail where one is open."""

    def counting(method: Any) -> Any:
        @contextmanager
        def counted(self: Warehouse, *args: Any, **options: Any) -> Iterator[Any]:
            inner: AbstractContextManager[Any] = method(self, *args, **options)
            with inner as value:
                _here.count = count() + 1
                try:
                    yield value
                finally:
                    _here.count -= 1

        return counted

    request, fit = Registry._request, Candidate.fit

    def guarded_request(self: Registry, *args: Any) -> Any:
        require_none("The registry is asked")
        return request(self, *args)

    def guarded_fit(self: Candidate, *args: Any) -> Any:
        require_none(f"{self.name} is fitted")
        return fit(self, *args)

    with pytest.MonkeyPatch.context() as patched:
        for name in ("transaction", "snapshot"):
            patched.setattr(Warehouse, name, counting(getattr(Warehouse, name)))
        patched.setattr(Registry, "_request", guarded_request)
        patched.setattr(Candidate, "fit", guarded_fit)
        yield
