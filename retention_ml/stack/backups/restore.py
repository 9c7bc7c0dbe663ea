"""A new home from a backup: files, databases, and the proof that they are what they were.

The home must be new: nothing that is there is ever written over. One that an interrupted attempt
left is begun again.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from retention_ml import atomic_files
from retention_ml.audit import head as heads
from retention_ml.deliveries.archive import path_of
from retention_ml.deliveries.ledger import tombstones
from retention_ml.deliveries.ledger.files import archived_files
from retention_ml.errors import StackError, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.stack import databases
from retention_ml.stack.backups import programs, shelf
from retention_ml.stack.backups.manifest import Manifest
from retention_ml.stack.backups.tables import tables_of
from retention_ml.warehouse import Warehouse

_MARK = ".restoring"
_OPTIONAL = ("superset",)
_REPLAY_SECONDS_MAX = 3600.0

Say = Callable[[str], None]


def restore(
    backup: Path, home: Path, *, until: datetime | None = None, jobs: int = 2, say: Say
) -> dict[str, Any]:
    """Make a home from a backup, and leave its Postgres running.

    Parameters
    ----------
    backup : Path
        The folder of one backup.
    home : Path
        A folder that is empty or not there.
    until : datetime, optional
        For a base backup: the moment up to which archived WAL is replayed; the end of it by
        default.
    jobs : int
        Tables that are loaded side by side.
    say : callable of str
        Told one sentence per step.

    Returns
    -------
    dict
        `name`, `home`, `tables_count`, `rows_count`, `seconds`, `missing_files`: names of archived
        deliveries that the ledger has and the home has not, and `forgotten_count`: persons of whom
        tombstones are kept.

    Raises
    ------
    UsageError
        The home is not empty, or `until` does not go with this backup.
    StackError
        The backup is damaged, or what was restored is not what it holds.
    """
    started = time.perf_counter()
    manifest = Manifest.read(backup)
    _require_fit(manifest, until)
    if faults := manifest.damage(backup):
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise StackError(
            f"The backup {manifest.name} is damaged: {'; '.join(faults[:3])}{more}. Nothing was "
            "restored. Use another one; `retention backup list` shows those there are."
        )
    say(f"{manifest.name} is whole: {len(manifest.files):,} files")
    with _new_home(home):
        shutil.copytree(backup / "home", home, dirs_exist_ok=True)
        forgotten = tombstones.bring(backup.parent, home)
        failpoint("restore.after_files")
        if manifest.kind == "base":
            _replay(backup, home, until, say)
        else:
            _load(manifest, backup, home, jobs, say)
        heads.mark_restored(home, manifest.name)
        failpoint("restore.before_mark")
    missing = _missing_files(home)
    if missing:
        say(f"{len(missing):,} archived files came after the backup and are not there")
    if forgotten:
        say(
            f"{forgotten:,} persons were forgotten, some perhaps after the backup: before anything "
            "else, run `retention people forget --again` in this home, with its keys"
        )
    return {
        "name": manifest.name,
        "home": str(home),
        "tables_count": manifest.tables_count,
        "rows_count": manifest.rows_count,
        "missing_files": missing,
        "forgotten_count": forgotten,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _require_fit(manifest: Manifest, until: datetime | None) -> None:
    if until is not None and manifest.kind != "base":
        raise UsageError(
            f"{manifest.name} is a dump, which is one moment. Only a base backup can be brought to "
            "another: name one, or leave out --until."
        )
    if until is not None and until < manifest.taken_at:
        raise UsageError(
            f"{manifest.name} was taken at {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, after the "
            f"moment asked for ({until:%Y-%m-%d %H:%M:%S %Z}). Name an earlier base backup."
        )
    if (version := int(manifest.postgres.split(".")[0])) != programs.major():
        raise StackError(
            f"{manifest.name} is of Postgres {version}, the programs here are of "
            f"{programs.major()}. Restore it with the version of this platform that took it."
        )


@contextmanager
def _new_home(home: Path) -> Iterator[None]:
    """A block in which the home is marked as unfinished."""
    mark = home / _MARK
    if mark.exists():
        databases.server(home).stop("immediate")
        shutil.rmtree(home)
    if home.exists() and any(home.iterdir()):
        raise UsageError(
            f"{home} is not empty, and nothing is written over. Name a folder that is not there; "
            "afterwards set RETENTION_HOME to it."
        )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark.touch()
    yield
    mark.unlink()


def _load(manifest: Manifest, backup: Path, home: Path, jobs: int, say: Say) -> None:
    server = databases.server(home)
    server.start()
    programs.run_script(server.url(), backup / "roles.sql")
    databases.prepare(home)
    for name in _OPTIONAL:
        if name in manifest.databases:
            databases.add(home, name)
    programs.run_script(server.url(), backup / "grants.sql")
    for name, tables in manifest.databases.items():
        programs.restore(server.url(name), backup / "databases" / name, jobs=jobs)
        with closing(Warehouse(server.url(name))) as database:
            with database.snapshot() as read:
                there = tables_of(read)
            differing = sorted(
                table for table in tables.keys() | there.keys()
                if tuple(tables.get(table, ())) != there.get(table)
            )  # fmt: skip
            if differing:
                raise StackError(
                    f"{len(differing)} tables of {name} are not what the backup says: "
                    f"{', '.join(differing[:5])}. {home} is not to be used; remove it, and use "
                    "another backup."
                )
            with database.transaction() as transaction:
                transaction.execute("ANALYZE")
        say(f"{name}: {len(tables)} tables are equal, row for row")


def _replay(backup: Path, home: Path, until: datetime | None, say: Say) -> None:
    server = databases.server(home)
    server.folder.mkdir(mode=0o700, parents=True)
    shutil.copytree(backup / "cluster", server.data)
    server.data.chmod(0o700)
    atomic_files.write_text(
        server.folder / "password", (backup / "password").read_text("utf-8"), mode=0o600
    )
    (server.data / "recovery.signal").touch()
    (server.folder / "created").touch()
    server.start(*_recovery(shelf.wal_of(backup.parent), until))
    with closing(Warehouse(server.url())) as admin:
        waited = time.monotonic()
        while admin.read("SELECT pg_is_in_recovery() AS goes_on")["goes_on"][0].as_py():
            if time.monotonic() - waited > _REPLAY_SECONDS_MAX:
                raise StackError(
                    f"WAL was still being replayed after {_REPLAY_SECONDS_MAX / 60:.0f} minutes. "
                    f"The log is {server.folder / 'log'}."
                )
            time.sleep(0.2)
        last = admin.read("SELECT pg_last_xact_replay_timestamp() AS at")["at"][0].as_py()
    # What is only meant for the replay is not an option of the next start.
    server.stop()
    server.start()
    say(f"WAL was replayed up to {last:%Y-%m-%d %H:%M:%S} UTC" if last else "no WAL to replay")


def _recovery(wal: Path, until: datetime | None) -> tuple[str, ...]:
    return (
        f'restore_command=cp "{wal}/%f" "%p"',
        "recovery_target_action=promote",
        *([f"recovery_target_time={until.isoformat(sep=' ')}"] if until else []),
    )


def _missing_files(home: Path) -> list[str]:
    url = databases.address(home, "retention")
    with closing(Warehouse(url)) as warehouse, warehouse.transaction() as transaction:
        names = archived_files(transaction)
    return [name for sha256, name in names.items() if not path_of(home, sha256).exists()]
