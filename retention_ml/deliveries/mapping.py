"""The parts of a feed's description: columns, rules, lookups."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

Format = Literal["csv", "parquet", "fixed_width", "jsonl"]

CODE = re.compile(r"[a-z][a-z0-9_]{2,59}")
_COMPARISON = re.compile(r"(<=|>=|!=|=|<|>)\s*(-?\d+)")


class LineKind(StrEnum):
    """What an order line is; a charge is money without merchandise."""

    SALE = "sale"
    CANCELLATION = "cancellation"
    RETURN = "return"
    CHARGE = "charge"


class OrderKind(StrEnum):
    """What an order is."""

    PURCHASE = "purchase"
    CANCELLATION = "cancellation"
    RETURN = "return"


class TimeFormat(StrEnum):
    """The formats of times that have a name; any other is a strptime pattern."""

    ISO = "iso"
    EPOCH_S = "epoch_s"
    EPOCH_MS = "epoch_ms"


def _checked_timezone(value: str) -> str:
    """The name of a time zone, if there is one of that name."""
    if value not in available_timezones():
        raise ValueError(f"{value!r} is no IANA time zone such as 'Europe/London'")
    return value


TimeZone = Annotated[str, AfterValidator(_checked_timezone)]


class Section(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def _require_one(self, who: str, *names: str) -> None:
        values = [name for name in names if getattr(self, name)]
        if len(values) != 1:
            raise ValueError(
                f"{who} exactly one of {', '.join(names)}; got {', '.join(values) or 'none'}"
            )


class Column(Section):
    """Where a canonical column comes from: exactly one of the first five keys.

    `column`: a column of the file; `constant`: the same text for all; `columns`: several joined
    by `-`; `product_of`, `sum_of`: computed from several (a sum adds absolute values).
    """

    column: str | None = None
    constant: str | None = None
    columns: tuple[str, ...] = ()
    product_of: tuple[str, ...] = ()
    sum_of: tuple[str, ...] = ()
    money: bool = False
    format: str = TimeFormat.ISO.value
    timezone: TimeZone | None = None
    values: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    optional: bool = False

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The columns of the file this one is made from."""
        return ((self.column,) if self.column else ()) + (
            self.columns + self.product_of + self.sum_of
        )

    @model_validator(mode="after")
    def _one_origin(self) -> "Column":
        self._require_one("give", "column", "constant", "columns", "product_of", "sum_of")
        if self.product_of and len(self.product_of) != 2:
            raise ValueError("product_of takes two columns, such as quantity and price")
        return self


Columns = dict[
    str,
    Annotated[Column, BeforeValidator(lambda v: {"column": v} if isinstance(v, str) else v)],
]


class Rule(Section):
    """What rows are that meet all conditions of `when`; the first rule that fits a row counts."""

    when: dict[str, str | tuple[str, ...]]
    kind: str | None = None
    quarantine: str | None = None
    set: dict[str, int] = {}
    because: str = ""

    @model_validator(mode="after")
    def _one_outcome(self) -> "Rule":
        self._require_one("a rule has", "kind", "quarantine", "set")
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
    """A small reference file that comes with the delivered one, joined on a column both have."""

    file: str
    on: str
    format: Format = "parquet"


class Condition(NamedTuple):
    """What a rule asks of a column: one of `rules.OPERATORS` and what it compares with."""

    operator: str
    operand: Any = None


def parse_condition(name: str, condition: str | tuple[str, ...], *, is_number: bool) -> Condition:
    """The condition of a rule on one column.

    Parameters
    ----------
    name : str
        The column, for the message.
    condition : str or tuple of str
        As written in the description.
    is_number : bool
        Whether the column holds numbers (or times) rather than text.

    Raises
    ------
    ValueError
        A condition on a number is no comparison, or one on text no regular expression.

    Examples
    --------
    >>> parse_condition("quantity", "< 0", is_number=True)
    Condition(operator='<', operand=0)
    >>> parse_condition("order_id", "^C", is_number=False)
    Condition(operator='matches', operand='^C')
    """
    if condition in ("missing", "present"):
        return Condition(str(condition))
    if is_number:
        match = _COMPARISON.fullmatch(condition.strip()) if isinstance(condition, str) else None
        if match is None:
            raise ValueError(
                f"the condition on {name} is {condition!r}; expected a comparison such as '< 0', "
                "'missing' or 'present'"
            )
        return Condition(match[1], int(match[2]))
    if not isinstance(condition, str):
        return Condition("in", condition)
    try:
        re.compile(condition)
    except re.error as error:
        raise ValueError(f"{condition!r} is no regular expression") from error
    return Condition("matches", condition)
