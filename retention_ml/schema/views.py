"""Changes the views of `reports` under what others built on them.

A view whose columns stay and only grow at the end is replaced in place: whatever stands on it,
and whoever may read it, is not touched. One that changes otherwise is dropped and made anew with
the views built on it, their owners, options, comments, indexes and grants. One whose file is as it
was, and that is built on none that changes, is not touched: nobody who reads it waits. What cannot
be made again stops the whole, and the warehouse stays as it was.
"""

import hashlib
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from retention_ml.errors import UsageError, WarehouseError
from retention_ml.schema.dependents import View, others_built_on, views_built_on
from retention_ml.warehouse import Transaction

logger = logging.getLogger(__name__)

READER = "retention_bi"
_MADE = re.compile(r"^CREATE OR REPLACE VIEW (reports\.\w+)", re.MULTILINE)
_NAMED = re.compile(r"\breports\.\w+")
_INVALID_TABLE_DEFINITION, _LOCK_NOT_AVAILABLE = "42P16", "55P03"
_ADVICE = (
    "Nothing was changed. Change or drop it and run the same command again; the columns of today's "
    "views are in docs/tables.md."
)


def make_views(
    transaction: Transaction,
    scripts: Sequence[tuple[str, str]],
    recorded: Mapping[str, str],
    now: datetime,
) -> None:
    """Make those views of SQL files that are not yet what the files say.

    Parameters
    ----------
    scripts : sequence of (str, str)
        Name and text of each file, in the order in which views build on each other.
    recorded : mapping of str to str
        Digest by view of the files that made it, as in `public.migrations`.

    Raises
    ------
    UsageError
        If a view of somebody else has the name of one of ours, or what stands on a view that
        loses or changes columns cannot be made again.
    """
    views = _digests(scripts)
    if views != recorded:
        transaction.execute("CREATE SCHEMA IF NOT EXISTS reports")
        existing = {
            view.name: view
            for view in views_built_on(transaction, list(views))
            if view.name in views
        }
        _reject_foreign(existing.keys() - recorded.keys())
        _remove(transaction, sorted(recorded.keys() - views.keys()))
        right = {view for view in existing if recorded.get(view) == views[view]}
        dropped: dict[str, View] = {}
        for _, sql in scripts:
            names = _MADE.findall(sql)
            if not right.issuperset(names):
                dropped |= _make(transaction, sql, names)
                _set_options(transaction, [existing[name] for name in names if name in existing])
        _restore(transaction, dropped, platform_views=views.keys())
        _record(transaction, views, now)
        _let_read(transaction, sorted(views.keys() - existing.keys()))
    # The role may have been made after the views.
    if transaction.execute(
        f"SELECT 1 FROM pg_roles WHERE rolname = '{READER}' "
        "AND NOT has_schema_privilege(oid, 'reports', 'USAGE')"
    ):
        transaction.execute(f"GRANT USAGE ON SCHEMA reports TO {READER}")
        _let_read(transaction, sorted(views))


