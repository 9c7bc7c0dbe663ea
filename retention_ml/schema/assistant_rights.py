"""What the role of the assistant may read: views of `reports`, without what others wrote freely.

Texts from outside, such as the reply of a mail server, may hold an address or an order to a
language model.
"""

from retention_ml.warehouse import Transaction

ASSISTANT = "retention_assistant"
HIDDEN_COLUMNS = frozenset(
    {
        ("contacts", "answer"),
        ("contacts", "provider_ref"),
        ("contacts", "settled_by"),
        ("abnormal_customers", "decided_by"),
        ("abnormal_customers", "reason"),
    }
)


def let_assistant_read(transaction: Transaction) -> None:
    """Grant the role what it lacks, if there is such a role; views of others are left to them."""
    if not transaction.execute("SELECT 1 FROM pg_roles WHERE rolname = :role", role=ASSISTANT):
        return
    missing: dict[str, list[str]] = {}
    for row in transaction.execute(
        "SELECT c.relname AS view, a.attname AS name, "
        "has_column_privilege(:role, c.oid, a.attnum, 'SELECT') AS may_read "
        "FROM public.migrations AS m JOIN pg_class AS c ON c.oid = to_regclass(m.name) "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE m.name LIKE 'reports.%' ORDER BY c.relname, a.attnum",
        role=ASSISTANT,
    ):
        if not row.may_read and (row.view, row.name) not in HIDDEN_COLUMNS:
            missing.setdefault(row.view, []).append(row.name)
    partly = {view for view, _ in HIDDEN_COLUMNS}
    for view, columns in missing.items():
        names = f" ({', '.join(columns)})" if view in partly else ""
        transaction.execute(f"GRANT SELECT{names} ON reports.{view} TO {ASSISTANT}")
    if transaction.execute(
        "SELECT 1 WHERE NOT (has_schema_privilege(:role, 'reports', 'USAGE') "
        "AND has_schema_privilege(:role, 'ops', 'USAGE') AND has_function_privilege(:role, "
        "'ops.record_assistant_call'::regproc, 'EXECUTE'))",
        role=ASSISTANT,
    ):
        transaction.execute(f"GRANT USAGE ON SCHEMA reports, ops TO {ASSISTANT}")
        transaction.execute(f"GRANT EXECUTE ON FUNCTION ops.record_assistant_call TO {ASSISTANT}")
