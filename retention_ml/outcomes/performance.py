"""What a day's published scores were worth, once the outcomes are known: `outcomes.performance`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from retention_ml import clock
from retention_ml.outcomes.forecasts import Forecasts, Scored
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import METRICS, OUTCOMES_MIN, Interval, metric_interval, score
from retention_ml.warehouse import Warehouse

ALL = "all"
WEIGHTED = "all, weighted for campaigns"
_INTERVAL_ROWS_MAX = 20_000
_CHUNK_CELLS = 1_000_000

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

    Of more than 20,000 customers that many are drawn and resampled; how far the resamples lie apart
    is brought to the number of all by the square root. A metric that is not defined, such as a ROC
    AUC of one class, is left out.

    Parameters
    ----------
    probability, churned : array of float64, shape (n,)
    draws, seed : int
        Of the resampling.
    weights : array of float64, shape (n,), optional
        How many customers each one stands for; default itself.
    """
    own = np.ones(len(churned)) if weights is None else weights
    point = score(probability, churned, own[None, :])
    rng = np.random.default_rng(seed)
    rows = np.arange(len(churned))
    if len(rows) > _INTERVAL_ROWS_MAX:
        rows = np.sort(rng.choice(rows, _INTERVAL_ROWS_MAX, replace=False))
    some = score(probability[rows], churned[rows], own[rows][None, :])
    parts = [
        score(probability[rows], churned[rows], times * own[rows])
        for times in _resamples(rng, len(rows), draws)
    ]
    narrower = np.sqrt(len(rows) / len(churned))
    found = {}
    for name in METRICS:
        value = float(point[name][0])
        resampled = np.concatenate([part[name] for part in parts])
        # A resample without one of the classes tells nothing of a ranking.
        apart = (resampled - some[name][0])[np.isfinite(resampled)]
        if np.isfinite(value) and len(apart):
            found[name] = metric_interval(name, value, value + narrower * apart)
    return found


def _resamples(rng: np.random.Generator, rows: int, draws: int) -> Iterator[Floats]:
    """How often each row was drawn, in parts of shape (some draws, rows)."""
    step = max(1, _CHUNK_CELLS // max(1, rows))
    for at in range(0, draws, step):
        count = min(step, draws - at)
        drawn = rng.integers(0, rows, size=(count, rows)) + np.arange(count)[:, None] * rows
        times = np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows)
        yield times.astype(np.float64)


def performance(of: Forecasts, *, draws: int, seed: int) -> pa.Table:
    """`role, model_version, segment, metric, value, lower, upper, customers_count, contacted_count`.

    Customers reached by a campaign are left out and counted. Where campaigns drew a holdout, the
    segment `all, weighted for campaigns` tells the same with the holdout standing for them. Kinds
    of customers with fewer than 25 churned or retained are not told apart.
    """
    rows: list[dict[str, object]] = []
    left_alone = ~of.is_contacted
    models = [("champion", of.scored.champion_version, of.champion)]
    if of.scored.challenger_version is not None:
        models.append(("challenger", of.scored.challenger_version, of.challenger))
    for role, version, probability in models:
        has_answer = np.isfinite(probability)
        groups = {ALL: np.ones(len(of), dtype=np.bool_), **of.segments}
        for segment, inside in groups.items():
            kept = inside & left_alone & has_answer
            churned = of.churned[kept]
            is_told = min(churned.sum(), (1 - churned).sum()) >= OUTCOMES_MIN
            if not kept.any() or (segment != ALL and not is_told):
                continue
            found = metrics_of(probability[kept], churned, draws=draws, seed=seed)
            contacted = int((inside & of.is_contacted).sum())
            rows += _rows(role, version, segment, found, int(kept.sum()), contacted)
        weights = of.contamination.weights
        if weights is not None and ((weights > 0) & has_answer).any():
            kept = (weights > 0) & has_answer
            found = metrics_of(
                probability[kept], of.churned[kept], draws=draws, seed=seed, weights=weights[kept]
            )
            without = of.contamination.without_holdout_count
            rows += _rows(role, version, WEIGHTED, found, int(kept.sum()), without)
    return pa.Table.from_pylist(rows, _SCHEMA)


def _rows(
    role: str, version: str, segment: str, found: Metrics, customers: int, contacted: int
) -> list[dict[str, object]]:
    return [
        {
            "role": role,
            "model_version": version,
            "segment": segment,
            "metric": name,
            "value": own.value,
            "lower": own.lower,
            "upper": own.upper,
            "customers_count": customers,
            "contacted_count": contacted,
        }
        for name, own in found.items()
    ]


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("role", "model_version", "segment", "metric")),
        *((name, pa.float64()) for name in ("value", "lower", "upper")),
        *((name, pa.int64()) for name in ("customers_count", "contacted_count")),
    ]
)


def known_since(warehouse: Warehouse, snapshots: Sequence[Scored]) -> dict[int, date]:
    """By snapshot, up to when knowledge went into its stored performance.

    Left out are those whose outcomes were counted anew after it was stored.
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT snapshot_id, min(known_as_of) AS known FROM outcomes.performance AS stored "
            "WHERE snapshot_id = ANY (:ids) AND NOT EXISTS (SELECT 1 FROM models.label_windows "
            "AS own WHERE own.as_of = stored.as_of AND own.definition_hash = "
            "stored.definition_hash AND own.matured_at > stored.measured_at) GROUP BY snapshot_id",
            ids=[one.snapshot_id for one in snapshots],
        )
    return {int(row.snapshot_id): row.known for row in rows}


def write(
    warehouse: Warehouse,
    scored: Scored,
    rows: pa.Table,
    *,
    definition_hash: str,
    known_as_of: date,
) -> bool:
    """Put the rows in place of what is stored for the day, unless that was known later; if so."""
    n = rows.num_rows
    stamped = pa.table(
        {
            **{name: rows[name] for name in rows.column_names},
            "as_of": pa.repeat(pa.scalar(scored.as_of, pa.date32()), n),
            "snapshot_id": pa.repeat(pa.scalar(scored.snapshot_id, pa.int64()), n),
            "definition_hash": pa.repeat(pa.scalar(definition_hash), n),
            "known_as_of": pa.repeat(pa.scalar(known_as_of, pa.date32()), n),
            "measured_at": pa.repeat(pa.scalar(clock.now(), pa.timestamp("us", tz="UTC")), n),
        }
    )
    key = {"as_of": scored.as_of, "hash": definition_hash}
    with warehouse.transaction() as transaction:
        transaction.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))",
            key=f"performance:{scored.as_of}:{definition_hash}",
        )
        later = transaction.execute(
            "SELECT 1 FROM outcomes.performance WHERE as_of = :as_of AND definition_hash = :hash "
            "AND (known_as_of > :known OR snapshot_id > :id) LIMIT 1",
            known=known_as_of,
            id=scored.snapshot_id,
            **key,
        )
        if later:
            return False
        transaction.execute(
            "DELETE FROM outcomes.performance WHERE as_of = :as_of AND definition_hash = :hash",
            **key,
        )
        transaction.copy("outcomes.performance", stamped)
    return True
