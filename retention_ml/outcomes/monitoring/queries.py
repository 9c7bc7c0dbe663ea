"""What monitoring reads: features, published scores and matured outcomes of several days."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.errors import RegistryError
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.samples.sampling import sampled
from retention_ml.features.store import rows_of
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.starter import NAME as STARTER
from retention_ml.models.promotion.decisions import MOVED_IN_MLFLOW, MOVING
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.outcomes.contacts import SENT, contacts, contamination
from retention_ml.outcomes.forecasts import CHALLENGER_ARM, champion_probability
from retention_ml.outcomes.matured import stored_labels
from retention_ml.outcomes.monitoring.calibration_drift import Cohort
from retention_ml.outcomes.monitoring.feature_reach import (
    CAMPAIGNS,
    EVENTS,
    FEEDBACK,
    ORDERS,
    FeedStart,
    ShopAge,
)
from retention_ml.outcomes.monitoring.freshness import Freshness
from retention_ml.scores.served import starter
from retention_ml.scores.snapshot import CUSTOMER_DAILY, column
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

CUSTOMERS_MAX = 5_000
_DAY_SECONDS = 86_400

# By feed, how many of its rows a row of `features.customer_day` counts.
_ROWS_OF_FEED = {
    ORDERS: "orders_count",
    EVENTS: "events_count",
    CAMPAIGNS: "contacts_count + contacts_opened_count + contacts_clicked_count + redemptions_count",
    FEEDBACK: "feedback_count",
}

_ORDERS = tables.ORDERS.ibis_table("curated", tables.LINEAGE)
_CUSTOMERS = tables.CUSTOMERS.ibis_table("curated", tables.LINEAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSnapshot:
    """A published day: its snapshot and which model, tier policy and rules of reasons made it."""

    as_of: date
    snapshot_id: int
    scored_count: int
    definition_hash: str
    bundle_sha256: str
    policy_sha256: str
    reasons_version: int | None
    model_name: str
    model_version: str
    model_as_of: date | None

    @property
    def is_calibrated(self) -> bool:
        """Whether its probabilities were ever compared with outcomes of this shop."""
        return self.model_name != STARTER

    @property
    def is_forecast(self) -> bool:
        """Whether its model was trained on nothing later than the day."""
        return self.model_as_of is not None and self.model_as_of <= self.as_of


def published(warehouse: Warehouse, as_of: date) -> list[PublishedSnapshot]:
    """All published days up to `as_of`, the oldest first."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT p.as_of, s.snapshot_id, s.scored_count, s.definition_hash, s.bundle_sha256, "
            "s.policy_sha256, s.reasons_version, s.model_name, s.model_version, s.model_as_of "
            "FROM scores.published AS p JOIN scores.snapshots AS s USING (snapshot_id) WHERE p.as_of <= :as_of "
            "ORDER BY p.as_of",
            as_of=as_of,
        )
    return [PublishedSnapshot(**row._asdict()) for row in rows]


def freshness(warehouse: Warehouse, settings: Settings, as_of: date) -> Freshness:
    """How old scores and data are at the start of a day, and what was refused."""
    with warehouse.transaction() as transaction:
        newest: date | None = transaction.execute(
            "SELECT max(as_of) FROM scores.published WHERE as_of <= :as_of", as_of=as_of
        )[0][0]
        newest_input = transaction.execute(
            "SELECT newest_input_at FROM features.builds WHERE as_of = :day "
            "AND newest_input_at IS NOT NULL ORDER BY build_id DESC LIMIT 1",
            day=newest,
        )
        snapshots = transaction.execute(
            "SELECT CASE status WHEN 'refused' THEN coalesce(reason, 'no reason was noted') END "
            "AS refused_because FROM scores.snapshots WHERE as_of = :as_of "
            "ORDER BY snapshot_id DESC LIMIT 1",
            as_of=as_of,
        )
        # Refusals have no day, only a time: they are reported for the newest published day alone.
        # Those of people (`retention promote`) did not move the alias, so nothing is unserved.
        refusals = transaction.execute(
            "SELECT DISTINCT ON (alias) alias, model_version, reason "
            "FROM models.promotions AS refusal "
            "WHERE verdict = 'refuse' AND decided_by = :mlflow "
            "AND NOT EXISTS (SELECT FROM scores.published WHERE as_of > :as_of) "
            "AND NOT EXISTS (SELECT FROM models.promotions AS later "
            "WHERE later.alias = refusal.alias AND later.promotion_id > refusal.promotion_id "
            "AND later.verdict = ANY (:moving)) "
            "ORDER BY alias, promotion_id DESC",
            mlflow=MOVED_IN_MLFLOW,
            moving=list(MOVING),
            as_of=as_of,
        )
    age = None
    if newest is not None and newest_input:
        elapsed = clock.midnight(newest, settings.calendar.timezone) - newest_input[0][0]
        age = elapsed.total_seconds() / _DAY_SECONDS
    return Freshness(
        as_of=as_of,
        newest_published=newest,
        newest_input_age_days=age,
        refused_snapshot=snapshots[0].refused_because if snapshots else None,
        refused_models=tuple((row.alias, row.model_version, row.reason) for row in refusals),
    )


