"""What was collected while the files of a feed were read, and what is said of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import tables
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.inspect import values
from retention_ml.deliveries.inspect.examples import EXAMPLES_MAX, examples
from retention_ml.deliveries.inspect.inspection import (
    Example,
    FileCount,
    Finding,
    Inspection,
    Month,
)
from retention_ml.deliveries.inspect.rule_words import rule_counts
from retention_ml.deliveries.inspect.suspicions import Evidence, suspicions
from retention_ml.deliveries.pipeline import Group
from retention_ml.deliveries.readers.chunks import (
    LINE_NUMBER,
    Chunk,
    OpenedFile,
    Reject,
    no_rows_message,
)
from retention_ml.deliveries.reasons import meaning

_LINES_MAX = 5
_DETAILS_MAX = 3
_TEXT_ROWS = 20_000


@dataclass(slots=True)
class Collector:
    """The files of a feed, by their number, and what came of them."""

    source: Source
    feed_name: str
    files: Sequence[str]
    texts: list[pa.Table] = field(default_factory=list)
    first_texts: dict[int, pa.Table] = field(default_factory=dict)
    accepted: list[pa.Table] = field(default_factory=list)
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    delivered: Counter[int] = field(default_factory=Counter)
    left_out: Counter[int] = field(default_factory=Counter)
    rules: Counter[int] = field(default_factory=Counter)
    remarks: dict[int, str] = field(default_factory=dict)

    @property
    def feed(self) -> Feed:
        """How the files are described."""
        return self.source.feeds[self.feed_name]

    def look_at(self, number: int, chunk: Chunk) -> None:
        """Keep the first texts of a file, and what its reader remarks."""
        if number not in self.first_texts:
            in_order = pc.sort_indices(chunk.rows[LINE_NUMBER])
            self.first_texts[number] = chunk.rows.take(in_order.slice(0, EXAMPLES_MAX))
        if sum(table.num_rows for table in self.texts) < _TEXT_ROWS:
            self.texts.append(chunk.rows)
        if chunk.remark is not None:
            self.remarks[number] = chunk.remark

    def add(self, group: Group) -> None:
        """The accepted and rejected rows of some files."""
        names = [column.name for column in tables.CANONICAL[self.feed.table]]
        for rows in group.accepted:
            columns = [name for name in rows.column_names if name in names or name.startswith("__")]
            self.accepted.append(rows.select(columns))
        self.rejects += group.rejects
        self.delivered.update(group.delivered)
        self.left_out.update(group.left_out)
        self.rules.update(group.rules)

    def rows(self) -> pa.Table:
        """All accepted rows."""
        return pa.concat_tables(self.accepted)


def inspection(
    engine: Engine, collector: Collector, opened: OpenedFile, unread: pa.Table | None
) -> Inspection:
    """What became of the files of a feed.

    Parameters
    ----------
    opened : OpenedFile
        The first of them.
    unread : pyarrow.Table, optional
        The first rows of the columns that nobody reads.
    """
    source, feed = collector.source, collector.feed
    rows = collector.rows() if collector.accepted else _no_rows(feed)
    files = _file_counts(collector)
    texts = (
        pa.concat_tables(collector.texts, promote_options="default") if collector.texts else None
    )
    evidence = Evidence(
        source=source,
        feed=feed,
        accepted=rows,
        texts=texts if texts is not None else pa.table({}),
        unread=unread if unread is not None else pa.table({}),
        by_file=[
            (name, rows.filter(pc.equal(rows[DELIVERY], number)))
            for number, name in enumerate(collector.files)
        ],
    )
    has = set(rows.column_names)
    is_sale = pc.is_valid(rows["line_amount_cents"]) if "line_amount_cents" in has else None
    total = pc.sum(rows["line_amount_cents"]).as_py() if is_sale is not None else None
    times = rows["event_at"] if "event_at" in has else None
    return Inspection(
        source=source.name,
        feed=collector.feed_name,
        table=feed.table,
        columns=opened.columns or opened.keys,
        columns_not_read=opened.unread,
        rows=sum(file.rows for file in files),
        accepted=sum(file.accepted for file in files),
        left_out=sum(file.left_out for file in files),
        guests=rows["customer_id"].null_count if "customer_id" in has else None,
        customers=_distinct(rows, "customer_id"),
        orders=_distinct(rows, "order_id"),
        money=None if total is None else values.money(total, source),
        first=_moment(pc.min(times)) if times is not None else None,
        last=_moment(pc.max(times)) if times is not None else None,
        kinds=dict(Counter(rows["kind"].to_pylist()).most_common()) if "kind" in has else {},
        files=files,
        findings=_findings(source, collector.rejects),
        rules=rule_counts(feed, collector.rules),
        months=_months(source, rows),
        examples=_examples(collector, rows),
        suspicions=(*collector.remarks.values(), *suspicions(engine, evidence)),
        remark=next((file.remark for file in files if file.remark), None),
    )


def _no_rows(feed: Feed) -> pa.Table:
    kinds = {"timestamp": pa.int64()}
    schema = tables.CANONICAL[feed.table].arrow_schema()
    fields = [
        pa.field(column.name, kinds.get(column.type, schema.field(column.name).type))
        for column in tables.CANONICAL[feed.table]
    ]
    return pa.schema([*fields, pa.field(DELIVERY, pa.int64())]).empty_table()


def _distinct(rows: pa.Table, name: str) -> int | None:
    if name not in rows.column_names:
        return None
    return int(pc.count_distinct(rows[name]).as_py())


def _moment(value: pa.Scalar) -> str | None:
    return values.moment(value.as_py()) if value.is_valid else None


def _file_counts(collector: Collector) -> tuple[FileCount, ...]:
    rejected = Counter(number for number, _ in collector.rejects)
    counts = []
    for number, name in enumerate(collector.files):
        rows, left_out = collector.delivered[number], collector.left_out[number]
        counts.append(
            FileCount(
                file=name,
                rows=rows,
                accepted=rows - rejected[number] - left_out,
                quarantined=rejected[number],
                left_out=left_out,
                remark=None if rows else no_rows_message(name, collector.feed),
            )
        )
    return tuple(counts)


def _findings(source: Source, rejects: Sequence[tuple[int, Reject]]) -> tuple[Finding, ...]:
    declared = source.declared_reasons()
    by_reason: dict[str, list[Reject]] = {}
    for _, reject in rejects:
        by_reason.setdefault(str(reject.reason), []).append(reject)
    return tuple(
        Finding(
            reason=code,
            meaning=meaning(code, declared),
            count=len(rows),
            lines=tuple(sorted(reject.line_number for reject in rows)[:_LINES_MAX]),
            details=_details(rows),
        )
        for code, rows in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    )


def _details(rejects: Sequence[Reject]) -> tuple[str, ...]:
    """What stood in the first rejected rows: column, value and what was expected."""
    details = (reject.detail for reject in rejects if reject.detail)
    return tuple(dict.fromkeys(details))[:_DETAILS_MAX]


def _months(source: Source, rows: pa.Table) -> tuple[Month, ...]:
    if "event_at" not in rows.column_names or not rows.num_rows:
        return ()
    months = pa.table({"month": values.months_of(rows["event_at"], source.timezone)})
    sums = [("month", "count")]
    if "line_amount_cents" in rows.column_names:
        months = months.append_column("cents", rows["line_amount_cents"])
        sums.append(("cents", "sum"))
    grouped = months.group_by("month").aggregate(sums).sort_by("month").to_pylist()
    return tuple(
        Month(
            month=row["month"],
            rows=row["month_count"],
            money=values.money(row["cents_sum"], source) if "cents_sum" in row else None,
        )
        for row in grouped
    )


def _examples(collector: Collector, rows: pa.Table) -> tuple[Example, ...]:
    shown = []
    for number, texts in sorted(collector.first_texts.items()):
        of_file = rows.filter(pc.equal(rows[DELIVERY], number))
        reasons = {r.line_number: str(r.reason) for n, r in collector.rejects if n == number}
        name = collector.files[number]
        shown += examples(collector.source, collector.feed, name, texts, of_file, reasons)
    return tuple(shown[:EXAMPLES_MAX])
