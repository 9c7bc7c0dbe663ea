"""Ibis expressions over Arrow tables, run by DuckDB in this process."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import ibis
import pyarrow as pa

from retention_ml.expressions import sql_of
from retention_ml.limits import Limits, connect_duckdb, within


def compiled(expression: ibis.Table) -> str:
    """The expression as DuckDB's SQL."""
    return sql_of(expression, "duckdb")


class Engine(AbstractContextManager["Engine"]):
    """A DuckDB in memory; `run` evaluates one compiled expression.

    Parameters
    ----------
    limits : Limits
        What a query may use.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._connection = connect_duckdb(limits)
        self._connection.execute("SET timezone = 'UTC'")
        # It turns a long IN list into a join, which does not keep the order of chunked rows.
        self._connection.execute("SET disabled_optimizers = 'in_clause'")

    def run(self, sql: str, **inputs: pa.Table) -> pa.Table:
        """The rows of a compiled expression over Arrow tables given by name."""
        for name, table in inputs.items():
            self._connection.register(name, table)
        try:
            with within(self._limits, "The rows of a chunk"):
                return self._connection.sql(sql).to_arrow_table()
        finally:
            for name in inputs:
                self._connection.unregister(name)

    def count_times(self, texts: Sequence[str], pattern: str) -> int:
        """How many texts a pattern of `strptime` reads."""
        quoted = pattern.replace("'", "''")
        sql = f"SELECT count(try_strptime(text, '{quoted}')) AS fits FROM texts"
        rows = self.run(sql, texts=pa.table({"text": pa.array(texts, pa.string())}))
        return int(rows["fits"][0].as_py())

    def __exit__(self, *_: object) -> None:
        self._connection.close()
