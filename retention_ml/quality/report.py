"""The quality report: one page per batch and an index, readable without a network."""

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment

from retention_ml import pages
from retention_ml.atomic_files import write_text
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.reasons import meaning
from retention_ml.errors import RetentionError
from retention_ml.quality.results import percent
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_STATUS = {
    "landed": "landed, not read yet",
    "staged": "staged, not checked yet",
    "checked": "passed, not curated yet",
    "curated": "passed and curated",
    "held": "held back",
}
_SEVERITIES = ("critical", "warning", "info")


class Counts(NamedTuple):
    """Delivered rows by where they are now; `usable` until they are curated."""

    delivered: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    left_out: int = 0

    @property
    def usable(self) -> int:
        """Rows that are neither rejected nor curated yet."""
        used = self.accepted + self.quarantined + self.duplicates + self.left_out
        return self.delivered - used

    @property
    def parts(self) -> list[tuple[str, int, float]]:
        """Name, rows and share of each part that is not empty."""
        named = {
            "accepted": self.accepted,
            "usable": self.usable,
            "duplicates": self.duplicates,
            "quarantined": self.quarantined,
            "left-out": self.left_out,
        }
        return [(name, n, n / self.delivered) for name, n in named.items() if n > 0]


def write(warehouse: Warehouse, *, settings: Settings, batch_id: int) -> Path:
    """Write the page of a batch and the index of all batches; returns the page's path.

    Pages hold counts, codes and sentences: no delivered row and no customer.
    """
    with warehouse.transaction() as transaction:
        page = _batch_page(transaction, settings, batch_id)
    path = _folder(settings) / _file_name(batch_id)
    write_text(path, _environment().get_template("batch.html.jinja").render(page))
    write_index(warehouse, settings=settings)
    return path


def write_index(warehouse: Warehouse, *, settings: Settings) -> None:
    """Write the index of all batches: alone for one whose files were all refused."""
    with warehouse.transaction() as transaction:
        history = _history(transaction)
    index = _environment().get_template("index.html.jinja").render(batches=history)
    write_text(_folder(settings) / "index.html", index)


def _folder(settings: Settings) -> Path:
    return settings.home / "reports" / "quality"


def _file_name(batch_id: int) -> str:
    return f"batch_{batch_id:06d}.html"


def _batch_page(transaction: Transaction, settings: Settings, batch_id: int) -> Mapping[str, Any]:
    batch = transaction.execute(
        "SELECT source, is_history, status, reason, created_at, closed_at FROM raw.batches "
        "WHERE batch_id = :b",
        b=batch_id,
    )[0]
    rows = transaction.execute(
        "SELECT * FROM raw.deliveries WHERE batch_id = :b ORDER BY delivery_id", b=batch_id
    )
    deliveries = [(row, _counts(row)) for row in rows]
    results = transaction.execute(
        "SELECT * FROM quality.results WHERE batch_id = :b "
        "AND checked_at = (SELECT max(checked_at) FROM quality.results WHERE batch_id = :b)",
        b=batch_id,
    )
    return {
        "batch_id": batch_id,
        "batch": batch,
        "status": _STATUS[batch.status],
        "total": Counts(*map(sum, zip(*(counts for _, counts in deliveries), strict=True))),
        "deliveries": deliveries,
        "reasons": _reasons(transaction, settings, batch_id, batch.source),
        "tables": [
            (suite, list(rows)) for suite, rows in groupby(results, key=lambda row: row.suite)
        ],
        "verdicts": [
            (
                severity,
                sum(row.severity == severity for row in results),
                sum(row.severity == severity and not row.is_success for row in results),
            )
            for severity in _SEVERITIES
        ],
        "checked_at": results[0].checked_at if results else None,
    }


def _counts(row: Any) -> Counts:
    return Counts(
        row.delivered_count,
        row.accepted_count,
        row.quarantined_count,
        row.duplicate_count,
        row.left_out_count,
    )


