"""How good a day's published scores were, once outcomes are known: `outcomes.performance`."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from retention_ml import clock
from retention_ml.outcomes.forecasts import Forecasts, ScoredSnapshot
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval, metric_interval, row_weights
from retention_ml.statistics.metrics import METRICS, OUTCOMES_MIN, score
from retention_ml.warehouse import Warehouse

ALL = "all"
WEIGHTED = "all, weighted for campaigns"
_INTERVAL_ROWS_MAX = 20_000

Metrics = Mapping[str, Interval]


def metrics_of(
    probability: Floats,
    churned: Floats,
    *,
    draws: int,
    seed: int,
    weights: Floats | None = None,
) -> Metrics:
    """Every metric of one model on one day, with 95 % intervals from resampling customers.

    Of more than 20,000 customers that many are drawn and resampled; the spread of the resamples is
    scaled to all customers by the square root. A metric that is not defined, such as a ROC AUC of
    one class, is left out.

    Parameters
    ----------
    probability, churned : array of float64, shape (n,)
    draws, seed : int
        Of the resampling.
    weights : array of float64, shape (n,), optional
        How many customers each one represents; default 1.
    """
    if weights is None:
        weights = np.ones(len(churned))
    estimates = score(probability, churned, weights[None, :])
    rng = np.random.default_rng(seed)
    rows = np.arange(len(churned))
    if len(rows) > _INTERVAL_ROWS_MAX:
        rows = np.sort(rng.choice(rows, _INTERVAL_ROWS_MAX, replace=False))
    of_rows = score(probability[rows], churned[rows], weights[rows][None, :])
    chunks = [
        score(probability[rows], churned[rows], counts * weights[rows])
        for counts in row_weights(rng, draws, len(rows))
    ]
    scale = np.sqrt(len(rows) / len(churned))
    metrics = {}
    for name in METRICS:
        value = float(estimates[name][0])
        resampled = np.concatenate([chunk[name] for chunk in chunks])
        # In a resample without one of the classes a ranking is not defined.
        deviations = (resampled - of_rows[name][0])[np.isfinite(resampled)]
        if np.isfinite(value) and len(deviations):
            metrics[name] = metric_interval(name, value, value + scale * deviations)
    return metrics


def performance(forecasts: Forecasts, *, draws: int, seed: int) -> pa.Table:
    """`role, model_version, segment, metric, value, lower, upper, customers_count, contacted_count`.

    Customers reached by a campaign are left out and counted. Where campaigns drew a holdout, the
    segment `all, weighted for campaigns` shows the same with the holdout representing them.
    Segments with fewer than 25 churned or retained customers are left out.
    """
    rows: list[dict[str, object]] = []
    snapshot = forecasts.snapshot
    models = [("champion", snapshot.champion_version, forecasts.champion)]
    if snapshot.challenger_version is not None:
        models.append(("challenger", snapshot.challenger_version, forecasts.challenger))
    segments = {ALL: np.ones(len(forecasts), dtype=np.bool_), **forecasts.segments}
    weights = forecasts.contamination.weights
    for role, version, probability in models:
        is_scored = np.isfinite(probability)
        for segment, inside in segments.items():
            mask = inside & ~forecasts.is_contacted & is_scored
            churned = forecasts.churned[mask]
            is_large_enough = min(churned.sum(), (1 - churned).sum()) >= OUTCOMES_MIN
            if not mask.any() or (segment != ALL and not is_large_enough):
                continue
            metrics = metrics_of(probability[mask], churned, draws=draws, seed=seed)
            contacted_count = int((inside & forecasts.is_contacted).sum())
            rows += _rows(role, version, segment, metrics, int(mask.sum()), contacted_count)
        if weights is not None and ((weights > 0) & is_scored).any():
            mask = (weights > 0) & is_scored
            metrics = metrics_of(
                probability[mask],
                forecasts.churned[mask],
                draws=draws,
                seed=seed,
                weights=weights[mask],
            )
            unrepresented = forecasts.contamination.without_holdout_count
            rows += _rows(role, version, WEIGHTED, metrics, int(mask.sum()), unrepresented)
    return pa.Table.from_pylist(rows, _SCHEMA)


def _rows(
    role: str,
    version: str,
    segment: str,
    metrics: Metrics,
    customers_count: int,
    contacted_count: int,
) -> list[dict[str, object]]:
    return [
        {
            "role": role,
            "model_version": version,
            "segment": segment,
            "metric": name,
            "value": interval.value,
            "lower": interval.lower,
            "upper": interval.upper,
            "customers_count": customers_count,
            "contacted_count": contacted_count,
        }
        for name, interval in metrics.items()
    ]


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("role", "model_version", "segment", "metric")),
        *((name, pa.float64()) for name in ("value", "lower", "upper")),
        *((name, pa.int64()) for name in ("customers_count", "contacted_count")),
    ]
)


def known_since(warehouse: Warehouse, snapshots: Sequence[ScoredSnapshot]) -> dict[int, date]:
    """By snapshot, the day as of which the outcomes behind its stored performance were known.

    Left out are those whose outcomes were counted again after it was stored.
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT snapshot_id, min(known_as_of) AS known_as_of "
            "FROM outcomes.performance AS stored "
            "WHERE snapshot_id = ANY (:ids) AND NOT EXISTS (SELECT 1 FROM models.label_windows "
            "AS labels WHERE labels.as_of = stored.as_of AND labels.definition_hash = "
            "stored.definition_hash AND labels.matured_at > stored.measured_at) "
            "GROUP BY snapshot_id",
            ids=[snapshot.snapshot_id for snapshot in snapshots],
        )
    return {int(row.snapshot_id): row.known_as_of for row in rows}


def write(
    warehouse: Warehouse,
    snapshot: ScoredSnapshot,
    rows: pa.Table,
    *,
    definition_hash: str,
    known_as_of: date,
) -> bool:
    """Replace the day's stored rows, unless those were known later; whether it was done."""
    key = {"as_of": snapshot.as_of, "hash": definition_hash}
    with warehouse.transaction() as transaction:
        transaction.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))",
            key=f"performance:{snapshot.as_of}:{definition_hash}",
        )
        if transaction.execute(
            "SELECT 1 FROM outcomes.performance WHERE as_of = :as_of AND definition_hash = :hash "
            "AND (known_as_of > :known_as_of OR snapshot_id > :id) LIMIT 1",
            known_as_of=known_as_of,
            id=snapshot.snapshot_id,
            **key,
        ):
            return False
        transaction.execute(
            "DELETE FROM outcomes.performance WHERE as_of = :as_of AND definition_hash = :hash",
            **key,
        )
        transaction.copy(
            "outcomes.performance", _stamp(rows, snapshot, definition_hash, known_as_of)
        )
    return True


def _stamp(
    rows: pa.Table, snapshot: ScoredSnapshot, definition_hash: str, known_as_of: date
) -> pa.Table:
    n = rows.num_rows
    stamps = {
        "as_of": pa.repeat(pa.scalar(snapshot.as_of, pa.date32()), n),
        "snapshot_id": pa.repeat(pa.scalar(snapshot.snapshot_id, pa.int64()), n),
        "definition_hash": pa.repeat(pa.scalar(definition_hash), n),
        "known_as_of": pa.repeat(pa.scalar(known_as_of, pa.date32()), n),
        "measured_at": pa.repeat(pa.scalar(clock.now(), pa.timestamp("us", tz="UTC")), n),
    }
    return pa.table({**{name: rows[name] for name in rows.column_names}, **stamps})
