"""What the ledgers of the warehouse say, as series; nothing in it names a customer."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from retention_ml import clock
from retention_ml.metrics.catalogue import family, single
from retention_ml.metrics.families import Family
from retention_ml.outcomes.monitoring.alerts import STANDING
from retention_ml.warehouse import Transaction

_OUTCOMES = ("written", "quarantined", "left_out", "duplicates")
_DELIVERED = ("accepted", "quarantined", "left_out", "duplicates")
_GRADES = ("A", "B", "C")

Row = Mapping[str, Any]


def read_ledgers(transaction: Transaction, *, at: datetime, cooldown_days: int) -> list[Family]:
    """All families that come from the warehouse.

    Parameters
    ----------
    transaction : Transaction
        One that only reads, so that all figures are of one moment.
    at : datetime
        The moment of the look, to which ages refer.
    cooldown_days : int
        For so long an alert counts as open whose kind is not watched until it ends.

    Raises
    ------
    WarehouseError
        The warehouse did not answer, or is not migrated.
    """
    return [
        *_stages(transaction, at),
        *_deliveries(transaction),
        *_scores(transaction, at),
        *_model(transaction),
        *_backups(transaction, at),
        family(
            "retention_alerts_open",
            (
                ({"kind": row["kind"], "severity": row["severity"]}, row["alerts_count"])
                for row in _select(
                    transaction,
                    "SELECT kind, severity, count(*) AS alerts_count FROM ops.alerts "
                    "WHERE cleared_at IS NULL AND (kind = ANY (:standing) OR raised_at > :since) "
                    "GROUP BY kind, severity ORDER BY kind, severity",
                    standing=list(STANDING),
                    since=at - timedelta(days=cooldown_days),
                )
            ),
        ),
    ]


def _stages(transaction: Transaction, at: datetime) -> Iterator[Family]:
    rows = _select(
        transaction,
        "SELECT door, count(*) AS runs_count, sum(seconds) AS seconds, "
        "max(finished_at) AS finished_at, CAST(sum(read_count) AS bigint) AS read, "
        "CAST(sum(written_count) AS bigint) AS written, "
        "CAST(sum(quarantined_count) AS bigint) AS quarantined, "
        "CAST(sum(left_out_count) AS bigint) AS left_out, "
        "CAST(sum(duplicate_count) AS bigint) AS duplicates "
        "FROM ops.receipts GROUP BY door ORDER BY door",
    )
    for name, column in (
        ("retention_stage_runs_total", "runs_count"),
        ("retention_stage_seconds_total", "seconds"),
        ("retention_rows_read_total", "read"),
    ):
        yield family(name, (({"stage": row["door"]}, row[column]) for row in rows))
    yield family(
        "retention_stage_last_success_timestamp_seconds",
        (({"stage": row["door"]}, row["finished_at"].timestamp()) for row in rows),
    )
    yield family(
        "retention_stage_age_seconds",
        (({"stage": row["door"]}, (at - row["finished_at"]).total_seconds()) for row in rows),
    )
    yield family(
        "retention_rows_total",
        (
            ({"stage": row["door"], "outcome": outcome}, row[outcome])
            for row in rows
            for outcome in _OUTCOMES
        ),
    )


def _deliveries(transaction: Transaction) -> Iterator[Family]:
    sums = (
        "CAST(sum(accepted_count) AS bigint) AS accepted, "
        "CAST(sum(quarantined_count) AS bigint) AS quarantined, "
        "CAST(sum(left_out_count) AS bigint) AS left_out, "
        "CAST(sum(duplicate_count) AS bigint) AS duplicates"
    )
    files = _select(
        transaction,
        "SELECT source, status, count(*) AS files_count FROM raw.deliveries "
        "GROUP BY source, status ORDER BY source, status",
    )
    yield family(
        "retention_deliveries_total",
        (({"source": row["source"], "status": row["status"]}, row["files_count"]) for row in files),
    )
    for name, which in (
        ("retention_delivered_rows_total", ""),
        (
            "retention_batch_rows",
            "AND batch_id IN (SELECT max(batch_id) FROM raw.deliveries "
            "WHERE status IN ('accepted', 'held') GROUP BY source)",
        ),
    ):
        rows = _select(
            transaction,
            f"SELECT source, {sums} FROM raw.deliveries WHERE status IN ('accepted', 'held') "
            f"{which} GROUP BY source ORDER BY source",
        )
        yield family(
            name,
            (
                ({"source": row["source"], "outcome": outcome}, row[outcome])
                for row in rows
                for outcome in _DELIVERED
            ),
        )
    yield family(
        "retention_source_last_accepted_timestamp_seconds",
        (
            ({"source": row["source"]}, row["loaded_at"].timestamp())
            for row in _select(
                transaction,
                "SELECT source, max(loaded_at) AS loaded_at FROM raw.deliveries "
                "WHERE status = 'accepted' GROUP BY source ORDER BY source",
            )
        ),
    )
    yield family(
        "retention_unusable_files",
        (
            ({"source": row["source"]}, row["files_count"])
            for row in _select(
                transaction,
                # Sources without one are there too, so that an end is seen as an end.
                "SELECT source, count(file_name) AS files_count "
                "FROM (SELECT DISTINCT source FROM raw.deliveries) AS source "
                "LEFT JOIN reports.unusable_files USING (source) GROUP BY source ORDER BY source",
            )
        ),
    )


def _scores(transaction: Transaction, at: datetime) -> Iterator[Family]:
    newest = _select(
        transaction,
        "SELECT as_of, published_at FROM scores.published ORDER BY as_of DESC LIMIT 1",
    )
    if not newest:
        return
    [row] = newest
    yield single(
        "retention_scores_day_timestamp_seconds", clock.midnight(row["as_of"], "UTC").timestamp()
    )
    yield single("retention_scores_published_timestamp_seconds", row["published_at"].timestamp())
    yield single("retention_scores_age_seconds", (at - row["published_at"]).total_seconds())
    verdicts = _select(
        transaction,
        "SELECT verdict FROM reports.pipeline_freshness "
        "WHERE subject = 'publication' AND name = 'scores'",
    )
    yield single("retention_scores_late", verdicts[0]["verdict"] == "late" if verdicts else None)
    counts = _select(
        transaction,
        "SELECT risk_tier, customers_count, "
        "CAST(expected_value_at_risk AS double precision) AS value_at_risk "
        "FROM reports.risk_tier_daily WHERE as_of = :as_of ORDER BY tier_rank",
        as_of=row["as_of"],
    )
    yield family(
        "retention_scores_customers",
        (({"tier": tier["risk_tier"]}, tier["customers_count"]) for tier in counts),
    )
    yield family(
        "retention_scores_value_at_risk",
        (({"tier": tier["risk_tier"]}, tier["value_at_risk"]) for tier in counts),
    )


def _model(transaction: Transaction) -> Iterator[Family]:
    rows = _select(
        transaction,
        "SELECT model_name, model_version, grade, roc_auc, recency_roc_auc "
        "FROM reports.model_grade WHERE is_serving ORDER BY model_name, model_version LIMIT 1",
    )
    yield family(
        "retention_model_info",
        (({"model": row["model_name"], "version": row["model_version"]}, 1) for row in rows),
    )
    yield family(
        "retention_model_grade",
        (({"grade": grade}, row["grade"] == grade) for row in rows for grade in _GRADES),
    )
    for name, column in (
        ("retention_model_roc_auc", "roc_auc"),
        ("retention_model_recency_roc_auc", "recency_roc_auc"),
    ):
        yield single(name, rows[0][column] if rows else None)


def _select(transaction: Transaction, sql: str, /, **parameters: object) -> list[Row]:
    return [dict(row._mapping) for row in transaction.execute(sql, **parameters)]


def _backups(transaction: Transaction, at: datetime) -> Iterator[Family]:
    rows = _select(
        transaction,
        "SELECT kind, max(taken_at) AS taken_at, max(verified_at) AS verified_at "
        "FROM ops.backups WHERE removed_at IS NULL GROUP BY kind ORDER BY kind",
    )
    for name, column in (
        ("retention_backup_age_seconds", "taken_at"),
        ("retention_backup_unproved_seconds", "verified_at"),
    ):
        yield family(
            name,
            (
                ({"kind": row["kind"]}, (at - row[column]).total_seconds())
                for row in rows
                if row[column] is not None
            ),
        )
