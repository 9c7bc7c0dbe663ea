"""The rows of the page Data."""

import re

from retention_ml.pages import data
from retention_ml.pages.data import CHECKS_REMEMBERED, DataRows
from retention_ml.reports.site.figures.distributions import distributions
from retention_ml.reports.site.look import Look
from retention_ml.reports.site.reading import Row, Select

_BATCHES_SHOWN = 20
_REASONS_SHOWN = 12
_SAMPLES_EACH = 3
_FILES_SHOWN = 20
_TEXTS = re.compile("""['"](?:.*['"]|.*$)""", re.DOTALL)


def data_page(look: Look) -> str:
    """The page as of now; only the distributions are of the day of a look."""
    select = look.select
    sums = ", ".join(
        f"coalesce(sum(delivery.{name}_count), 0)::bigint AS {name}_count"
        for name in ("delivered", "accepted", "quarantined", "duplicate", "left_out")
    )
    then_on, columns = distributions(select, look.day)
    rows = DataRows(
        batches=select(
            f"SELECT batch.batch_id, batch.source, batch.status, batch.created_at, {sums} "
            "FROM raw.batches AS batch JOIN raw.deliveries AS delivery USING (batch_id) "
            "GROUP BY batch.batch_id ORDER BY batch.batch_id DESC LIMIT :limit",
            limit=_BATCHES_SHOWN,
        ),
        reasons=select(
            "SELECT source, feed, reason_code, rows_count, open_rows_count "
            "FROM reports.quarantine_summary ORDER BY open_rows_count DESC, rows_count DESC, feed, "
            "reason_code LIMIT :limit",
            limit=_REASONS_SHOWN,
        ),
        samples=_samples(select),
        files=select(
            "SELECT source, file_name, landed_at, is_missing, reason FROM reports.refused_files "
            "ORDER BY is_missing DESC, landed_at DESC, file_name LIMIT :limit",
            limit=_FILES_SHOWN,
        ),
        checks=select(
            # Of each table its own newest: a training checks many days and would crowd out batches.
            "SELECT * FROM (SELECT checked_at, table_name, column_name, expected, severity, "
            "is_success, unexpected_share, observed, reason, dense_rank() OVER (PARTITION BY "
            "table_name ORDER BY checked_at DESC) AS age FROM reports.data_quality) AS ranked "
            "WHERE age <= :limit ORDER BY checked_at, table_name, expected",
            limit=CHECKS_REMEMBERED,
        ),
        feeds=select(
            "SELECT name, incomplete_since FROM reports.pipeline_freshness WHERE subject = 'feed' "
            "ORDER BY name"
        ),
        columns=columns,
        then_on=then_on,
        now_on=look.day.as_of if look.day else None,
    )
    return data.page(look.frame, rows)


def without_texts(detail: str) -> str:
    """A quarantined row's detail with the names of its fields and without what they held.

    All goes from the first quotation mark to the last: a text may hold such marks too.

    >>> without_texts("mail: 'o'hara@example.org', expected an identifier")
    'mail: …, expected an identifier'
    """
    return _TEXTS.sub("…", detail)


def _samples(select: Select) -> list[Row]:
    """Some quarantined rows of each reason; what they say of a customer stays in quarantine."""
    rows = select(
        "SELECT summary.reason_code, delivery.file_name, sample.line_number, sample.detail "
        "FROM (SELECT source, feed, reason_code "
        "FROM reports.quarantine_summary ORDER BY open_rows_count DESC, feed, reason_code "
        "LIMIT :limit) AS summary CROSS JOIN LATERAL (SELECT * FROM quarantine.rows AS bad "
        "WHERE bad.source = summary.source AND bad.feed = summary.feed "
        "AND bad.reason_code = summary.reason_code "
        "ORDER BY bad.delivery_id DESC, bad.line_number LIMIT :each) AS sample "
        "JOIN raw.deliveries AS delivery ON delivery.delivery_id = sample.delivery_id",
        limit=_REASONS_SHOWN,
        each=_SAMPLES_EACH,
    )
    return [{**row, "detail": row["detail"] and without_texts(row["detail"])} for row in rows]
