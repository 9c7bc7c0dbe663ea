"""What must hold at any time, also after any crash: queries that return no row.

P1 nothing lost, P2 nothing doubled, P3 nothing half-published, P4 no look-ahead, P7 everything
traceable.
"""

from dataclasses import dataclass

from retention_ml import tables
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A promise, what a row of `sql` would mean, and the query that must return none."""

    promise: str
    sentence: str
    sql: str


def _of_all_tables(columns: str, condition: str = "true") -> str:
    """A column list of every curated table, below one another."""
    return " UNION ALL ".join(
        f"SELECT '{name}' AS table_name, {columns} FROM curated.{name} WHERE {condition}"
        for name in tables.CANONICAL
    )


_PER_DELIVERY = " UNION ALL ".join(
    f"SELECT delivery_id, count(*) AS rows FROM curated.{name} GROUP BY 1"
    for name in tables.CANONICAL
)

_STAGED = " UNION ALL ".join(
    f"SELECT DISTINCT '{name}' AS table_name, batch_id FROM staging.{name}"
    for name in (*tables.CANONICAL, "rejects")
)

INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        promise="P1",
        sentence="a finished delivery whose rows do not add up",
        sql="SELECT delivery_id FROM raw.deliveries WHERE status IN ('accepted', 'held') AND "
        "delivered_count <> accepted_count + quarantined_count + duplicate_count",
    ),
    Invariant(
        promise="P1",
        sentence="a finished delivery with other rows in quarantine than the ledger says",
        sql="SELECT told.delivery_id FROM raw.deliveries AS told LEFT JOIN (SELECT delivery_id, "
        "count(*) AS rows FROM quarantine.rows GROUP BY 1) AS bad USING (delivery_id) "
        "WHERE told.status IN ('accepted', 'held') "
        "AND told.quarantined_count <> coalesce(bad.rows, 0)",
    ),
    Invariant(
        promise="P1",
        sentence="an accepted delivery with other rows in curated than the ledger says",
        sql="SELECT told.delivery_id FROM raw.deliveries AS told "
        "WHERE told.status = 'accepted' AND told.accepted_count > 0 AND NOT EXISTS "
        f"(SELECT 1 FROM ({_PER_DELIVERY}) AS kept WHERE kept.delivery_id = told.delivery_id "
        "AND kept.rows = told.accepted_count)",
    ),
    Invariant(
        promise="P1",
        sentence="rows in curated of a delivery that is not accepted",
        sql="SELECT kept.table_name, kept.delivery_id FROM "
        f"({_of_all_tables('delivery_id')}) AS kept LEFT JOIN raw.deliveries AS told "
        "USING (delivery_id) WHERE told.status IS DISTINCT FROM 'accepted' GROUP BY 1, 2",
    ),
    Invariant(
        promise="P1",
        sentence="rows in quarantine of a delivery that is neither accepted nor held",
        sql="SELECT delivery_id FROM quarantine.rows JOIN raw.deliveries AS told USING "
        "(delivery_id) WHERE told.status NOT IN ('accepted', 'held') "
        # a held file that came again keeps its rows there until it is decided anew
        "AND told.reason_code IS DISTINCT FROM 'batch_held' GROUP BY 1",
    ),
    Invariant(
        promise="P1",
        sentence="staged rows of a batch that is closed",
        sql=f"SELECT left_over.table_name, left_over.batch_id FROM ({_STAGED}) AS left_over "
        "JOIN raw.batches AS batch USING (batch_id) WHERE batch.status IN ('curated', 'held')",
    ),
    Invariant(
        promise="P2",
        sentence="a business key with two current versions",
        sql=f"SELECT table_name, row_key FROM ({_of_all_tables('row_key', 'superseded_at IS NULL')})"
        " AS kept GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    Invariant(
        promise="P2",
        sentence="two versions of a business key that are known at the same instant",
        sql="SELECT table_name, row_key FROM (SELECT table_name, row_key, superseded_at, "
        "lead(available_at) OVER (PARTITION BY table_name, row_key ORDER BY available_at, "
        "superseded_at) AS next_at, available_at FROM "
        f"({_of_all_tables('row_key, available_at, superseded_at')}) AS kept) AS versions "
        "WHERE superseded_at <= available_at OR next_at IS DISTINCT FROM superseded_at",
    ),
    Invariant(
        promise="P2",
        sentence="a file that was accepted twice",
        sql="SELECT source, feed, file_sha256 FROM raw.deliveries WHERE status = 'accepted' "
        "AND replay_of IS NULL AND delivered_count > 0 GROUP BY 1, 2, 3 HAVING count(*) > 1",
    ),
    Invariant(
        promise="P3",
        sentence="a published snapshot that is not marked so, or was never audited",
        sql="SELECT pointer.as_of, pointer.snapshot_id FROM scores.published AS pointer "
        "JOIN scores.snapshots AS manifest USING (snapshot_id) "
        "WHERE manifest.status <> 'published' OR manifest.as_of <> pointer.as_of "
        "OR NOT EXISTS (SELECT 1 FROM scores.audits AS audit "
        "WHERE audit.snapshot_id = pointer.snapshot_id)",
    ),
    Invariant(
        promise="P3",
        sentence="a published snapshot that failed a critical audit",
        sql="SELECT audit.snapshot_id, audit.audit FROM scores.audits AS audit "
        "JOIN scores.published AS pointer USING (snapshot_id) "
        "WHERE audit.severity = 'critical' AND NOT audit.is_success",
    ),
    Invariant(
        promise="P3",
        sentence="a published snapshot with other rows, or other models, than its manifest says",
        sql="SELECT manifest.snapshot_id FROM scores.published AS pointer "
        "JOIN scores.snapshots AS manifest USING (snapshot_id) "
        "LEFT JOIN scores.customer_daily AS score USING (snapshot_id) "
        "GROUP BY manifest.snapshot_id HAVING count(score.customer_id) <> manifest.scored_count "
        "OR count(*) FILTER (WHERE (score.model_name, score.model_version, score.as_of) "
        "IS DISTINCT FROM (CASE score.arm WHEN 'challenger' THEN manifest.challenger_name "
        "ELSE manifest.model_name END, CASE score.arm WHEN 'challenger' "
        "THEN manifest.challenger_version ELSE manifest.model_version END, manifest.as_of)) "
        "> CASE WHEN manifest.scored_count = 0 THEN 1 ELSE 0 END",
    ),
    Invariant(
        promise="P3",
        sentence="a churn probability that is none",
        sql="SELECT snapshot_id, count(*) FROM scores.customer_daily WHERE NOT "
        "(churn_probability >= 0 AND churn_probability <= 1) GROUP BY 1",
    ),
    Invariant(
        promise="P4",
        sentence="a day's features whose newest input happened after the day began",
        sql="SELECT as_of FROM features.builds WHERE newest_input_at >= as_of AT TIME ZONE "
        "coalesce((SELECT timezone FROM features.rolled_up LIMIT 1), 'UTC')",
    ),
    Invariant(
        promise="P7",
        sentence="a score that names no model, run or bundle",
        sql="SELECT score.snapshot_id FROM scores.customer_daily AS score "
        "JOIN scores.snapshots AS manifest USING (snapshot_id) WHERE '' IN (score.model_version, "
        "score.run_id, manifest.bundle_sha256, manifest.features_digest, manifest.definition_hash) "
        "GROUP BY 1",
    ),
    Invariant(
        promise="P7",
        sentence="an accepted delivery that names no file or mapping",
        sql="SELECT delivery_id FROM raw.deliveries WHERE status = 'accepted' "
        "AND '' IN (file_sha256, mapping_sha256) AND delivered_count > 0",
    ),
)


def violations(warehouse: Warehouse) -> list[str]:
    """A sentence per invariant that does not hold, empty where all do."""
    found: list[str] = []
    with warehouse.transaction() as transaction:
        for invariant in INVARIANTS:
            count = len(transaction.execute(f"{invariant.sql} LIMIT 1000"))
            if count:
                shown = f"{count:,}" if count < 1_000 else "1,000 or more"
                found.append(f"{invariant.promise}: {shown} × {invariant.sentence}.")
    return found
