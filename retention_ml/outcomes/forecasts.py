"""Published scores that were real forecasts, with the outcomes observed since.

A score is a forecast of its day if its model was trained on nothing from that day on. Backfills
by later models are published too, but prove nothing: they are not evaluated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.store import rows_of
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.bundle.starter import NAME as STARTER
from retention_ml.models.evaluation.segments import FEATURES as SEGMENT_FEATURES
from retention_ml.models.evaluation.segments import segments
from retention_ml.outcomes.contacts import Contamination, contacts, contamination
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.warehouse import Warehouse

SCORES = ibis.table(
    {
        "snapshot_id": "int64",
        "customer_id": "string",
        "churn_probability": "float64",
        "champion_probability": "float64",
        "challenger_probability": "float64",
        "arm": "string",
    },
    name="customer_daily",
    database="scores",
)
CHALLENGER_ARM = "challenger"

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSnapshot:
    """One published snapshot that was a real forecast.

    The challenger's fields are None where there was none, or where it was trained on later data.
    """

    snapshot_id: int
    as_of: date
    champion_version: str
    champion_sha256: str
    challenger_version: str | None
    challenger_sha256: str | None
    challenger_share: float | None

    @property
    def pair(self) -> Pair | None:
        """Digests of champion and challenger, None where only one scored or both are the same."""
        if self.challenger_sha256 is None or self.challenger_sha256 == self.champion_sha256:
            return None
        return self.champion_sha256, self.challenger_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """The customers of one snapshot with their outcomes.

    Parameters
    ----------
    snapshot : ScoredSnapshot
    customer_ids : pa.Array of string, length n
        Scored customers whose outcome is known.
    champion, challenger : array of float64, shape (n,)
        Probabilities of churn; the challenger's NaN where it has none.
    assigned_to_challenger : array of bool, shape (n,)
        Served by the challenger.
    churned : array of float64, shape (n,)
        1 churned, 0 retained.
    contamination : Contamination
        What campaigns did in between.
    segments : mapping of str to array of bool, shape (n,)
        Customer segments.
    revenue_cents : array of float64, shape (n,)
        What the customer spends in the value horizon if retained; NaN where unknown.
    unlabelled_count : int
        Scored customers whose outcome is unknown: left out.
    """

    snapshot: ScoredSnapshot
    customer_ids: pa.Array
    champion: Floats
    challenger: Floats
    assigned_to_challenger: Bools
    churned: Floats
    contamination: Contamination
    segments: Mapping[str, Bools]
    revenue_cents: Floats
    unlabelled_count: int

    def __len__(self) -> int:
        return len(self.churned)

    @property
    def is_contacted(self) -> Bools:
        """A campaign reached the customer between score and outcome."""
        return self.contamination.is_contacted

    @property
    def is_paired(self) -> Bools:
        """Both models have a probability."""
        return np.isfinite(self.champion) & np.isfinite(self.challenger)


def published_forecasts(
    warehouse: Warehouse, *, definition_hash: str, until: date
) -> list[ScoredSnapshot]:
    """The real forecasts published for days up to `until`, oldest first.

    A day scored several times occurs several times, the newest snapshot last. The starter model
    was trained on other shops: all its scores are forecasts.
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT snapshot_id, as_of, model_version AS champion_version, "
            "bundle_sha256 AS champion_sha256, challenger_share, "
            "CASE WHEN challenger_as_of <= as_of THEN challenger_version END AS challenger_version, "
            "CASE WHEN challenger_as_of <= as_of THEN challenger_bundle_sha256 END "
            "AS challenger_sha256 FROM scores.snapshots WHERE status = 'published' "
            "AND definition_hash = :hash AND as_of <= :until "
            "AND (model_as_of <= as_of OR model_name = :starter) ORDER BY as_of, snapshot_id",
            hash=definition_hash,
            until=until,
            starter=STARTER,
        )
    return [ScoredSnapshot(**dict(row._mapping)) for row in rows]


def newest_of_each_day(snapshots: Iterable[ScoredSnapshot]) -> list[ScoredSnapshot]:
    """The newest snapshot of each day; arguments and result have the oldest first."""
    return list({snapshot.as_of: snapshot for snapshot in snapshots}.values())


def load_forecasts(
    warehouse: Warehouse,
    snapshot: ScoredSnapshot,
    labels: pa.Table,
    *,
    definition: ChurnDefinition,
    known_as_of: date,
    revenue_feature: str,
    revenue_scale: float = 1.0,
) -> Forecasts:
    """A snapshot with its outcomes, as known at the start of `known_as_of`.

    Parameters
    ----------
    labels : pa.Table
        `customer_id, is_churned` of the day.
    revenue_feature, revenue_scale : str, float
        `revenue_cents` is the feature times the scale.
    """
    rows = published_probabilities(warehouse, snapshot)
    label_rows = pc.index_in(rows["customer_id"], value_set=labels["customer_id"].combine_chunks())
    is_labelled = pc.is_valid(label_rows)
    rows = rows.filter(is_labelled)
    label_rows = label_rows.drop_null()
    customers = rows["customer_id"].combine_chunks()
    feature_rows = _features(warehouse, snapshot.as_of, customers, revenue_feature)
    campaign_contacts = warehouse.read(
        contacts(
            opens_at=clock.midnight(snapshot.as_of, definition.timezone),
            closes_at=definition.window_bounds(snapshot.as_of)[1],
            known_at=clock.midnight(known_as_of, definition.timezone),
        )
    )
    return Forecasts(
        snapshot=snapshot,
        customer_ids=customers,
        champion=_floats(rows["champion_probability"]),
        challenger=_floats(rows["challenger_probability"])
        if snapshot.challenger_version is not None
        else np.full(rows.num_rows, np.nan),
        assigned_to_challenger=np.asarray(
            pc.equal(rows["arm"], CHALLENGER_ARM).to_numpy(), dtype=np.bool_
        ),
        churned=_floats(labels["is_churned"].take(label_rows)),
        contamination=contamination(customers, campaign_contacts),
        segments=segments(feature_rows),
        revenue_cents=revenue_scale * _floats(feature_rows[revenue_feature]),
        unlabelled_count=len(is_labelled) - rows.num_rows,
    )


def published_probabilities(warehouse: Warehouse, snapshot: ScoredSnapshot) -> pa.Table:
    """`customer_id, champion_probability, challenger_probability, arm` of a snapshot, by customer.

    Where the champion's probability is empty, as before there were arms, it is the served one.
    """
    rows = SCORES.filter(SCORES.snapshot_id == snapshot.snapshot_id)
    return warehouse.read(
        rows.select(
            "customer_id",
            champion_probability=ibis.coalesce(rows.champion_probability, rows.churn_probability),
            challenger_probability=rows.challenger_probability,
            arm=rows.arm,
        )
    ).sort_by("customer_id")


def _features(
    warehouse: Warehouse, as_of: date, customers: pa.Array, revenue_feature: str
) -> pa.Table:
    """`as_of` and the features behind segments and value, in the order of `customers`."""
    names = [name for name in (*SEGMENT_FEATURES, revenue_feature) if name in FEATURE_NAMES]
    stored = warehouse.read(rows_of([as_of]).select("customer_id", *dict.fromkeys(names)))
    order = pc.index_in(customers, value_set=stored["customer_id"].combine_chunks())
    rows = stored.take(order).drop_columns(["customer_id"])
    return rows.append_column("as_of", pa.array([as_of] * len(customers), pa.date32()))


def _floats(column: pa.ChunkedArray) -> Floats:
    filled = column.cast(pa.float64()).combine_chunks().fill_null(float("nan"))
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.float64)
