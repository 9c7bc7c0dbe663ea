"""The door `back_up`: databases, archive, models and secrets, written apart and then named.

The warehouse comes first, then the registry, then the files: a file is archived before its ledger
row is written and a version registered before its promotion, so that everything the databases name
is there. What came meanwhile is surplus and harms nobody.
"""

import os
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from retention_ml import clock
from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.errors import NotReady, StackError
from retention_ml.failpoints import failpoint
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.stack import databases
from retention_ml.stack.backups import home_files, ledger, programs, shelf
from retention_ml.stack.backups.manifest import Kind, Manifest, Table, sha256, sizes
from retention_ml.stack.backups.tables import tables_of
from retention_ml.warehouse import Warehouse

# A dump has the rights in a database, but not who may connect to it.
_CONNECT = """
SELECT DISTINCT format('GRANT CONNECT ON DATABASE {database} TO %I;', role.rolname) AS sql
FROM pg_database AS this
CROSS JOIN LATERAL aclexplode(this.datacl) AS entry
JOIN pg_roles AS role ON role.oid = entry.grantee
WHERE this.datname = current_database() AND entry.privilege_type = 'CONNECT'
ORDER BY 1
"""
_BASE_EVERY = timedelta(days=7) - timedelta(hours=1)


def back_up(
    warehouse: Warehouse, *, settings: Settings, folder: Path | None = None, kind: Kind = "dump"
) -> Receipt:
    """Take a backup into a folder of its own, which appears complete or not at all.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    folder : Path, optional
        Where backups are kept; by default that of `[backups]`.
    kind : str
        See `Manifest`.

    Returns
    -------
    Receipt
        Rows are those of all tables; `details` has `name`, `kind`, `size_bytes`, `files_count`,
        `tables_count`.

    Raises
    ------
    UsageError
        No folder is set.
    StackError
        A program of Postgres failed, or the server is of another version than these programs.
    """
    started = time.perf_counter()
    into = (folder or shelf.folder_of(settings)).absolute()
    _require_same_version(warehouse)
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    with warehouse.exclusive(shelf.LOCK):
        taken_at = clock.now()
        name = f"{taken_at:%Y%m%dT%H%M%S.%f}Z-{kind}"  # several may be taken in a second
        shelf.remove_drafts(into)
        draft = into / f"{shelf.DRAFT}{name}"
        draft.mkdir(mode=0o700)
        record_event(
            warehouse,
            Event.BACKED_UP,
            settings=settings,
            subject=name,
            details={"kind": kind},
        )
        contents = _base(settings, draft) if kind == "base" else _dumps(warehouse, settings, draft)
        before = next((one for one in reversed(shelf.read(into))), None)
        linked = home_files.copy(
            home_files.paths_of(settings.home, shelf=into), settings.home, draft / "home",
            before=before, shelf=into,
        )  # fmt: skip
        manifest = Manifest(
            name=name,
            kind=kind,
            taken_at=taken_at,
            postgres=_version(warehouse),
            migration=_migration(warehouse),
            databases=contents,
            files={
                path: linked.get(path.removeprefix("home/")) or (size, sha256(draft / path))
                for path, size in sizes(draft).items()
            },
        )
        os.sync()  # thousands of files: all of them are on the disk before they have a manifest
        failpoint("back_up.before_manifest")
        manifest.write(draft)
        draft.rename(into / name)
        failpoint("back_up.after_rename")
    ledger.record(warehouse, [manifest])
    return warehouse.record(
        Receipt(
            door="back_up",
            seconds=time.perf_counter() - started,
            read=manifest.rows_count,
            written=manifest.rows_count,
            details={
                "name": name,
                "kind": kind,
                "size_bytes": manifest.size_bytes,
                "files_count": len(manifest.files),
                "tables_count": manifest.tables_count,
            },
        ),
        settings.run_id,
    )


def back_up_cluster_if_due(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Take a base backup, where WAL is archived and the last base is a week old.

    Raises
    ------
    NotReady
        WAL is not archived, or none is due.
    """
    if not settings.backups.wal:
        raise NotReady("WAL is not archived (`wal` under [backups]), so no base backup is needed.")
    bases = [one for one in shelf.read(shelf.folder_of(settings)) if one.kind == "base"]
    if bases and clock.now() - bases[-1].taken_at < _BASE_EVERY:
        raise NotReady(f"The base backup {bases[-1].name} is not a week old.")
    return back_up(warehouse, settings=settings, kind="base")


def _dumps(warehouse: Warehouse, settings: Settings, draft: Path) -> dict[str, dict[str, Table]]:
    """Dump each database at one moment of its own; its tables as they were then."""
    contents = {}
    (draft / "databases").mkdir()
    urls = _databases(warehouse, settings)
    programs.dump_roles(
        urls["retention"], draft / "roles.sql", with_passwords=settings.warehouse_url is None
    )
    grants = []
    for name, url in urls.items():
        with closing(Warehouse(url)) as database, database.snapshot() as read:
            snapshot = str(read("SELECT pg_export_snapshot() AS id")["id"][0].as_py())
            programs.dump(
                url, draft / "databases" / name, snapshot=snapshot, jobs=settings.compute.threads
            )
            contents[name] = tables_of(read)
            grants += read(_CONNECT.format(database=name))["sql"].to_pylist()
    (draft / "grants.sql").write_text("\n".join([*grants, ""]), "utf-8")
    return contents


def _base(settings: Settings, draft: Path) -> dict[str, dict[str, Table]]:
    server = databases.server(settings.home)
    if settings.warehouse_url is not None or not server.is_running():
        raise StackError(
            "A base backup copies the embedded Postgres of the home, and there is none. Leave out "
            "--base, or use what the keepers of that Postgres offer."
        )
    programs.copy_cluster(server.url(), draft / "cluster")
    (draft / "password").touch(mode=0o600)
    (draft / "password").write_text(server.password, "utf-8")
    return {}


def _require_same_version(warehouse: Warehouse) -> None:
    """Refuse programs that are older or newer than the server, before anything is written."""
    version, programs_version = int(_version(warehouse).split(".")[0]), programs.major()
    if version != programs_version:
        raise StackError(
            f"The server is Postgres {version}, the programs here are of {programs_version}: what "
            f"they write could not be restored. Use the pg_dump of Postgres {version}, or move to "
            f"Postgres {programs_version}."
        )


def _databases(warehouse: Warehouse, settings: Settings) -> dict[str, str]:
    """What to dump, in this order: the warehouse, then what it refers to."""
    if settings.warehouse_url is not None:
        return {"retention": warehouse.url}
    server = databases.server(settings.home)
    admin = Warehouse(server.url())
    with closing(admin):
        there = set(admin.read("SELECT datname FROM pg_database")["datname"].to_pylist())
    ordered = ("retention", "mlflow", "airflow", "superset")
    return {name: server.url(name) for name in ordered if name in there}


def _migration(warehouse: Warehouse) -> str:
    rows = warehouse.read("SELECT max(name) AS name FROM public.migrations WHERE name ~ '^[0-9]'")
    return str(rows["name"][0].as_py())


def _version(warehouse: Warehouse) -> str:
    rows = warehouse.read("SELECT current_setting('server_version') AS version")
    return str(rows["version"][0].as_py()).split(" ")[0]
