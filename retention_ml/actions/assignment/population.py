"""The customers of a day whose scores are published, and what is known of them at its start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.abnormal.excluded import excluded_customers, without
from retention_ml.actions.assignment.eligibility import Customers, Texts
from retention_ml.actions.assignment.history import contact_counts
from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.permissions import PERMISSIONS, permitted
from retention_ml.curated.known import known
from retention_ml.errors import NotReady
from retention_ml.features.store import rows_of
from retention_ml.models.bundle.starter import NAME as STARTER
from retention_ml.profiles.read_stages import read_stages
from retention_ml.scores.snapshot import CUSTOMER_DAILY
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools
from retention_ml.warehouse import Warehouse

_FEATURES = ("recency_days", "revenue_per_order_mean_cents")
_ADDRESSED = "email"  # the channel that needs an address; so does every push
Read = Callable[[ibis.Table | str], pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Everybody who was active on a day.

    Parameters
    ----------
    snapshot_id : int
        The published scores.
    scores_digest : str
    population_count, abnormal_count, unscored_count : int
        Active customers, those of them who are excluded as abnormal, and others without a score.
    is_of_starter : bool
        Whether the starter model scored: its probabilities were never compared with this shop's.
    customers : Customers
        Those with a score.
    """

    snapshot_id: int
    scores_digest: str
    population_count: int
    abnormal_count: int
    unscored_count: int
    is_of_starter: bool
    customers: Customers


def load_population(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    actions: Sequence[Action],
    customer_id: str | None = None,
) -> Population:
    """The day's published scores with orders, contacts and permissions as known at its start.

    With a `customer_id` only that one is among the customers.

    Raises
    ------
    NotReady
        No scores are published for the day.
    """
    timezone, churn = settings.calendar.timezone, settings.churn
    with warehouse.snapshot() as read:
        manifest = _manifest(read, as_of)
        scored = _rows(read, manifest["snapshot_id"], as_of, customer_id)
        counts = contact_counts(
            as_of,
            timezone,
            fatigue_days=settings.actions.fatigue_days,
            window_days=churn.lead_days + churn.horizon_days,
        )
        contacts = read(_of(customer_id, counts))
        instant = clock.midnight(as_of, timezone)
        grants = read(_of(customer_id, permitted(instant)))
        statements = _of(customer_id, known(PERMISSIONS, instant))
        faults = read(
            statements.filter(statements.kind.isin(["bounced", "complained"]))
            .select("customer_id", "channel")
            .distinct()
        )
    # Who was found out after the scores were made has one, and gets nothing all the same.
    rows = without(scored, excluded_customers(warehouse, as_of))
    abnormal_count = int(manifest["abnormal_count"])
    ids = rows["customer_id"].combine_chunks()
    place = pc.index_in(ids, value_set=contacts["customer_id"].combine_chunks())
    is_permitted, is_suppressed, has_address = _permissions(ids, actions, grants, faults)
    return Population(
        snapshot_id=int(manifest["snapshot_id"]),
        scores_digest=str(manifest["scores_digest"]),
        population_count=int(manifest["population_count"]),
        abnormal_count=abnormal_count + scored.num_rows - rows.num_rows,
        unscored_count=int(manifest["excluded_count"]) - abnormal_count,
        is_of_starter=manifest["model_name"] == STARTER,
        customers=Customers(
            customer_ids=ids.to_pylist(),
            stage=_stages(warehouse, settings, as_of, actions, ids),
            tier=np.asarray(rows["risk_tier"].to_numpy(), dtype=object),
            churn_probability=_floats(rows["churn_probability"]),
            value_cents=_floats(rows["expected_value_at_risk_cents"]),
            since_order_days=_floats(rows["recency_days"]),
            basket_cents=_floats(rows["revenue_per_order_mean_cents"]),
            recent_contacts=_counts(contacts["recent_contacts"], place),
            year_contacts=_counts(contacts["year_contacts"], place),
            is_permitted=is_permitted,
            is_suppressed=is_suppressed,
            has_address=has_address,
        ),
    )