def features_read(settings: Settings, snapshot: PublishedSnapshot) -> tuple[str, ...]:
    """The features that the champion of a snapshot reads; all where its files are not at hand."""
    try:
        if not snapshot.is_calibrated:
            return tuple(starter(settings).bundle.features)
        bundle = Registry(settings).fetch(snapshot.model_version, snapshot.bundle_sha256)
    except RegistryError as error:
        logger.warning("All features are watched, not only those the champion reads: %s", error)
        return FEATURE_NAMES
    return tuple(name for name in bundle.features if name in FEATURE_NAMES)


def built_alike(warehouse: Warehouse, as_of: date) -> dict[date, int]:
    """Days whose stored features mean the same as those of `as_of`, with their customers."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT DISTINCT ON (as_of) as_of, catalogue_sha256, customers_count "
            "FROM features.builds WHERE as_of <= :as_of ORDER BY as_of, build_id DESC",
            as_of=as_of,
        )
    meaning = {row.as_of: row.catalogue_sha256 for row in rows}.get(as_of)
    return {row.as_of: row.customers_count for row in rows if row.catalogue_sha256 == meaning}


def shop_age(warehouse: Warehouse, settings: Settings, as_of: date) -> ShopAge:
    """Since when the shop has rows of known customers in each feed, as known on a day."""
    firsts = ", ".join(
        f"min(event_day) FILTER (WHERE {rows} > 0), "
        f"min(greatest(event_day + 1, known_from_day)) FILTER (WHERE {rows} > 0)"
        for rows in _ROWS_OF_FEED.values()
    )
    with warehouse.transaction() as transaction:
        [row] = transaction.execute(
            f"SELECT {firsts} FROM features.customer_day WHERE known_from_day <= :as_of",
            as_of=clock.day_number(as_of),
        )
    starts = {
        feed: FeedStart(event_on=clock.day_of(event_day), known_on=clock.day_of(known_day))
        for feed, event_day, known_day in zip(_ROWS_OF_FEED, row[::2], row[1::2], strict=True)
        if event_day is not None
    }
    return ShopAge(starts=starts, active_days=settings.churn.active_days)


def features(
    warehouse: Warehouse, days: Sequence[date], names: Sequence[str], share: float
) -> dict[date, dict[str, Floats]]:
    """Features of about `share` of the customers by day and name, NaN where missing."""
    rows = warehouse.read(sampled(rows_of(days), share).select("as_of", *names))
    by_day = {day: rows.filter(pc.field("as_of") == pa.scalar(day)) for day in days}
    return {day: {name: column(by_day[day], name) for name in names} for day in days}


def probabilities(
    warehouse: Warehouse, snapshots: Iterable[int], share: float
) -> dict[int, Floats]:
    """The champion's probabilities for about `share` of the customers, by snapshot."""
    wanted = sorted(set(snapshots))
    rows = CUSTOMER_DAILY.filter(CUSTOMER_DAILY.snapshot_id.isin(wanted))
    rows = sampled(rows, share).select("snapshot_id", probability=champion_probability(rows))
    table = warehouse.read(rows)
    ids = table["snapshot_id"].to_numpy()
    predictions = table["probability"].to_numpy()
    return {snapshot: predictions[ids == snapshot] for snapshot in wanted}


