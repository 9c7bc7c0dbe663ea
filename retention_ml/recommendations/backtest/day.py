"""One day of a backtest: every method's lists, and how good they were for each customer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.recommendations.backtest.methods import CHAMPION, Choice
from retention_ml.recommendations.baselines.method import LIST_SIZE, Best
from retention_ml.recommendations.candidates import OWN_PRODUCT
from retention_ml.recommendations.ease import distinct_pairs
from retention_ml.recommendations.fit_ranker import Learning, fit_ranker
from retention_ml.recommendations.metrics import Lists, Truth, coverage, customer_metrics
from retention_ml.recommendations.purchases import Codes, Pairs, PurchaseLog, Purchases
from retention_ml.recommendations.ranker import Ranker
from retention_ml.statistics.arrays import Bools, Floats

MIXED, AGAIN, NEW = "mixed", "again", "new"
LISTS = (MIXED, AGAIN, NEW)
_BINS = 20
_UNKNOWN = 1 << 30  # codes of products that nobody had bought before the day


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A day's figures.

    Parameters
    ----------
    as_of : date
    customer_ids : pa.StringArray
        Active customers who bought something in the window: those who are counted.
    purchase_days, silent_days : array of int32, shape (customers,)
        On how many days each had bought before, and how long ago the last of these was.
    counted : mapping of str to array of bool
        By list, whose outcome says something about it: who bought something of its kind.
    metrics : mapping of (method, list) to mapping of str to array, shape (customers,)
        Zero for customers who are not counted.
    coverage : mapping of (method, list) to float
    lists : pa.Table
        `as_of, customer_id, list, rank, product_id, model` of all active customers.
    about : mapping
        What else there is to say of the day.
    """

    as_of: date
    customer_ids: pa.StringArray
    purchase_days: Codes
    silent_days: Codes
    counted: Mapping[str, Bools]
    metrics: Mapping[tuple[str, str], Mapping[str, Floats]]
    coverage: Mapping[tuple[str, str], float]
    lists: pa.Table
    about: Mapping[str, object]


def evaluate_day(
    log: PurchaseLog,
    outcome: Pairs,
    as_of: date,
    *,
    methods: Sequence[str],
    choices: Sequence[Choice],
    learning: Learning,
    say: Callable[[str], None] = lambda _: None,
) -> Evaluated:
    """Every method's lists of a day from what was known at its start, against what followed.

    Parameters
    ----------
    log : PurchaseLog
        What was known at the start of the day.
    outcome : Pairs
        What was bought in the window, in the codes of that log; see `in_codes_of`.
    """
    purchases = log.known_at(as_of)
    customers = purchases.active(learning.active_days)
    owned = _keys(*distinct_pairs(purchases))
    is_active = np.isin(outcome.customer, customers)
    truth = Truth.of(outcome.customer, outcome.product, is_active)
    is_new = ~np.isin(truth.keys, owned)
    truths = {
        MIXED: truth,
        AGAIN: Truth.of(truth.customer, truth.product, ~is_new),
        NEW: Truth.of(truth.customer, truth.product, is_new),
    }
    about: dict[str, object] = {
        "active_customers": len(customers),
        "customers": len(truth.customers),
        "products": len(np.unique(purchases.product)),
        "pairs": len(truth.product),
        "again_share": float(1 - is_new.mean()) if len(is_new) else None,
    }
    best: dict[str, Best] = {}
    for choice in choices:
        say(choice.name)
        best[choice.name] = choice.method(purchases, customers)
    if CHAMPION in methods:
        say(CHAMPION)
        ranker = fit_ranker(log, as_of=as_of, learning=learning)
        best[CHAMPION], scored = _rank(ranker, purchases, customers, truth)
        about["champion"] = {**ranker.about, "sha256": ranker.sha256, **scored}
    metrics: dict[tuple[str, str], Mapping[str, Floats]] = {}
    covered: dict[tuple[str, str], float] = {}
    tables = []
    for name in methods:
        for kind, lists in lists_of(best[name], customers).items():
            metrics[name, kind] = _spread(
                customer_metrics(lists, truths[kind]), truths[kind], truth
            )
            covered[name, kind] = coverage(lists, len(np.unique(purchases.product)), LIST_SIZE)
            tables.append(_table(as_of, purchases, lists, kind, name))
    days, silent = _history(purchases, truth.customers)
    return Evaluated(
        as_of=as_of,
        customer_ids=purchases.customer_ids.take(pa.array(truth.customers)),
        purchase_days=days,
        silent_days=silent,
        counted={kind: np.isin(truth.customers, truths[kind].customers) for kind in LISTS},
        metrics=metrics,
        coverage=covered,
        lists=pa.concat_tables(tables),
        about=about,
    )


