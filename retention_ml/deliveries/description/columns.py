"""Where a canonical column comes from, and how its texts are written."""

from datetime import date, time
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from retention_ml.deliveries.description.mistakes import Mistake
from retention_ml.deliveries.description.section import Name, Section, TimeZone


class TimeFormat(StrEnum):
    """The formats of times that have a name; any other is a strptime pattern."""

    ISO = "iso"
    EPOCH_S = "epoch_s"
    EPOCH_MS = "epoch_ms"
    EPOCH_US = "epoch_us"
    EXCEL = "excel"


_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
ISO_LOCAL = rf"^{_DATE}([ T]{_CLOCK})?$"
ISO_UTC = rf"^{_DATE}[ T]{_CLOCK} ?(Z|UTC|GMT|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$"
"""Patterns of times written as `iso`, on the shop's clock and with an offset."""

ORIGINS = (
    "column", "constant", "columns", "first_of", "product_of", "sum_of", "difference_of",
)  # fmt: skip


def _as_text(value: Any) -> Any:
    """A TOML number, date or time as the text it stands for."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return value.isoformat() if isinstance(value, date | time) else value


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Formats = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Column(Section):
    """Where a canonical column comes from: exactly one of `ORIGINS`.

    `column`: a column of the file; `constant`: the same text for all; `columns`: several joined
    by `-`; `first_of`: the first of several that is not empty; `product_of`, `sum_of`,
    `difference_of`: computed from several.
    """

    column: Name | None = None
    constant: Annotated[str | None, BeforeValidator(_as_text)] = None
    columns: tuple[Name, ...] = ()
    first_of: tuple[Name, ...] = ()
    product_of: tuple[Name, ...] = ()
    sum_of: tuple[Name, ...] = ()
    difference_of: tuple[Name, ...] = ()
    money: bool = False
    format: Formats = ()
    timezone: TimeZone | None = None
    timezone_column: Name | None = None
    timezones: dict[str, TimeZone] = {}
    values: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    optional: bool = False
    lower: bool = False
    whole: bool = False
    strip: tuple[str, ...] = ()
    unicode: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None
    weighed: bool = False

    @property
    def time_formats(self) -> tuple[str, ...]:
        """The formats of its times, tried in order."""
        return self.format or (TimeFormat.ISO.value,)

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The columns of the file its value is made from."""
        return ((self.column,) if self.column else ()) + (
            self.columns + self.first_of + self.product_of + self.sum_of + self.difference_of
        )

    @property
    def columns_read(self) -> tuple[str, ...]:
        """The columns of the file it reads: those of its value and that of its time zone."""
        return self.source_columns + ((self.timezone_column,) if self.timezone_column else ())

    @property
    def has_zones_of_rows(self) -> bool:
        """Whether each row names the zone of its time."""
        return bool(self.timezone_column) or any("%Z" in one for one in self.time_formats)

    @model_validator(mode="after")
    def _one_origin(self) -> "Column":
        self._require_one("give", *ORIGINS)
        if self.product_of and len(self.product_of) != 2:
            raise Mistake(
                "product_of takes two columns, such as quantity and price", ("product_of",)
            )
        return self


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


ColumnOrName = Annotated[Column, BeforeValidator(_as_column)]
Columns = dict[str, ColumnOrName]
