"""A sample's features are the rows that the whole day has of its customers, bit by bit."""

from collections.abc import Mapping
from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retention_ml.clock import day_number
from retention_ml.errors import NotReady
from retention_ml.features.assemble import customer_daily
from retention_ml.features.engines import ENGINES
from retention_ml.features.freshness import newest_rollup_id
from retention_ml.features.inputs import stored_inputs
from retention_ml.features.roll_up import roll_up
from retention_ml.features.samples.compute import Sample, compute_samples
from retention_ml.features.samples.sampling import is_sampled, sampled
from retention_ml.limits import Limits
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.features import in_zone, late_shop, rows_of

_FIRST_DAY = date(2025, 5, 1)
_FILLED: set[str] = set()


def _samples(
    warehouse: Warehouse, shares: Mapping[date, float], active_days: int, engine: str
) -> dict[date, Sample]:
    samples = compute_samples(
        warehouse,
        engine=engine,
        shares={day_number(day): share for day, share in shares.items()},
        active_days=active_days,
        newest_rollup_id=newest_rollup_id(warehouse),
        limits=Limits(threads=2),
    )
    by_number = {day_number(day): day for day in shares}
    return {by_number[sample.as_of_day]: sample for sample in samples}


def _of_day(rows: pa.Table, day: date) -> pa.Table:
    rows = rows.filter(pa.compute.field("as_of_day") == day_number(day))
    return rows.drop_columns(["as_of_day"]).sort_by("customer_id")


@settings(
    max_examples=4, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    shares=st.dictionaries(
        st.integers(0, 240).map(lambda days: _FIRST_DAY + timedelta(days=days)),
        st.floats(0.05, 1.0),
        min_size=1,
        max_size=3,
    ),
    active_days=st.sampled_from([40, 120]),
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_sample_equals_the_rows_of_the_whole_day(
    warehouse: Warehouse,
    settings: Settings,
    engine: str,
    shares: dict[date, float],
    active_days: int,
) -> None:
    settings = in_zone(settings, "Europe/Berlin", active_days=active_days)
    if warehouse.url not in _FILLED:
        late_shop(warehouse, settings, seed=41, passes=(2, 4), customers=40)
        _FILLED.add(warehouse.url)
    whole = rows_of(warehouse, settings, sorted(shares))
    samples = _samples(warehouse, shares, active_days, engine)
    for day, share in shares.items():
        everybody = _of_day(whole, day)
        if not everybody.num_rows:
            assert day not in samples
            continue
        sample = samples[day]
        drawn = everybody.filter(
            pa.array(is_sampled(everybody["customer_id"].combine_chunks(), share))
        )
        assert sample.rows.sort_by("customer_id").to_pylist() == drawn.to_pylist()
        assert sample.rows.column_names == everybody.column_names
        assert sample.population_count == everybody.num_rows
        assert sample.customers_count == drawn.num_rows


def test_products_are_what_they_are_to_all_customers(
    warehouse: Warehouse, settings: Settings
) -> None:
    """A naive sample, computed as if the others were not there, is caught."""
    settings = in_zone(settings, "UTC", active_days=120)
    late_shop(warehouse, settings, seed=42, passes=(), customers=40)
    day, share = date(2025, 8, 1), 0.5
    everybody = _of_day(rows_of(warehouse, settings, [day]), day)
    inputs = stored_inputs([day_number(day)])
    alone = type(inputs)(
        days=inputs.days,
        customer_day=sampled(inputs.customer_day, share),
        customer_product_day=sampled(inputs.customer_product_day, share),
        product_category=inputs.product_category,
    )
    naive = _of_day(warehouse.read(customer_daily(alone, active_days=120)), day)
    [sample] = _samples(warehouse, {day: share}, 120, "duckdb").values()
    rows = sample.rows.sort_by("customer_id")
    assert 5 < rows.num_rows < everybody.num_rows
    different = [
        name for name in rows.column_names if rows[name].to_pylist() != naive[name].to_pylist()
    ]
    assert different
    assert all("buyers" in name or "momentum" in name for name in different)


@pytest.mark.parametrize("engine", ENGINES)
def test_rollups_rebuilt_before_they_are_read_stop_the_run(
    warehouse: Warehouse, settings: Settings, engine: str
) -> None:
    late_shop(warehouse, settings, seed=23, passes=(), deliveries=3)
    roll_up(warehouse, settings=settings)
    roll_up(warehouse, settings=in_zone(settings, "Asia/Tokyo"))
    samples = compute_samples(
        warehouse,
        engine=engine,
        shares={day_number(date(2025, 7, 1)): 0.5},
        active_days=settings.churn.active_days,
        newest_rollup_id=1,
        limits=Limits(threads=2),
    )
    with pytest.raises(NotReady, match="The rollups were rebuilt while they were read"):
        list(samples)