def _digests(scripts: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Digest by view of its file and of the files whose views are named there."""
    digests: dict[str, str] = {}
    for _, sql in scripts:
        made = _MADE.findall(sql)
        base = sorted(set(_NAMED.findall(sql)) & digests.keys())
        text = "\0".join([sql, *(digests[view] for view in base)])
        digests |= dict.fromkeys(made, hashlib.sha256(text.encode()).hexdigest())
    return digests


def _reject_foreign(names: set[str]) -> None:
    if names:
        raise UsageError(
            f"{' and '.join(sorted(names))} already exists and was not made by this platform, "
            "which has a view of that name from this version on. Nothing was changed. Rename it "
            "(ALTER VIEW … RENAME TO …) and run the same command again."
        )


def _remove(transaction: Transaction, names: Sequence[str]) -> None:
    """Drop views that are ours no longer; one on which something stands is left to its users."""
    for name in [view.name for view in reversed(views_built_on(transaction, names))]:
        if name not in names:
            continue
        standing = [view.name for view in views_built_on(transaction, [name])][1:]
        standing += others_built_on(transaction, [name])
        if standing:
            logger.warning(
                "%s is no longer a view of this platform. It stays, because %s stands on it.",
                name,
                " and ".join(standing),
            )
        else:
            transaction.execute(f"DROP VIEW {name}")


def _make(transaction: Transaction, sql: str, names: Sequence[str]) -> dict[str, View]:
    """Run the file of those views; by name all that had to be dropped for it, ours among them."""
    try:
        try:
            with transaction.savepoint():
                transaction.run_script(sql)
            return {}
        except WarehouseError as error:
            if error.sqlstate != _INVALID_TABLE_DEFINITION:
                raise
        with transaction.savepoint():
            return _make_anew(transaction, sql, names)
    except WarehouseError as error:
        advice = ""
        if error.sqlstate == _LOCK_NOT_AVAILABLE:
            advice = (
                f" {_readers(transaction, names)} Wait for its end, or end it with SELECT "
                "pg_terminate_backend(number); then run the same command again."
            )
        raise WarehouseError(
            f"{' and '.join(names)} could not be replaced: {error}. Nothing was changed.{advice}"
        ) from error


def _readers(transaction: Transaction, names: Sequence[str]) -> str:
    """Who holds a view, in a sentence."""
    sessions = transaction.execute(
        "SELECT DISTINCT session.pid, session.usename, session.application_name AS program "
        "FROM pg_locks AS lock JOIN pg_stat_activity AS session USING (pid) "
        "WHERE lock.granted AND lock.pid <> pg_backend_pid() "
        "AND session.datname = current_database() AND lock.relation = ANY (CAST(CAST(:views AS text[]) AS regclass[])) ORDER BY 1",
        views=[view.name for view in views_built_on(transaction, names)],
    )
    who = " and ".join(
        f"session {session.pid} of {session.usename}"
        + (f" ({session.program})" if session.program else "")
        for session in sessions
    )
    return f"{who or 'Another session'} reads it."


def _make_anew(transaction: Transaction, sql: str, names: Sequence[str]) -> dict[str, View]:
    """Drop those views with all that is built on them and run their file; what was dropped."""
    if others := others_built_on(transaction, names):
        raise UsageError(
            f"The columns of {' and '.join(names)} change, and {' and '.join(others)} stands on "
            f"them, which cannot be made again by itself. {_ADVICE}"
        )
    views = views_built_on(transaction, names)
    if foreign := [view.name for view in views if not view.may_replace]:
        raise UsageError(
            f"The columns of {' and '.join(names)} change, and {' and '.join(foreign)}, built on "
            f"them, belongs to a role that this one is no member of. {_ADVICE}"
        )
    for view in reversed(views):
        transaction.execute(f"DROP {view.kind} {view.name}")
    transaction.run_script(sql)
    return {view.name: view for view in views}


def _restore(
    transaction: Transaction, dropped: Mapping[str, View], *, platform_views: Collection[str]
) -> None:
    """Make the views of others again, and give back the rights to all."""
    waiting = list(dropped.values())
    while waiting:
        refused: list[tuple[View, WarehouseError]] = []
        for view in waiting:
            try:
                with transaction.savepoint():
                    if view.name not in platform_views:
                        transaction.run_script(view.creation)
                    _give_rights(transaction, view)
            except WarehouseError as reason:
                refused.append((view, reason))
        if len(refused) == len(waiting):
            view, error = refused[0]
            raise UsageError(
                f"{view.name} is built on views of this platform whose columns change, and does not "
                f"fit the new ones: {error}. {_ADVICE}"
            ) from error
        # One may stand on another that comes later.
        waiting = [view for view, _ in refused]


def _set_options(transaction: Transaction, views: Sequence[View]) -> None:
    """Options as they were: replacing a view sets them back."""
    for view in views:
        if view.options:
            transaction.execute(f"ALTER VIEW {view.name} SET ({view.options})")


def _give_rights(transaction: Transaction, view: View) -> None:
    """Owner and grants as they were: default privileges may have granted more."""
    if view.owner:
        transaction.execute(f"ALTER TABLE {view.name} OWNER TO {view.owner}")
    for grantee in transaction.execute(
        "SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' "
        "ELSE quote_ident(pg_get_userbyid(grantee)) END FROM pg_class, aclexplode(relacl) "
        "WHERE oid = to_regclass(:name) AND grantee <> relowner",
        name=view.name,
    ):
        transaction.execute(f"REVOKE ALL ON {view.name} FROM {grantee[0]}")
    for grant in view.grants:
        transaction.execute(f"GRANT {grant}")


def _record(transaction: Transaction, views: Mapping[str, str], now: datetime) -> None:
    transaction.execute("DELETE FROM public.migrations WHERE name LIKE 'reports.%'")
    for name, digest in views.items():
        transaction.insert_row(
            "public.migrations", {"name": name, "sha256": digest, "applied_at": now}
        )


def _let_read(transaction: Transaction, views: Sequence[str]) -> None:
    """Grant the reader of BI those views, if there is such a role."""
    if views and transaction.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{READER}'"):
        transaction.execute(f"GRANT SELECT ON {', '.join(views)} TO {READER}")
