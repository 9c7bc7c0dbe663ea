"""Defects planted in the files of a simulated shop, each with its true reason code.

A defect is a further line: a copy of a true line with one thing wrong. The true lines all stay,
so the shop that remains when every defect is refused is the whole truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml import clock
from retention_ml.simulate.catalogue import POSTAGE_ID
from retention_ml.simulate.seasons import DAY_SECONDS, ShopCalendar

# The field that holds each feed's time, and the one that cannot be missing.
TIME_FIELD = {
    "order_lines": "ordered_at",
    "events": "event_at",
    "customers": "registered_at",
    "feedback": "given_at",
    "campaign_contacts": "happened_at",
}
ALL_FEEDS = ("order_lines", "events", "products", "customers", "feedback", "campaign_contacts")
_TIMED = tuple(TIME_FIELD)
_CHARGE = f",{POSTAGE_ID},".encode()
_NO_NUMBERS = ('"1,234"', "٣", "NaN", "Infinity", "12.5.0", "4 95", "3 pcs")
_NO_TIMES = ("2024-13-45 12:00:00", "yesterday", "2023-02-30 08:15:00", "1700000000000")
_NO_TYPES = ("hover", "VIEWED", "add-to-basket")


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted line: its physical number in the file (the header is 1) and its truth.

    `reason_code` is empty for a repeated row, which is a duplicate and no defect.
    """

    line_number: int
    defect: str
    reason_code: str


class Spoiler:
    """Spoils lines of one feed; draws its choices from the generator it was given."""

    def __init__(
        self, rng: np.random.Generator, feed: str, columns: Sequence[str], calendar: ShopCalendar
    ) -> None:
        self._rng = rng
        self.feed = feed
        self.columns = tuple(columns)
        self.gap = first_gap(calendar)

    def one_of(self, values: Sequence[str]) -> str:
        """One of the values."""
        return values[int(self._rng.integers(len(values)))]

    def line(self, fields: dict[str, str], **changed: str) -> bytes:
        """The line with some fields replaced (as raw CSV text), without its end."""
        return ",".join((fields | changed).values()).encode()

    def negative_price(self, fields: dict[str, str]) -> bytes:
        """A price below zero."""
        return self.line(fields, unit_price="-" + fields["unit_price"].lstrip("-"))

    def future_date(self, fields: dict[str, str]) -> bytes:
        """A time in 2099."""
        name = TIME_FIELD[self.feed]
        return self.line(fields, **{name: "2099" + fields[name][4:7] + "-15 12:00:00"})

    def gap_time(self, fields: dict[str, str]) -> bytes:
        """A time over which the clock was put forward."""
        assert self.gap is not None
        minute = int(self._rng.integers(60))
        return self.line(fields, **{TIME_FIELD[self.feed]: f"{self.gap}:{minute:02d}:00"})

    def unclosed_quote(self, fields: dict[str, str]) -> bytes:
        """A quote that opens and never closes."""
        name = self.one_of(self.columns)
        return self.line(fields, **{name: '"' + fields[name]})

    def wrong_field_count(self, fields: dict[str, str]) -> bytes:
        """One field too many, or some too few."""
        if self._rng.random() < 0.5:
            return self.line(fields) + b",surplus"
        return ",".join(list(fields.values())[:-2]).encode()

    def bad_encoding(self, fields: dict[str, str]) -> bytes:
        """Bytes that are no UTF-8."""
        parts = [value.encode() for value in fields.values()]
        word = self.one_of(("café", "Größe")).encode("latin-1")
        parts[int(self._rng.integers(len(parts)))] = word
        return b",".join(parts)


Spoil = Callable[[Spoiler, dict[str, str]], bytes]


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect: the feeds it occurs in, its reason code and what it does to a line."""

    name: str
    feeds: tuple[str, ...]
    reason_code: str
    spoil: Spoil


def _set(column: str, *values: str) -> Spoil:
    """Puts one of the values into a column; `time` is the column of the feed's time."""

    def spoil(spoiler: Spoiler, fields: dict[str, str]) -> bytes:
        name = TIME_FIELD[spoiler.feed] if column == "time" else column
        return spoiler.line(fields, **{name: spoiler.one_of(values)})

    return spoil


