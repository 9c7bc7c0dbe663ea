"""What a fresh score is computed with: models, policy, and the published day that it continues."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.errors import NotReady
from retention_ml.features import store
from retention_ml.features.cache.day_files import day_folder
from retention_ml.models.registry.model_version import ServedModel
from retention_ml.scores import served
from retention_ml.scores.score import tier_policy
from retention_ml.scores.snapshot import CUSTOMER_DAILY
from retention_ml.scores.tiers import TierPolicy
from retention_ml.scores.wording.evidence import usual_values
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.warehouse import Transaction, Warehouse

_BASE = (
    "customer_id", "churn_probability", "expected_value_at_risk_cents", "risk_tier", "tier_since",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """Read once, and again when a model was promoted or a day was published.

    Parameters
    ----------
    stamp : tuple
        What it depends on: day, published snapshot, newest decision about models.
    champion, challenger : ServedModel
        As the daily run would load them.
    policy : TierPolicy
    base_snapshot_id : int or None
        The newest published snapshot before the day.
    base : pa.Table
        Its scores by `customer_id`; empty without one.
    usual : mapping of str to float
        See `scores.wording.evidence.usual_values`: of all customers of that day.
    """

    stamp: tuple[object, ...]
    champion: ServedModel
    challenger: ServedModel | None
    policy: TierPolicy
    base_snapshot_id: int | None
    base: pa.Table
    usual: Mapping[str, float]

    def places_in_base(self, customer_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        """Where customers stand in `base`; null for those who do not."""
        return pc.index_in(customer_ids, value_set=self.base["customer_id"])

    def with_fresh(
        self, place: pa.ChunkedArray, probability: Floats, value_cents: Ints
    ) -> tuple[Floats, Ints]:
        """Probability and value of everybody: of the given customers the fresh ones, which come last.

        The others, m of them, have those of the published day.
        """
        others = np.ones(self.base.num_rows, dtype=np.bool_)
        others[pc.drop_null(place).to_numpy()] = False
        return (
            np.concatenate([self.base["churn_probability"].to_numpy()[others], probability]),
            np.concatenate(
                [self.base["expected_value_at_risk_cents"].to_numpy()[others], value_cents]
            ),
        )


def read_in_force(
    warehouse: Warehouse, settings: Settings, as_of: date, standing: InForce | None = None
) -> InForce:
    """What is in force for a day; `standing` itself where nothing has changed since.

    Raises
    ------
    NotReady
        There is no champion and no starter.
    PublicationRefused
        No champion that was approved can score.
    """
    with warehouse.transaction() as transaction:
        snapshot_id, published = _base_snapshot(transaction, as_of)
        [[decision]] = transaction.execute("SELECT max(promotion_id) FROM models.promotions")
    stamp = (as_of, snapshot_id, decision, settings.tiers)
    if standing is not None and standing.stamp == stamp:
        return standing
    champion = served.champion(warehouse, settings, as_of)
    return InForce(
        stamp=stamp,
        champion=champion,
        challenger=served.challenger(warehouse, settings, champion),
        policy=tier_policy(warehouse, settings, champion),
        base_snapshot_id=snapshot_id,
        base=_base(warehouse, snapshot_id),
        usual=_usual(warehouse, settings, published),
    )


def _base_snapshot(transaction: Transaction, as_of: date) -> tuple[int | None, date | None]:
    rows = transaction.execute(
        "SELECT snapshot_id, as_of FROM scores.published WHERE as_of < :as_of "
        "ORDER BY as_of DESC LIMIT 1",
        as_of=as_of,
    )
    return (int(rows[0].snapshot_id), rows[0].as_of) if rows else (None, None)


def _base(warehouse: Warehouse, snapshot_id: int | None) -> pa.Table:
    rows = CUSTOMER_DAILY.filter(CUSTOMER_DAILY.snapshot_id == (snapshot_id or -1)).select(*_BASE)
    return warehouse.read(rows).sort_by("customer_id")


def _usual(warehouse: Warehouse, settings: Settings, published: date | None) -> Mapping[str, float]:
    """What is usual among all customers of the published day; nothing where its features are gone."""
    if published is None:
        return {}
    try:
        rows, _ = store.read_day(warehouse, published, day_folder(settings.home))
    except NotReady:
        return {}
    return usual_values(rows, settings.calendar.minor_units)
