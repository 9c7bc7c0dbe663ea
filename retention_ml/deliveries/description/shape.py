"""How rows of a file become rows of a table where that is not one to one."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.engine_checks import regex_fault
from retention_ml.deliveries.description.mistakes import Mistake, shown
from retention_ml.deliveries.description.section import Section


class Each(Section):
    """One part of a row per element of an array, or per line of one cell.

    Without a `pattern` the column is an array of the document, whose fields are `column.name`.
    With one it is text: pieces between `separator`, whose groups are `column.group`.
    """

    column: str
    separator: str | None = None
    pattern: str | None = None

    @property
    def is_cell(self) -> bool:
        """Whether the parts are written as text in one cell."""
        return self.pattern is not None

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups of its pattern."""
        return tuple(re.compile(self.pattern or "").groupindex)

    def makes(self, name: str) -> bool:
        """Whether a column is a field of the parts."""
        return name.startswith(f"{self.column}.")

    @model_validator(mode="after")
    def _whole(self) -> "Each":
        if (self.separator is None) != (self.pattern is None):
            raise Mistake("each of a cell needs both separator and pattern")
        if self.separator == "":
            raise Mistake("separator is empty; expected a text such as '|'", ("separator",))
        if self.pattern is not None:
            if fault := regex_fault(self.pattern) or _python_fault(self.pattern):
                raise Mistake(
                    f"pattern = {shown(self.pattern)} is no regular expression (RE2: {fault})",
                    ("pattern",),
                )
            if not self.groups:
                raise Mistake(
                    f"pattern = {shown(self.pattern)} names no group; expected one such as "
                    "'(?P<name>.+) x (?P<quantity>[0-9]+)'",
                    ("pattern",),
                )
        return self


def _python_fault(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return None


class FillDown(Section):
    """Columns that only the first row of an order carries; its further rows get their values.

    Rows belong together by the columns `by`, by default those the order number is made of.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    by: tuple[str, ...] = ()


def _as_money(value: Any) -> Any:
    if isinstance(value, str):
        return {"column": value, "money": True}
    return {"money": True, **value} if isinstance(value, dict) else value


class PerOrder(Section):
    """Money that stands once per order and becomes a line of its own."""

    amount: Annotated[Column, BeforeValidator(_as_money)]
    product_id: str
    kind: Literal["charge", "return"] = "charge"
    negate: bool = False


def _as_each(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _as_fill_down(value: Any) -> Any:
    return {"columns": value} if isinstance(value, list | tuple) else value


EachOrName = Annotated[Each, BeforeValidator(_as_each)]
FillDownOrNames = Annotated[FillDown, BeforeValidator(_as_fill_down)]
