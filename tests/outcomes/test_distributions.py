"""How features are distributed: buckets of tenths against an own count, ties and gaps included."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.features import store
from retention_ml.outcomes.distributions import distributions
from retention_ml.statistics.arrays import Floats
from retention_ml.warehouse import Warehouse

THEN, NOW = date(2026, 1, 5), date(2026, 2, 2)
_SHAPES = ("tenure_days", "orders_count", "recency_days", "season_cos", "return_recency_days")


def _values(shape: str, rng: np.random.Generator, n: int) -> Floats:
    """Smooth, a few whole numbers, some missing, one value for all, and nothing but missing."""
    smooth = rng.gamma(2.0, 30.0, n)
    by_shape = {
        "tenure_days": smooth,
        "orders_count": np.floor(smooth / 40),
        "recency_days": np.where(rng.random(n) < 0.3, np.nan, smooth.round()),
        "season_cos": np.full(n, 0.25),
        "return_recency_days": np.full(n, np.nan),
    }
    return by_shape[shape]


@pytest.fixture
def values(warehouse: Warehouse) -> dict[date, dict[str, Floats]]:
    """Features of two days, as they were written."""
    rng = np.random.default_rng(4)
    store.ensure_columns(warehouse)
    by_day = {}
    for day, n in ((THEN, 337), (NOW, 290)):
        by_day[day] = {shape: _values(shape, rng, n) for shape in _SHAPES}
        rows = {
            "as_of": pa.array([day] * n, pa.date32()),
            "customer_id": [f"c{number}" for number in range(n)],
            **{
                name: pa.array(column, mask=np.isnan(column))
                for name, column in by_day[day].items()
            },
        }
        with warehouse.transaction() as transaction:
            transaction.copy("features.customer_daily", pa.table(rows))
    return by_day


@pytest.mark.parametrize("shape", _SHAPES[:-1])
def test_buckets_are_the_tenths_of_the_earlier_day(
    warehouse: Warehouse, values: dict[date, dict[str, Floats]], shape: str
) -> None:
    with warehouse.transaction() as transaction:
        [one] = distributions(transaction, [shape], as_of=NOW, reference=THEN)
    then, now = (np.sort(values[day][shape][~np.isnan(values[day][shape])]) for day in (THEN, NOW))
    # The discrete percentile: the first value at or above which lies that share.
    tenths = [then[int(np.ceil(len(then) * tenth / 10)) - 1] for tenth in range(1, 10)]
    edges = np.unique(tenths)
    assert one.edges == edges.tolist()
    for counts, present in ((one.reference_counts, then), (one.counts, now)):
        below = [int((present <= edge).sum()) for edge in edges]
        assert counts == np.diff([0, *below, len(present)]).tolist()


def test_a_feature_without_values_then_and_a_name_of_nobody_are_left_out(
    warehouse: Warehouse, values: dict[date, dict[str, Floats]]
) -> None:
    names = ["return_recency_days", 'x"; DROP TABLE features.customer_daily; --', "tenure_days"]
    with warehouse.transaction() as transaction:
        rows = distributions(transaction, names, as_of=NOW, reference=THEN)
    assert [row.name for row in rows] == ["tenure_days"]