def _manifest(read: Read, as_of: date) -> dict[str, Any]:
    published = read(
        "SELECT snapshot_id, scores_digest, model_name, population_count, excluded_count, "
        "(SELECT count(*) FROM scores.exclusions WHERE exclusions.snapshot_id = "
        "snapshots.snapshot_id AND reason_code = 'abnormal') AS abnormal_count "
        "FROM scores.snapshots JOIN scores.published USING (snapshot_id) "
        f"WHERE published.as_of = DATE '{as_of.isoformat()}'"
    ).to_pylist()
    if not published:
        raise NotReady(
            f"No scores are published for {as_of}, so nobody can be assigned an action. Score and "
            f"publish the day first: `retention score --as-of {as_of}`."
        )
    return dict(published[0])


def _of(customer_id: str | None, rows: ibis.Table) -> ibis.Table:
    """The rows of one customer; all where none is named."""
    return rows if customer_id is None else rows.filter(rows.customer_id == customer_id)


def _rows(read: Read, snapshot_id: int, as_of: date, customer_id: str | None) -> pa.Table:
    """Scores and features in the order of the customers' bytes."""
    scores = _of(customer_id, CUSTOMER_DAILY)
    scores = scores.filter(scores.snapshot_id == snapshot_id).select(
        "customer_id", "risk_tier", "churn_probability", "expected_value_at_risk_cents"
    )
    features = rows_of([as_of]).select("customer_id", *_FEATURES)
    return read(scores.left_join(features, "customer_id").drop("customer_id_right")).sort_by(
        "customer_id"
    )


def _stages(
    warehouse: Warehouse, settings: Settings, as_of: date, actions: Sequence[Action], ids: pa.Array
) -> Texts | None:
    """The lifecycle stage of each customer; None where no action asks for it."""
    if all(action.rule.stages is None for action in actions):
        return None
    rows = read_stages(warehouse, settings=settings, as_of=as_of)
    place = pc.index_in(ids, value_set=rows["customer_id"].combine_chunks())
    stages = rows["lifecycle_stage"].combine_chunks().take(place)
    return np.asarray(stages.to_numpy(zero_copy_only=False), dtype=object)


def _permissions(
    ids: pa.Array, actions: Sequence[Action], grants: pa.Table, faults: pa.Table
) -> tuple[Bools, Bools, Bools]:
    """Permitted, suppressed and with an address, each of shape (n, k)."""
    n = len(ids)
    nobody, everybody = np.zeros(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
    columns: list[tuple[Bools, Bools, Bools]] = []
    for action in actions:
        channel = action.permission_channel
        if channel is None:
            columns.append((everybody, nobody, everybody))
            continue
        granted = grants.filter(pc.field("channel") == channel)
        permission = _is_in(ids, granted.filter(pc.field("purpose") == action.rule.purpose))
        faulty = _is_in(ids, faults.filter(pc.field("channel") == channel))
        needs_address = action.channel == _ADDRESSED or action.kind == "push"
        addressed = _is_in(ids, granted.filter(pc.is_valid(pc.field("address"))))
        needs = action.rule.needs_permission
        columns.append(
            (
                permission if needs else everybody,
                faulty & ~permission if needs else nobody,
                addressed if needs_address else everybody,
            )
        )
    is_permitted, is_suppressed, has_address = (
        np.column_stack(column) for column in zip(*columns, strict=True)
    )
    return is_permitted, is_suppressed, has_address


def _is_in(ids: pa.Array, rows: pa.Table) -> Bools:
    mask = pc.is_in(ids, value_set=rows["customer_id"].combine_chunks())
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _floats(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    filled = pc.fill_null(column.cast(pa.float64()), float("nan"))
    return np.asarray(filled.to_numpy(), dtype=np.float64)


def _counts(values: pa.ChunkedArray, place: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The value of each customer, 0 where there is none."""
    counts = pc.fill_null(values.combine_chunks().cast(pa.int64()).take(place), 0)
    return np.asarray(counts.to_numpy(zero_copy_only=False), dtype=np.int64)
