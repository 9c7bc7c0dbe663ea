"""Typed values as people read them: money in units, times in UTC."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.deliveries.description.source import Source

_INSTANT = pa.timestamp("us", tz="UTC")


def money(cents: int, source: Source) -> str:
    """An amount in units of the source's currency.

    Examples
    --------
    >>> money(-123450, Source.model_construct(currency="USD", minor_units=100))
    '-1,234.50 USD'
    """
    digits = len(str(source.minor_units)) - 1
    return f"{cents / source.minor_units:,.{digits}f} {source.currency}"


def instant(microseconds: int) -> datetime:
    """The instant of microseconds since 1970."""
    at: datetime = pa.scalar(microseconds, _INSTANT).as_py()
    return at


def moment(microseconds: int) -> str:
    """An instant in UTC.

    Examples
    --------
    >>> moment(1_736_104_990_000_000)
    '2025-01-05 19:23:10Z'
    """
    return instant(microseconds).isoformat(sep=" ").replace("+00:00", "Z")


def shown(name: str, value: object, source: Source) -> str:
    """A value of a canonical column."""
    if value is None:
        return "–"
    if isinstance(value, int) and name.endswith(("_at", "_from")):
        return moment(value)
    if isinstance(value, int) and name.endswith("_cents"):
        return money(value, source)
    return f"{value:g}" if isinstance(value, float) else str(value)


def months_of(microseconds: pa.ChunkedArray, timezone: str) -> pa.Array:
    """The month of each instant in a time zone, such as 2025-01."""
    seconds = pc.fill_null(microseconds, 0).to_numpy() // 1_000_000
    days = clock.local_days(seconds, timezone)
    return pa.array(days.astype("datetime64[D]").astype("datetime64[M]").astype(np.str_))
