"""The door `pair_products`: when due, count which products are bought together, and keep the rules."""

import hashlib
import time
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml import __version__, clock
from retention_ml.failpoints import failpoint
from retention_ml.features.roll_up import roll_up
from retention_ml.receipts import DecisionReceipt
from retention_ml.recommendations.pairs.rules import ProductRules, product_rules
from retention_ml.recommendations.purchases import Purchases, read_log
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import column_bytes
from retention_ml.warehouse import Warehouse

LOCK = "recommendations.pair_products"
_ROWS_MAX = 10_000
_FIGURES = ("tested_count", "counted_count", "rules_count", "measurable_count", "confirmed_count")


def pair_products(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Look for pairs of products in what was known at the start of a day, unless done lately.

    Due as the ranker is, every `recommendations.fit_every_days`.

    Returns
    -------
    DecisionReceipt
        `details`: `is_new`, how many pairs were tested, are rules, could be confirmed and were,
        and `pairs_digest`.

    Raises
    ------
    NotReady
        Purchases of fewer than eight weeks are known.
    """
    started = time.perf_counter()
    with warehouse.exclusive(LOCK):
        before = _newest(warehouse, as_of)
        every = timedelta(days=settings.recommendations.fit_every_days)
        if before is None or before["as_of"] + every <= as_of:
            manifest, is_new = _count(warehouse, settings, as_of), True
            prefix = ""
        else:
            manifest, is_new = before, False
            prefix = (
                f"Not due: the pairs of {before['as_of']} count until {before['as_of'] + every}. "
            )
    failpoint("pair_products.after_commit")
    return warehouse.record(
        DecisionReceipt(
            door="pair_products",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=prefix + _sentence(manifest),
            details={
                "is_new": is_new,
                "pairs_digest": manifest["pairs_digest"],
                **{name: manifest[name] for name in _FIGURES},
            },
        ),
        settings.run_id,
    )


def _sentence(manifest: dict[str, Any]) -> str:
    """What came out, in words."""
    if not manifest["rules_count"]:
        return (
            f"No products are bought together more often than chance makes them: "
            f"{manifest['counted_count']:,} pairs in {manifest['baskets_count']:,} baskets."
        )
    return (
        f"{manifest['rules_count']:,} of {manifest['counted_count']:,} pairs are bought together "
        f"more often than chance makes them; of {manifest['measurable_count']:,} that the weeks from "
        f"{manifest['splits_on']} on could show, {manifest['confirmed_count']:,} are confirmed there."
    )


def _newest(warehouse: Warehouse, as_of: date) -> dict[str, Any] | None:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT * FROM recommendations.pair_counts WHERE as_of <= :as_of "
            "ORDER BY as_of DESC LIMIT 1",
            as_of=as_of,
        )
    return dict(rows[0]._mapping) if rows else None


def _count(warehouse: Warehouse, settings: Settings, as_of: date) -> dict[str, Any]:
    """Find the rules of a day and write them; the manifest."""
    roll_up(warehouse, settings=settings)
    log = read_log(warehouse, as_of=as_of, timezone=settings.calendar.timezone)
    purchases = log.known_at(as_of)
    chosen = settings.recommendations
    rules = product_rules(
        purchases,
        together_min=chosen.pair_baskets_min,
        customers_min=chosen.min_buyers,
        error_rate=chosen.pair_error_rate,
    )
    rows = pair_rows(purchases, rules)
    manifest = {
        "as_of": as_of,
        "begins_on": clock.day_of(rules.begins),
        "splits_on": clock.day_of(rules.splits),
        "baskets_count": rules.baskets_count,
        "later_baskets_count": rules.later_baskets_count,
        "left_out_count": rules.left_out_count,
        "together_min": chosen.pair_baskets_min,
        "customers_min": chosen.min_buyers,
        "error_rate": chosen.pair_error_rate,
        "products_count": rules.products_count,
        "tested_count": rules.tested_count,
        "counted_count": rules.counted_count,
        "rules_count": len(rules),
        "measurable_count": int(rules.is_measurable.sum()),
        "confirmed_count": int(rules.is_confirmed.sum()),
        "rows_count": rows.num_rows,
        "pairs_digest": _digest(rows),
        "library_version": __version__,
        "run_id": settings.run_id,
        "counted_at": clock.now(),
    }
    with warehouse.transaction() as transaction:
        transaction.insert_row("recommendations.pair_counts", manifest)
        day = pa.repeat(pa.scalar(as_of), rows.num_rows)
        transaction.copy("recommendations.product_pairs", rows.append_column("as_of", day))
        failpoint("pair_products.before_commit")
    return manifest


def pair_rows(purchases: Purchases, rules: ProductRules) -> pa.Table:
    """Rows of `recommendations.product_pairs` without the day: those with most evidence."""
    chosen = np.lexsort((rules.second, rules.first, -rules.evidence))[:_ROWS_MAX]
    first, second = (pa.array(codes[chosen]) for codes in (rules.first, rules.second))
    earlier, later = rules.earlier, rules.later
    names = purchases.descriptions["name"].combine_chunks()
    is_measurable = rules.is_measurable[chosen]
    return pa.table(
        {
            "rank": np.arange(1, len(chosen) + 1, dtype=np.int32),
            "product_id": purchases.product_ids.take(first),
            "with_product_id": purchases.product_ids.take(second),
            "name": names.take(first),
            "with_name": names.take(second),
            "baskets_count": earlier.first[chosen],
            "with_baskets_count": earlier.second[chosen],
            "together_count": earlier.together[chosen],
            "customers_count": earlier.customers[chosen],
            "expected_count": earlier.expected[chosen],
            "lift": earlier.lift[chosen],
            "p_value": earlier.p_value[chosen],
            "q_value": rules.q_value[chosen],
            "later_baskets_count": later.first[chosen],
            "later_with_baskets_count": later.second[chosen],
            "later_together_count": later.together[chosen],
            "later_expected_count": later.expected[chosen],
            "later_lift": later.lift[chosen],
            "later_p_value": later.p_value[chosen],
            "is_confirmed": pa.array(rules.is_confirmed[chosen], mask=~is_measurable),
        }
    )


def _digest(rows: pa.Table) -> str:
    sha256 = hashlib.sha256()
    for column in rows.column_names:
        values = rows[column].combine_chunks()
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int32())
        sha256.update(f"{column}:{len(values)}\n".encode())
        sha256.update(column_bytes(values))
    return sha256.hexdigest()
