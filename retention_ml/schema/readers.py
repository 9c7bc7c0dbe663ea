"""What readers may read: of data scientists how models are made, of the CRM whom it may contact."""

from collections.abc import Sequence

from retention_ml.warehouse import Transaction

SCIENTIST, CRM = "retention_ds", "retention_crm"
# Labels are in `models`. No schema that holds permissions, addresses or messages.
READABLE = ("features", "models", "scores", "outcomes")


def relations(transaction: Transaction) -> set[str]:
    """The tables and views of the schemas of `READABLE`, with their schemas."""
    rows = transaction.execute(
        "SELECT format('%I.%I', space.nspname, relation.relname) FROM pg_class AS relation "
        "JOIN pg_namespace AS space ON space.oid = relation.relnamespace "
        "WHERE space.nspname = ANY (:schemas) AND relation.relkind IN ('r', 'v', 'p', 'm')",
        schemas=list(READABLE),
    )
    return {str(name) for (name,) in rows}


def let_scientist_read(transaction: Transaction, new: Sequence[str]) -> None:
    """Grant the role the new tables, or all where it was made since; nothing without the role.

    What an administrator revoked on older tables is not granted again.
    """
    [[may_use]] = transaction.execute(
        "SELECT (SELECT bool_and(has_schema_privilege(role.oid, space.oid, 'USAGE')) "
        "FROM pg_namespace AS space WHERE space.nspname = ANY (:schemas)) "
        f"FROM (SELECT (SELECT oid FROM pg_roles WHERE rolname = '{SCIENTIST}') AS oid) AS role",
        schemas=list(READABLE),
    )
    if may_use is None:
        return
    if not may_use:
        there = transaction.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY (:schemas) ORDER BY 1",
            schemas=list(READABLE),
        )  # not all of them while an older state is made
        schemas = ", ".join(str(name) for (name,) in there)
        transaction.execute(f"GRANT USAGE ON SCHEMA {schemas} TO {SCIENTIST}")
        new = sorted(relations(transaction))
    if new:
        transaction.execute(f"GRANT SELECT ON {', '.join(new)} TO {SCIENTIST}")


def let_crm_read(transaction: Transaction) -> None:
    """Grant the role the list of those who may be contacted, and nothing else; once."""
    [[may_use]] = transaction.execute(
        "SELECT has_schema_privilege(role.oid, to_regnamespace('privacy'), 'USAGE') "
        "FROM (SELECT (SELECT oid FROM pg_roles WHERE rolname = :role) AS oid) AS role",
        role=CRM,
    )
    if may_use is False:
        transaction.execute(f"GRANT USAGE ON SCHEMA privacy TO {CRM}")
        transaction.execute(f"GRANT SELECT ON privacy.contact_list TO {CRM}")
