"""The matrix of rights is what the database grants: every role, every object, every verb."""

import itertools

import pytest

from retention_ml.errors import UsageError, WarehouseError
from retention_ml.schema.assistant_rights import ASSISTANT
from retention_ml.schema.migrate import migrate
from retention_ml.schema.rights import (
    FUNCTIONS,
    LOADER,
    MIGRATOR,
    SCHEMAS,
    SCORER,
    SERVICES,
    TABLES,
    Verb,
    schemas_of,
    verbs_of,
)
from retention_ml.warehouse import Transaction, Warehouse

_RELATIONS = """
SELECT format('%I.%I', relnamespace::regnamespace, relname) AS name, oid, relkind::text AS kind
FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
    AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
"""
_DENIED = "42501"
_ATTEMPTS = {
    Verb.SELECT: "SELECT 1 FROM {} LIMIT 0",
    Verb.INSERT: "INSERT INTO {} DEFAULT VALUES",
    Verb.UPDATE: 'UPDATE {} SET "{}" = NULL',
    Verb.DELETE: "DELETE FROM {}",
    Verb.TRUNCATE: "TRUNCATE {}",
    Verb.MAINTAIN: "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
}


@pytest.fixture
def roles(warehouse: Warehouse) -> Warehouse:
    """A warehouse with all roles of the matrix."""
    with warehouse.transaction() as transaction:
        for role in TABLES:
            transaction.execute(
                f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        [[owner]] = transaction.execute("SELECT current_user")
        transaction.execute(f"GRANT {owner} TO {MIGRATOR}")
    migrate(warehouse)
    return warehouse


def _relations(transaction: Transaction) -> list[str]:
    return [str(row.name) for row in transaction.execute(_RELATIONS)]


def test_the_matrix_names_every_schema(roles: Warehouse) -> None:
    with roles.transaction() as transaction:
        schemas = {name.partition(".")[0] for name in _relations(transaction)}
    assert schemas == set(SCHEMAS)
    named = {name.partition(".")[0] for cells in TABLES.values() for name in cells}
    assert named == set(SCHEMAS)


@pytest.mark.fault("every right of every role", promises="P1 P7", row=39)
def test_every_right_to_every_table_and_view_is_that_of_the_matrix(roles: Warehouse) -> None:
    with roles.transaction() as transaction:
        relations = _relations(transaction)
        rows = transaction.execute(
            "SELECT role, verb, relation.name, "
            "has_schema_privilege(role, relnamespace, 'USAGE') AND CASE "
            "WHEN role = :assistant AND verb = 'SELECT' "
            "THEN has_any_column_privilege(role, relation.oid, verb) "
            "ELSE has_table_privilege(role, relation.oid, verb) END AS may "
            "FROM unnest(CAST(:roles AS text[])) AS role, unnest(CAST(:verbs AS text[])) AS verb, "
            f"({_RELATIONS}) AS relation JOIN pg_class USING (oid)",
            assistant=ASSISTANT,
            roles=list(TABLES),
            verbs=[str(verb) for verb in Verb],
        )
    granted = {(row.role, row.name, row.verb) for row in rows if row.may}
    expected = {
        (role, name, str(verb))
        for role in TABLES
        for name in relations
        for verb in verbs_of(role, name)
    }
    assert len(rows) == len(TABLES) * len(Verb) * len(relations) > 9_000
    assert granted - expected == set(), "the database grants what the matrix does not"
    assert expected - granted == set(), "the matrix grants what the database does not"


def test_every_right_to_schemas_functions_and_sequences_is_that_of_the_matrix(
    roles: Warehouse,
) -> None:
    others = sorted(set(TABLES) - {MIGRATOR})
    with roles.transaction() as transaction:
        schemas = transaction.execute(
            "SELECT role, nspname AS name, has_schema_privilege(role, oid, 'USAGE') AS may_look, "
            "has_schema_privilege(role, oid, 'CREATE') AS may_create FROM pg_namespace, "
            "unnest(CAST(:roles AS text[])) AS role "
            "WHERE nspname !~ '^(pg_|information_schema)' AND nspname <> 'public'",
            roles=others,
        )
        functions = transaction.execute(
            "SELECT role, format('%s.%s', pronamespace::regnamespace, proname) AS name, "
            "has_function_privilege(role, oid, 'EXECUTE') AS may FROM pg_proc, "
            "unnest(CAST(:roles AS text[])) AS role "
            "WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'",
            roles=others,
        )
        sequences = transaction.execute(
            "SELECT relname FROM pg_class, unnest(CAST(:roles AS text[])) AS role "
            "WHERE relkind = 'S' AND (has_sequence_privilege(role, oid, 'USAGE') "
            "OR has_sequence_privilege(role, oid, 'SELECT') "
            "OR has_sequence_privilege(role, oid, 'UPDATE'))",
            roles=others,
        )
    assert len(schemas) >= len(others) * (len(SCHEMAS) - 1)
    for row in schemas:
        assert row.may_look == (row.name in schemas_of(row.role)), (row.role, row.name)
        assert not row.may_create, (row.role, row.name)
    assert len(functions) >= len(others) * 6
    for row in functions:
        assert row.may == (row.name in FUNCTIONS.get(row.role, ())), (row.role, row.name)
    assert sequences == []


@pytest.mark.fault("what a role may not, tried", promises="P1 P7", row=39)
@pytest.mark.parametrize("role", [role for role in TABLES if role not in (MIGRATOR, ASSISTANT)])
def test_what_is_forbidden_is_refused_when_it_is_tried(roles: Warehouse, role: str) -> None:
    """Not what the catalogue says: each statement is run as the role."""
    with roles.transaction() as transaction:
        columns = {
            str(row.name): str(row.column_name)
            for row in transaction.execute(
                "SELECT DISTINCT ON (1) format('%I.%I', table_schema, table_name) AS name, "
                "column_name FROM information_schema.columns WHERE is_identity = 'NO' "
                "AND is_generated = 'NEVER'"
            )
        }
        tables = [
            str(row.name) for row in transaction.execute(_RELATIONS) if row.kind in ("r", "p")
        ]
        transaction.execute(f"SET LOCAL ROLE {role}")
        refused, expected = set(), set()
        for name, verb in itertools.product(tables, _ATTEMPTS):
            if verb is Verb.MAINTAIN and verbs_of(role, name) & {Verb.UPDATE, Verb.DELETE}:
                continue  # a lock asks for one of them
            try:
                with transaction.savepoint():
                    transaction.execute(_ATTEMPTS[verb].format(name, columns[name]))
                    raise _UndoneError
            except _UndoneError:
                pass
            except WarehouseError as error:
                if error.sqlstate == _DENIED:
                    refused.add((name, verb))
            if verb not in verbs_of(role, name):
                expected.add((name, verb))
    assert refused == expected


class _UndoneError(Exception):
    """Takes back what was done, so that every attempt meets the same tables."""


def test_rights_that_somebody_added_or_took_are_put_right_and_then_left_alone(
    roles: Warehouse,
) -> None:
    with roles.transaction() as transaction:
        transaction.execute(f"GRANT DELETE ON curated.orders TO {SCORER}")
        transaction.execute(f"GRANT USAGE ON SCHEMA profiles TO {LOADER}")
        transaction.execute(f"REVOKE INSERT ON raw.batches FROM {LOADER}")
    migrate(roles)
    test_every_right_to_every_table_and_view_is_that_of_the_matrix(roles)
    with roles.transaction() as transaction:
        before = transaction.execute("SELECT relname, xmin::text FROM pg_class ORDER BY 1")
    migrate(roles)
    with roles.transaction() as transaction:
        assert transaction.execute("SELECT relname, xmin::text FROM pg_class ORDER BY 1") == before


@pytest.mark.parametrize("role", SERVICES)
def test_a_role_of_a_step_changes_no_schema_and_says_what_is_missing(
    roles: Warehouse, role: str
) -> None:
    with roles.transaction() as transaction:
        transaction.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(WarehouseError, match="permission denied"), transaction.savepoint():
            transaction.execute("CREATE TABLE public.mine (x int)")
    as_role = Warehouse(roles.url, session_settings={"role": role})
    assert migrate(as_role) == []
    with roles.transaction() as transaction:
        transaction.execute("DELETE FROM public.migrations WHERE name LIKE '0050%'")
    with pytest.raises(UsageError, match=r"lacks 1 migrations \(0050_audit.sql first\)"):
        migrate(as_role)
    as_role.close()
