"""The compiled expressions of one feed: compiling takes longer than running them on few rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import ibis

from retention_ml import tables
from retention_ml.deliveries.casting import casts, currency, derived, details, keys
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.engine import compiled
from retention_ml.deliveries.shaping import per_order


@dataclass(frozen=True, slots=True)
class Statements:
    """The compiled expressions of one feed; those that are seldom asked for when they are."""

    typed: str
    currency: str | None
    currency_times: str | None
    money: tuple[tuple[str, Feed], ...]
    with_keys: str
    with_keys_of_replay: Callable[[], str]
    superseded: str | None
    derived_parts: Mapping[str, str]
    order_parts: str | None
    details: Callable[[], str]


@lru_cache(maxsize=64)
def _statements(description: str, feed_name: str) -> Statements:
    source = Source.model_validate_json(description)
    feed = source.feeds[feed_name]
    entry = tables.CANONICAL[feed.table]
    typed = casts.typed_rows(source, feed)
    schema = {
        name: kind for name, kind in typed.schema().items() if not name.startswith(casts.HELPERS)
    }
    accepted = ibis.table(schema, name="accepted")

    def with_keys(*extra: str) -> ibis.Table:
        rows = keys.typed_table(entry, "accepted", *extra)
        numbered = keys.with_occurrence(entry, rows, numbers_repeats=feed.numbers_repeats)
        full = keys.with_keys(entry, numbered, source.name)
        return full.drop(keys.FIRST_OCCURRENCE) if keys.FIRST_OCCURRENCE in extra else full

    full = with_keys(*([keys.PART] if feed.has_parts else []))
    derived_parts = {name: derived.descriptions(feed, accepted, name) for name in feed.also}
    has_lines = feed.table == "order_lines"
    return Statements(
        typed=compiled(typed),
        currency=compiled(currency.currency_rows(source, feed)) if feed.currency else None,
        currency_times=compiled(currency.time_rows(source, feed)) if feed.currency else None,
        money=tuple(
            (compiled(casts.typed_rows(source, money)), money)
            for money in per_order.money_feeds(feed)
        ),
        with_keys=compiled(with_keys()),
        with_keys_of_replay=cache(lambda: compiled(with_keys(keys.FIRST_OCCURRENCE))),
        superseded=None if feed.numbers_repeats else compiled(keys.superseded_rows(full)),
        derived_parts={name: compiled(part) for name, part in derived_parts.items()},
        order_parts=compiled(derived.order_parts(accepted)) if has_lines else None,
        details=cache(lambda: compiled(details.detail_rows(source, feed))),
    )


def statements(source: Source, feed_name: str) -> Statements:
    """The compiled expressions of a feed; compiling takes longer than running them on few rows."""
    return _statements(source.model_dump_json(), feed_name)
