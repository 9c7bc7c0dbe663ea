"""Rows of the warehouse as JSON: numbers, days and texts unchanged, nothing too long."""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_EXACT_IN_JSON = 2**53
_TEXT_MAX, _ANSWER_MAX = 2_000, 200_000


class Answer(BaseModel):
    """What a tool says; the protocol carries the schema of this class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: str | None = Field(
        description="The newest published day of scores, when the rows were read; a row that stands "
        "for another day says so itself."
    )
    snapshot_id: int | None = Field(description="The snapshot of scores published for it.")
    views: list[str] = Field(description="The views of `reports` that were read.")
    rows: list[dict[str, Any]] = Field(description="Columns by name; list_tables explains them.")
    rows_count: int = Field(description="Rows in this answer.")
    is_cut: bool = Field(description="There are more rows, or longer texts, than are shown.")
    notes: list[str] = Field(description="What to mind.")


def fit(rows: Iterable[Mapping[str, Any]], rows_max: int) -> tuple[list[dict[str, Any]], bool]:
    """The first rows as JSON has them, and whether anything was left out.

    Besides `rows_max`, an answer has at most 200,000 signs, a text at most 2,000.

    Examples
    --------
    >>> fit([{"day": date(2026, 3, 1), "sum": Decimal("7.10")}, {"day": None, "sum": None}], 1)
    ([{'day': '2026-03-01', 'sum': 7.1}], True)
    """
    fitting: list[dict[str, Any]] = []
    size, is_cut = 0, False
    for row in rows:
        values = {name: to_json(value) for name, value in row.items()}
        for name, value in values.items():
            if isinstance(value, str) and len(value) > _TEXT_MAX:
                values[name], is_cut = value[: _TEXT_MAX - 1] + "…", True
        size += len(json.dumps(values, ensure_ascii=False))
        if len(fitting) == rows_max or size > _ANSWER_MAX:
            return fitting, True
        fitting.append(values)
    return fitting, is_cut


def to_json(value: Any) -> Any:
    """A value as JSON has it: a number, or its digits as text where a number would not be exact.

    Means and the like, with more than six decimals, are rounded to the nearest number.

    Examples
    --------
    >>> to_json(Decimal("12345678901234567.89")), to_json(Decimal("0.10")), to_json(2**60)
    ('12345678901234567.89', 0.1, '1152921504606846976')
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= _EXACT_IN_JSON else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return float(value) if _is_number(value) else str(value)
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case list() | tuple():
            return [to_json(item) for item in value]
        case dict():
            return {str(name): to_json(item) for name, item in value.items()}
    return str(value)


def _is_number(value: Decimal) -> bool:
    if not value.is_finite():
        return False
    decimals = -int(value.as_tuple().exponent)
    return Decimal(repr(float(value))) == value or (decimals > 6 and abs(value) < _EXACT_IN_JSON)
