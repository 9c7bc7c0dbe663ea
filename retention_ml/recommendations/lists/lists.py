"""The three lists of each customer out of scored pairs: mixed, again and new."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retention_ml.recommendations.purchases import Codes
from retention_ml.statistics.arrays import Bools, Floats, Ints

LISTS = ("mixed", "again", "new")
EXPLORED_PRODUCTS = 20
"""Among how many new products, from the last slot on, a lot draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Scored pairs that may be offered, in any order, shape (n,).

    `customer` are positions among the customers of the day. `is_bought`: the customer bought the
    product before; `is_young`: it is a candidate because it is young and like what they bought.
    """

    customer: Codes
    product: Codes
    probability: Floats
    is_bought: Bools
    is_young: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """Slots drawn by lot: with which probability, and two lots in [0, 1) per customer."""

    share: float
    is_drawn: Floats
    which: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRows:
    """Rows of one list: which candidate stands at which rank (the first is 1), how probably."""

    candidate: Ints
    rank: Ints
    propensity: Floats


def lists(
    candidates: Candidates, size: int, exploration: Exploration | None = None
) -> Mapping[str, ListRows]:
    """Up to `size` candidates per customer and list, the most probable first.

    Equal probabilities are ordered by product. Where no young product is among a customer's new
    ones by itself, the most probable of them has the last slot. With an exploration, the last slot
    but that one is drawn, with probability `share`, evenly among the candidates from there on.
    """
    order = np.lexsort((candidates.product, -candidates.probability, candidates.customer))
    bought, young = candidates.is_bought[order], candidates.is_young[order]
    return {
        "mixed": _top(candidates, order, size),
        "again": _top(candidates, order[bought], size),
        "new": _new(candidates, order[~bought], young[~bought], size, exploration),
    }


def _top(candidates: Candidates, order: Ints, size: int) -> ListRows:
    rank = _ranks(candidates.customer[order])
    chosen = rank < size
    return ListRows(
        candidate=order[chosen], rank=rank[chosen] + 1, propensity=np.ones(int(chosen.sum()))
    )


def _new(
    candidates: Candidates,
    order: Ints,
    is_young: Bools,
    size: int,
    exploration: Exploration | None,
) -> ListRows:
    customer = candidates.customer[order]
    rank = _ranks(customer)
    reserved = _reserved(customer, rank, is_young, size)
    young, order, customer = order[reserved], order[~reserved], customer[~reserved]
    rank = _ranks(customer)
    count = int(candidates.customer.max()) + 1 if len(candidates.customer) else 0
    slots = np.full(count, size, dtype=np.int64)
    slots[candidates.customer[young]] -= 1
    propensity = np.ones(len(order))
    if exploration is not None and exploration.share > 0:
        rank, propensity = _explored(customer, rank, slots, exploration)
    chosen = rank < slots[customer]
    ordered = np.lexsort(
        (
            np.concatenate([rank[chosen], np.full(len(young), size - 1)]),
            np.concatenate([customer[chosen], candidates.customer[young]]),
        )
    )
    return ListRows(
        candidate=np.concatenate([order[chosen], young])[ordered],
        rank=np.concatenate([rank[chosen] + 1, np.full(len(young), size)])[ordered],
        propensity=np.concatenate([propensity[chosen], np.ones(len(young))])[ordered],
    )


def _reserved(customer: Codes, rank: Ints, is_young: Bools, size: int) -> Bools:
    """The best young candidate of each customer who has none among the first `size`."""
    reserved = np.zeros(len(customer), dtype=bool)
    if not is_young.any():
        return reserved
    places = np.flatnonzero(is_young)
    _, first = np.unique(customer[places], return_index=True)
    best = places[first]
    reserved[best[rank[best] >= size]] = True
    return reserved


def _explored(
    customer: Codes, rank: Ints, slots: Ints, exploration: Exploration
) -> tuple[Ints, Floats]:
    """Ranks after the draw, and the probability of each candidate to stand where it stands."""
    slot = slots[customer] - 1
    sizes = np.bincount(customer, minlength=len(slots))
    pool = np.clip(sizes[customer] - slot, 0, EXPLORED_PRODUCTS)
    is_open = (slot >= 0) & (pool > 1)
    drawn = slot + np.floor(exploration.which[customer] * pool).astype(np.int64)
    is_drawing = is_open & (exploration.is_drawn[customer] < exploration.share)
    regular = rank == slot
    after = np.where(is_drawing & (rank == drawn), slot, rank)
    after = np.where(is_drawing & regular & (drawn != slot), drawn, after)
    by_lot = exploration.share / np.maximum(pool, 1)
    probability = np.where(regular, 1 - exploration.share + by_lot, by_lot)
    return after, np.where(is_open & (after == slot), probability, 1.0)


def _ranks(customer: Codes) -> Ints:
    """Positions within each run of equal values, the first is 0."""
    if len(customer) == 0:
        return np.zeros(0, dtype=np.int64)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(customer)) + 1])
    lengths = np.diff(np.concatenate([starts, [len(customer)]]))
    ranks = np.arange(len(customer)) - np.repeat(starts, lengths)
    return np.asarray(ranks, dtype=np.int64)
