"""What must hold of customer value before profiles are published."""

from retention_ml.publication.audit import Audit, critical, none_of
from retention_ml.publication.publish import Manifest
from retention_ml.warehouse import Transaction


def value_audits(transaction: Transaction, manifest: Manifest) -> list[Audit]:
    """The audits of `profiles.customer_value` and `profiles.value_daily` of a snapshot."""
    totals = transaction.execute(
        "SELECT customers_count, total_cents, total_lower_cents, total_upper_cents, caveat "
        "FROM profiles.value_daily WHERE snapshot_id = :id",
        id=manifest.snapshot_id,
    )
    [rows] = transaction.execute(
        "SELECT count(*) AS customers_count, coalesce(sum(value.value_cents), 0) AS total_cents, "
        "count(*) FILTER (WHERE value.as_of <> :as_of) AS other_days_count, "
        "count(*) FILTER (WHERE profile.first_order_on IS NULL) AS strangers_count, "
        "(SELECT count(*) FROM (SELECT min(value_cents) AS least_cents, lead(max(value_cents)) OVER "
        "(ORDER BY array_position(ARRAY['top', 'high', 'medium', 'low'], value_tier)) AS next_cents "
        "FROM profiles.customer_value WHERE snapshot_id = :id GROUP BY value_tier) AS tiers "
        "WHERE next_cents > least_cents) AS crossed_count "
        "FROM profiles.customer_value AS value LEFT JOIN profiles.customer_daily AS profile "
        "ON profile.snapshot_id = value.snapshot_id AND profile.customer_id = value.customer_id "
        "WHERE value.snapshot_id = :id",
        id=manifest.snapshot_id,
        as_of=manifest.as_of,
    )
    buyers, count = int(manifest.row["buyers_count"]), int(rows.customers_count)
    total = totals[0] if len(totals) == 1 else None
    is_stated = total is not None and total.total_cents is not None
    is_whole = total is not None and (
        (count == buyers and total.total_cents == rows.total_cents)
        if is_stated
        else (count == 0 and bool(total.caveat))
    )
    is_inside = (
        total is None
        or total.total_lower_cents is None
        or (total.total_lower_cents <= (total.total_cents or 0) <= total.total_upper_cents)
    )
    stated = "no total" if total is None or not is_stated else f"a total of {total.total_cents:,}"
    return [
        critical(
            "everybody_with_an_order_has_a_value_or_nobody",
            is_whole and total is not None and total.customers_count == count,
            f"{count:,} values of {buyers:,} customers with an order, adding up to "
            f"{int(rows.total_cents):,}; stated is {stated}",
        ),
        critical("the_total_lies_in_its_interval", is_inside, f"stated is {stated}"),
        none_of("values_are_of_the_day", rows.other_days_count, "values of another day"),
        none_of("values_are_of_buyers", rows.strangers_count, "values of others than buyers"),
        none_of("tiers_follow_the_value", rows.crossed_count, "tiers with more than the one above"),
    ]
