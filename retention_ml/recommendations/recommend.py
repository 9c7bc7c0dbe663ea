"""The door `recommend`: the lists of every active customer of a day, as a snapshot.

Readers do not see it yet: `publish_lists` flips the pointer.
"""

import time
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import __version__
from retention_ml.abnormal.excluded import excluded_customers, without
from retention_ml.clock import day_of
from retention_ml.errors import NotReady, UnfitModel
from retention_ml.failpoints import failpoint
from retention_ml.features import build
from retention_ml.features.cache.rollup_cache import rollup_folder_of
from retention_ml.receipts import Receipt
from retention_ml.recommendations.fitting.ledger import (
    load_ranker,
    newest_fit,
    serving,
    taken_back,
)
from retention_ml.recommendations.lists.filters import Rules
from retention_ml.recommendations.purchases import Purchases, read_log
from retention_ml.recommendations.ranker import Ranker
from retention_ml.recommendations.snapshots.catalogue import read_offer, read_returns
from retention_ml.recommendations.snapshots.day_inputs import Choices, DayInputs
from retention_ml.recommendations.snapshots.day_lists import DayLists, day_lists
from retention_ml.recommendations.snapshots.snapshot import SNAPSHOTS, tables_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_BY_FREQUENCY = (
    "Products are in the order of how often the customer bought them, new ones of how many customers "
    "bought them lately; the probabilities are not calibrated."
)


