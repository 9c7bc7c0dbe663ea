"""Lines of a batch that would replace one of the other direction get another occurrence."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from retention_ml import tables
from retention_ml.curated.occurrences import Direction, Line, occurrences
from retention_ml.deliveries.casting import keys
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.engine import Engine, compiled
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.limits import Limits
from retention_ml.warehouse import Transaction

_BACK = "({0}.quantity < 0 OR {0}.line_amount_cents < 0)"
_NOWHERE = "({0}.line_amount_cents = 0 AND ({0}.quantity = 0 OR {0}.kind = 'charge'))"
_DIRECTION = (
    f"CASE WHEN {_BACK} THEN {Direction.BACK:d} WHEN {_NOWHERE} THEN {Direction.NOWHERE:d} "
    f"ELSE {Direction.SOLD:d} END"
).format("line")
_DIFFER = f"({_BACK.format('new')} <> {_BACK.format('old')} OR new.event_at <> old.event_at)"
_IS_OF_CONFLICT = (
    "line.order_id = conflict.order_id AND line.product_id IS NOT DISTINCT FROM conflict.product_id"
)
_OF_CONFLICTS = f"JOIN line_conflicts AS conflict ON {_IS_OF_CONFLICT}"
_WITH_CURATED = (
    "SELECT DISTINCT new.order_id, new.product_id FROM staging.order_lines AS new "
    "JOIN existing_versions AS version USING (row_key) "
    "JOIN curated.order_lines AS old USING (row_key) "
    "WHERE new.batch_id = :b AND old.superseded_at IS NULL "
    "AND new.content_hash <> version.content_hash "
    f"AND ({_BACK.format('new')} OR {_NOWHERE.format('new')} OR {_BACK.format('old')}) "
    f"AND {_DIFFER}"
)
_IN_BATCH = (
    "SELECT DISTINCT new.order_id, new.product_id FROM staging.order_lines AS new "
    "JOIN staging.order_lines AS old USING (batch_id, row_key) "
    "WHERE batch_id = :b AND new.delivery_id <> old.delivery_id "
    f"AND ({_BACK.format('new')} OR {_NOWHERE.format('new')}) AND {_DIFFER}"
)
_COLUMNS = tuple(column.name for column in tables.ORDER_LINES)


def separate_directions(
    transaction: Transaction,
    *,
    source: Source,
    batch_id: int,
    has_existing: bool,
    has_several: bool,
    limits: Limits,
) -> int:
    """Give staged lines that would replace others than their own another occurrence; how many.

    A batch without such lines costs one join of those whose key exists, and one of those that
    came back with the lines of other deliveries.

    Parameters
    ----------
    has_existing : bool
        Whether `existing_versions` has rows.
    has_several : bool
        Whether several deliveries of the batch have lines.
    """
    conflicts = [_WITH_CURATED] * has_existing + [_IN_BATCH] * has_several
    if not conflicts or not transaction.change(
        f"CREATE TEMP TABLE line_conflicts ON COMMIT DROP AS {' UNION '.join(conflicts)}",
        b=batch_id,
    ):
        return 0
    staged = transaction.execute(
        f"SELECT {', '.join(f'line.{name}' for name in _COLUMNS)}, line.line_number, "
        f"line.delivery_id, batch.delivery_order, batch.feed, {_DIRECTION} AS direction "
        "FROM staging.order_lines AS line JOIN batch_deliveries AS batch USING (delivery_id) "
        f"{_OF_CONFLICTS} WHERE line.batch_id = :b",
        b=batch_id,
    )
    existing = transaction.execute(
        "SELECT line.order_id, line.product_id, line.occurrence, line.event_at, line.delivery_id, "
        "coalesce(place.delivery_order, line.delivery_id) AS delivery_order, delivery.feed, "
        f"line.superseded_at IS NULL AS is_current, {_DIRECTION} AS direction "
        f"FROM curated.order_lines AS line {_OF_CONFLICTS} "
        "JOIN raw.deliveries AS delivery USING (delivery_id) "
        "LEFT JOIN delivery_orders AS place USING (delivery_id) WHERE line.source = :source",
        source=source.name,
    )
    numbers = _occurrences(source, staged, existing)
    pairs = zip(staged, numbers, strict=True)
    changed = sum(bool(row.occurrence != number) for row, number in pairs)
    if changed:
        transaction.change(
            "DELETE FROM staging.order_lines AS line USING line_conflicts AS conflict "
            f"WHERE line.batch_id = :b AND {_IS_OF_CONFLICT}",
            b=batch_id,
        )
        rows = _keyed(staged, numbers, source.name, limits)
        entry = tables.ORDER_LINES
        transaction.copy(
            "staging.order_lines",
            keys.to_staging(rows, entry, source=source.name, batch_id=batch_id, is_derived=False),
        )
    return changed


def _occurrences(source: Source, staged: Sequence[Any], existing: Sequence[Any]) -> list[int]:
    """The occurrence of each staged row among those of its order and product."""
    groups: dict[tuple[str, str | None], tuple[list[int], list[Line]]] = defaultdict(
        lambda: ([], [])
    )
    for i, row in enumerate(staged):
        groups[row.order_id, row.product_id][0].append(i)
    for row in existing:
        groups[row.order_id, row.product_id][1].append(_line(source, row, row.is_current))
    numbers = [0] * len(staged)
    for indexes, lines in groups.values():
        of_group = occurrences([_line(source, staged[i]) for i in indexes], lines)
        for i, number in zip(indexes, of_group, strict=True):
            numbers[i] = number
    return numbers


def _line(source: Source, row: Any, is_current: bool = True) -> Line:
    feed = source.feeds.get(row.feed)
    return Line(
        occurrence=row.occurrence,
        direction=Direction(row.direction),
        event_at=row.event_at,
        feed=row.feed,
        delivery_id=row.delivery_id,
        delivery_order=row.delivery_order,
        is_once=feed is not None and feed.has_one_line(row.product_id),
        is_current=is_current,
    )


def _keyed(staged: Sequence[Any], numbers: Sequence[int], source: str, limits: Limits) -> pa.Table:
    """The staged rows under these occurrences, with their keys."""
    unbound = keys.typed_table(tables.ORDER_LINES, "lines", "occurrence")
    schema = unbound.schema().to_pyarrow()
    columns: dict[str, Any] = dict(zip(_COLUMNS, zip(*staged, strict=True), strict=False))
    columns |= {
        "event_at": pa.array(columns["event_at"], pa.timestamp("us", "UTC")).cast(pa.int64()),
        "occurrence": list(numbers),
        DELIVERY: [row.delivery_id for row in staged],
        LINE_NUMBER: [row.line_number for row in staged],
    }
    rows = pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
    with_keys = compiled(keys.with_keys(tables.ORDER_LINES, unbound, source))
    with Engine(limits) as engine:
        return engine.run(with_keys, lines=rows)
