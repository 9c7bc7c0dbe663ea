"""A day ready to be scored: its statistics, and candidates with features, some customers at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from retention_ml.recommendations.candidates import Candidates, YoungScores, candidates
from retention_ml.recommendations.content import Content, content, young_scores
from retention_ml.recommendations.pair_features import Values, pair_features
from retention_ml.recommendations.product_statistics import ProductStatistics, ease_scores
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import Bools

_CUSTOMERS_AT_ONCE = 500
_RECENT_HALF_LIFE_DAYS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The purchases known on a day with what is computed of them once."""

    purchases: Purchases
    statistics: ProductStatistics
    content: Content

    @classmethod
    def of(
        cls,
        purchases: Purchases,
        *,
        products_max: int,
        horizon_days: int,
        vectors: Any = None,
    ) -> "Day":
        """The day of these purchases; EASE knows at most `products_max` products.

        `vectors` are what `tf_idf` makes of the descriptions, where that was done already.
        """
        return cls(
            purchases=purchases,
            statistics=ProductStatistics.of(
                purchases, products_max=products_max, horizon_days=horizon_days
            ),
            content=content(purchases, vectors),
        )

    def young(self, customers: Codes) -> YoungScores:
        """How well young products suit customers."""
        return young_scores(self.purchases, self.content, customers, self.statistics.buyers)

    def chunks(
        self, customers: Codes, choose: Callable[[Candidates], Bools] | None = None
    ) -> Iterator[tuple[Candidates, Values]]:
        """Candidates and their features, up to 500 customers at a time, in the order asked for.

        One empty chunk if there are no customers.

        Parameters
        ----------
        choose : callable, optional
            A mask of the candidates that are wanted; features of the others are not computed.
        """
        for first in range(0, max(1, len(customers)), _CUSTOMERS_AT_ONCE):
            part = customers[first : first + _CUSTOMERS_AT_ONCE]
            ease = self.statistics.ease
            similarity = ease_scores(self.purchases, ease, part)
            recent = ease_scores(self.purchases, ease, part, _RECENT_HALF_LIFE_DAYS)
            young = self.young(part)
            pairs = candidates(self.purchases, self.statistics, part, similarity, young)
            chosen = None if choose is None else choose(pairs)
            values = pair_features(
                self.purchases, self.statistics, pairs, similarity, recent, young, chosen
            )
            yield pairs if chosen is None else pairs.only(chosen), values