def recommend(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Write a snapshot of the day's lists; `details["snapshot_id"]` names it.

    If what readers see for the day already is equal in every respect, that snapshot is returned
    and nothing is written (`details["is_repeat"]`).

    Returns
    -------
    Receipt
        read (active customers) = written (customers with a list) + left out (without), or
        duplicates.

    Raises
    ------
    NotReady
        Nobody is active on that day, or no product was ever sold to a known customer.
    """
    started = time.perf_counter()
    epoch = SNAPSHOTS.acquire_epoch(warehouse, as_of)
    inputs, features_digest = _inputs(warehouse, settings, as_of)
    method, caveat, ranker = _method(warehouse, inputs.purchases, settings)
    choices = _choices(settings, ranker)
    rows = day_lists(inputs, choices, ranker, method)
    content = _content(settings, as_of, inputs, rows, features_digest, choices.horizon_days)
    content |= {
        "method": method,
        "bundle_sha256": ranker.sha256 if ranker else None,
        "caveat": caveat,
    }
    same = SNAPSHOTS.published_alike(warehouse, content)
    snapshot_id = same or SNAPSHOTS.write(
        warehouse,
        tables_of(rows),
        content,
        epoch=epoch,
        run_id=settings.run_id,
        before_commit=_before_commit,
    )
    listed, population = content["listed_count"], content["population_count"]
    receipt = Receipt(
        door="recommend",
        as_of=as_of,
        read=population,
        written=0 if same else listed,
        left_out=0 if same else content["excluded_count"],
        duplicates=population if same else 0,
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": snapshot_id,
            "is_repeat": same is not None,
            "lists_digest": content["lists_digest"],
            "method": method,
            "caveat": caveat,
            "rows": rows.lists.num_rows,
            "lists": _counts(rows.lists["list"]),
            "sources": _counts(rows.lists["source"]),
            "filtered": _by_reason(rows.filtered, "pairs_count"),
            "excluded": _by_reason(rows.exclusions, "customers_count"),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _inputs(warehouse: Warehouse, settings: Settings, as_of: date) -> tuple[DayInputs, str]:
    """What is known at the start of the day, and the digest of its features."""
    features, features_digest = build.ensure_rows(warehouse, settings=settings, as_of=as_of)
    timezone = settings.calendar.timezone
    cache = rollup_folder_of(settings)
    log = read_log(warehouse, as_of=as_of, timezone=timezone, cache=cache)
    purchases = log.known_at(as_of)
    if len(purchases) == 0:
        raise NotReady(
            f"No product is known to have been sold to a known customer before {as_of}, so there is "
            "nothing to recommend. Ingest a source whose order lines name products."
        )
    offer, price_cents = read_offer(warehouse, purchases, timezone)
    returned, returned_on = read_returns(
        warehouse, as_of, timezone, settings.recommendations.returned_days
    )
    listed = without(features, excluded_customers(warehouse, as_of))
    customers = listed["customer_id"].cast(pa.string()).combine_chunks()
    inputs = DayInputs(
        purchases=purchases,
        customers=customers.take(pc.sort_indices(customers)),
        offer=offer,
        price_cents=price_cents,
        returned=returned,
        returned_on=returned_on,
        abnormal_count=features.num_rows - listed.num_rows,
    )
    return inputs, features_digest


def _method(
    warehouse: Warehouse, purchases: Purchases, settings: Settings
) -> tuple[str, str | None, Ranker | None]:
    """By what the lists are made, what they lack, in words, and the ranker in force."""
    needed = settings.recommendations.history_days_min
    first = int(purchases.event_day.min())
    days = purchases.day - first
    if days < needed:
        sentence = (
            f"Only best sellers: purchases are known from {day_of(first)} on, {days} days, and what "
            f"a customer buys again shows after {needed} (recommendations.history_days_min). From "
            f"{day_of(first + needed)} on lists are each customer's own."
        )
        return "best_sellers", sentence, None
    with warehouse.transaction() as transaction:
        champion = serving(transaction, purchases.as_of)
        newest = newest_fit(transaction, purchases.as_of)
        back = taken_back(transaction, purchases.as_of)
        why = (
            f"{back.decided_by} took {back.model_version} back: {back.reason}"
            if back
            else f"the one of {newest.as_of} is not used. {newest.reason}"
            if newest
            else (
                "none was fitted up to this day: `retention recommend --fit`, or the next run of "
                "recommend_products, fits one where there is enough history."
            )
        )
        if champion is not None:
            try:
                sha256 = champion.bundle_sha256
                return "ranker", None, load_ranker(transaction, sha256, settings.compute.threads)
            except UnfitModel as error:
                why = f"{champion.model_version} cannot be used. {error}"
    return "frequency", f"{_BY_FREQUENCY} There is no ranker: {why}", None


def _choices(settings: Settings, ranker: Ranker | None) -> Choices:
    chosen = settings.recommendations
    return Choices(
        rules=Rules(
            excluded_products=chosen.excluded_products,
            excluded_categories=chosen.excluded_categories,
            durable_categories=chosen.durable_categories,
            sellable_days=chosen.sellable_days,
            not_again_days=chosen.not_again_days,
        ),
        list_size=chosen.list_size,
        # A ranker foretells the window that it was fitted for, also after the setting has changed.
        horizon_days=ranker.about["horizon_days"] if ranker else settings.churn.horizon_days,
        min_buyers=chosen.min_buyers,
        margin_share=settings.value.margin_share,
        explore_share=chosen.explore_share,
    )


def _content(
    settings: Settings,
    as_of: date,
    inputs: DayInputs,
    rows: DayLists,
    features_digest: str,
    horizon_days: int,
) -> dict[str, Any]:
    """The columns of the manifest that say what the lists are."""
    population = len(inputs.customers) + inputs.abnormal_count
    listed = rows.listed_count
    return {
        "as_of": as_of,
        "list_size": settings.recommendations.list_size,
        "horizon_days": horizon_days,
        "explore_share": settings.recommendations.explore_share,
        "minor_units": settings.calendar.minor_units,
        "features_digest": features_digest,
        "population_count": population,
        "listed_count": listed,
        "excluded_count": population - listed,
        "rows_count": rows.lists.num_rows,
        "lists_digest": SNAPSHOTS.digest(tables_of(rows)),
        "library_version": __version__,
    }


def _before_commit() -> None:
    failpoint("recommend.after_rows")
    failpoint("recommend.before_commit")


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    counted = column.value_counts().to_pylist()
    return {str(one["values"]): int(one["counts"]) for one in counted}


def _by_reason(rows: pa.Table, count: str) -> dict[str, int]:
    return dict(zip(rows["reason"].to_pylist(), rows[count].to_pylist(), strict=True))
