"""How good a list of new products could be for customers who fell silent, on two real shops.

`python -m benchmarks.recommendation_ceiling` takes both shops in and prints NDCG@10 of the new list
for customers 30 to 60 days silent, beside that of best sellers: of the ranker's candidates in the
best possible order, and of the ten products that these very customers went on to buy most, which
no list without a taste can surpass by much. `--before` looks at the days before those of
`benchmarks.recommendations`; `--keep FOLDER` keeps the warehouses, and goes on with those there.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks.place import place
from benchmarks.recommendations import Shop, shops
from retention_ml.curated.ingest import ingest
from retention_ml.features.roll_up import roll_up
from retention_ml.recommendations.backtest.day import in_codes_of
from retention_ml.recommendations.candidates import OWN_PRODUCT
from retention_ml.recommendations.day_scoring import Day
from retention_ml.recommendations.ease import distinct_pairs
from retention_ml.recommendations.fit_ranker import Learning
from retention_ml.recommendations.metrics import Lists, Truth, customer_metrics
from retention_ml.recommendations.purchases import Codes, PurchaseLog, Purchases, read_log
from retention_ml.statistics.arrays import Floats, Ints

SILENT_DAYS = (30, 60)
_ACTIVE_DAYS, _DEPTH, _LIST_SIZE = 90, 600, 10
_BEFORE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """Means over the silent customers of a day who bought something new.

    Parameters
    ----------
    customers : int
    new_products : float
        Products new to the customer that were bought, per customer.
    candidate_share : float
        The share of these that were among the ranker's candidates.
    best_sellers, candidates, hindsight : float
        NDCG@10 of the new list: best sellers of 28 days, candidates in the best order, and what
        these customers newly bought most in the window ahead.
    """

    customers: int
    new_products: float
    candidate_share: float
    best_sellers: float
    candidates: float
    hindsight: float


def main() -> None:
    """Measure both shops and print a line a day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder whose warehouses stay")
    parser.add_argument("--before", action="store_true", help="on days before the measured ones")
    arguments = parser.parse_args()
    with place(arguments.keep) as at:
        for shop in shops():
            settings = at.settings(CALENDAR__TIMEZONE=shop.data.timezone)
            with at.warehouse(shop.data.source) as warehouse:
                source, files = shop.data.source, shop.data.files
                ingest(warehouse, settings=settings, source=source, files=files, history=True)
                roll_up(warehouse, settings=settings)
                log = read_log(warehouse, as_of=date(9999, 1, 1), timezone=shop.data.timezone)
            days = _days_before(shop) if arguments.before else shop.days
            print(f"{shop.data.title}, silent for {SILENT_DAYS[0]} to {SILENT_DAYS[1]} days")
            ceilings = []
            for day in days:
                ceilings.append(ceiling(log, day, shop.horizon_days))
                print(f"{day}: {ceilings[-1]}", flush=True)
            _print_ratios(ceilings)


def ceiling(log: PurchaseLog, as_of: date, horizon_days: int) -> Ceiling:
    """What a day's new lists could reach for silent customers."""
    before = log.upto(as_of)
    purchases = before.known_at(as_of)
    outcome = in_codes_of(before, log, log.outcome(as_of, horizon_days))
    silent = _silent(purchases)
    owned = _keys(*distinct_pairs(purchases))
    is_new = ~np.isin(_keys(outcome.customer, outcome.product), owned)
    truth = Truth.of(outcome.customer, outcome.product, np.isin(outcome.customer, silent) & is_new)
    learning = Learning(horizon_days=horizon_days, active_days=_ACTIVE_DAYS)
    day = Day.of(purchases, products_max=learning.products_max, horizon_days=horizon_days)
    offered = np.concatenate(
        [
            _keys(each.customers[each.owner], each.product)[each.source != OWN_PRODUCT]
            for each, _ in day.chunks(truth.customers)
        ]
    )
    reachable = offered[np.isin(offered, truth.keys)]
    best_order = Lists.top(
        (reachable >> 32).astype(np.int32),
        (reachable & 0xFFFFFFFF).astype(np.int32),
        np.ones(len(reachable)),
        _LIST_SIZE,
    )
    count = len(purchases.product_ids)
    bought = np.bincount(truth.product[truth.product < count], minlength=count)
    return Ceiling(
        customers=len(truth.customers),
        new_products=len(truth.product) / len(truth.customers),
        candidate_share=len(reachable) / len(truth.product),
        best_sellers=_mean(_most(day.statistics.buyers, truth, owned), truth),
        candidates=_mean(best_order, truth),
        hindsight=_mean(_most(bought, truth, owned), truth),
    )


def _days_before(shop: Shop) -> Sequence[date]:
    """Earlier days, windows apart, whose window ends with the first measured day at the latest."""
    window = timedelta(days=shop.horizon_days)
    return [shop.days[0] - number * window for number in range(_BEFORE, 0, -1)]


def _silent(purchases: Purchases) -> Codes:
    last = np.full(len(purchases.customer_ids), -1, dtype=np.int64)
    np.maximum.at(last, purchases.customer, purchases.event_day)
    first, until = SILENT_DAYS
    silence = purchases.day - last
    return np.flatnonzero((silence >= first) & (silence <= until)).astype(np.int32)


def _most(buyers: Ints | Codes, truth: Truth, owned: Ints) -> Lists:
    """The products with most buyers that a customer does not have, the same order for all."""
    order = np.argsort(-buyers, kind="stable")[:_DEPTH]
    order = order[buyers[order] > 0].astype(np.int32)
    customer = np.repeat(truth.customers, len(order))
    product = np.tile(order, len(truth.customers))
    is_new = ~np.isin(_keys(customer, product), owned)
    score: Floats = np.tile(buyers[order].astype(np.float64), len(truth.customers))
    return Lists.top(customer, product, score, _LIST_SIZE, is_new)


def _mean(lists: Lists, truth: Truth) -> float:
    return float(customer_metrics(lists, truth, _LIST_SIZE)["ndcg"].mean())


def _print_ratios(ceilings: Sequence[Ceiling]) -> None:
    best_sellers = np.mean([each.best_sellers for each in ceilings])
    for name in ("candidates", "hindsight"):
        value = np.mean([getattr(each, name) for each in ceilings])
        print(f"{name} / best sellers, means of the days: {value / best_sellers:.2f}")


def _keys(customer: Codes, product: Codes) -> Ints:
    return np.asarray(customer.astype(np.int64) << 32 | product)


if __name__ == "__main__":
    main()
