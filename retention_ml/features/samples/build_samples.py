"""The door that builds samples of the customers of some days: computation, checks, store."""

import logging
import time
from collections.abc import Mapping
from datetime import date, timedelta

import pyarrow as pa

from retention_ml import clock
from retention_ml.clock import day_number, day_of
from retention_ml.errors import AccountingError, NotReady, QualityError
from retention_ml.failpoints import failpoint
from retention_ml.features import freshness, invariants
from retention_ml.features import store as days_store
from retention_ml.features.definition import definition_sha256
from retention_ml.features.roll_up import roll_up
from retention_ml.features.samples import store
from retention_ml.features.samples.compute import Sample, compute_samples
from retention_ml.limits import limits_of
from retention_ml.quality.check import check_table
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

# Trainings of a month: one that is compared again, or a backtest, finds its days.
_KEPT_DAYS = 30


def ensure_samples(
    warehouse: Warehouse, *, settings: Settings, shares: Mapping[date, float]
) -> list[Receipt]:
    """Build those of the samples that are missing, too small or stale; see `build.ensure`.

    A sample holds the rows that the whole day would have of its customers, and passes the same
    suite. Each is stored with its record in one transaction: a run that was killed goes on with
    the days that are left. Samples that were built more than thirty days ago and are not among
    these are deleted.

    Parameters
    ----------
    shares : mapping of date to float
        The share of the customers of each day, more than 0, see `sampling`.

    Returns
    -------
    list of Receipt
        One per day that was built; empty if all were fresh.

    Raises
    ------
    NotReady
        If nobody was active on one of the days, as far as was known then.
    AccountingError
        If an invariant does not hold.
    QualityError
        If a critical expectation failed on some days; it names them. The others are stored.
    """
    if not shares:
        return []
    roll_up(warehouse, settings=settings)
    store.prune(warehouse, before=clock.now() - timedelta(days=_KEPT_DAYS), needed=shares)
    days_store.ensure_columns(warehouse, store.TABLE)
    fresh = store.fresh_days(warehouse, shares, definition_sha256(settings))
    for day in sorted(
        changed := store.changed_days(warehouse, {day: shares[day] for day in fresh})
    ):
        logger.warning(
            "The stored features of the sample of %s are not those that their build recorded: "
            "rows were changed or deleted by hand. They are built again.",
            day,
        )
    wanted = {day: shares[day] for day in sorted(shares) if day not in fresh - changed}
    return _build(warehouse, settings, wanted) if wanted else []


def _build(warehouse: Warehouse, settings: Settings, shares: Mapping[date, float]) -> list[Receipt]:
    newest_rollup_id = freshness.newest_rollup_id(warehouse)
    receipts: list[Receipt] = []
    failures: list[str] = []
    missing = set(shares)
    started = time.perf_counter()
    for sample in compute_samples(
        warehouse,
        engine=settings.features.engine,
        shares={day_number(day): share for day, share in shares.items()},
        active_days=settings.churn.active_days,
        newest_rollup_id=newest_rollup_id,
        limits=limits_of(settings),
        spark=settings.spark,
    ):
        day = day_of(sample.as_of_day)
        missing.remove(day)
        as_of = pa.array([day] * sample.rows.num_rows, pa.date32())
        rows = sample.rows.append_column("as_of", as_of)
        try:
            if rows.num_rows or sample.customers_count:  # of a few customers none may be drawn
                _require_sound(settings, sample)
                _check(warehouse, settings, day, rows)
        except QualityError as failure:
            failures.append(str(failure))
            continue
        digest = _store(warehouse, settings, sample, rows, shares[day], newest_rollup_id)
        receipt = Receipt(
            door="build_samples",
            as_of=day,
            read=sample.customers_count,
            written=rows.num_rows,
            seconds=time.perf_counter() - started,
            details={
                "features_digest": digest,
                "sample_share": shares[day],
                "population_count": sample.population_count,
                "engine": settings.features.engine,
            },
        )
        receipts.append(warehouse.record(receipt, settings.run_id))
        started = time.perf_counter()
    if failures:
        raise QualityError(" ".join(failures))
    if missing:
        raise NotReady(
            f"No customer is known to have ordered in the {settings.churn.active_days} days before "
            f"{min(missing)}. Ingest what is missing, or train on a later day."
        )
    return receipts


def _check(warehouse: Warehouse, settings: Settings, day: date, rows: pa.Table) -> None:
    """Check a sample's computed rows, not stored yet, against the suite of whole days."""
    check_table(warehouse, settings=settings, suite=days_store.TABLE, as_of=day, rows=rows)


def _require_sound(settings: Settings, sample: Sample) -> None:
    day = day_of(sample.as_of_day)
    invariants.require_sound(
        sample.rows,
        as_of=day.isoformat(),
        customers=sample.customers_count,
        active_days=settings.churn.active_days,
    )
    if sample.newest_input_at >= clock.midnight(day, settings.calendar.timezone):
        raise AccountingError(
            f"The newest input of the features of {day} is later than the start of that day. "
            "Nothing was stored. Please report this as a defect."
        )


def _store(
    warehouse: Warehouse,
    settings: Settings,
    sample: Sample,
    rows: pa.Table,
    share: float,
    newest_rollup_id: int,
) -> str:
    """Put a day's checked sample and its record in place of what was stored; its digest."""
    digest = days_store.digest(rows)
    record = {
        "sample_share": share,
        "features_digest": digest,
        "catalogue_sha256": definition_sha256(settings),
        "newest_rollup_id": newest_rollup_id,
        "customers_count": rows.num_rows,
        "population_count": sample.population_count,
        "newest_input_at": sample.newest_input_at,
        "engine": settings.features.engine,
        "run_id": settings.run_id,
        "built_at": clock.now(),
    }
    with warehouse.transaction() as transaction:
        days_store.replace_day(transaction, day_of(sample.as_of_day), rows, store.TABLE)
        failpoint("build_samples.before_record")
        store.replace_record(transaction, day_of(sample.as_of_day), record)
        failpoint("build_samples.before_commit")
    return digest
