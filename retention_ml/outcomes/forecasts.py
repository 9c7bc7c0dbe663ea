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

from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.families.purchases import WINDOWS
from retention_ml.features.store import rows_of
from retention_ml.models.bundle.starter import NAME as STARTER
from retention_ml.models.evaluation.segments import FEATURES as SEGMENT_FEATURES
from retention_ml.models.evaluation.segments import segments
from retention_ml.outcomes.contacts import Contamination, contacts, contamination
from retention_ml.outcomes.matured import Outcomes
from retention_ml.scores.snapshot import CUSTOMER_DAILY, column
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.profit import revenue_as_lately_cents, revenue_window_days
from retention_ml.warehouse import Warehouse

CHALLENGER_ARM = "challenger"
RECENCY = "recency_days"

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
    is_abnormal : array of bool, shape (n,)
        Excluded as abnormal on the day on which the outcome had settled, not on the scored day.
    contamination : Contamination
        What campaigns did in between.
    segments : mapping of str to array of bool, shape (n,)
        Customer segments.
    revenue_cents : array of float64, shape (n,)
        What the customer spends in the value horizon if retained; NaN where unknown.
    recency_days : array of float64, shape (n,)
        Days since the customer's last order; NaN where unknown.
    unlabelled_count : int
        Scored customers whose outcome is unknown: left out.
    """

    snapshot: ScoredSnapshot
    customer_ids: pa.Array
    champion: Floats
    challenger: Floats
    assigned_to_challenger: Bools
    churned: Floats
    is_abnormal: Bools
    contamination: Contamination
    segments: Mapping[str, Bools]
    revenue_cents: Floats
    recency_days: Floats
    unlabelled_count: int

    def __len__(self) -> int:
        return len(self.churned)

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
    return [ScoredSnapshot(**row._asdict()) for row in rows]


def newest_of_each_day(snapshots: Iterable[ScoredSnapshot]) -> list[ScoredSnapshot]:
    """The newest snapshot of each day; arguments and result have the oldest first."""
    return list({snapshot.as_of: snapshot for snapshot in snapshots}.values())


def load_forecasts(
    warehouse: Warehouse, snapshot: ScoredSnapshot, outcomes: Outcomes, *, horizon_days: int
) -> Forecasts:
    """A snapshot with its outcomes; `revenue_cents` is that of `horizon_days` as lately."""
    revenue_days = revenue_window_days(WINDOWS, horizon_days)
    revenue_feature = f"revenue_cents_{revenue_days}d"
    labels = outcomes.labels(warehouse, snapshot.as_of)
    rows = published_probabilities(warehouse, snapshot)
    label_rows = pc.index_in(rows["customer_id"], value_set=labels["customer_id"].combine_chunks())
    is_labelled = pc.is_valid(label_rows)
    rows, labels = rows.filter(is_labelled), labels.take(label_rows.drop_null())
    customers = rows["customer_id"].combine_chunks()
    wanted = (*SEGMENT_FEATURES, revenue_feature, RECENCY)
    names = {name: None for name in wanted if name in FEATURE_NAMES}
    stored = warehouse.read(rows_of([snapshot.as_of]).select("customer_id", *names))
    order = pc.index_in(customers, value_set=stored["customer_id"].combine_chunks())
    days = pa.array([snapshot.as_of] * len(customers), pa.date32())
    features = stored.take(order).append_column("as_of", days)
    campaign_contacts = warehouse.read(
        contacts(outcomes.definition, snapshot.as_of, known_as_of=outcomes.known_as_of)
    )
    return Forecasts(
        snapshot=snapshot,
        customer_ids=customers,
        champion=column(rows, "champion_probability"),
        challenger=column(rows, "challenger_probability")
        if snapshot.challenger_version is not None
        else np.full(rows.num_rows, np.nan),
        assigned_to_challenger=np.asarray(
            pc.equal(rows["arm"], CHALLENGER_ARM).to_numpy(), dtype=np.bool_
        ),
        churned=column(labels, "is_churned"),
        is_abnormal=np.asarray(labels["is_abnormal"].to_numpy(), dtype=np.bool_),
        contamination=contamination(customers, campaign_contacts),
        segments=segments(features),
        revenue_cents=revenue_as_lately_cents(
            column(features, revenue_feature),
            revenue_days=revenue_days,
            horizon_days=horizon_days,
        ),
        recency_days=column(features, RECENCY),
        unlabelled_count=len(is_labelled) - rows.num_rows,
    )


def published_probabilities(warehouse: Warehouse, snapshot: ScoredSnapshot) -> pa.Table:
    """`customer_id, challenger_probability, arm, champion_probability`, ordered by customer."""
    rows = CUSTOMER_DAILY.filter(CUSTOMER_DAILY.snapshot_id == snapshot.snapshot_id)
    return warehouse.read(
        rows.select(
            "customer_id",
            "challenger_probability",
            "arm",
            champion_probability=champion_probability(rows),
        )
    ).sort_by("customer_id")


def champion_probability(scores: ibis.Table) -> ibis.Value:
    """The champion's probability; the served one where it is empty, as before there were arms."""
    return ibis.coalesce(scores.champion_probability, scores.churn_probability)
