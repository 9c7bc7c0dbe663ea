"""What stands on a view: views of other people, which must outlive it, and all else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.warehouse import Transaction

_BUILT_ON = """
WITH RECURSIVE built_on AS (
    SELECT view.oid, 0 AS depth
    FROM unnest(CAST(:views AS text[])) AS named JOIN pg_class AS view ON view.oid = to_regclass(named)
    UNION
    SELECT rule.ev_class, built_on.depth + 1
    FROM built_on
    JOIN pg_depend AS arrow ON arrow.refobjid = built_on.oid
        AND arrow.refclassid = CAST('pg_class' AS regclass) AND arrow.classid = CAST('pg_rewrite' AS regclass)
    JOIN pg_rewrite AS rule ON rule.oid = arrow.objid AND rule.rulename = '_RETURN'
    WHERE rule.ev_class <> built_on.oid
)
"""
_VIEWS = f"""{_BUILT_ON}
SELECT
    format('%I.%I', space.nspname, view.relname) AS name,
    CASE view.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END AS kind,
    pg_get_viewdef(view.oid) AS definition,
    coalesce(array_to_string(view.reloptions, ', '), '') AS options,
    view.relispopulated AS is_populated,
    CASE WHEN view.relowner <> CAST(current_user AS regrole)
        THEN quote_ident(pg_get_userbyid(view.relowner)) END AS owner,
    pg_has_role(view.relowner, 'USAGE') AS may_replace,
    quote_literal(obj_description(view.oid, 'pg_class')) AS comment,
    ARRAY(
        SELECT format('%I IS %L', attname, col_description(attrelid, attnum)) FROM pg_attribute
        WHERE attrelid = view.oid AND col_description(attrelid, attnum) IS NOT NULL
    ) AS column_comments,
    ARRAY(
        SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = view.oid
    ) AS indexes,
    ARRAY(
        SELECT format(
            '%s%s ON %I.%I TO %s%s', privilege_type, ' (' || quote_ident(attname) || ')',
            space.nspname, view.relname,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END
        )
        FROM (
            SELECT NULL AS attname, relacl AS acl FROM pg_class WHERE oid = view.oid
            UNION ALL
            SELECT attname, attacl FROM pg_attribute
            WHERE attrelid = view.oid AND NOT attisdropped
        ) AS acls CROSS JOIN LATERAL aclexplode(acl)
        WHERE grantee <> view.relowner
    ) AS grants
FROM (SELECT oid, max(depth) AS depth FROM built_on GROUP BY oid) AS deepest
JOIN pg_class AS view USING (oid)
JOIN pg_namespace AS space ON space.oid = view.relnamespace
ORDER BY deepest.depth, name
"""
_OTHERS = f"""{_BUILT_ON}
SELECT DISTINCT pg_describe_object(arrow.classid, arrow.objid, arrow.objsubid)
FROM (SELECT DISTINCT oid FROM built_on) AS view
JOIN pg_type AS type ON type.typrelid = view.oid
JOIN pg_depend AS arrow
    ON (arrow.refclassid = CAST('pg_class' AS regclass) AND arrow.refobjid = view.oid)
    OR (arrow.refclassid = CAST('pg_type' AS regclass) AND arrow.refobjid IN (type.oid, type.typarray))
LEFT JOIN pg_rewrite AS rule
    ON arrow.classid = CAST('pg_rewrite' AS regclass) AND rule.oid = arrow.objid
    AND rule.rulename = '_RETURN'
LEFT JOIN pg_class AS storage
    ON arrow.classid = CAST('pg_class' AS regclass) AND storage.oid = arrow.objid
    AND storage.relkind IN ('i', 't')
WHERE rule.oid IS NULL AND storage.oid IS NULL
    AND NOT (arrow.classid = CAST('pg_type' AS regclass) AND arrow.objid IN (type.oid, type.typarray))
ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view or materialised view, with what it takes to make it again.

    Parameters
    ----------
    name : str
        With its schema, quoted where needed.
    kind : str
        `VIEW` or `MATERIALIZED VIEW`.
    creation : str
        Statements that make it, with its comments and indexes.
    options : str
        Its options with commas between them, `security_barrier=true`; empty if there are none.
    owner : str or None
        Its owner, quoted where needed; None where that is the role of the connection.
    may_replace : bool
        Whether that role may act as the owner.
    grants : tuple of str
        What follows `GRANT` in each statement that gives back a right to it.
    """

    name: str
    kind: str
    creation: str
    options: str
    owner: str | None
    may_replace: bool
    grants: tuple[str, ...]


def views_built_on(transaction: Transaction, views: Sequence[str]) -> list[View]:
    """Those views that exist and every view built on them, what stands on others last."""
    [[path]] = transaction.execute("SELECT current_setting('search_path')")
    # With no schema in the path every name in a definition comes with its own.
    transaction.execute("SELECT set_config('search_path', 'pg_catalog', true)")
    rows = transaction.execute(_VIEWS, views=list(views))
    transaction.execute("SELECT set_config('search_path', :path, true)", path=path)
    return [_view(row) for row in rows]


def others_built_on(transaction: Transaction, views: Sequence[str]) -> list[str]:
    """All else that depends on those views or on views built on them, in Postgres's words.

    Functions, triggers, rules, policies, columns of a view's row type.
    """
    return [str(name) for (name,) in transaction.execute(_OTHERS, views=list(views))]


def _view(row: Any) -> View:
    without_data = "" if row.is_populated else " WITH NO DATA"
    definition = row.definition.rstrip(";")
    options = f" WITH ({row.options})" if row.options else ""
    statements = [f"CREATE {row.kind} {row.name}{options} AS {definition}{without_data}"]
    if row.comment:
        statements.append(f"COMMENT ON {row.kind} {row.name} IS {row.comment}")
    statements += [f"COMMENT ON COLUMN {row.name}.{comment}" for comment in row.column_comments]
    return View(
        name=row.name,
        kind=row.kind,
        creation="; ".join([*statements, *row.indexes]),
        options=row.options,
        owner=row.owner,
        may_replace=row.may_replace,
        grants=tuple(row.grants),
    )
