"""What is odd about files that can be read: sentences for the person who wrote the description."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.currencies import CODES
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.rules import LineKind
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.inspect import values
from retention_ml.deliveries.order_numbers import APART_MAX
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.deliveries.shaping.texts import cell_texts, order_keys

_FACTOR = 30
_ROWS_MIN = 5
_ORDERS_MIN = 20
_FIRST_SHARE = 0.9
_IDS = ("order_id", "customer_id", "product_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of the files of a feed.

    Parameters
    ----------
    accepted : pyarrow.Table
        The accepted rows, canonical columns; times as microseconds of UTC.
    texts, unread : pyarrow.Table
        The first rows as the files have them: columns that are read, and those that are not.
    by_file : sequence of (str, pyarrow.Table)
        The name of each file and its accepted rows; files in several folders may share a name.
    """

    source: Source
    feed: Feed
    accepted: pa.Table
    texts: pa.Table
    unread: pa.Table
    by_file: Sequence[tuple[str, pa.Table]]


def suspicions(engine: Engine, evidence: Evidence) -> tuple[str, ...]:
    """A sentence for each oddity; none of them rejects a row."""
    return tuple(
        sentence
        for find in (_day_and_month, _midnights, _ids, _first_rows, _customers, _orders, _amounts, _pieces, _currencies)
        for sentence in find(engine, evidence)
    )  # fmt: skip


def _day_and_month(engine: Engine, evidence: Evidence) -> Iterator[str]:
    for spec in _times(evidence.feed):
        texts = _texts_of(evidence, spec)
        for pattern in spec.time_formats:
            swapped = _swapped(pattern)
            if (
                swapped is None
                or len(texts) < 2
                or any(engine.count_times(texts, one) < len(texts) for one in (pattern, swapped))
            ):
                continue
            yield (
                f"{' and '.join(spec.source_columns)}: {pattern!r} and {swapped!r} both fit all "
                f"{len(texts):,} different texts, no day is beyond 12. Make sure which comes first."
            )


def _times(feed: Feed) -> list[Column]:
    return [
        spec for name, spec in feed.columns.items() if name.endswith("_at") and not spec.constant
    ]


def _texts_of(evidence: Evidence, spec: Column) -> list[str]:
    """The different texts of a time; none where it is made of several columns."""
    if spec.column is None or spec.column not in evidence.texts.column_names:
        return []
    texts = pc.unique(evidence.texts[spec.column]).to_pylist()
    return [text.strip() for text in texts if text and text.strip() and text not in spec.missing]


def _swapped(pattern: str) -> str | None:
    """The pattern with day and month the other way round; None where nobody writes it so."""
    if "%d" not in pattern or "%m" not in pattern or pattern.startswith("%Y") or "%d." in pattern:
        return None
    return pattern.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")


def _midnights(_: Engine, evidence: Evidence) -> Iterator[str]:
    if "event_at" not in evidence.accepted.column_names or evidence.accepted.num_rows < _ROWS_MIN:
        return
    spec = evidence.feed.columns["event_at"]
    texts = _texts_of(evidence, spec)
    if len(texts) > 1 and all(":" in text for text in texts):
        clocks = {text[text.index(":") - 2 :][:5] for text in texts}
        if clocks == {"00:00"}:
            yield (
                f"{spec.column}: all {len(texts):,} different times are midnight. If the shop's export "
                "lost the hour, days near a month's end may be wrong."
            )


def _ids(_: Engine, evidence: Evidence) -> Iterator[str]:
    marks = (
        (r"^\d+\.0$", "end in .0", "`whole = true`"),
        (r"^=?[\"']", "begin with a spreadsheet's quote", "`strip`"),
        (r"^\d(\.\d+)?[eE]\+\d+$", "are numbers that a spreadsheet rounded", "an export as text"),
    )
    for name in _IDS:
        if name not in evidence.accepted.column_names:
            continue
        ids = pc.drop_null(pc.unique(evidence.accepted[name]))
        for pattern, what, remedy in marks:
            count = pc.sum(pc.match_substring_regex(ids, pattern)).as_py() or 0
            if count:
                yield f"{count:,} of {len(ids):,} values of {name} {what}: {remedy} may help."
        folded = len(pc.unique(pc.utf8_lower(ids)))
        if folded < len(ids):
            yield (
                f"{len(ids):,} values of {name}; {folded:,} if upper and lower case are the same: "
                "then `lower = true` brings them together."
            )


def _first_rows(_: Engine, evidence: Evidence) -> Iterator[str]:
    """Conditions on columns that only the first row of an order has, and that nobody fills down."""
    feed, texts, missing = evidence.feed, evidence.texts, evidence.feed.missing_by_column
    if not feed.order_columns or not texts.num_rows:
        return
    filled = feed.fill_down.columns if feed.fill_down else ()
    texts = texts.sort_by(LINE_NUMBER) if LINE_NUMBER in texts.column_names else texts
    orders: dict[str, list[int]] = defaultdict(list)
    for row, order in enumerate(order_keys(texts, feed.order_columns, missing).to_pylist()):
        if order is not None:
            orders[order].append(row)
    several = [rows for rows in orders.values() if len(rows) > 1]
    for name, condition in _text_conditions(feed):
        if name in filled or name in feed.order_columns or name not in texts.column_names:
            continue
        cells = cell_texts(texts, name, missing.get(name, ())).to_pylist()
        named = [rows for rows in several if any(cells[row] for row in rows)]
        first = [rows for rows in named if cells[rows[0]] and not any(cells[i] for i in rows[1:])]
        if not first or len(first) < _FIRST_SHARE * len(named):
            continue
        if isinstance(condition, tuple):
            first = [rows for rows in first if cells[rows[0]] in condition]
        if count := sum(len(rows) - 1 for rows in first):
            yield (
                f"{name} stands on the first row of an order only; {count:,} further rows do not "
                "meet the rule: add it to fill_down."
            )


