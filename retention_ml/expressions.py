"""The SQL of Ibis expressions: compiling one takes a tenth of a second and more."""

from functools import lru_cache

import ibis
from ibis.expr.operations import Node


def sql_of(expression: ibis.Table, dialect: str) -> str:
    """The SQL of an unbound expression; a process compiles equal ones once."""
    return _sql_of(expression.op(), dialect)


@lru_cache(maxsize=512)
def _sql_of(operation: Node, dialect: str) -> str:
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect))