def tiers_and_reasons(
    warehouse: Warehouse, snapshots: Iterable[int]
) -> dict[str, dict[int, Counter[str]]]:
    """Customers per `tier`, and per family of the first reason (`explanation`), by snapshot.

    Customers served by the challenger are left out: it has its own tiers and reasons.
    """
    wanted = sorted(set(snapshots))
    rows = CUSTOMER_DAILY.filter(
        CUSTOMER_DAILY.snapshot_id.isin(wanted), CUSTOMER_DAILY.arm != CHALLENGER_ARM
    )
    groups = rows.group_by("snapshot_id", "risk_tier", "reason_1_code").agg(
        customers_count=rows.count()
    )
    tiers, reasons = ({snapshot: Counter[str]() for snapshot in wanted} for _ in range(2))
    for row in warehouse.read(groups).to_pylist():
        tiers[row["snapshot_id"]][row["risk_tier"]] += row["customers_count"]
        family = (row["reason_1_code"] or "none").partition("/")[0]
        reasons[row["snapshot_id"]][family] += row["customers_count"]
    return {"tier": tiers, "explanation": reasons}


def label_rates(
    warehouse: Warehouse, definition_hash: str, at: datetime
) -> dict[date, tuple[int, float]]:
    """Customers and share that churned of each day whose outcome had settled at a moment."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT as_of, customers_count, churned_count FROM models.label_windows "
            "WHERE definition_hash = :hash AND settles_at <= :at AND customers_count > 0",
            hash=definition_hash,
            at=at,
        )
    return {
        row.as_of: (row.customers_count, row.churned_count / row.customers_count) for row in rows
    }


def cohort(
    warehouse: Warehouse, settings: Settings, snapshot: PublishedSnapshot, known_as_of: date
) -> Cohort | None:
    """Observed and expected churn of a published day with known outcomes; None without customers.

    Customers who were excluded as abnormal when the outcome had settled are left out, and those
    whom a campaign reached between score and outcome, as far as known; where
    the platform's own decisions reached them, those whom its lots left alone stand for them.
    """
    labels = stored_labels(snapshot.as_of, snapshot.definition_hash)
    reached = contacts(churn_definition(settings), snapshot.as_of, known_as_of=known_as_of)
    scores = CUSTOMER_DAILY.filter(CUSTOMER_DAILY.snapshot_id == snapshot.snapshot_id)
    predictions = scores.select("customer_id", probability=champion_probability(scores))
    scored = labels.filter(~labels.is_abnormal).join(predictions, "customer_id")
    if warehouse.read(reached.filter(reached.is_own).limit(1)).num_rows:
        rows = warehouse.read(scored.select("customer_id", "probability", "is_churned"))
        customers = rows["customer_id"].cast(pa.string()).combine_chunks()
        weights = contamination(customers, warehouse.read(reached)).left_alone
        rows, weights = rows.filter(pa.array(weights > 0)), weights[weights > 0]
    else:
        not_contacted = scored.anti_join(
            reached.filter(reached.kind == SENT).select("customer_id"), "customer_id"
        )
        rows = warehouse.read(not_contacted.select("probability", "is_churned"))
        weights = np.ones(rows.num_rows)
    if rows.num_rows == 0:
        return None
    probability = rows["probability"].to_numpy()
    churned = rows["is_churned"].cast(pa.float64()).to_numpy()
    variance = (weights**2 * probability * (1 - probability)).sum()
    return Cohort(
        as_of=snapshot.as_of,
        customers_count=rows.num_rows,
        observed_rate=float(np.average(churned, weights=weights)),
        expected_rate=float(np.average(probability, weights=weights)),
        chance=float(np.sqrt(variance) / weights.sum()),
    )


def codes(
    warehouse: Warehouse, settings: Settings, days: Sequence[date], *, recent_days: int
) -> dict[date, dict[str, Counter[str]]]:
    """How often each code occurs, as known on some days: channels of orders, countries of buyers.

    Orders of the `recent_days` before each day count.
    """
    occurrences: dict[date, dict[str, Counter[str]]] = {}
    for day in days:
        instant = clock.midnight(day, settings.calendar.timezone)
        since = clock.midnight(day - timedelta(days=recent_days), settings.calendar.timezone)
        orders = known(_ORDERS, instant)
        recent = orders.filter(orders.event_at >= ibis.literal(since, "timestamp('UTC')"))
        people = known(_CUSTOMERS, instant).select("customer_id", code="country")
        buyers = recent.select("customer_id").distinct().join(people, "customer_id")
        occurrences[day] = {
            "orders.channel": _count_codes(warehouse, recent.select(code="channel")),
            "customers.country": _count_codes(warehouse, buyers.select("code")),
        }
    return occurrences


def _count_codes(warehouse: Warehouse, rows: ibis.Table) -> Counter[str]:
    filled = rows.filter(rows.code.notnull())
    counts = warehouse.read(filled.group_by("code").agg(rows_count=filled.count()))
    return Counter({row["code"]: row["rows_count"] for row in counts.to_pylist()})
