"""What the role of the assistant may read: views of `reports`, without what others wrote freely.

Texts from outside, such as the reply of a mail server, may hold an address or an order to a
language model. So may the reasons that colleagues write, and sentences that quote them.
"""

from collections.abc import Collection

from retention_ml.warehouse import Transaction

ASSISTANT = "retention_assistant"
HIDDEN_COLUMNS = frozenset(
    {
        ("abnormal_customers", "decided_by"),
        ("abnormal_customers", "reason"),
        ("alerts", "sentence"),
        ("contacts", "answer"),
        ("contacts", "provider_ref"),
        ("contacts", "settled_by"),
        ("experiments", "question"),
        ("experiments", "state_reason"),
        ("outbox_health", "stopped_by"),
        ("outbox_health", "stopped_why"),
        ("outbox_health", "trouble"),
        ("personas", "decided_because"),
        ("personas", "decided_by"),
        ("trials", "status_reason"),
        ("uplift", "decided_by"),
    }
)


def view_columns(transaction: Transaction) -> set[tuple[str, str]]:
    """View and name of every column of `reports`; empty before there is such a schema."""
    rows = transaction.execute(
        "SELECT c.relname AS view, a.attname AS name FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = to_regnamespace('reports') AND c.relkind IN ('v', 'm')"
    )
    return {(str(row.view), str(row.name)) for row in rows}


def let_assistant_read(transaction: Transaction, before: Collection[tuple[str, str]]) -> None:
    """Grant the role what is new, or all where it was made since; nothing without the role.

    What an administrator revoked on older views is not granted again, and a view of which it may
    read nothing stays closed when it gets a column. What is hidden is taken away where an earlier
    version showed it. Views of others are left to them.

    Parameters
    ----------
    before : collection of (str, str)
        View and name of the columns that there were (`view_columns`).
    """
    # Roles are the server's: it may have this one from another, newer warehouse.
    if not transaction.execute(
        "SELECT 1 FROM pg_roles WHERE rolname = :role "
        "AND to_regproc('ops.record_assistant_call') IS NOT NULL",
        role=ASSISTANT,
    ):
        return
    [[is_known]] = transaction.execute(
        "SELECT has_schema_privilege(:role, 'reports', 'USAGE')", role=ASSISTANT
    )
    if not is_known:
        transaction.execute(f"GRANT USAGE ON SCHEMA reports, ops TO {ASSISTANT}")
        transaction.execute(f"GRANT EXECUTE ON FUNCTION ops.record_assistant_call TO {ASSISTANT}")
        before = set()
    _let_assistant_look_up(transaction)
    older_views = {view for view, _ in before}
    readable: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {}
    shown: set[str] = set()
    for row in transaction.execute(
        "SELECT c.relname AS view, a.attname AS name, "
        "has_column_privilege(:role, c.oid, a.attnum, 'SELECT') AS may_read, "
        "has_any_column_privilege(:role, c.oid, 'SELECT') AS may_read_any "
        "FROM public.migrations AS m JOIN pg_class AS c ON c.oid = to_regclass(m.name) "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE m.name LIKE 'reports.%' ORDER BY c.relname, a.attnum",
        role=ASSISTANT,
    ):
        is_new = (row.view, row.name) not in before
        if (row.view, row.name) in HIDDEN_COLUMNS:
            if row.may_read:
                shown.add(row.view)
        elif row.may_read:
            readable.setdefault(row.view, []).append(row.name)
        elif is_new and (row.may_read_any or row.view not in older_views):
            missing.setdefault(row.view, []).append(row.name)
    for view in sorted(shown):
        # A right to the whole view is one to all its columns, and goes with them.
        transaction.execute(f"REVOKE SELECT ON reports.{view} FROM {ASSISTANT}")
        missing[view] = [*readable.get(view, []), *missing.get(view, [])]
    partly = {view for view, _ in HIDDEN_COLUMNS}
    for view, columns in missing.items():
        names = f" ({', '.join(columns)})" if view in partly or view in older_views else ""
        if columns:
            transaction.execute(f"GRANT SELECT{names} ON reports.{view} TO {ASSISTANT}")


def _let_assistant_look_up(transaction: Transaction) -> None:
    """Let the role find one customer by what only a number and the key give."""
    [[may_use]] = transaction.execute(
        "SELECT has_schema_privilege(:role, to_regnamespace('privacy'), 'USAGE')", role=ASSISTANT
    )
    if may_use is False:
        transaction.execute(f"GRANT USAGE ON SCHEMA privacy TO {ASSISTANT}")
        transaction.execute(
            f"GRANT EXECUTE ON FUNCTION privacy.ring_id, privacy.customer_of TO {ASSISTANT}"
        )