def _reasons(
    transaction: Transaction, settings: Settings, batch_id: int, source: str
) -> list[tuple[str, str, int, float]]:
    """Code, meaning, rows, and rows relative to the most frequent, for each reason of the batch."""
    try:
        declared = load_source(settings.sources, source).declared_reasons()
    except RetentionError:  # the description may be gone by now
        declared = {}
    rows = transaction.execute(
        "SELECT bad.reason_code, count(*) AS rows FROM ("
        "SELECT delivery_id, reason_code, false AS is_staged FROM quarantine.rows UNION ALL "
        "SELECT delivery_id, reason_code, true FROM staging.rejects) AS bad "
        "JOIN raw.deliveries AS delivery USING (delivery_id) "
        "WHERE delivery.batch_id = :b AND is_staged = (delivery.status = 'staged') "
        "GROUP BY 1 ORDER BY 2 DESC, 1",
        b=batch_id,
    )
    most = max((row.rows for row in rows), default=1)
    return [
        (row.reason_code, meaning(row.reason_code, declared), row.rows, row.rows / most)
        for row in rows
    ]


def _history(transaction: Transaction) -> list[Mapping[str, Any]]:
    """One entry per batch that has rows, or of which a file was refused; the newest first."""
    sums = ", ".join(
        f"CAST(sum(delivery.{name}_count) AS bigint) AS {name}_count"
        for name in ("delivered", "accepted", "quarantined", "duplicate", "left_out")
    )
    rows = transaction.execute(
        "WITH missing AS MATERIALIZED (SELECT source, feed, file_name, delivery_id "
        "FROM raw.unusable_files) "
        "SELECT batch.batch_id, batch.source, batch.status, batch.is_history, batch.created_at, "
        f"batch.reason, {sums}, count(DISTINCT delivery.file_name) "
        "FILTER (WHERE right(delivery.feed, 7) <> '.lookup') AS files_count, "
        "array_agg(delivery.reason ORDER BY delivery.delivery_id) "
        "FILTER (WHERE delivery.status = 'refused') AS refusals, "
        "bool_or(delivery.status IN ('refused', 'held') "
        "AND coalesce(delivery.reason_code, '') NOT IN ('no_file', 'file_changed')) "
        "AND count(missing.delivery_id) = 0 AS is_mended, "
        "coalesce(failed.critical_count, 0) AS critical_count, "
        "coalesce(failed.warning_count, 0) AS warning_count "
        "FROM raw.batches AS batch JOIN raw.deliveries AS delivery USING (batch_id) "
        "LEFT JOIN missing ON missing.source = delivery.source AND missing.feed = delivery.feed "
        "AND missing.file_name = delivery.file_name "
        "AND missing.delivery_id >= delivery.delivery_id "
        "AND delivery.status IN ('refused', 'held') "
        "LEFT JOIN (SELECT result.batch_id, "
        "count(*) FILTER (WHERE result.severity = 'critical') AS critical_count, "
        "count(*) FILTER (WHERE result.severity = 'warning') AS warning_count "
        "FROM quality.results AS result JOIN (SELECT batch_id, max(checked_at) AS checked_at "
        "FROM quality.results GROUP BY 1) AS last USING (batch_id, checked_at) "
        "WHERE NOT result.is_success GROUP BY 1) AS failed USING (batch_id) "
        "GROUP BY batch.batch_id, failed.critical_count, failed.warning_count "
        "HAVING sum(delivery.delivered_count) > 0 "
        "OR count(*) FILTER (WHERE delivery.status = 'refused') > 0 "
        "ORDER BY batch.batch_id DESC LIMIT 1000"
    )
    return [_entry(row) for row in rows]


def _entry(row: Any) -> Mapping[str, Any]:
    """What the index says of a batch; one without rows has no page of its own."""
    counts = _counts(row)
    is_stopped = row.status == "held" or not counts.delivered
    return {
        "row": row,
        "counts": counts,
        "status": ("refused" if not counts.delivered else _STATUS[row.status])
        + (", mended since" if is_stopped and row.is_mended else ""),
        "is_stopped": is_stopped and not row.is_mended,
        "sentences": row.refusals or ([row.reason] if row.status == "held" else []),
        "file": _file_name(row.batch_id) if counts.delivered else None,
    }


@cache
def _environment() -> Environment:
    return pages.environment("retention_ml.quality", percent=percent)