def _text_conditions(feed: Feed) -> list[tuple[str, str | tuple[str, ...]]]:
    """The columns of the file on which rules, `where` and `unless` set conditions."""
    groups = [feed.where, feed.unless]
    groups += [group for rule in feed.rules for group in (rule.when, rule.unless)]
    named: dict[str, str | tuple[str, ...]] = {}
    for name, condition in (item for group in groups for item in group.items()):
        columns = feed.columns[name].source_columns if name in feed.columns else (name,)
        for column in columns:
            before = named.get(column, ())
            both = isinstance(before, tuple) and isinstance(condition, tuple)
            named[column] = (*before, *condition) if both else "present"
    return list(named.items())


def _customers(_: Engine, evidence: Evidence) -> Iterator[str]:
    rows = evidence.accepted
    if "customer_id" not in rows.column_names or "order_id" not in rows.column_names:
        return
    orders = rows.group_by(["order_id", "customer_id"]).aggregate([])
    orders = orders.filter(pc.is_valid(orders["customer_id"]))
    if orders.num_rows < _ORDERS_MIN:
        return
    counts = orders.group_by("customer_id").aggregate([("order_id", "count")])
    top = pc.max(counts["order_id_count"]).as_py()
    if counts.num_rows > 1 and top > 0.5 * orders.num_rows:
        yield (
            f"One customer has {top:,} of {orders.num_rows:,} orders ({100 * top / orders.num_rows:.0f} %). "
            "If it stands for guests or a till, name its text in `missing` of customer_id."
        )


def _orders(_: Engine, evidence: Evidence) -> Iterator[str]:
    if evidence.feed.table != "order_lines":
        return
    rows = evidence.accepted.filter(pc.equal(evidence.accepted["kind"], LineKind.SALE))
    if not rows.num_rows:
        return
    named = ("order_id", "customer_id", "event_at")
    rows = rows.select([name for name in named if name in rows.column_names])
    times = rows.group_by("order_id").aggregate([("event_at", "min"), ("event_at", "max")])
    apart = pc.subtract(times["event_at_max"], times["event_at_min"])
    is_odd = pc.greater(apart, APART_MAX // timedelta(microseconds=1))
    odd = set(times["order_id"].filter(is_odd).to_pylist())
    customers = rows.group_by("order_id").aggregate([("customer_id", "count_distinct")])
    several = pc.greater(customers["customer_id_count_distinct"], 1)
    odd |= set(customers["order_id"].filter(several).to_pylist())
    if odd:
        listed = ", ".join(sorted(map(str, odd))[:3])
        yield (
            f"{len(odd):,} order numbers ({listed}{' …' if len(odd) > 3 else ''}) have lines of several "
            f"customers, or more than {APART_MAX.days} days apart: they are set aside unless `columns` "
            "makes them one order each."
        )


def _amounts(_: Engine, evidence: Evidence) -> Iterator[str]:
    if evidence.feed.table != "order_lines":
        return
    source, rows = evidence.source, evidence.accepted
    if not rows.num_rows:
        return
    months = rows.append_column("month", values.months_of(rows["event_at"], source.timezone))
    names = sorted(pc.unique(months["month"]).to_pylist())
    by_month = [(name, months.filter(pc.equal(months["month"], name))) for name in names]
    yield from _jumps(source, by_month)
    yield from _jumps(source, evidence.by_file)


def _jumps(source: Source, parts: Sequence[tuple[str, pa.Table]]) -> Iterator[str]:
    """Neighbours whose median line differs by about a hundred."""
    medians = [
        (name, pc.approximate_median(pc.abs(lines)).as_py())
        for name, rows in parts
        for lines in [rows["line_amount_cents"].filter(pc.equal(rows["kind"], "sale"))]
        if len(lines) >= _ROWS_MIN
    ]
    for (before, low), (after, high) in pairwise(medians):
        if min(low, high) > 0 and max(low, high) / min(low, high) >= _FACTOR:
            yield (
                f"The median line of {after} is {values.money(round(high), source)}, that of {before} "
                f"{values.money(round(low), source)}: a factor of {max(low, high) / min(low, high):.0f}. "
                "Are cents in the one and units in the other?"
            )


def _pieces(_: Engine, evidence: Evidence) -> Iterator[str]:
    spec, rows = evidence.feed.columns.get("quantity"), evidence.accepted
    if spec is None or spec.constant or spec.weighed or rows.num_rows < _ORDERS_MIN:
        return
    sales = rows["quantity"].filter(pc.equal(rows["kind"], "sale"))
    if len(sales) >= _ORDERS_MIN and pc.all(pc.equal(sales, 1)).as_py():
        yield f"{', '.join(spec.source_columns)}: the quantity is 1 in all {len(sales):,} sales."


def _currencies(_: Engine, evidence: Evidence) -> Iterator[str]:
    if evidence.feed.currency is not None or evidence.feed.table != "order_lines":
        return
    for name in evidence.unread.column_names:
        column = evidence.unread[name]
        if not pa.types.is_string(column.type):
            continue
        words = [word for word in pc.unique(column).to_pylist() if word]
        if len(words) <= 40 and words and all(word.strip().upper() in CODES for word in words):
            others = sorted({word.strip().upper() for word in words} - {evidence.source.currency})
            if others:
                yield (
                    f"{name} names {', '.join(others[:5])}, the source {evidence.source.currency}. "
                    f'`currency = "{name}"` sets rows of other currencies aside, or converts them.'
                )