def in_codes_of(log: PurchaseLog, full: PurchaseLog, pairs: Pairs) -> Pairs:
    """Pairs of a later log in the codes of an earlier one.

    Pairs of customers whom it does not know are left out; products that it does not know get
    codes of their own, which no method can name.
    """
    customer = _positions(full.customer_ids, log.customer_ids)[pairs.customer]
    place = _positions(full.product_ids, log.product_ids)
    place = np.where(place < 0, _UNKNOWN + np.arange(len(place)), place)
    product = place[pairs.product]
    inside = customer >= 0
    return Pairs(
        customer=customer[inside].astype(np.int32), product=product[inside].astype(np.int32)
    )


def lists_of(best: Best, customers: Codes) -> dict[str, Lists]:
    """The mixed list of each customer, and those of own and of new products alone."""
    owner = customers[best.owner]
    masks = {MIXED: None, AGAIN: best.is_own, NEW: ~best.is_own}
    return {
        kind: Lists.top(owner, best.product, best.score, LIST_SIZE, mask)
        for kind, mask in masks.items()
    }


def _rank(
    ranker: Ranker, purchases: Purchases, customers: Codes, truth: Truth
) -> tuple[Best, dict[str, object]]:
    """The ranker's lists, and how well probabilities and products just begun did."""
    day = ranker.day(purchases)
    parts, probabilities, bought, young_lists, first = [], [], [], [], 0
    for candidates, values in day.chunks(customers):
        probability = ranker.probability(values)
        codes = candidates.customers[candidates.owner]
        is_own = candidates.source == OWN_PRODUCT
        for mask in (is_own, ~is_own):
            lists = Lists.top(
                candidates.owner,
                np.arange(len(candidates), dtype=np.int32),
                probability,
                LIST_SIZE,
                mask,
            )
            parts.append(
                (
                    candidates.owner[lists.product] + first,
                    candidates.product[lists.product],
                    probability[lists.product],
                    is_own[lists.product],
                )
            )
        first += len(candidates.customers)
        probabilities.append(probability)
        bought.append(np.isin(_keys(codes, candidates.product), truth.keys))
        young = day.young(candidates.customers)
        young_lists.append(_young_lists(young.products, young.scores, candidates.customers))
    owner, product, score, is_repeat = (
        np.concatenate([part[at] for part in parts]) for at in range(4)
    )
    order = np.argsort(owner, kind="stable")
    best = Best(
        owner=owner[order].astype(np.int32),
        product=product[order].astype(np.int32),
        score=score[order],
        is_own=is_repeat[order].astype(bool),
    )
    calibration = calibration_error(np.concatenate(probabilities), np.concatenate(bought))
    return best, {
        "calibration": calibration,
        "young": _young(day.content.young, young_lists, truth, day.statistics.buyers),
    }


def calibration_error(probability: Floats, bought: Bools) -> dict[str, float | int]:
    """Expected calibration error in bins of equally many pairs, and both means.

    Examples
    --------
    >>> calibration_error(np.full(40, 0.5), np.arange(40) % 2 == 0)["ece"]
    0.0
    """
    order = np.argsort(probability, kind="stable")
    gaps = [
        abs(float((probability[part] - bought[part]).sum()))
        for part in np.array_split(order, _BINS)
    ]
    return {
        "ece": sum(gaps) / max(1, len(order)),
        "mean_probability": float(probability.mean()),
        "bought_share": float(bought.mean()),
        "pairs": len(order),
    }


