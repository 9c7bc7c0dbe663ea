"""The SQL of Ibis expressions: compiling one takes a tenth of a second and more."""

from functools import lru_cache

import ibis
from ibis.expr.operations import Node


def sql_of(expression: ibis.Table, dialect: str) -> str:
    """The SQL of an unbound expression; a process compiles equal ones once."""
    return _sql_of(expression.op(), dialect)


def insertion(table: str, expression: ibis.Table) -> str:
    """The statement by which Postgres inserts the rows of an expression into `schema.table`."""
    columns = ", ".join(f'"{name}"' for name in expression.columns)
    return f"INSERT INTO {table} ({columns}) {sql_of(expression, 'postgres')}"


@lru_cache(maxsize=512)
def _sql_of(operation: Node, dialect: str) -> str:
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect))
