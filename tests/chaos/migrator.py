"""Migrates a database in a process of its own that is killed."""

import os
from contextlib import closing

from retention_ml.schema.migrate import migrate as door
from retention_ml.warehouse import Warehouse


def migrate(url: str, failpoint: str) -> None:
    """Migrate, and die at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    with closing(Warehouse(url)) as warehouse:
        door(warehouse)
