"""What exactly is wrong with a rejected row: the column, its text, and what was expected."""

from collections.abc import Iterator, Sequence

import ibis

from retention_ml import tables
from retention_ml.deliveries.casting.casts import cast_columns, chunk_of
from retention_ml.deliveries.casting.moments import other_epoch
from retention_ml.deliveries.casting.rules import REASON
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.deliveries.reasons import Reason

DETAIL = "__detail"
_CHARACTERS_MAX = 60
_OF_TIMES = (
    Reason.BAD_TIMESTAMP,
    Reason.TIME_IN_DST_GAP,
    Reason.TIME_OUT_OF_RANGE,
    Reason.EVENT_IN_FUTURE,
)
_OF_AMOUNTS = {
    Reason.NEGATIVE_QUANTITY: ("quantity",),
    Reason.ZERO_QUANTITY: ("quantity",),
    Reason.NEGATIVE_PRICE: ("line_amount_cents", "unit_price_cents"),
}


def detail_rows(source: Source, feed: Feed) -> ibis.Table:
    """`LINE_NUMBER` and `DETAIL` of rejected rows: those of `casts.chunk_of` with their `REASON`.

    A detail is a sentence such as `Created at: '13/25/2025', expected %d/%m/%Y`; null where the
    reason says it all.
    """
    chunk = chunk_of(feed, REASON)
    cases = list(_cases(source, feed, chunk))
    detail = ibis.cases(*cases, else_=ibis.null("string")) if cases else ibis.null("string")
    return chunk.select(chunk[LINE_NUMBER], **{DETAIL: detail})


def _cases(
    source: Source, feed: Feed, chunk: ibis.Table
) -> Iterator[tuple[ibis.Value, ibis.Value]]:
    """Conditions against a row, each with the detail where it holds; the first one counts."""
    reason = chunk[REASON]
    casts = {name: c for name, c in cast_columns(source, feed, chunk).items() if c.names}
    for name, cast in casts.items():
        if cast.is_utc is not None:
            hint = other_epoch(chunk, feed.columns[name], feed)
            is_other = (reason == str(Reason.TIME_OUT_OF_RANGE)) & hint.notnull()
            yield is_other, _shown(chunk, cast.names) + ibis.coalesce(hint, "")
        for check in cast.checks:
            detail = _shown(chunk, check.names or cast.names, check.expected)
            yield (reason == check.code) & check.condition.fill_null(False), detail
        if cast.is_utc is not None:
            yield reason.isin([str(one) for one in _OF_TIMES]), _shown(chunk, cast.names)
        allowed = tables.CLOSED_SETS.get((feed.table, name), ())
        yield reason == f"missing_{name}", _shown(chunk, cast.names)
        if allowed:
            expected = f"one of {', '.join(allowed)}"
            yield reason == f"unknown_{name}", _shown(chunk, cast.names, expected)
    for code, names in _OF_AMOUNTS.items():
        for name in names:
            if name in casts:
                is_meant = (casts[name].value <= 0).fill_null(False)
                yield (reason == str(code)) & is_meant, _shown(chunk, casts[name].names)
    if feed.currency is not None:
        expected = f"{source.currency}, or a currency with an exchange rate"
        for code in (Reason.OTHER_CURRENCY, Reason.MISSING_CURRENCY):
            yield reason == str(code), _shown(chunk, feed.currency.source_columns, expected)


def _shown(chunk: ibis.Table, names: Sequence[str], expected: str = "") -> ibis.Value:
    """The columns of the file with their texts, and what was expected."""
    sentence: ibis.Value = ibis.literal("")
    for i, name in enumerate(names):
        text = ibis.literal("'") + chunk[name].substr(0, _CHARACTERS_MAX) + "'"
        sentence = sentence + f"{', ' if i else ''}{name}: " + ibis.coalesce(text, "empty")
    return sentence + f", expected {expected}" if expected else sentence
