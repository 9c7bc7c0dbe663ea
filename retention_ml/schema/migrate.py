"""Brings the tables and views of a warehouse up to date: migrations go forward, views follow.

All of it is one transaction, so a warehouse is as it was or up to date, never between.
"""

import hashlib
from importlib.resources import files

from retention_ml import clock
from retention_ml.errors import UsageError
from retention_ml.failpoints import failpoint
from retention_ml.schema.assistant_rights import let_assistant_read, view_columns
from retention_ml.schema.readers import let_crm_read, let_scientist_read, relations
from retention_ml.schema.service_roles import is_migrator, let_services_work, require_current
from retention_ml.schema.views import make_views
from retention_ml.warehouse import Transaction, Warehouse

_LOCK = 7_265_746


def migrate(warehouse: Warehouse) -> list[str]:
    """Bring the schema up to date; the names of the migrations that were applied.

    A role of a single step (`rights`) may not, and only asks whether all were applied.

    Raises
    ------
    UsageError
        If a migration is not the one that was applied, a view cannot change under what stands
        on it (`views`), or one is missing that this role may not apply.
    """
    applied: list[str] = []
    with warehouse.transaction() as transaction:
        if not is_migrator(transaction):
            require_current(_missing(transaction))
            return []
        transaction.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        transaction.execute(
            "CREATE TABLE IF NOT EXISTS public.migrations (name text PRIMARY KEY, "
            "sha256 text NOT NULL, applied_at timestamptz NOT NULL)"
        )
        applied_digests = _digests(transaction)
        before, columns_before = relations(transaction), view_columns(transaction)
        for name, sql in sql_files("migrations"):
            digest = hashlib.sha256(sql.encode()).hexdigest()
            if applied_digests.get(name, digest) != digest:
                raise UsageError(
                    f"Migration {name} is not the one this warehouse was made with. Migrations "
                    "only go forward: put the file back and write a new one."
                )
            if name in applied_digests:
                continue
            transaction.run_script(sql)
            transaction.execute(
                "INSERT INTO public.migrations VALUES (:name, :digest, :now)",
                name=name,
                digest=digest,
                now=clock.now(),
            )
            applied.append(name)
            failpoint("migrate.after_script")
        recorded = {
            name: digest
            for name, digest in _digests(transaction).items()
            if name.startswith("reports.")
        }
        make_views(transaction, sql_files("reports/views"), recorded, clock.now())
        let_scientist_read(transaction, sorted(relations(transaction) - before))
        let_crm_read(transaction)
        let_assistant_read(transaction, columns_before)
        let_services_work(transaction)
        failpoint("migrate.before_commit")
    return applied


def missing_migrations(warehouse: Warehouse) -> list[str]:
    """The names of the migrations that `migrate` would apply; changes nothing."""
    with warehouse.transaction() as transaction:
        return _missing(transaction)


def _missing(transaction: Transaction) -> list[str]:
    [[exists]] = transaction.execute("SELECT to_regclass('public.migrations') IS NOT NULL")
    rows = transaction.execute("SELECT name FROM public.migrations") if exists else []
    applied = {row.name for row in rows}
    return [name for name, _ in sql_files("migrations") if name not in applied]


def _digests(transaction: Transaction) -> dict[str, str]:
    """Digest by name of the migrations and views that were applied."""
    rows = transaction.execute("SELECT name, sha256 FROM public.migrations")
    return {str(row.name): str(row.sha256) for row in rows}


def sql_files(folder: str) -> list[tuple[str, str]]:
    """Name and text of each SQL file of a folder of the library, in order."""
    root = files("retention_ml").joinpath(*folder.split("/"))
    names = sorted(path.name for path in root.iterdir() if path.name.endswith(".sql"))
    return [(name, root.joinpath(name).read_text(encoding="utf-8")) for name in names]
