"""What a model of effects reads of a customer: the day's features and own answers, as known then."""

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.actions.catalogue.catalogue import Catalogue
from retention_ml.clock import day_number
from retention_ml.features import freshness
from retention_ml.features.answers import ANSWER_NAMES, compute_answers
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.store import rows_of
from retention_ml.limits import limits_of
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats
from retention_ml.warehouse import Warehouse

EFFECT_FEATURES: tuple[str, ...] = (*FEATURE_NAMES, *ANSWER_NAMES)
"""Columns of `load_values`, in their order."""

_DAYS_AT_ONCE = 12


def effect_days_of(catalogue: Catalogue) -> dict[str, int]:
    """How long each action is taken to have an effect, by name."""
    return {action.action_id: action.effect_days for action in catalogue.contacts.values()}


def load_values(
    warehouse: Warehouse,
    settings: Settings,
    rows: pa.Table,
    *,
    effect_days: Mapping[str, int],
    wanted: ibis.Table | None = None,
) -> Floats:
    """Values of `EFFECT_FEATURES` as known at the start of each row's day, NaN where missing.

    Own answers are 0 of those who never had any.

    Parameters
    ----------
    rows : pa.Table
        `as_of, customer_id`, n rows.
    effect_days : mapping of str to int
        The window of each own action.
    wanted : ibis.Table, optional
        `as_of, customer_id` in the database: only of these features are read.

    Returns
    -------
    array of float64, shape (n, k)
    """
    values = np.full((rows.num_rows, len(EFFECT_FEATURES)), np.nan)
    values[:, len(FEATURE_NAMES) :] = 0.0
    ordinals = np.array([day.toordinal() for day in rows["as_of"].to_pylist()], dtype=np.int64)
    days = [date.fromordinal(int(one)) for one in np.unique(ordinals)]
    customer_ids = rows["customer_id"].combine_chunks()
    for first in range(0, len(days), _DAYS_AT_ONCE):
        some = days[first : first + _DAYS_AT_ONCE]
        features, answers = _read(warehouse, settings, some, effect_days, wanted)
        for day in some:
            places = np.flatnonzero(ordinals == day.toordinal())
            ids = customer_ids.take(pa.array(places))
            of_day = features.filter(pc.field("as_of") == pa.scalar(day))
            _fill(values, places, ids, of_day, FEATURE_NAMES, 0)
            of_day = answers.filter(pc.field("as_of_day") == day_number(day))
            _fill(values, places, ids, of_day, ANSWER_NAMES, len(FEATURE_NAMES))
    return values


def _read(
    warehouse: Warehouse,
    settings: Settings,
    days: Sequence[date],
    effect_days: Mapping[str, int],
    wanted: ibis.Table | None,
) -> tuple[pa.Table, pa.Table]:
    stored = rows_of(days)
    if wanted is not None:
        stored = stored.semi_join(wanted, ["as_of", "customer_id"])
    answers = compute_answers(
        warehouse,
        engine=settings.features.engine,
        days=[day_number(day) for day in days],
        newest_rollup_id=freshness.newest_rollup_id(warehouse),
        limits=limits_of(settings),
        effect_days=effect_days,
    )
    return warehouse.read(stored), answers


def _fill(
    values: Floats,
    places: np.ndarray[tuple[int], np.dtype[np.intp]],
    ids: pa.Array,
    rows: pa.Table,
    names: Sequence[str],
    column: int,
) -> None:
    """Put the rows of some customers into their places; who has no row stays as they were."""
    position = pc.index_in(ids, value_set=rows["customer_id"].combine_chunks())
    has_row = np.asarray(pc.is_valid(position).to_numpy(zero_copy_only=False))
    matches = pc.drop_null(position)
    for offset, name in enumerate(names):
        filled = pc.fill_null(rows[name].combine_chunks().take(matches), float("nan"))
        values[places[has_row], column + offset] = filled.to_numpy(zero_copy_only=False)
