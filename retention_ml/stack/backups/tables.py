"""Rows and a digest of every table of a database, to compare what was restored with what was."""

from collections.abc import Callable

import pyarrow as pa

from retention_ml.stack.backups.manifest import Table

_NAMES = """
SELECT format('%I.%I', schema.nspname, relation.relname) AS name
FROM pg_class AS relation
JOIN pg_namespace AS schema ON schema.oid = relation.relnamespace
WHERE relation.relkind = 'r' AND relation.relpersistence <> 't'
AND schema.nspname NOT LIKE 'pg\\_%' AND schema.nspname <> 'information_schema'
ORDER BY 1
"""


def tables_of(read: Callable[[str], pa.Table]) -> dict[str, Table]:
    """Each table's rows, and the sum of the hashes of its rows as text.

    Parameters
    ----------
    read : callable
        SQL to an Arrow table, such as that of `Warehouse.snapshot`.
    """
    tables = {}
    for name in read(_NAMES)["name"].to_pylist():
        row = read(
            "SELECT count(*) AS rows_count, "
            "CAST(coalesce(sum(CAST(hashtextextended(CAST(whole_row AS text), 0) AS numeric)), 0) "
            f"AS text) AS digest FROM {name} AS whole_row"
        ).to_pylist()[0]
        tables[name] = (int(row["rows_count"]), str(row["digest"]))
    return tables
