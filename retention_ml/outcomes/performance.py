"""How good a day's published scores were, once outcomes are known: `outcomes.performance`."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from retention_ml import clock
from retention_ml.outcomes.forecasts import Forecasts, ScoredSnapshot
from retention_ml.outcomes.matured import Outcomes
from retention_ml.outcomes.tier_outcomes import write_tier_outcomes
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.bootstrap import Interval, metric_interval, row_weights
from retention_ml.statistics.metrics import METRICS, OUTCOMES_MIN, score
from retention_ml.warehouse import Warehouse

ALL = "all"
WEIGHTED = "all, weighted for campaigns"
OVER_RECENCY = "roc_auc_minus_recency"
_INTERVAL_ROWS_MAX = 20_000

Row = dict[str, object]


def metrics_of(
    probability: Floats,
    churned: Floats,
    *,
    draws: int,
    seed: int,
    weights: Floats | None = None,
) -> dict[str, Interval]:
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
    rows = _resampled_rows(rng, len(churned))
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


def over_recency(
    probability: Floats,
    recency_days: Floats,
    churned: Floats,
    *,
    draws: int,
    seed: int,
    weights: Floats | None = None,
) -> Interval | None:
    """ROC AUC less that of customers ranked by the days since their last order, paired.

    No rule that looks at recency alone ranks better, whatever its thresholds. The interval is made
    like those of `metrics_of`; None where one of both is not defined.

    Examples
    --------
    >>> churned = np.array([0.0, 0.0, 1.0, 1.0] * 30)
    >>> days = np.array([10.0, 40.0, 30.0, 60.0] * 30)
    >>> over_recency(0.1 + 0.8 * churned, days, churned, draws=9, seed=1).value
    0.25
    """
    if weights is None:
        weights = np.ones(len(churned))
    rankings = (probability, recency_days / (1 + recency_days))
    rng = np.random.default_rng(seed)
    rows = _resampled_rows(rng, len(churned))

    def difference(rows: Ints | slice, weights: Floats) -> Floats:
        model, recency = (
            score(ranking[rows], churned[rows], weights)["roc_auc"] for ranking in rankings
        )
        return np.asarray(model - recency)

    value = float(difference(slice(None), weights[None, :])[0])
    of_rows = difference(rows, weights[rows][None, :])
    parts = [
        difference(rows, counts * weights[rows]) for counts in row_weights(rng, draws, len(rows))
    ]
    resampled = np.concatenate(parts)
    deviations = (resampled - of_rows)[np.isfinite(resampled)]
    if not (np.isfinite(value) and len(deviations)):
        return None
    scale = np.sqrt(len(rows) / len(churned))
    return metric_interval(OVER_RECENCY, value, value + scale * deviations, is_difference=True)


def _resampled_rows(rng: np.random.Generator, count: int) -> Ints:
    """The rows whose resamples give intervals: all, or as many as can be afforded."""
    rows = np.arange(count)
    if count > _INTERVAL_ROWS_MAX:
        rows = np.sort(rng.choice(rows, _INTERVAL_ROWS_MAX, replace=False))
    return rows


def performance(forecasts: Forecasts, *, draws: int, seed: int) -> list[Row]:
    """Rows of `outcomes.performance` without their stamps.

    Customers who were excluded as abnormal when the outcome had settled are left out and counted.
    So are those reached by a campaign; where the platform's own decisions
    reached them, those whom its lots left alone stand for them. Where campaigns drew a holdout, the
    segment `all, weighted for campaigns` shows the same with the holdout representing them.
    `roc_auc_minus_recency` stands beside the metrics of all customers, see `over_recency`.
    Segments with fewer than 25 churned or retained customers are left out.
    """
    snapshot, contamination = forecasts.snapshot, forecasts.contamination
    models = [("champion", snapshot.champion_version, forecasts.champion)]
    if snapshot.challenger_version is not None:
        models.append(("challenger", snapshot.challenger_version, forecasts.challenger))
    is_contacted, is_abnormal = contamination.is_contacted, forecasts.is_abnormal
    segments = {ALL: np.ones(len(forecasts), dtype=np.bool_), **forecasts.segments}
    of_lots = contamination.left_alone if contamination.has_own else None
    groups: list[tuple[str, Bools, Bools, Floats | None, int]] = [
        (
            name,
            whole,
            whole & ~is_contacted & ~is_abnormal,
            of_lots,
            (whole & is_contacted & ~is_abnormal).sum(),
        )
        for name, whole in segments.items()
    ]
    if (weights := contamination.weights) is not None:
        represented = (weights > 0) & ~is_abnormal
        lost = contamination.without_holdout_count
        groups.append((WEIGHTED, segments[ALL], represented, weights, lost))
    rows: list[Row] = []
    for role, version, probability in models:
        for segment, whole, inside, weights, contacted_count in groups:
            mask = inside & np.isfinite(probability)
            churned = forecasts.churned[mask]
            is_large_enough = min(churned.sum(), (1 - churned).sum()) >= OUTCOMES_MIN
            if not mask.any() or not (segment in (ALL, WEIGHTED) or is_large_enough):
                continue
            metrics = metrics_of(
                probability[mask],
                churned,
                draws=draws,
                seed=seed,
                weights=None if weights is None else weights[mask],
            )
            recency_days = forecasts.recency_days[mask]
            if segment == ALL and np.isfinite(recency_days).all():
                lead = over_recency(
                    probability[mask],
                    recency_days,
                    churned,
                    draws=draws,
                    seed=seed,
                    weights=None if weights is None else weights[mask],
                )
                metrics |= {OVER_RECENCY: lead} if lead else {}
            rows += [
                {
                    "role": role,
                    "model_version": version,
                    "segment": segment,
                    "metric": name,
                    **interval._asdict(),
                    "customers_count": int(mask.sum()),
                    "contacted_count": int(contacted_count),
                    "abnormal_count": int((whole & is_abnormal).sum()),
                }
                for name, interval in metrics.items()
            ]
    return rows


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
    warehouse: Warehouse, snapshot: ScoredSnapshot, rows: Sequence[Row], outcomes: Outcomes
) -> None:
    """Replace the day's stored rows and sums of outcomes, unless those were known later."""
    stamps: Row = {
        "as_of": snapshot.as_of,
        "snapshot_id": snapshot.snapshot_id,
        "definition_hash": outcomes.definition.hash,
        "known_as_of": outcomes.known_as_of,
    }
    with warehouse.transaction() as transaction:
        transaction.lock(f"performance:{snapshot.as_of}:{outcomes.definition.hash}")
        if transaction.execute(
            "SELECT 1 FROM outcomes.performance WHERE as_of = :as_of "
            "AND definition_hash = :definition_hash "
            "AND (known_as_of > :known_as_of OR snapshot_id > :snapshot_id) LIMIT 1",
            **stamps,
        ):
            return
        transaction.execute(
            "DELETE FROM outcomes.performance WHERE as_of = :as_of "
            "AND definition_hash = :definition_hash",
            **stamps,
        )
        stamps["measured_at"] = clock.now()
        stamped = [row | stamps for row in rows]
        transaction.copy("outcomes.performance", pa.Table.from_pylist(stamped))
        write_tier_outcomes(
            transaction,
            snapshot_id=snapshot.snapshot_id,
            as_of=snapshot.as_of,
            definition_hash=outcomes.definition.hash,
        )
