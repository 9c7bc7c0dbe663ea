"""A statement of somebody unknown: checked part by part, and written anew from what was understood.

What the database gets is never the text that came. It is made of the checked tree: names are
resolved against the columns that may be read and quoted, texts are bound as parameters, DECIMAL
without a size gets one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.qualify_columns import validate_qualify_columns
from sqlglot.schema import MappingSchema

from retention_ml.assistant.grammar import FUNCTIONS, NODES, TYPES
from retention_ml.assistant.growth import (
    DIGITS_MAX,
    EXPONENT_MAX,
    by_floats,
    digits_max,
    is_rounded_plainly,
    is_short,
)
from retention_ml.errors import UsageError

SCHEMA = "reports"
_SIGNS_MAX, _PARTS_MAX, _DEPTH_MAX = 4_000, 1_200, 60
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]{0,62}")
_WORD = re.compile(r"[A-Za-z_]{1,30}")
_NUMBER = re.compile(r"[0-9.]{1,40}(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_PRECISION_MAX, _PRECISION, _SCALE = 38, 38, 10
_DURATION = re.compile(r"[0-9A-Za-z .+-]{1,40}")
_IN_SQL = {"DPipe": "||", "Lock": "FOR UPDATE", "Into": "INTO", "Dot": "A name in parts"}
_TABLE_PARTS = {"this", "db", "alias"}
_ADVICE = "Nothing was asked of the database. Write one SELECT over views of `reports`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement that may be carried out.

    Parameters
    ----------
    sql : str
        With `:text_N` where a text stands.
    parameters : mapping of str to str
        The texts.
    columns : tuple of str
        Names of the columns of its result, each once.
    views : tuple of str
        The views it reads, without their schema.
    """

    sql: str
    parameters: Mapping[str, str]
    columns: tuple[str, ...]
    views: tuple[str, ...]


def check(text: str, readable: Mapping[str, Sequence[str]]) -> Statement:
    """The statement in that text, if it only selects from what may be read.

    Parameters
    ----------
    text : str
        One SELECT in the language of Postgres, at most 4,000 signs.
    readable : mapping of str to sequence of str
        The columns that may be read, by view of `reports`.

    Raises
    ------
    UsageError
        It is more than one SELECT, names anything but those views and columns, or has a part that
        is not on the list (`grammar`).

    Examples
    --------
    >>> statement = check("select count(*) from customer_risk where risk_tier = 'high'",
    ...                   {"customer_risk": ["customer_id", "risk_tier"]})
    >>> statement.sql
    'SELECT COUNT(*) AS "count" FROM "reports"."customer_risk" AS "customer_risk" WHERE \
"customer_risk"."risk_tier" = :text_1'
    >>> statement.parameters
    {'text_1': 'high'}
    """
    tree = _parse(text)
    for node in tree.walk():
        _require_allowed(node, text)
    views = _views(tree, readable)
    _size_decimals(tree)
    by_floats(tree)
    _name_columns(tree)
    try:
        qualified = qualify(
            tree,
            dialect="postgres",
            db=SCHEMA,
            schema=MappingSchema(
                {SCHEMA: {view: dict.fromkeys(readable[view], "text") for view in readable}},
                dialect="postgres",
            ),
            expand_alias_refs=False,  # each could double the statement
            validate_qualify_columns=False,
        )
        _group_by_places(qualified)
        validate_qualify_columns(qualified)
    except OptimizeError as error:
        raise UsageError(
            f"{_first_sentence(error)}. {_ADVICE}, and only their columns: the tool list_tables "
            "with the name of a view says which it has."
        ) from error
    except (SqlglotError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(f"The statement cannot be understood. {_ADVICE}.") from error
    _require_columns(qualified)
    if digits_max(qualified) > DIGITS_MAX:
        raise UsageError(
            f"Numbers of the statement may grow beyond {DIGITS_MAX:,} digits, by products or quotients "
            f"of each other. {_ADVICE}, with fewer of them, or cast them to double precision."
        )
    parameters = _bind(qualified)
    return Statement(
        sql=qualified.sql("postgres", comments=False),
        parameters=parameters,
        columns=_unique(qualified.named_selects),
        views=views,
    )


def _parse(text: str) -> exp.Select | exp.SetOperation:
    if not text.strip() or len(text) > _SIGNS_MAX:
        raise UsageError(
            f"The statement has {len(text):,} signs; expected are 1 to {_SIGNS_MAX:,}. {_ADVICE}."
        )
    if not text.isprintable() and any(
        not sign.isprintable() and sign not in "\n\r\t" for sign in text
    ):
        raise UsageError(f"The statement holds signs that cannot be printed. {_ADVICE}.")
    try:
        trees = [tree for tree in sqlglot.parse(text, read="postgres") if tree is not None]
    except (SqlglotError, RecursionError, ValueError) as error:
        raise UsageError(f"The statement cannot be read as SQL of Postgres. {_ADVICE}.") from error
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Select | exp.SetOperation):
        kind = "another kind of statement" if len(trees) == 1 else f"{len(trees)} statements"
        raise UsageError(f"The text holds {kind}; expected is one SELECT. {_ADVICE}.")
    parts = list(tree.walk())
    if len(parts) > _PARTS_MAX or max(part.depth for part in parts) > _DEPTH_MAX:
        raise UsageError(f"The statement is too long or too deep. {_ADVICE}, in smaller steps.")
    return tree


