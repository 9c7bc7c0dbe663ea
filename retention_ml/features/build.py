"""The door that builds the features of a day: rollups, computation, checks, store."""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from retention_ml import clock
from retention_ml.clock import day_number, day_of
from retention_ml.errors import AccountingError, NotReady, QualityError
from retention_ml.failpoints import failpoint
from retention_ml.features import freshness, invariants, store
from retention_ml.features.cache import day_files, origin
from retention_ml.features.cache.rollup_cache import rollup_folder_of
from retention_ml.features.definition import definition_sha256, rename_digests_of_sql
from retention_ml.features.engines import compute, summarize
from retention_ml.features.roll_up import roll_up
from retention_ml.limits import limits_of
from retention_ml.quality.check import check_table
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

_DAYS_AT_ONCE = 12
_ROWS_AT_ONCE = 400_000  # of all columns half a gigabyte, a few times over while they are checked
_BUILT_AGAIN = (
    "The stored features of %s are not those that their build recorded: rows were changed by hand, "
    "or another version of the library built them. They are built again."
)


def build(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Build the features of one day, in place of what was stored for it; see `build_many`."""
    return build_many(warehouse, settings=settings, days=[as_of])[0]


def build_many(warehouse: Warehouse, *, settings: Settings, days: Sequence[date]) -> list[Receipt]:
    """Build the features of some days, each in place of what was stored for it.

    Days are computed together, up to twelve at once and fewer where they have many customers. Their invariants are checked before any of
    them is stored, and each day by the suite `expectations/features.customer_daily.json`; then
    the rows and the record of each day that passed replace what was there, in one transaction.

    Returns
    -------
    list of Receipt
        One per day, in order; details: features_digest, engine, newest_input_at.

    Raises
    ------
    NotReady
        If nobody was active on one of the days, as far as was known then. Nothing is stored.
    AccountingError
        If an invariant does not hold.
    QualityError
        If a critical expectation failed on some days; it names them. The others are stored.

    Of days that fail, what was stored before stays as it is.
    """
    roll_up(warehouse, settings=settings)
    return _build_rolled_up(warehouse, settings, sorted(set(days)))


def ensure(warehouse: Warehouse, *, settings: Settings, days: Sequence[date]) -> list[Receipt]:
    """Build those of the days that are missing or stale.

    Stale is a day built with other definitions (features, calendar, `churn.active_days`), about
    which more is known by now than when it was built, or whose stored rows are not those that its
    build recorded.

    Returns
    -------
    list of Receipt
        One per day that was built; empty if all were fresh.
    """
    wanted = sorted(set(days))
    fresh = _fresh_days(warehouse, settings, wanted)
    for day in sorted(changed := store.changed_days(warehouse, fresh)):
        logger.warning(_BUILT_AGAIN, day)
    return _build_rolled_up(
        warehouse, settings, [day for day in wanted if day not in fresh - changed]
    )


def ensure_rows(warehouse: Warehouse, *, settings: Settings, as_of: date) -> tuple[pa.Table, str]:
    """The rows of one day and their digest, after `ensure`: they are read once."""
    if as_of not in _fresh_days(warehouse, settings, [as_of]):
        _build_rolled_up(warehouse, settings, [as_of])
    try:
        return store.read_day(warehouse, as_of, day_files.day_folder(settings.home))
    except AccountingError:
        logger.warning(_BUILT_AGAIN, as_of)
        _build_rolled_up(warehouse, settings, [as_of])
        return store.read_day(warehouse, as_of, day_files.day_folder(settings.home))


def _fresh_days(warehouse: Warehouse, settings: Settings, days: Sequence[date]) -> set[date]:
    """Those of the days whose newest build is of today's definitions and all that is known."""
    roll_up(warehouse, settings=settings)
    rename_digests_of_sql(warehouse, settings)
    return freshness.fresh_days(warehouse, days, definition_sha256(settings))


def _build_rolled_up(
    warehouse: Warehouse, settings: Settings, days: Sequence[date]
) -> list[Receipt]:
    if not days:
        return []
    store.ensure_columns(warehouse)
    newest_rollup_id = freshness.newest_rollup_id(warehouse)
    inputs: dict[date, dict[str, Any]] = {}
    for first in range(0, len(days), _DAYS_AT_ONCE):
        some = days[first : first + _DAYS_AT_ONCE]
        inputs |= _summarize_inputs(warehouse, settings, some, newest_rollup_id)
    parts = _parts({day: inputs[day]["customers_count"] for day in days})
    receipts = []
    failures: list[str] = []
    for part in parts:
        started = time.perf_counter()
        rows = compute(
            warehouse,
            engine=settings.features.engine,
            days=[day_number(day) for day in part],
            active_days=settings.churn.active_days,
            newest_rollup_id=newest_rollup_id,
            limits=limits_of(settings),
            spark=settings.spark,
            cache=rollup_folder_of(settings),
        )
        rows_by_day = {day: _rows_of_day(rows, day) for day in part}
        for day in part:
            invariants.require_sound(
                rows_by_day[day],
                as_of=day.isoformat(),
                customers=inputs[day]["customers_count"],
                active_days=settings.churn.active_days,
            )
        for day in part:
            try:
                _check(warehouse, settings, day, rows_by_day[day])
            except QualityError as failure:
                failures.append(str(failure))
                del rows_by_day[day]
        shared_seconds = (time.perf_counter() - started) / len(part)
        for day, rows_of_day in rows_by_day.items():
            receipt = _store(
                warehouse,
                settings,
                day,
                rows_of_day,
                inputs[day] | {"newest_rollup_id": newest_rollup_id},
                shared_seconds,
                is_kept=day == days[-1],
            )
            receipts.append(warehouse.record(receipt, settings.run_id))
    if failures:
        raise QualityError(" ".join(failures))
    return receipts


def _parts(customers: Mapping[date, int]) -> list[list[date]]:
    """Days that are computed together, by their customers; each of a large shop alone.

    >>> [len(part) for part in _parts({date(2026, 1, day): 150_000 for day in (1, 2, 3, 4, 5)})]
    [2, 2, 1]
    """
    parts: list[list[date]] = []
    rows = 0
    for day, count in customers.items():
        if not parts or len(parts[-1]) == _DAYS_AT_ONCE or rows + count > _ROWS_AT_ONCE:
            parts.append([])
            rows = 0
        parts[-1].append(day)
        rows += count
    return parts


def _check(warehouse: Warehouse, settings: Settings, day: date, rows: pa.Table) -> None:
    """Check a day's computed rows, not stored yet, against the suite of the table."""
    check_table(warehouse, settings=settings, suite=store.TABLE, as_of=day, rows=rows)


def _summarize_inputs(
    warehouse: Warehouse, settings: Settings, days: Sequence[date], newest_rollup_id: int
) -> dict[date, dict[str, Any]]:
    """`customers_count` and `newest_input_at` of each day, counted apart from the features."""
    rows = summarize(
        warehouse,
        days=[day_number(day) for day in days],
        active_days=settings.churn.active_days,
        newest_rollup_id=newest_rollup_id,
        limits=limits_of(settings),
        cache=rollup_folder_of(settings),
    )
    summaries: dict[date, dict[str, Any]] = {
        day_of(row["as_of_day"]): row for row in rows.to_pylist()
    }
    for day in days:
        if day not in summaries or summaries[day]["customers_count"] == 0:
            raise NotReady(_nobody(warehouse, settings, day))
        if summaries[day]["newest_input_at"] >= clock.midnight(day, settings.calendar.timezone):
            raise AccountingError(
                f"The newest input of the features of {day} is later than the start of that day. "
                "Nothing was stored. Please report this as a defect."
            )
    return summaries


def _nobody(warehouse: Warehouse, settings: Settings, day: date) -> str:
    [span] = warehouse.read(
        "SELECT min(event_day) AS first_day, max(event_day) AS last_day "
        "FROM features.customer_day WHERE orders_count > 0"
    ).to_pylist()
    active_days = settings.churn.active_days
    nobody = f"No customer is known to have ordered in the {active_days} days before {day}"
    if span["first_day"] is None:
        return (
            f"{nobody}: there are no orders of known customers at all. Ingest a source with "
            "orders first."
        )
    return (
        f"{nobody}. Orders of known customers run from {day_of(span['first_day'])} to "
        f"{day_of(span['last_day'])}: choose a day after the first and at most "
        f"{active_days} days after the last, or ingest what is missing."
    )


def _rows_of_day(rows: pa.Table, day: date) -> pa.Table:
    """A day's part of the computed rows, as the table has them."""
    rows = rows.filter(pa.compute.equal(rows["as_of_day"], day_number(day)))
    as_of = pa.array([day] * rows.num_rows, pa.date32())
    return rows.drop_columns(["as_of_day"]).append_column("as_of", as_of)


def _store(
    warehouse: Warehouse,
    settings: Settings,
    day: date,
    rows: pa.Table,
    inputs: Mapping[str, Any],
    shared_seconds: float,
    *,
    is_kept: bool,
) -> Receipt:
    """Put a day's checked rows and their record in place of what was stored, and in a file."""
    started = time.perf_counter()
    digest = store.digest(rows)
    with warehouse.transaction() as transaction:
        written = store.replace_day(transaction, day, rows)
        failpoint("build.before_record")
        # Under the day's lock, so that the newest record is always that of the rows.
        transaction.insert_row(
            "features.builds",
            {
                "as_of": day,
                "features_digest": digest,
                "catalogue_sha256": definition_sha256(settings),
                "newest_rollup_id": inputs["newest_rollup_id"],
                "customers_count": written,
                "newest_input_at": inputs["newest_input_at"],
                "engine": settings.features.engine,
                "run_id": settings.run_id,
                "built_at": clock.now(),
            },
        )
        stated = origin.of_transaction(transaction, "days")
        failpoint("build.before_commit")
    if is_kept:
        day_files.write_day(
            day_files.day_folder(settings.home),
            day,
            store.ordered(rows),
            features_digest=digest,
            origin=stated,
        )
    return Receipt(
        door="build",
        as_of=day,
        read=inputs["customers_count"],
        written=written,
        seconds=shared_seconds + time.perf_counter() - started,
        details={
            "features_digest": digest,
            "engine": settings.features.engine,
            "newest_input_at": inputs["newest_input_at"].isoformat(),
        },
    )
