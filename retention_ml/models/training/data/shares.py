"""Which customers a training learns from and is evaluated on, decided before features are built."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from retention_ml.abnormal.excluded import excluded_customers, is_excluded
from retention_ml.clock import day_number
from retention_ml.features import freshness, store
from retention_ml.features.build import ensure
from retention_ml.features.inputs import orders_for
from retention_ml.features.samples import store as sample_store
from retention_ml.features.samples.activity import Activity
from retention_ml.features.samples.build_samples import ensure_samples
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Shares of the customers, chosen by a digest of their ids: the smaller is part of the larger.

    Parameters
    ----------
    training : float
        Of these, rows of `training_days` are trained on; 1 is everybody.
    evaluation : float
        Of these, rows of `evaluation_days` are read; never less than `training`.
    training_days, evaluation_days : tuple of date
        A day may be both.
    populations : mapping of date to int
        Active customers of each day, without those who are excluded.
    """

    training: float
    evaluation: float
    training_days: tuple[date, ...]
    evaluation_days: tuple[date, ...]
    populations: Mapping[date, int]

    @property
    def by_day(self) -> dict[date, float]:
        """The share of the customers that is read of each day."""
        shares = dict.fromkeys(self.training_days, self.training)
        return shares | dict.fromkeys(self.evaluation_days, self.evaluation)

    @property
    def whole_days(self) -> list[date]:
        """Days of which everybody is read."""
        return sorted(day for day, share in self.by_day.items() if share >= 1)

    @property
    def sampled_days(self) -> dict[date, float]:
        """The other days, with their shares."""
        return {day: share for day, share in self.by_day.items() if share < 1}


def shares_of(
    populations: Mapping[date, int],
    *,
    training_days: Sequence[date],
    evaluation_days: Sequence[date],
    rows_max: int,
    evaluation_rows_max: int,
) -> Shares:
    """The shares that keep rows to train on, and rows of evaluation days, within their limits.

    Examples
    --------
    >>> first, last = date(2026, 1, 1), date(2026, 2, 1)
    >>> shares = shares_of(
    ...     {first: 900, last: 1_000}, training_days=[first], evaluation_days=[last],
    ...     rows_max=450, evaluation_rows_max=2_000,
    ... )
    >>> shares.sampled_days == {first: 0.5}, shares.whole_days == [last]
    (True, True)
    """
    training, evaluation = (
        min(1.0, limit / max(1, sum(populations[day] for day in days)))
        for days, limit in ((training_days, rows_max), (evaluation_days, evaluation_rows_max))
    )
    return Shares(
        training=training,
        evaluation=max(training, evaluation),
        training_days=tuple(sorted(training_days)),
        evaluation_days=tuple(sorted(evaluation_days)),
        populations=populations,
    )


def decide_shares(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    training_days: Sequence[date],
    evaluation_days: Sequence[date],
) -> Shares:
    """The shares for a training of `as_of`, from who was active on each day by the rollups."""
    days = sorted({*training_days, *evaluation_days})
    active_days = settings.churn.active_days
    newest_rollup_id = freshness.newest_rollup_id(warehouse)
    rows = warehouse.read(
        orders_for([day_number(day) for day in days], active_days, newest_rollup_id)
    )
    freshness.require_kept(warehouse.read, newest_rollup_id)
    activity = Activity.of_table(rows, active_days)
    counts = ~is_excluded(activity.customers, excluded_customers(warehouse, as_of))
    return shares_of(
        {day: int((activity.is_active(day_number(day)) & counts).sum()) for day in days},
        training_days=training_days,
        evaluation_days=evaluation_days,
        rows_max=settings.training.rows_max,
        evaluation_rows_max=settings.training.evaluation_rows_max,
    )


def build_features(
    warehouse: Warehouse,
    *,
    settings: Settings,
    shares: Iterable[Shares],
    whole_days: Collection[date] = (),
) -> list[Receipt]:
    """Build what of the features some trainings read: whole days, or samples of them.

    `whole_days` are needed whole whatever a training reads of them.
    """
    sampled_days: dict[date, float] = {}
    whole = set(whole_days)
    for each in shares:
        whole.update(each.whole_days)
        for day, share in each.sampled_days.items():
            sampled_days[day] = max(share, sampled_days.get(day, 0.0))
    built = ensure(warehouse, settings=settings, days=sorted(whole)) if whole else []
    return built + ensure_samples(warehouse, settings=settings, shares=sampled_days)


def read_features(warehouse: Warehouse, shares: Shares) -> pa.Table:
    """The rows of all days, ordered by day and customer within whole and sampled ones."""
    parts = []
    if shares.whole_days:
        parts.append(store.read(warehouse, shares.whole_days))
    if shares.sampled_days:
        parts.append(sample_store.read(warehouse, shares.sampled_days))
    return pa.concat_tables(parts)