def _require_allowed(node: exp.Expr, text: str = "") -> None:
    """Refuse a part that is not on the list, or that says more than such a part may."""
    if type(node) not in NODES:
        raise UsageError(_refusal(node, text))
    match node:
        case exp.Identifier(this=str(name)) if not _NAME.fullmatch(name) or name.lower().startswith(
            "pg_"
        ):
            raise UsageError(
                f"The statement has a name that is not allowed. {_ADVICE}; names have letters, "
                "digits and _, and do not begin with pg_."
            )
        case exp.DataType(this=kind) if kind not in TYPES or node.args.get("nested"):
            raise UsageError(f"A value is cast to a type that is not on the list. {_ADVICE}.")
        case exp.DataType(this=exp.DType.DECIMAL) if not _is_sized(node):
            raise UsageError(
                f"A DECIMAL has at most {_PRECISION_MAX} digits, and not more decimals than digits. "
                f"{_ADVICE}; DECIMAL alone is DECIMAL({_PRECISION}, {_SCALE})."
            )
        case exp.Var(this=str(word)) if not _WORD.fullmatch(word):
            raise UsageError(f"A word of the statement cannot be understood. {_ADVICE}.")
        case exp.Literal(this=str(value)) if (
            not node.is_string and not _NUMBER.fullmatch(value)
        ) or (isinstance(node.parent, exp.Interval) and not _DURATION.fullmatch(value)):
            raise UsageError(f"A number or interval of the statement cannot be read. {_ADVICE}.")
        case exp.Literal(this=str(value)) if not is_short(value):
            raise UsageError(
                f"A number has more than 40 signs or an exponent beyond {EXPONENT_MAX}. {_ADVICE}."
            )
        case exp.Round() if not is_rounded_plainly(node):
            raise UsageError(
                f"A number is rounded to decimals that are not told as a number up to 20. {_ADVICE}."
            )
        case exp.With() if node.args.get("recursive"):
            raise UsageError(f"WITH RECURSIVE is not on the list. {_ADVICE}.")
        case exp.Column() if node.args.get("db") or node.args.get("catalog"):
            raise UsageError(
                f"A column is named with its schema. {_ADVICE}; name it as view.column."
            )


def _is_sized(kind: exp.DataType) -> bool:
    """Whether a DECIMAL is told no size, or one that is allowed."""
    sizes = [str(size.name) for size in kind.expressions]
    if not all(size.isascii() and size.isdigit() and len(size) <= 2 for size in sizes):
        return False
    match [int(size) for size in sizes]:
        case []:
            return True
        case [digits]:
            return 0 < digits <= _PRECISION_MAX
        case [digits, decimals]:
            return 0 < digits <= _PRECISION_MAX and decimals <= digits
    return False


def _size_decimals(tree: exp.Expr) -> None:
    """Tell every DECIMAL its digits and decimals, as without them it has no end."""
    for kind in tree.find_all(exp.DataType):
        if kind.this == exp.DType.DECIMAL:
            sizes = [int(size.name) for size in kind.expressions] or [_PRECISION, _SCALE]
            kind.set(
                "expressions",
                [
                    exp.DataTypeParam(this=exp.Literal.number(size))
                    for size in (sizes if len(sizes) == 2 else [*sizes, 0])
                ],
            )