def _young_lists(products: Codes, scores: np.ndarray, customers: Codes) -> Lists:
    count = min(LIST_SIZE, len(products))
    columns = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return Lists(
        customer=np.repeat(customers, count),
        rank=np.tile(np.arange(1, count + 1, dtype=np.int32), len(customers)),
        product=products[columns].ravel(),
    )


def _young(
    products: Codes, lists: Sequence[Lists], truth: Truth, buyers: Codes
) -> dict[str, object]:
    """Recall@10 among the products first sold in the last 30 days, over what was bought of them."""
    wanted = Truth.of(truth.customer, truth.product, np.isin(truth.product, products))
    if not len(wanted.customers):
        return {"products": len(products), "pairs": 0}
    joint = Lists(
        customer=np.concatenate([each.customer for each in lists]),
        rank=np.concatenate([each.rank for each in lists]),
        product=np.concatenate([each.product for each in lists]),
    )
    sales = products[np.argsort(-buyers[products], kind="stable")[:LIST_SIZE]]
    return {
        "products": len(products),
        "pairs": len(wanted.product),
        "customers": len(wanted.customers),
        "recall": float(customer_metrics(joint, wanted)["recall"].mean()),
        "recall_of_pairs": _share(joint, wanted),
        "recall_by_sales": float(np.isin(wanted.product, sales).mean()),
        "recall_by_chance": min(1.0, LIST_SIZE / len(products)),
    }


def _share(lists: Lists, wanted: Truth) -> float:
    keys = _keys(lists.customer, lists.product)
    return float(np.isin(wanted.keys, keys).mean())


def _spread(metrics: Mapping[str, Floats], truth: Truth, whole: Truth) -> dict[str, Floats]:
    """Metrics of some of the customers, zero for the others."""
    where = np.searchsorted(whole.customers, truth.customers)
    spread = {}
    for name, values in metrics.items():
        spread[name] = np.zeros(len(whole.customers))
        spread[name][where] = values
    return spread


def _table(as_of: date, purchases: Purchases, lists: Lists, kind: str, name: str) -> pa.Table:
    count = len(lists.rank)

    def constant(value: object, of_type: pa.DataType) -> pa.Array:
        return pa.array([value], of_type).take(pa.array(np.zeros(count, dtype=np.int32)))

    return pa.table(
        {
            "as_of": constant(as_of, pa.date32()),
            "customer_id": purchases.customer_ids.take(pa.array(lists.customer)),
            "list": constant(kind, pa.string()),
            "rank": pa.array(lists.rank, pa.int32()),
            "product_id": purchases.product_ids.take(pa.array(lists.product)),
            "model": constant(name, pa.string()),
        }
    )


def _history(purchases: Purchases, customers: Codes) -> tuple[Codes, Codes]:
    """Purchase days and days since the last, of customers."""
    key = np.unique(_keys(purchases.customer, purchases.event_day))
    count = len(purchases.customer_ids)
    days = np.bincount(key >> 32, minlength=count)
    last = np.zeros(count, dtype=np.int64)
    np.maximum.at(last, key >> 32, key & 0xFFFFFFFF)
    return (
        days[customers].astype(np.int32),
        (purchases.day - last[customers]).astype(np.int32),
    )


def _keys(first: Codes, second: Codes) -> np.ndarray:
    return first.astype(np.int64) << 32 | second


def _positions(texts: pa.StringArray, among: pa.StringArray) -> np.ndarray:
    where = pc.fill_null(pc.index_in(texts, value_set=among), -1)
    return np.asarray(where.to_numpy(zero_copy_only=False), dtype=np.int64)
