"""The parts of a feed's description: columns, rules, lookups."""

import re
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    field_validator,
    model_validator,
)

Format = Literal["csv", "parquet", "fixed_width", "jsonl"]

CODE = re.compile(r"[a-z][a-z0-9_]{2,59}")
_COMPARISON = re.compile(r"(<=|>=|!=|=|<|>)\s*(-?\d+)")


class Section(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Section):
    """Where one of our columns comes from: exactly one of the first five keys.

    `column`: theirs; `constant`: the same text for all; `columns`: several joined by `-`;
    `product_of`, `sum_of`: computed from theirs (of a sum each part counts by its size).
    """

    column: str | None = None
    constant: str | None = None
    columns: tuple[str, ...] = ()
    product_of: tuple[str, ...] = ()
    sum_of: tuple[str, ...] = ()
    money: bool = False
    format: str = "iso"
    timezone: str | None = None
    values: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    optional: bool = False

    @property
    def theirs(self) -> tuple[str, ...]:
        """The columns of the file this one is made from."""
        return ((self.column,) if self.column else ()) + (
            self.columns + self.product_of + self.sum_of
        )

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        return None if value is None else known_zone(value)

    @model_validator(mode="after")
    def _one_origin(self) -> "Column":
        given = [
            name
            for name in ("column", "constant", "columns", "product_of", "sum_of")
            if getattr(self, name)
        ]
        if len(given) != 1:
            raise ValueError(
                "give exactly one of column, constant, columns, product_of, sum_of; "
                f"got {', '.join(given) or 'none'}"
            )
        if self.product_of and len(self.product_of) != 2:
            raise ValueError("product_of takes two columns, such as quantity and price")
        return self


def _column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Columns = dict[str, Annotated[Column, BeforeValidator(_column)]]


class Rule(Section):
    """What rows that fulfil all of `when` are; the first rule that fits a row counts."""

    when: dict[str, str | tuple[str, ...]]
    kind: str | None = None
    quarantine: str | None = None
    set: dict[str, int] = {}
    because: str = ""

    @model_validator(mode="after")
    def _one_outcome(self) -> "Rule":
        given = [name for name in ("kind", "quarantine", "set") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                f"a rule says exactly one of kind, quarantine, set; got {', '.join(given) or 'none'}"
            )
        if not self.when:
            raise ValueError("a rule needs at least one condition in `when`")
        if self.quarantine is not None:
            if not CODE.fullmatch(self.quarantine):
                raise ValueError(f"{self.quarantine!r} is no reason code such as 'test_product'")
            if not self.because:
                raise ValueError(f"the rule for {self.quarantine!r} needs `because`: a sentence")
        return self


class Also(Section):
    """A second table that the same row describes."""

    columns: Columns


class Lookup(Section):
    """A small reference file beside the delivered one, joined on a column both have."""

    file: str
    on: str
    format: Format = "parquet"


def comparison(name: str, condition: str | tuple[str, ...]) -> tuple[str, int]:
    """Operator and number of a condition such as `< 0`; `missing` and `present` have none.

    Examples
    --------
    >>> comparison("quantity", "< 0")
    ('<', 0)
    """
    if condition in ("missing", "present"):
        return str(condition), 0
    found = _COMPARISON.fullmatch(condition.strip()) if isinstance(condition, str) else None
    if found is None:
        raise ValueError(
            f"the condition on {name} is {condition!r}; expected a comparison such as '< 0', "
            "'missing' or 'present'"
        )
    return found[1], int(found[2])


def known_zone(value: str) -> str:
    """The name of a time zone, if there is one of that name."""
    if value not in available_timezones():
        raise ValueError(f"{value!r} is no IANA time zone such as 'Europe/London'")
    return value
