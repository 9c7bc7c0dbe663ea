"""The ranker: how likely a customer is to buy a product in the window ahead, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pyarrow as pa

from retention_ml.errors import UnfitModel
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.recommendations.candidates import OWN_PRODUCT, SOURCES, Candidates
from retention_ml.recommendations.day_scoring import Day
from retention_ml.recommendations.newcomers import blended, blended_contributions
from retention_ml.recommendations.pair_features import FEATURES, Values
from retention_ml.recommendations.product_statistics import purchase_matrix
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.recommendations.ranked import BEST_OF_EACH, IsOffered
from retention_ml.statistics.arrays import Bools, Floats, logit, sigmoid

MODEL_NAME = "recommendations"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranker:
    """A bundle of text files that scores pairs.

    Parameters
    ----------
    bundle : Bundle
        Its manifest says in `recommendations` what it was fitted for: `horizon_days`,
        `active_days`, `products_max`, `learn_days`, `newcomers`.
    """

    bundle: Bundle
    _days: dict[Purchases, Day] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """The ranker of a bundle.

        Raises
        ------
        UnfitModel
            The bundle is of another kind, or reads other features than this version computes.
        """
        about = bundle.manifest.get("recommendations")
        if (
            bundle.features != FEATURES
            or not isinstance(about, dict)
            or not all(isinstance(about.get(key), int) for key in ("horizon_days", "products_max"))
            or not isinstance(about.get("newcomers"), dict)
        ):
            raise UnfitModel(
                f"The bundle {bundle.model_name[:40]!r} ranks no products: expected the "
                f"{len(FEATURES)} pair features of this version, and horizon_days, products_max and "
                "newcomers in its manifest. Fit the ranker anew."
            )
        return cls(bundle=bundle)

    @classmethod
    def load(cls, folder: Path, sha256: str | None = None, *, threads: int = 1) -> Self:
        """The ranker in a folder; UnfitModel where it is none or its digest is another."""
        return cls.of(Bundle.load(folder, sha256, threads=threads))

    @property
    def about(self) -> dict[str, Any]:
        """What it was fitted for."""
        return dict(self.bundle.manifest["recommendations"])

    @property
    def sha256(self) -> str:
        """The digest of its files."""
        return self.bundle.sha256

    def day(self, purchases: Purchases) -> Day:
        """The day of these purchases, ready to be scored by this ranker; the last one is kept."""
        if purchases not in self._days:
            self._days.clear()
            self._days[purchases] = Day.of(
                purchases,
                products_max=self.about["products_max"],
                horizon_days=self.about["horizon_days"],
            )
        return self._days[purchases]

    def probability(self, values: Values) -> Floats:
        """Calibrated probabilities of a purchase in the window, shape (n,), of pair features.

        Those of newcomers are blended with how products sell: see `newcomers`.
        """
        slope, intercept = self.bundle.calibration
        margin = self.bundle.predictor.margin(cast(Floats, values))
        return blended(sigmoid(slope * margin + intercept), values, self._best_sellers_share)

    @property
    def _best_sellers_share(self) -> float:
        return float(self.about["newcomers"]["best_sellers_share"])

    def ranked(
        self,
        purchases: Purchases,
        customers: pa.Array,
        *,
        count: int = BEST_OF_EACH,
        with_contributions: bool = True,
        is_offered: IsOffered | None = None,
    ) -> pa.Table:
        """The best `count` own and the best `count` other products of each customer.

        Parameters
        ----------
        is_offered : callable, optional
            So many that lists may have are there too, where others are more probable.

        Returns
        -------
        pa.Table
            `customer_id`, `product_id`, `source`, `purchase_probability`, then per feature
            `feature_<name>` (float32, null where not known) and, if asked for,
            `contribution_<name>`: exact contributions to the calibrated log-odds. Of other than
            own products `similar_product_id` names the customer's product that speaks most for
            it, and `similar_customers_count` who bought both in the last 365 days; null where
            none does. Ordered by customer as asked for, then by falling probability, then by
            product.
        """
        parts = self.ranked_in_parts(
            purchases,
            customers,
            count=count,
            with_contributions=with_contributions,
            is_offered=is_offered,
        )
        return pa.concat_tables(parts)

    def ranked_in_parts(
        self,
        purchases: Purchases,
        customers: pa.Array,
        *,
        count: int = BEST_OF_EACH,
        with_contributions: bool = True,
        is_offered: IsOffered | None = None,
    ) -> Iterator[pa.Table]:
        """What `ranked` returns, some hundred customers at a time; at least one part."""
        day = self.day(purchases)
        first = 0
        for candidates, values in day.chunks(purchases.codes(customers)):
            part = customers.slice(first, len(candidates.customers))
            first += len(candidates.customers)
            probability = self.probability(values)
            offered = None
            if is_offered is not None:
                offered = is_offered(candidates.customers[candidates.owner], candidates.product)
            rows = _best_rows(candidates, probability, count, offered)
            columns: dict[str, pa.Array] = {
                "customer_id": part.cast(pa.string()).take(pa.array(candidates.owner[rows])),
                "product_id": purchases.product_ids.take(pa.array(candidates.product[rows])),
                "source": pa.array([source.value for source in SOURCES]).take(
                    pa.array(candidates.source[rows])
                ),
                "purchase_probability": pa.array(probability[rows]),
            }
            columns |= _similar(day, candidates, rows)
            for at, name in enumerate(FEATURES):
                columns[f"feature_{name}"] = pa.array(values[rows, at], from_pandas=True)
            if with_contributions:
                added = self._contributions(values[rows], probability[rows])
                for at, name in enumerate(FEATURES):
                    columns[f"contribution_{name}"] = pa.array(added[:, at].astype(np.float32))
            yield pa.table(columns)

    def _contributions(self, values: Values, probability: Floats) -> Floats:
        slope, intercept = self.bundle.calibration
        added, base = self.bundle.predictor.contributions(values.astype(np.float64))
        return blended_contributions(
            slope * added,
            slope * base + intercept,
            logit(probability),
            values,
            self._best_sellers_share,
        )


def _similar(day: Day, candidates: Candidates, rows: Codes) -> dict[str, pa.Array]:
    """The customer's product that speaks most for each of some candidates, by EASE's weights."""
    ease, purchases = day.statistics.ease, day.purchases
    mine = purchase_matrix(purchases, ease, candidates.customers, None)
    owner, column = candidates.owner[rows], ease.column[candidates.product[rows]]
    wanted = np.where(candidates.source[rows] == OWN_PRODUCT, -1, column)
    product = np.full(len(rows), -1, dtype=np.int64)
    count = np.zeros(len(rows), dtype=np.int32)
    bounds = np.searchsorted(owner, np.arange(len(candidates.customers) + 1))
    for at in range(len(candidates.customers)):
        bought = np.sort(mine.indices[mine.indptr[at] : mine.indptr[at + 1]])
        of_customer = np.arange(bounds[at], bounds[at + 1])
        of_customer = of_customer[wanted[of_customer] >= 0]
        if not len(bought) or not len(of_customer):
            continue
        weights = ease.weights[np.ix_(bought, wanted[of_customer])]
        most = np.argmax(weights, axis=0)
        both = ease.together[bought[most], wanted[of_customer]]
        speaks = (weights[most, np.arange(len(of_customer))] > 0) & (both > 0)
        product[of_customer[speaks]] = bought[most[speaks]]
        count[of_customer[speaks]] = both[speaks]
    named = product >= 0
    codes = pa.array(ease.products[np.maximum(product, 0)] if named.any() else product, mask=~named)
    return {
        "similar_product_id": purchases.product_ids.take(codes),
        "similar_customers_count": pa.array(count, mask=~named),
    }


def _best_rows(
    candidates: Candidates, probability: Floats, count: int, offered: Bools | None
) -> Codes:
    """Rows of the best `count` own and other products, and of those offered, best first."""
    is_own = candidates.source == OWN_PRODUCT
    mask = np.zeros(len(candidates), dtype=bool)
    for among in (is_own, ~is_own):
        mask |= _top(candidates, probability, among, count)
        if offered is not None:
            mask |= _top(candidates, probability, among & offered, count)
    rows = np.flatnonzero(mask)
    order = np.lexsort((candidates.product[rows], -probability[rows], candidates.owner[rows]))
    return np.asarray(rows[order], dtype=np.int32)


def _top(candidates: Candidates, probability: Floats, among: Bools, count: int) -> Bools:
    rows = np.flatnonzero(among)
    owner = candidates.owner[rows]
    order = np.lexsort((candidates.product[rows], -probability[rows], owner))
    best = np.arange(len(rows)) - np.searchsorted(owner, owner) < count
    mask = np.zeros(len(candidates), dtype=bool)
    mask[rows[order][best]] = True
    return mask
