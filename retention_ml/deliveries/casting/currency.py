"""The currency of each row, and what its amounts are worth in that of the source.

A row is converted by the last rate of its currency from its day or before it, on the shop's
calendar; decimals are exact and rounded once, at the end. A row without such a rate is set aside.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.deliveries.casting.amounts import MINOR_RATE, MINOR_RATE_TYPE, RATE, RATE_TYPE
from retention_ml.deliveries.casting.cast import DELIVERY, cleaned
from retention_ml.deliveries.casting.casts import IS_UTC, ZONE
from retention_ml.deliveries.casting.moments import moment
from retention_ml.deliveries.casting.numbers import CURRENCY
from retention_ml.deliveries.casting.rules import REASON
from retention_ml.deliveries.casting.texts import text
from retention_ml.deliveries.description import currencies
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.readers.chunks import LINE_NUMBER

EVENT_AT = "event_at"
_CURRENCY = tables.Column(CURRENCY, "text", "currency of the row")
_NINE_PLACES, _TWELVE_PLACES = Decimal("1e-9"), Decimal("1e-12")
_AFTER_ALL_RATES = 4_102_444_800_000_000
"""2100, in microseconds since 1970: rows without a time have a rate, so that is not their reason."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Exchange rates by currency: ascending days since 1970-01-01, and the rate from each on."""

    by_currency: Mapping[str, tuple[npt.NDArray[np.int64], tuple[Decimal, ...]]]

    def at(self, currency: str, days: npt.NDArray[np.int64]) -> list[Decimal | None]:
        """The rates in force on these days; None before the first."""
        starts, rates = self.by_currency.get(currency, (np.array([], dtype=np.int64), ()))
        places = np.searchsorted(starts, days, side="right") - 1
        return [rates[place] if place >= 0 else None for place in places.tolist()]


NO_RATES = Rates({})


def rates_of(rows: Iterable[tuple[str, datetime, float]], timezone: str) -> Rates:
    """Rates out of rows of currency, instant and rate; of several of one day the last counts.

    Examples
    --------
    >>> from datetime import UTC
    >>> rates = rates_of([("EUR", datetime(2025, 1, 2, tzinfo=UTC), 1.0353)], "UTC")
    >>> rates.at("EUR", np.array([20089, 20090, 20100]))
    [None, Decimal('1.035300000'), Decimal('1.035300000')]
    """
    by_currency: dict[str, dict[int, Decimal]] = {}
    for currency, valid_from, rate in rows:
        seconds = np.array([int(valid_from.timestamp())], dtype=np.int64)
        day = int(clock.local_days(seconds, timezone)[0])
        exact = Decimal(repr(rate)).quantize(_NINE_PLACES, ROUND_HALF_UP)
        by_currency.setdefault(currency.upper(), {})[day] = exact
    return Rates(
        {
            currency: (
                np.array(sorted(of_day), dtype=np.int64),
                tuple(of_day[d] for d in sorted(of_day)),
            )
            for currency, of_day in by_currency.items()
        }
    )


def currency_rows(source: Source, feed: Feed) -> ibis.Table:
    """The currency of each row of the unbound table `chunk`, upper case.

    Where the column is optional, a row without a currency is in that of the source.
    """
    assert feed.currency is not None
    chunk = _texts(feed)
    code = text(chunk, _CURRENCY, feed.currency, feed).value.upper()
    if feed.currency.optional:
        code = code.fill_null(source.currency)
    return chunk.select(**{CURRENCY: code})


def time_rows(source: Source, feed: Feed) -> ibis.Table:
    """When each row of the unbound table `chunk` happened, as `times.to_utc` takes it."""
    chunk = _texts(feed)
    at = moment(source, feed, chunk, feed.columns[EVENT_AT])
    zone = {} if at.zone is None else {ZONE + EVENT_AT: at.zone}
    return chunk.select(
        chunk[LINE_NUMBER],
        chunk[DELIVERY],
        **{EVENT_AT: at.value, IS_UTC + EVENT_AT: at.is_utc, **zone, REASON: ibis.null("string")},
    )


def _texts(feed: Feed) -> ibis.Table:
    columns = dict.fromkeys(feed.source_columns, "string")
    chunk = ibis.table({**columns, LINE_NUMBER: "int64", DELIVERY: "int64"}, name="chunk")
    return chunk.mutate(**{n: cleaned(chunk[n], feed.missing) for n in feed.source_columns})


def with_rates(
    rows: pa.Table,
    of_rows: pa.ChunkedArray,
    source: Source,
    rates: Rates,
    moments: Callable[[], pa.ChunkedArray],
) -> pa.Table:
    """The texts with `CURRENCY`, `RATE` and `MINOR_RATE`, null where there is no rate.

    Parameters
    ----------
    of_rows : pyarrow.ChunkedArray
        The currency of each row.
    moments : callable
        When each row happened, in UTC microseconds; asked only where a row has another currency.
    """
    coded = of_rows.combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(-1).to_numpy()
    values: list[Decimal | None] = [Decimal(1), None]
    minor: list[Decimal | None] = [_minor(Decimal(1), source.minor_units), None]
    places = np.full(len(codes), 1, dtype=np.int64)
    days: npt.NDArray[np.int64] | None = None
    for code, name in enumerate(names):
        mask = codes == code
        if name == source.currency.upper():
            places[mask] = 0
        elif name in rates.by_currency:
            days = _days(moments(), source) if days is None else days
            unique, inverse = np.unique(days[mask], return_inverse=True)
            places[mask] = len(values) + inverse
            of_days = rates.at(name, unique)
            values += of_days
            units = currencies.minor_units(name)
            minor += [None if rate is None else _minor(rate, units) for rate in of_days]
    indexes = pa.array(places)
    return (
        rows.append_column(CURRENCY, of_rows)
        .append_column(RATE, pa.array(values, RATE_TYPE).take(indexes))
        .append_column(MINOR_RATE, pa.array(minor, MINOR_RATE_TYPE).take(indexes))
    )


def _minor(rate: Decimal, units: int) -> Decimal:
    """What the smallest unit of a currency is worth, where one unit is worth the rate."""
    return (rate / units).quantize(_TWELVE_PLACES, ROUND_HALF_UP)


def _days(moments: pa.ChunkedArray, source: Source) -> npt.NDArray[np.int64]:
    """Days since 1970-01-01 on the shop's calendar; a row without a time is refused for that."""
    seconds = pc.fill_null(moments, _AFTER_ALL_RATES).to_numpy() // 1_000_000
    return clock.local_days(seconds, source.timezone)
