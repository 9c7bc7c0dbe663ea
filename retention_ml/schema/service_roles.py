"""Gives the roles of the steps, of the auditor and of the public the rights of the matrix, and no others."""

from collections import defaultdict
from collections.abc import Iterable

from retention_ml.errors import UsageError
from retention_ml.schema.rights import FUNCTIONS, MANAGED, MIGRATOR, Verb, schemas_of, verbs_of
from retention_ml.warehouse import Transaction

# Role, kind of object, its name, the right.
Grant = tuple[str, str, str, str]

_ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY (:roles)"
_OBJECTS = """
SELECT 'TABLE' AS kind, format('%I.%I', relnamespace::regnamespace, relname) AS name
FROM pg_class
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_has_role(relowner, 'USAGE')
    AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
UNION ALL
SELECT 'SCHEMA', quote_ident(nspname) FROM pg_namespace
WHERE nspname !~ '^(pg_|information_schema)' AND nspname <> 'public'
    AND pg_has_role(nspowner, 'USAGE')
UNION ALL
SELECT 'FUNCTION', format('%I.%I', pronamespace::regnamespace, proname) FROM pg_proc
WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
    AND pg_has_role(proowner, 'USAGE')
"""
_GRANTED = """
SELECT role.rolname AS role, kind, name, privilege_type AS privilege
FROM (
    SELECT 'TABLE' AS kind, format('%I.%I', relnamespace::regnamespace, relname) AS name,
        relacl AS rights
    FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT 'SCHEMA', quote_ident(nspname), nspacl FROM pg_namespace
    UNION ALL
    SELECT 'FUNCTION', format('%I.%I', pronamespace::regnamespace, proname), proacl FROM pg_proc
) AS granted
CROSS JOIN LATERAL aclexplode(rights)
JOIN pg_roles AS role ON role.oid = grantee
WHERE role.rolname = ANY (:roles)
"""


def is_migrator(transaction: Transaction) -> bool:
    """Whether this role may bring the schema up to date: all but those of a single step."""
    [[may_create]] = transaction.execute(
        "SELECT to_regclass('public.migrations') IS NULL "
        "OR has_schema_privilege('public', 'CREATE')"
    )
    return bool(may_create)


def require_current(missing: Iterable[str]) -> None:
    """Fail where migrations are missing that this role may not apply.

    Raises
    ------
    UsageError
        Some are missing.
    """
    if names := list(missing):
        raise UsageError(
            f"The warehouse lacks {len(names)} migrations ({names[0]} first), and the role that this "
            "command connects as may not change the schema. Run any command as the owner of the "
            f"tables, or as {MIGRATOR}, then the same command again."
        )


def let_services_work(transaction: Transaction) -> None:
    """Grant those roles that exist what the matrix says, and revoke what it does not; nothing else.

    Where all is as it should be, nothing is changed.
    """
    roles = [str(name) for (name,) in transaction.execute(_ROLES, roles=list(MANAGED))]
    if not roles:
        return
    objects = [(str(row.kind), str(row.name)) for row in transaction.execute(_OBJECTS)]
    [[has_maintain]] = transaction.execute(
        "SELECT CAST(current_setting('server_version_num') AS integer) >= 170000"
    )  # before, statistics were the owner's
    wanted = {
        grant
        for role in roles
        for grant in _wanted(role, objects)
        if has_maintain or grant[3] != Verb.MAINTAIN
    }
    granted = {
        (str(row.role), str(row.kind), str(row.name), str(row.privilege))
        for row in transaction.execute(_GRANTED, roles=roles)
    }
    for role, kind, privilege, names in _together(granted - wanted):
        transaction.execute(f"REVOKE {privilege} ON {kind} {names} FROM {role}")
    for role, kind, privilege, names in _together(wanted - granted):
        transaction.execute(f"GRANT {privilege} ON {kind} {names} TO {role}")


def _wanted(role: str, objects: Iterable[tuple[str, str]]) -> Iterable[Grant]:
    schemas = schemas_of(role)
    for kind, name in objects:
        if kind == "TABLE":
            yield from ((role, kind, name, str(verb)) for verb in verbs_of(role, name))
        elif kind == "SCHEMA" and name in schemas:
            yield role, kind, name, "USAGE"
        elif kind == "FUNCTION" and name in FUNCTIONS.get(role, ()):
            yield role, kind, name, "EXECUTE"


def _together(grants: Iterable[Grant]) -> list[tuple[str, str, str, str]]:
    """One statement for all objects of a role, kind and right."""
    names: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for role, kind, name, privilege in sorted(grants):
        names[role, kind, privilege].append(name)
    return [(*key, ", ".join(objects)) for key, objects in names.items()]
