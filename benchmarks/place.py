"""A place to measure in: a home with a Postgres of its own, gone afterwards unless it is to stay."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from retention_ml.schema.migrate import migrate
from retention_ml.settings import Settings, load
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A running server below `folder`, on which databases can be made."""

    folder: Path
    server: EmbeddedPostgres

    @contextmanager
    def warehouse(self, name: str) -> Iterator[Warehouse]:
        """A migrated warehouse in a database of that name, made if it is not there."""
        admin = Warehouse(self.server.url())
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            there = connection.exec_driver_sql("SELECT datname FROM pg_database").scalars().all()
            if name not in there:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        admin.close()
        opened = Warehouse(self.server.url(name))
        try:
            migrate(opened)
            yield opened
        finally:
            opened.close()

    def settings(self, **changes: str) -> Settings:
        """The shipped settings with a home below `folder`.

        `changes` such as `CHURN__HORIZON_DAYS="90"` come over them; what the environment
        overrides (`RETENTION_TRAINING__TUNING_TRIALS`, …) comes over both.
        """
        overrides = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("RETENTION_") and "__" in name
        }
        changed = {f"RETENTION_{name}": value for name, value in changes.items()}
        # Samples are drawn from what a customer is known by, and keys are made anew in each home.
        by_number = {"RETENTION_PRIVACY__PSEUDONYMS": "false"}
        return load(
            {**by_number, **changed, **overrides, "RETENTION_HOME": str(self.folder / "home")}
        )


@contextmanager
def place(keep: Path | None = None) -> Iterator[Place]:
    """A folder and a server in it; the server is stopped and the folder removed.

    A folder given as `keep` stays, and what was done in it need not be done again.
    """
    if keep is not None:
        with _running(keep.resolve()) as running:
            yield running
        return
    with (
        tempfile.TemporaryDirectory(prefix="retention-benchmark-") as name,
        _running(Path(name)) as running,
    ):
        yield running


@contextmanager
def _running(folder: Path) -> Iterator[Place]:
    server = EmbeddedPostgres(folder / "postgres")
    try:
        server.start()
        yield Place(folder=folder, server=server)
    finally:
        server.stop("fast")
