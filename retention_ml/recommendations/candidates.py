"""Which products are worth scoring for which customer."""

from dataclasses import dataclass, replace

import numpy as np

from retention_ml.recommendations.ease import Scores
from retention_ml.recommendations.product_statistics import ProductStatistics
from retention_ml.recommendations.purchases import Codes, Purchases, rows_of
from retention_ml.recommendations.ranked import Source
from retention_ml.statistics.arrays import Bools, Floats, Ints, is_among

SOURCES = tuple(Source)
OWN_PRODUCT, SIMILAR, BEST_SELLER, LIKE_PRODUCTS = range(len(SOURCES))
OWN_MAX = 200
_OTHERS = {SIMILAR: 60, BEST_SELLER: 60, LIKE_PRODUCTS: 20}
_OWN_HALF_LIFE_DAYS = 90.0
YOUNG_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class YoungScores:
    """How well products first sold in the last 30 days suit customers.

    Parameters
    ----------
    products : array of int32, shape (m,)
        Codes, rising.
    scores : array of float32, shape (customers, m)
    """

    products: Codes
    scores: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Pairs to score, ordered by customer and product, each once.

    Parameters
    ----------
    customers : array of int32, shape (k,)
        Codes of the customers, as asked for.
    owner : array of int32, shape (n,)
        Position of the pair's customer among them.
    product : array of int32, shape (n,)
    source : array of int8, shape (n,)
        Position in `SOURCES`: a customer's own product is nothing else.
    """

    customers: Codes
    owner: Codes
    product: Codes
    source: Codes

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def keys(self) -> Ints:
        """Owner and product in one number, rising."""
        return self.owner.astype(np.int64) << 32 | self.product

    @property
    def customer_keys(self) -> Ints:
        """The customer's code and the product in one number, shape (n,)."""
        return self.customers[self.owner].astype(np.int64) << 32 | self.product

    def only(self, mask: Bools) -> "Candidates":
        """Some of the pairs, of the same customers."""
        return replace(
            self, owner=self.owner[mask], product=self.product[mask], source=self.source[mask]
        )


def candidates(
    purchases: Purchases,
    statistics: ProductStatistics,
    customers: Codes,
    similarity: Scores,
    young: YoungScores,
) -> Candidates:
    """The candidates of some customers.

    A customer's products by decayed frequency, EASE's best others, best sellers of 28 days, and
    of the products first sold in the last 30 days those that suit the customer best.

    Parameters
    ----------
    customers : array of int32, shape (k,)
        Codes, each once; -1 for a customer without any purchase.
    similarity : array of float32, shape (k, m)
        EASE's scores.
    young : YoungScores
    """
    mine = own_pairs(purchases, customers)
    top = _top_of_each(mine.owner, mine.weight, OWN_MAX)
    owned = mine.keys
    keys, sources = [owned[top]], [np.full(int(top.sum()), OWN_PRODUCT, dtype=np.int32)]
    popular = _best(statistics.buyers, 3 * _OTHERS[BEST_SELLER])
    likest = _best_columns(similarity, 3 * _OTHERS[SIMILAR])
    is_similar = np.take_along_axis(similarity, likest, axis=1) > 0
    offers = {
        SIMILAR: statistics.ease.products[likest],
        BEST_SELLER: np.tile(popular, (len(customers), 1)),
        LIKE_PRODUCTS: young.products[_best_columns(young.scores, 3 * _OTHERS[LIKE_PRODUCTS])],
    }
    for source, products in offers.items():
        offered = np.arange(len(customers), dtype=np.int64)[:, None] << 32 | products
        is_new = ~is_among(offered, owned)
        if source == SIMILAR:
            is_new &= is_similar
        chosen = is_new & (np.cumsum(is_new, axis=1) <= _OTHERS[source])
        keys.append(offered[chosen])
        sources.append(np.full(int(chosen.sum()), source, dtype=np.int32))
    every, origin = np.concatenate(keys), np.concatenate(sources)
    unique, named_first = np.unique(every, return_index=True)  # the first source that names it
    return Candidates(
        customers=customers,
        owner=(unique >> 32).astype(np.int32),
        product=(unique & 0xFFFFFFFF).astype(np.int32),
        source=origin[named_first],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPairs:
    """The products that customers bought before, ordered by customer and product."""

    keys: Ints
    owner: Codes
    weight: Floats


def own_pairs(purchases: Purchases, customers: Codes) -> OwnPairs:
    """All products that some customers ever bought, with their decayed frequency."""
    rows, owner = rows_of(purchases, customers)
    keys, inverse = np.unique(
        owner.astype(np.int64) << 32 | purchases.product[rows], return_inverse=True
    )
    age = purchases.day - purchases.event_day[rows]
    weight = np.bincount(inverse, weights=np.exp2(-age / _OWN_HALF_LIFE_DAYS), minlength=len(keys))
    return OwnPairs(
        keys=keys, owner=(keys >> 32).astype(np.int32), weight=weight.astype(np.float64)
    )


def _top_of_each(owner: Codes, weight: Floats, count: int) -> Bools:
    """A mask of the heaviest `count` rows of each owner (rows ordered by owner)."""
    order = np.lexsort((-weight, owner))
    first = np.searchsorted(owner, owner)
    mask = np.zeros(len(owner), dtype=bool)
    mask[order] = np.arange(len(owner)) - first[order] < count
    return mask


def _best_columns(scores: Scores, count: int) -> Ints:
    """Columns of the highest scores of each row, best first, at most `count` of them."""
    count = min(count, scores.shape[1])
    if count == 0:
        return np.zeros((len(scores), 0), dtype=np.int64)
    part = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    part.sort(axis=1)  # ties by column
    order = np.argsort(-np.take_along_axis(scores, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)


def _best(buyers: Codes, count: int) -> Codes:
    order = np.argsort(-buyers, kind="stable")[:count]
    return order[buyers[order] > 0].astype(np.int32)