def _refusal(node: exp.Expr, text: str = "") -> str:
    if isinstance(node, exp.Func):
        name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
        word = f" {name}" if _NAME.fullmatch(name) and name in text.lower() else ""
        return (
            f"A function{word} is not on the list. {_ADVICE}; functions that may be used are "
            f"{', '.join(FUNCTIONS)}. Time is a column, as_of, and not the clock."
        )
    kind = type(node).__name__
    return (
        f"{_IN_SQL.get(kind, kind)} is no part that a statement may have. {_ADVICE}, with WHERE, JOIN, "
        "GROUP BY, HAVING, windows, WITH, UNION, ORDER BY and LIMIT."
    )


def _views(tree: exp.Expr, readable: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The views that are read; every table is one of these or named by WITH before."""
    expressions = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    if clash := expressions & readable.keys():
        raise UsageError(
            f"WITH names something {sorted(clash)[0]}, as a view is. {_ADVICE}; choose another name."
        )
    views = set()
    for table in tree.find_all(exp.Table):
        unusual = {part for part, value in table.args.items() if value} - _TABLE_PARTS
        name = table.name.lower()
        is_view = table.db.lower() in ("", SCHEMA) and name in readable
        is_expression = not table.db and name in expressions
        if unusual or not isinstance(table.this, exp.Identifier) or not (is_view or is_expression):
            raise UsageError(
                f"The statement reads something that is no view of `reports`, or not plainly. "
                f"{_ADVICE}; the tool list_tables says which there are."
            )
        if is_view:
            views.add(name)
    return tuple(sorted(views))


def _name_columns(tree: exp.Expr) -> None:
    """Name what has no name yet as Postgres does: by its function, otherwise by its place."""
    for select in tree.find_all(exp.Select):
        for place, item in enumerate(select.expressions, 1):
            if isinstance(item, exp.Column | exp.Alias | exp.Star):
                continue
            bare = (
                item.this if isinstance(item, exp.Filter | exp.Window | exp.WithinGroup) else item
            )
            name = bare.sql_name().lower() if isinstance(bare, exp.Func) else ""
            if not _NAME.fullmatch(name) or isinstance(bare, exp.Case | exp.Cast):
                name = f"column_{place}"
            select.expressions[place - 1] = exp.alias_(item.copy(), name, quoted=True)
        select.set("expressions", select.expressions)


def _group_by_places(tree: exp.Expr) -> None:
    """Write the place of a result where GROUP BY has its name, and no table has such a column."""
    for select in tree.find_all(exp.Select):
        places = {item.alias_or_name: place for place, item in enumerate(select.expressions, 1)}
        group = select.args.get("group")
        for column in list(group.expressions) if group else []:
            if isinstance(column, exp.Column) and not column.table and column.name in places:
                column.replace(exp.Literal.number(places[column.name]))


def _require_columns(tree: exp.Expr) -> None:
    """Refuse a whole row named like a column, and a name that nothing in the statement has.

    A name without a table may only be that of a result, as in ORDER BY.
    """
    tables = {source.alias_or_name for source in tree.find_all(exp.Table, exp.Subquery, exp.CTE)}
    results = {item.alias for item in tree.find_all(exp.Alias)}
    for node in tree.walk():
        if type(node) not in NODES:  # what a name turned out to be
            raise UsageError(_refusal(node))
    for column in tree.find_all(exp.Column):
        if not column.table and (column.name in tables or column.name not in results):
            raise UsageError(f"A column is not of any view that is read. {_ADVICE}.")
        if isinstance(column.this, exp.Star):
            raise UsageError(f"A star stands where a column is expected. {_ADVICE}.")


def _bind(tree: exp.Expr) -> dict[str, str]:
    """Put a parameter where a text stands; the texts by parameter."""
    parameters: dict[str, str] = {}
    for literal in list(tree.find_all(exp.Literal)):
        if literal.is_string and not isinstance(literal.parent, exp.Interval):
            name = f"text_{len(parameters) + 1}"
            parameters[name] = literal.name
            literal.replace(exp.var(f":{name}"))
    return parameters


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with _2, _3 … behind those that stand there already."""
    unique: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in unique:
            candidate, number = f"{name}_{number}", number + 1
        unique.append(candidate)
    return tuple(unique)


def _first_sentence(error: Any) -> str:
    """What sqlglot says about a name, without the place in the text."""
    return str(error).split(". ")[0].split("\n")[0].rstrip(".")[:120]
