"""What must hold at any time, also after any crash: queries that return no row.

P1 nothing lost, P2 nothing doubled, P3 nothing half-published, P4 no look-ahead, P7 everything
traceable, P8 nobody contacted who must not be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from retention_ml import tables
from retention_ml.maintenance.contacts import CONTACTS
from retention_ml.warehouse import Warehouse

_COUNT_MAX = 1_000

# By promise, what to do where it is broken.
_REMEDIES: Mapping[str, str] = {
    "P1": "Pause ingest_deliveries and find out who or what changed these tables.",
    "P2": "Pause ingest_deliveries and find out who or what changed these tables.",
    "P3": "Do not act on these scores; find out who or what changed them, then score the day again.",
    "P4": "Do not act on the scores of these days; find out which build wrote the features.",
    "P8": "Stop all channels (`retention actions stop`) and find out which run wrote these rows.",
    "P7": "Find out which run wrote these rows; their numbers cannot be traced.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A promise as a query that must return no row.

    Parameters
    ----------
    promise : str
        P1 to P8, see ARCHITECTURE.md.
    sentence : str
        What a row of `sql` would mean.
    sql : str
        The query; its parameter `as_of`, if it has one, limits scores to a day (NULL: all days).
        Without it, the query is about the warehouse as it is now.
    is_costly : bool
        It sorts all curated rows: seconds per million.
    """

    promise: str
    sentence: str
    sql: str
    is_costly: bool = False

    @property
    def is_of_day(self) -> bool:
        """Whether it can be limited to a day."""
        return ":as_of" in self.sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An invariant that does not hold, and how many rows break it, counted up to 1,000."""

    invariant: Invariant
    count: int

    @property
    def sentence(self) -> str:
        """What was found, such as `P1: 3 × a finished delivery whose rows do not add up.`"""
        shown = f"{self.count:,}" if self.count < _COUNT_MAX else f"{_COUNT_MAX:,} or more"
        return f"{self.invariant.promise}: {shown} × {self.invariant.sentence}."

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return _REMEDIES[self.invariant.promise]


def _of_all_tables(columns: str, rest: str = "") -> str:
    """A column list of every curated table, below one another."""
    return " UNION ALL ".join(
        f"SELECT '{name}' AS table_name, {columns} FROM curated.{name} {rest}"
        for name in tables.CANONICAL
    )


_OF_DAY = "(CAST(:as_of AS date) IS NULL OR manifest.as_of = CAST(:as_of AS date))"

_PER_DELIVERY = _of_all_tables("delivery_id, count(*) AS rows", "GROUP BY delivery_id")

_LINES_OF_DIFFERING = _of_all_tables(
    "delivery_id, count(DISTINCT line_number) AS rows",
    "WHERE delivery_id IN (SELECT delivery_id FROM differing) GROUP BY delivery_id",
)

_STAGED = " UNION ALL ".join(
    f"SELECT DISTINCT '{name}' AS table_name, batch_id FROM staging.{name}"
    for name in (*tables.CANONICAL, "rejects")
)

# Large tables keep no foreign key (decision 53). Of each snapshot one entry of the index is read.
_WITHOUT_MANIFEST = " UNION ALL ".join(
    f"(WITH RECURSIVE numbers AS (SELECT min(snapshot_id) AS id FROM {schema}.{table} UNION ALL "
    f"SELECT (SELECT min(snapshot_id) FROM {schema}.{table} WHERE snapshot_id > numbers.id) "
    f"FROM numbers WHERE id IS NOT NULL) SELECT '{schema}.{table}' AS table_name, id FROM numbers "
    f"WHERE id IS NOT NULL AND id NOT IN (SELECT snapshot_id FROM {schema}.snapshots))"
    for schema, table in (
        ("scores", "customer_daily"), ("scores", "tier_transitions"),
        ("recommendations", "customer_daily"),
        ("profiles", "customer_daily"), ("profiles", "customer_value"),
    )
)  # fmt: skip

INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        promise="P1",
        sentence="a finished delivery whose rows do not add up",
        sql="SELECT delivery_id FROM raw.deliveries WHERE status IN ('accepted', 'held') AND "
        "delivered_count <> accepted_count + quarantined_count + left_out_count + duplicate_count",
    ),
    Invariant(
        promise="P1",
        sentence="a finished delivery with other rows in quarantine than the ledger says",
        sql="SELECT delivery.delivery_id FROM raw.deliveries AS delivery LEFT JOIN (SELECT delivery_id, "
        "count(*) AS rows FROM quarantine.rows GROUP BY 1) AS bad USING (delivery_id) "
        "WHERE delivery.status IN ('accepted', 'held') "
        "AND delivery.quarantined_count <> coalesce(bad.rows, 0)",
    ),
    Invariant(
        promise="P1",
        sentence="an accepted delivery with other rows in curated than the ledger says",
        # Several rows may be parts of one delivered row; only where the numbers differ, these are
        # counted, which takes a sort.
        sql="WITH differing AS MATERIALIZED (SELECT delivery_id, accepted_count "
        "FROM raw.deliveries AS delivery "
        "WHERE delivery.status = 'accepted' AND delivery.accepted_count > 0 AND NOT EXISTS "
        f"(SELECT 1 FROM ({_PER_DELIVERY}) AS stored WHERE stored.delivery_id = delivery.delivery_id "
        "AND stored.rows = delivery.accepted_count)) "
        "SELECT delivery_id FROM differing WHERE accepted_count NOT IN "
        f"(SELECT rows FROM ({_LINES_OF_DIFFERING}) AS stored "
        "WHERE stored.delivery_id = differing.delivery_id)",
    ),
    Invariant(
        promise="P1",
        sentence="rows in curated of a delivery that is not accepted",
        sql="SELECT stored.table_name, stored.delivery_id FROM "
        f"({_of_all_tables('delivery_id')}) AS stored LEFT JOIN raw.deliveries AS delivery "
        "USING (delivery_id) WHERE delivery.status IS DISTINCT FROM 'accepted' GROUP BY 1, 2",
    ),
    Invariant(
        promise="P1",
        sentence="rows in quarantine of a delivery that is not accepted, held or refused",
        # A held file that came again keeps its rows there until it is decided anew, and for good
        # if it is refused.
        sql="SELECT delivery_id FROM quarantine.rows JOIN raw.deliveries AS delivery USING "
        "(delivery_id) WHERE delivery.status NOT IN ('accepted', 'held', 'refused') "
        "AND delivery.reason_code IS DISTINCT FROM 'batch_held' GROUP BY 1",
    ),
    Invariant(
        promise="P1",
        sentence="a merchandise line without its order, in a feed whose lines imply orders",
        sql="SELECT line.row_key FROM curated.order_lines AS line "
        "JOIN raw.deliveries AS delivery USING (delivery_id) "
        "JOIN (SELECT DISTINCT delivery.source, feed, mapping_sha256 "
        "FROM raw.deliveries AS delivery JOIN curated.orders AS implied USING (delivery_id) "
        "JOIN curated.order_lines AS line USING (delivery_id, order_id)) AS implying "
        "ON (implying.source, implying.feed, implying.mapping_sha256) "
        "= (delivery.source, delivery.feed, delivery.mapping_sha256) "
        "WHERE line.superseded_at IS NULL AND line.kind <> 'charge' AND NOT EXISTS "
        "(SELECT FROM curated.orders AS stored "
        "WHERE (stored.source, stored.order_id) = (line.source, line.order_id))",
        is_costly=True,
    ),
    Invariant(
        promise="P1",
        sentence="staged rows of a batch that is closed",
        sql=f"SELECT staged.table_name, staged.batch_id FROM ({_STAGED}) AS staged "
        "JOIN raw.batches AS batch USING (batch_id) WHERE batch.status IN ('curated', 'held')",
    ),
    Invariant(
        promise="P2",
        sentence="a business key with two current versions",
        sql=f"SELECT table_name, row_key FROM ({_of_all_tables('row_key', 'WHERE superseded_at IS NULL')})"
        " AS stored GROUP BY 1, 2 HAVING count(*) > 1",
        is_costly=True,
    ),
    Invariant(
        promise="P2",
        sentence="two versions of a business key that are known at the same instant, or none between them",
        # A line that its order no longer has is ended by a delivery that has no version of it, and
        # may come back. An order that went over to somebody who was forgotten has ended with it.
        sql="SELECT table_name, row_key FROM (SELECT table_name, row_key, superseded_at, "
        "superseded_by, available_at, lead(available_at) OVER following AS next_at, "
        "lead(delivery_id) OVER following AS next_by FROM "
        f"({_of_all_tables('row_key, delivery_id, available_at, superseded_at, superseded_by')}"
        ") AS stored WINDOW following AS (PARTITION BY table_name, row_key "
        "ORDER BY available_at, superseded_at)) AS versions "
        "WHERE superseded_at <= available_at "
        "OR (superseded_at IS NULL AND next_at IS NOT NULL) OR next_at < superseded_at "
        "OR (superseded_by = next_by AND next_at <> superseded_at) "
        "OR (next_at IS NULL AND superseded_at IS NOT NULL AND table_name <> 'order_lines' "
        "AND superseded_by NOT IN (SELECT delivery_id FROM raw.deliveries WHERE suppressed_count > 0))",
        is_costly=True,
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
        sentence="a published snapshot with other rows, or other models, than its manifest says, "
        "or other sums than are stored for it",
        sql="SELECT manifest.snapshot_id FROM scores.published AS pointer "
        "JOIN scores.snapshots AS manifest USING (snapshot_id) "
        "LEFT JOIN scores.customer_daily AS score USING (snapshot_id) "
        f"WHERE {_OF_DAY} "
        "GROUP BY manifest.snapshot_id HAVING count(score.customer_id) <> manifest.scored_count "
        "OR count(*) FILTER (WHERE (score.model_name, score.model_version, score.as_of) "
        "IS DISTINCT FROM (CASE score.arm WHEN 'challenger' THEN manifest.challenger_name "
        "ELSE manifest.model_name END, CASE score.arm WHEN 'challenger' "
        "THEN manifest.challenger_version ELSE manifest.model_version END, manifest.as_of)) "
        "> CASE WHEN manifest.scored_count = 0 THEN 1 ELSE 0 END "
        "UNION SELECT snapshot_id FROM (SELECT score.snapshot_id, arm, risk_tier, "
        "count(*) AS customers, sum(expected_value_at_risk_cents) AS cents "
        "FROM scores.published AS pointer JOIN scores.snapshots AS manifest USING (snapshot_id) "
        f"JOIN scores.customer_daily AS score USING (snapshot_id) WHERE {_OF_DAY} "
        "GROUP BY 1, 2, 3) AS rows FULL JOIN (SELECT total.snapshot_id, arm, risk_tier, "
        "sum(customers_count) AS customers, sum(value_at_risk_cents) AS cents "
        "FROM scores.published AS pointer JOIN scores.snapshots AS manifest USING (snapshot_id) "
        f"JOIN scores.tier_totals AS total USING (snapshot_id) WHERE {_OF_DAY} "
        "GROUP BY 1, 2, 3) AS totals USING (snapshot_id, arm, risk_tier) "
        "WHERE (rows.customers, rows.cents) IS DISTINCT FROM (totals.customers, totals.cents)",
    ),
    Invariant(
        promise="P3",
        sentence="scores, lists or profiles of a snapshot that has no manifest",
        sql=_WITHOUT_MANIFEST,
    ),
    Invariant(
        promise="P3",
        sentence="published lists that were never audited, or with other rows than their run wrote",
        sql="SELECT manifest.snapshot_id FROM recommendations.published AS pointer "
        "JOIN recommendations.snapshots AS manifest USING (snapshot_id) "
        f"WHERE {_OF_DAY} AND (manifest.status <> 'published' OR manifest.as_of <> pointer.as_of "
        "OR manifest.rows_count <> (SELECT count(*) FROM recommendations.customer_daily AS listed "
        "WHERE listed.snapshot_id = manifest.snapshot_id) OR NOT EXISTS (SELECT 1 "
        "FROM recommendations.audits AS audit WHERE audit.snapshot_id = manifest.snapshot_id))",
    ),
    Invariant(
        promise="P3",
        sentence="published profiles that were never audited, or with other rows than their run wrote",
        sql="SELECT manifest.snapshot_id FROM profiles.published AS pointer "
        "JOIN profiles.snapshots AS manifest USING (snapshot_id) "
        f"WHERE {_OF_DAY} AND (manifest.status <> 'published' OR manifest.as_of <> pointer.as_of "
        "OR (manifest.customers_pruned_at IS NULL AND (manifest.customers_count <> (SELECT count(*) "
        "FROM profiles.customer_daily AS profile WHERE profile.snapshot_id = manifest.snapshot_id) "
        "OR (SELECT customers_count FROM profiles.value_daily AS total "
        "WHERE total.snapshot_id = manifest.snapshot_id) <> (SELECT count(*) "
        "FROM profiles.customer_value AS value WHERE value.snapshot_id = manifest.snapshot_id))) "
        "OR NOT EXISTS (SELECT 1 "
        "FROM profiles.audits AS audit WHERE audit.snapshot_id = manifest.snapshot_id))",
    ),
    Invariant(
        promise="P2",
        sentence="a delivery whose messages were read, with other labels than it has messages",
        sql="SELECT labelled.delivery_id FROM feedback.labelled AS labelled "
        "WHERE messages_count <> (SELECT count(*) FROM feedback.messages AS label "
        "WHERE label.delivery_id = labelled.delivery_id) "
        "OR messages_count <> (SELECT count(*) FROM curated.feedback AS message "
        "WHERE message.delivery_id = labelled.delivery_id)",
    ),
    Invariant(
        promise="P4",
        sentence="a day's features whose newest input happened after the day began",
        # A new calendar.timezone starts the rollups anew with higher numbers: builds that used
        # only lower ones were cut by another calendar.
        sql="SELECT as_of FROM (SELECT DISTINCT ON (as_of) as_of, newest_input_at, "
        "newest_rollup_id FROM features.builds ORDER BY as_of, build_id DESC) AS build "
        "CROSS JOIN (SELECT coalesce(min(rollup_id), 0) AS first_rollup_id, "
        "coalesce(min(timezone), 'UTC') AS timezone FROM features.rolled_up) AS calendar "
        "WHERE newest_rollup_id >= first_rollup_id "
        "AND newest_input_at >= CAST(as_of AS timestamp) AT TIME ZONE timezone",
    ),
    Invariant(
        promise="P4",
        sentence="a sample's features whose newest input happened after the day began",
        sql="SELECT as_of FROM features.sample_builds AS build "
        "CROSS JOIN (SELECT coalesce(min(rollup_id), 0) AS first_rollup_id, "
        "coalesce(min(timezone), 'UTC') AS timezone FROM features.rolled_up) AS calendar "
        "WHERE newest_rollup_id >= first_rollup_id "
        "AND newest_input_at >= CAST(as_of AS timestamp) AT TIME ZONE timezone",
    ),
    Invariant(
        promise="P7",
        sentence="a score that names no model, run or bundle",
        sql="SELECT score.snapshot_id FROM scores.customer_daily AS score "
        f"JOIN scores.snapshots AS manifest USING (snapshot_id) WHERE {_OF_DAY} "
        "AND '' IN (score.model_version, score.run_id, manifest.bundle_sha256, "
        "manifest.features_digest, manifest.definition_hash) GROUP BY 1",
    ),
    Invariant(
        promise="P7",
        sentence="an accepted delivery that names no file or mapping",
        sql="SELECT delivery_id FROM raw.deliveries WHERE status = 'accepted' "
        "AND '' IN (file_sha256, mapping_sha256) AND delivered_count > 0",
    ),
    *(Invariant(promise="P8", sentence=sentence, sql=sql) for sentence, sql in CONTACTS),
)


def violations(warehouse: Warehouse, *, as_of: date | None = None) -> list[Violation]:
    """The invariants that do not hold, empty where all do.

    Parameters
    ----------
    as_of : date, optional
        Only what can be asked every day: scores of this day alone, and nothing costly; where a
        later day is published, nothing about the warehouse as it is now either. About 0.2 seconds
        per million curated rows instead of 5.
    """
    with warehouse.transaction() as transaction:
        is_past = bool(
            transaction.execute(
                "SELECT 1 FROM scores.published WHERE as_of > :as_of LIMIT 1", as_of=as_of
            )
        )
        return [
            Violation(invariant=invariant, count=len(rows))
            for invariant in INVARIANTS
            if as_of is None or not invariant.is_costly
            if invariant.is_of_day or not is_past
            if (rows := transaction.execute(f"{invariant.sql} LIMIT {_COUNT_MAX}", as_of=as_of))
        ]