DEFECTS = (
    Defect("negative_price", ("order_lines",), "negative_price", Spoiler.negative_price),
    Defect("bad_number", ("order_lines",), "bad_number", _set("unit_price", *_NO_NUMBERS)),
    Defect("zero_quantity", ("order_lines",), "zero_quantity", _set("quantity", "0")),
    Defect("future_date", _TIMED, "event_in_future", Spoiler.future_date),
    Defect("bad_timestamp", _TIMED, "bad_timestamp", _set("time", *_NO_TIMES)),
    Defect("gap_time", _TIMED, "time_in_dst_gap", Spoiler.gap_time),
    Defect("missing_order_id", ("order_lines",), "missing_order_id", _set("order_id", "")),
    Defect("missing_customer_id", _TIMED, "missing_customer_id", _set("customer_id", "")),
    Defect("unknown_event_type", ("events",), "unknown_event_type", _set("event_type", *_NO_TYPES)),
    Defect("unclosed_quote", ALL_FEEDS, "unclosed_quote", Spoiler.unclosed_quote),
    Defect("wrong_field_count", ALL_FEEDS, "wrong_field_count", Spoiler.wrong_field_count),
    Defect("bad_encoding", ALL_FEEDS, "bad_encoding", Spoiler.bad_encoding),
    Defect("repeated_row", ALL_FEEDS, "", Spoiler.line),
)


def planted(
    rng: np.random.Generator,
    feed: str,
    columns: Sequence[str],
    body: bytes,
    calendar: ShopCalendar,
    share: float,
) -> tuple[bytes, tuple[Planted, ...]]:
    """The lines of a file with defective ones added, and what was planted where.

    Parameters
    ----------
    body : bytes
        The data lines of the file, each ended by `\\n`; no field holds a line end.
    share : float
        Planted lines per line of the result, in [0, 1). At least one line is planted in a
        file that has an unquoted line, unless the share is 0.
    """
    lines = body.splitlines(keepends=True)
    if share == 0 or not lines:
        return body, ()
    spoiler = Spoiler(rng, feed, columns, calendar)
    kinds = [
        kind
        for kind in DEFECTS
        if feed in kind.feeds and (kind.name != "gap_time" or spoiler.gap is not None)
    ]
    count = max(round(len(lines) * share / (1 - share)), 1)
    places = np.sort(rng.integers(0, len(lines) + 1, size=count))
    pieces: list[bytes] = []
    made: list[Planted] = []
    before = 0
    for place in places.tolist():
        kind = kinds[int(rng.integers(len(kinds)))]
        fields = _template(rng, feed, lines, columns)
        if fields is None:
            continue
        pieces.extend(lines[before:place])
        pieces.append(kind.spoil(spoiler, fields) + b"\n")
        made.append(Planted(2 + place + len(made), kind.name, kind.reason_code))
        before = place
    pieces.extend(lines[before:])
    return b"".join(pieces), tuple(made)


def first_gap(calendar: ShopCalendar) -> str | None:
    """The hour that the shop's clock first skips in the days simulated, as `YYYY-MM-DD HH`."""
    hours = np.arange(calendar.days * 24) * 3600 + calendar.first * DAY_SECONDS
    _, in_gap = clock.to_utc(hours, calendar.timezone)
    if not in_gap.any():
        return None
    second = int(hours[np.argmax(in_gap)])
    day = clock.day_of(second // DAY_SECONDS)
    return f"{day} {second % DAY_SECONDS // 3600:02d}"


def _template(
    rng: np.random.Generator, feed: str, lines: Sequence[bytes], columns: Sequence[str]
) -> dict[str, str] | None:
    """A true line as its fields: without quotes, of order lines a sale; None if hardly any."""
    for _ in range(1000):
        line = lines[int(rng.integers(len(lines)))]
        if feed == "order_lines" and (not line.startswith(b"O") or _CHARGE in line):
            continue
        if b'"' not in line:
            return dict(zip(columns, line.decode().rstrip("\n").split(","), strict=True))
    return None
