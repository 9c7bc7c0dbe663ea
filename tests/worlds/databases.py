"""Warehouses of the tests' own, copied from a database that is there already."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import uuid4

from sqlalchemy import make_url

from retention_ml.warehouse import Warehouse

NewWarehouse = Callable[[], AbstractContextManager[Warehouse]]


@contextmanager
def copy_of(url: str) -> Iterator[Warehouse]:
    """A copy of the database at `url`, to which nobody is connected; dropped in the end."""
    template = make_url(url)
    name = f"test_{uuid4().hex[:12]}"
    admin = Warehouse(template.set(database="postgres").render_as_string(hide_password=False))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE {template.database} STRATEGY FILE_COPY"
        )
        warehouse = Warehouse(template.set(database=name).render_as_string(hide_password=False))
        yield warehouse
        warehouse.close()
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()
