"""What must hold before lists are published: counted by the database from the rows written."""

from collections.abc import Mapping
from typing import Any

from retention_ml.features.store import newest_build
from retention_ml.publication.audit import Audit, Severity, critical, none_of
from retention_ml.warehouse import Transaction

_FEWEST_ROWS = 200


def audits(
    transaction: Transaction, snapshot_id: int, *, shrink_warning: float, shrink_max: float
) -> list[Audit]:
    """Every audit of a snapshot, in the order in which a reader should look at them.

    Parameters
    ----------
    shrink_warning, shrink_max : float
        By which share of the rows lists may be fewer than those published before them: more is
        remarkable, or refused.
    """
    [row] = transaction.execute(
        "SELECT * FROM recommendations.snapshots WHERE snapshot_id = :id", id=snapshot_id
    )
    manifest = dict(row._mapping)
    # The rows are of this transaction: unless counted, the planner takes a new snapshot for empty,
    # and joins it row by row.
    transaction.execute("ANALYZE recommendations.customer_daily, recommendations.product_daily")
    return [
        *_rows_account(transaction, manifest),
        *_rows_are_sound(transaction, manifest),
        _features_are_current(transaction, manifest),
        *_did_not_shrink(transaction, manifest, shrink_warning, shrink_max),
    ]


def _rows_account(transaction: Transaction, manifest: dict[str, Any]) -> list[Audit]:
    counts = _one(
        transaction,
        "SELECT count(*) AS rows_count, count(DISTINCT customer_id) AS listed_count, "
        "count(*) FILTER (WHERE as_of <> :as_of) AS other_days_count, "
        "(SELECT coalesce(sum(customers_count), 0) FROM recommendations.exclusions "
        "WHERE snapshot_id = :id) AS excluded_count, "
        "(SELECT count(*) FROM features.customer_daily WHERE as_of = :as_of) AS active_count, "
        "(SELECT count(*) FROM (SELECT DISTINCT customer_id FROM recommendations.customer_daily "
        "WHERE snapshot_id = :id) AS listed WHERE NOT EXISTS (SELECT FROM features.customer_daily "
        "AS active WHERE active.as_of = :as_of AND active.customer_id = listed.customer_id)) "
        "AS strangers_count FROM recommendations.customer_daily WHERE snapshot_id = :id",
        manifest,
    )
    stated = (manifest["rows_count"], manifest["listed_count"], manifest["excluded_count"])
    observed = (counts["rows_count"], counts["listed_count"], int(counts["excluded_count"]))
    return [
        critical(
            "rows_account",
            stated == observed
            and manifest["population_count"] == counts["active_count"]
            and counts["other_days_count"] == 0,
            f"{counts['active_count']:,} active customers = {observed[1]:,} with a list + "
            f"{observed[2]:,} without, {observed[0]:,} rows; the manifest says "
            f"{manifest['population_count']:,} = {stated[1]:,} + {stated[2]:,}, {stated[0]:,} rows; "
            f"{counts['other_days_count']:,} rows of another day",
        ),
        critical("someone_has_a_list", observed[1] > 0, f"{observed[1]:,} customers with a list"),
        none_of(
            "customers_are_active", int(counts["strangers_count"]), "customers who are not active"
        ),
    ]


