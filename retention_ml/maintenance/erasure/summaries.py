"""Counts, sums and digests of what is left, where rows of forgotten persons were part of them."""

from datetime import date

from retention_ml.features import store
from retention_ml.warehouse import Transaction, Warehouse

# Marks a digest of rows some of which are gone; what follows is the digest they had.
_PENDING = "erased:"
_OF = "SELECT {key}, count(*) AS gone FROM {table} JOIN forgotten USING (customer_id) GROUP BY 1"

# What counts the rows of a table, by the key that both have.
_COUNTED = (
    (
        "scores.customer_daily", "snapshot_id", "scores.snapshots",
        "population_count = population_count - gone, scored_count = scored_count - gone",
    ),
    (
        "scores.exclusions", "snapshot_id", "scores.snapshots",
        "population_count = population_count - gone, excluded_count = excluded_count - gone",
    ),
    (
        "recommendations.customer_daily", "snapshot_id", "recommendations.snapshots",
        "rows_count = rows_count - gone",
    ),
    (
        "profiles.customer_daily", "snapshot_id", "profiles.snapshots",
        "customers_count = customers_count - gone, "
        "buyers_count = least(buyers_count, customers_count - gone)",
    ),
    (
        "profiles.customer_value", "snapshot_id", "profiles.value_daily",
        "customers_count = customers_count - gone",
    ),
    (
        "actions.assignments", "as_of", "actions.days",
        "population_count = population_count - gone, assigned_count = assigned_count - gone",
    ),
)  # fmt: skip
# Of several builds of a day the newest is what the rows are compared with.
_DIGESTED = (
    (
        "features.customer_daily", "features.builds",
        "build_id IN (SELECT max(build_id) FROM features.builds GROUP BY as_of)",
    ),
    ("features.customer_sampled", "features.sample_builds", "true"),
)  # fmt: skip


def count_down(transaction: Transaction) -> None:
    """Take the persons in `forgotten` out of what counts the rows of a day or snapshot."""
    for table, key, ledger, changes in _COUNTED:
        transaction.change(
            f"UPDATE {ledger} AS ledger SET {changes} FROM ({_OF.format(key=key, table=table)}) "
            f"AS less WHERE less.{key} = ledger.{key}"
        )
    transaction.execute(
        "CREATE TEMP TABLE touched_snapshots ON COMMIT DROP AS "
        "SELECT DISTINCT snapshot_id FROM scores.customer_daily JOIN forgotten USING (customer_id)"
    )
    for table, ledger, is_compared in _DIGESTED:
        transaction.change(
            f"UPDATE {ledger} SET features_digest = '{_PENDING}' || features_digest "
            f"WHERE {is_compared} AND features_digest NOT LIKE '{_PENDING}%' AND as_of IN "
            f"(SELECT as_of FROM {table} JOIN forgotten USING (customer_id))"
        )


def sum_anew(transaction: Transaction) -> None:
    """Sum published snapshots anew, and count the labels of each delivery; reasons are then counted by whoever asks."""
    transaction.execute(
        "CREATE TEMP TABLE summed ON COMMIT DROP AS SELECT DISTINCT snapshot_id "
        "FROM scores.tier_totals JOIN touched_snapshots USING (snapshot_id)"
    )
    transaction.change(
        "DELETE FROM scores.tier_totals WHERE snapshot_id IN (SELECT snapshot_id FROM summed)"
    )
    transaction.execute(
        "INSERT INTO scores.tier_totals SELECT snapshot_id, arm, risk_tier, "
        "least(floor(20 * churn_probability), 19)::integer, count(*), "
        "sum(expected_value_at_risk_cents), sum(churn_probability) "
        "FROM scores.customer_daily JOIN summed USING (snapshot_id) GROUP BY 1, 2, 3, 4"
    )
    transaction.change(
        "DELETE FROM scores.reason_totals WHERE snapshot_id IN "
        "(SELECT snapshot_id FROM touched_snapshots)"
    )
    transaction.change(
        "UPDATE feedback.labelled AS labelled SET messages_count = stored.rows FROM "
        "(SELECT delivery_id, count(label.delivery_id) AS rows FROM feedback.labelled "
        "LEFT JOIN feedback.messages AS label USING (delivery_id) GROUP BY 1) AS stored "
        "WHERE stored.delivery_id = labelled.delivery_id AND stored.rows <> messages_count"
    )


def digest_anew(warehouse: Warehouse) -> list[date]:
    """Record the digest of what is left of days some of whose rows are gone; which days.

    Scores and lists that were made of the day name the new digest too: it is what can be compared.
    """
    days = []
    for table, ledger, _ in _DIGESTED:
        with warehouse.transaction() as transaction:
            pending = transaction.execute(
                f"SELECT DISTINCT as_of, features_digest FROM {ledger} "
                f"WHERE features_digest LIKE '{_PENDING}%' ORDER BY as_of"
            )
        for row in pending:
            _digest_day(warehouse, table, ledger, row.as_of, row.features_digest)
            days.append(row.as_of)
    return sorted(set(days))


def _digest_day(warehouse: Warehouse, table: str, ledger: str, as_of: date, pending: str) -> None:
    with warehouse.snapshot() as select:
        rows = store.ordered(select(store.rows_of([as_of], table)))
    digest, former = store.digest(rows), pending.removeprefix(_PENDING)
    with warehouse.transaction() as transaction:
        transaction.change(
            f"UPDATE {ledger} SET features_digest = :new, customers_count = :rows "
            "WHERE as_of = :day AND features_digest = :pending",
            new=digest,
            rows=rows.num_rows,
            day=as_of,
            pending=pending,
        )
        for snapshots in ("scores.snapshots", "recommendations.snapshots"):
            transaction.change(
                f"UPDATE {snapshots} SET features_digest = :new "
                "WHERE as_of = :day AND features_digest = :former",
                new=digest,
                day=as_of,
                former=former,
            )