def _rows_are_sound(transaction: Transaction, manifest: dict[str, Any]) -> list[Audit]:
    lists = _one(
        transaction,
        "SELECT count(*) FILTER (WHERE last_rank <> rows_count OR first_rank <> 1) AS holes_count, "
        "count(*) FILTER (WHERE products_count <> rows_count) AS twice_count, "
        "count(*) FILTER (WHERE rows_count > :size) AS long_count FROM (SELECT count(*) AS rows_count,"
        " min(rank) AS first_rank, max(rank) AS last_rank, count(DISTINCT product_id) "
        "AS products_count FROM recommendations.customer_daily WHERE snapshot_id = :id "
        "GROUP BY customer_id, list) AS lists",
        manifest,
    )
    rows = _one(
        transaction,
        "SELECT count(*) FILTER (WHERE NOT listed.purchase_probability BETWEEN 0 AND 1) "
        "AS improbable_count, count(*) FILTER (WHERE product.is_sellable IS NOT TRUE) "
        "AS unsellable_count, count(*) FILTER (WHERE listed.expected_margin_cents < 0) "
        "AS negative_count FROM recommendations.customer_daily AS listed "
        "LEFT JOIN recommendations.product_daily AS product USING (snapshot_id, product_id) "
        "WHERE snapshot_id = :id",
        manifest,
    )
    both = _one(
        transaction,
        "SELECT count(*) AS both_count FROM recommendations.customer_daily AS one "
        "JOIN recommendations.customer_daily AS other USING (snapshot_id, customer_id, product_id) "
        "WHERE snapshot_id = :id AND one.list = 'again' AND other.list = 'new'",
        manifest,
    )
    return [
        none_of(
            "ranks_have_no_holes", lists["holes_count"], "lists whose ranks are not 1, 2, 3, …"
        ),
        none_of("no_product_twice", lists["twice_count"], "lists with a product twice"),
        none_of("lists_are_not_too_long", lists["long_count"], "lists longer than list_size"),
        none_of("products_are_sellable", rows["unsellable_count"], "rows of what cannot be sold"),
        none_of(
            "probabilities_are_probable", rows["improbable_count"], "probabilities outside 0 to 1"
        ),
        none_of("margins_are_not_negative", rows["negative_count"], "negative margins"),
        none_of("again_is_not_new", both["both_count"], "products both on again and on new"),
    ]


def _features_are_current(transaction: Transaction, manifest: dict[str, Any]) -> Audit:
    build = newest_build(transaction, manifest["as_of"])
    newest = build.features_digest if build else None
    return critical(
        "features_are_current",
        newest == manifest["features_digest"],
        f"made of the customers of features {manifest['features_digest'][:12]}, the day's latest "
        f"build is {(newest or 'none')[:12]}",
    )


def _did_not_shrink(
    transaction: Transaction, manifest: dict[str, Any], warning: float, maximum: float
) -> list[Audit]:
    before = transaction.execute(
        "SELECT as_of, snapshot_id, rows_count, listed_count, excluded_count, list_size "
        "FROM recommendations.published JOIN recommendations.snapshots "
        "USING (snapshot_id, as_of) WHERE as_of <= :as_of ORDER BY as_of DESC LIMIT 1",
        as_of=manifest["as_of"],
    )
    names: tuple[tuple[str, Severity, float], ...] = (
        ("lists_did_not_shrink", "critical", maximum),
        ("lists_are_as_full", "warning", warning),
    )
    if not before or before[0].rows_count < _FEWEST_ROWS:
        return [_ok(name, severity, "nothing to compare with") for name, severity, _ in names]
    shorter = min(1.0, manifest["list_size"] / before[0].list_size)  # as the settings now want them
    # Who is excluded is not lost: confirming an attack must not refuse every day that follows.
    then_share = max(_ordinary_share(transaction, dict(before[0]._mapping)), 1e-9)
    share = _ordinary_share(transaction, manifest) / then_share
    then, now = round(before[0].rows_count * shorter * share), int(manifest["rows_count"])
    observed = f"{then:,} rows of {before[0].as_of}, now {now:,}"
    return [
        Audit(
            name=name,
            severity=severity,
            is_success=now >= (1 - limit) * then,
            observed=observed,
        )
        for name, severity, limit in names
    ]


def _ordinary_share(transaction: Transaction, snapshot: Mapping[str, Any]) -> float:
    """The share of a snapshot's active customers who are not excluded as abnormal."""
    [(abnormal,)] = transaction.execute(
        "SELECT coalesce(sum(customers_count), 0) FROM recommendations.exclusions "
        "WHERE snapshot_id = :id AND reason = 'abnormal'",
        id=snapshot["snapshot_id"],
    )
    active_count = int(snapshot["listed_count"]) + int(snapshot["excluded_count"])
    return 1.0 - int(abnormal) / max(active_count, 1)


def _one(transaction: Transaction, sql: str, manifest: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": manifest["snapshot_id"],
        "as_of": manifest["as_of"],
        "size": manifest["list_size"],
    }
    [row] = transaction.execute(
        sql, **{name: value for name, value in values.items() if f":{name}" in sql}
    )
    return dict(row._mapping)


def _ok(name: str, severity: Severity, observed: str) -> Audit:
    return Audit(name=name, severity=severity, is_success=True, observed=observed)
