"""Samples, labels and scores on Spark are those of one process, to the bit."""

from datetime import date
from pathlib import Path

from retention_ml.clock import day_number
from retention_ml.features.build import build
from retention_ml.features.freshness import newest_rollup_id
from retention_ml.features.roll_up import roll_up
from retention_ml.features.samples.compute import compute_samples
from retention_ml.labels.maturity import labels_of
from retention_ml.limits import Limits
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.features import in_zone, late_shop
from tests.worlds.spark import needs_spark, of_tests, on_spark

_DAYS = [date(2025, 7, 1), date(2025, 9, 1)]
_SHARES = {_DAYS[0]: 0.3, _DAYS[1]: 0.7}


@needs_spark
def test_samples_are_those_of_duckdb(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = in_zone(settings, "Europe/Berlin", active_days=120)
    late_shop(warehouse, settings, seed=41, passes=(2,), customers=40)
    roll_up(warehouse, settings=settings)
    here, there = (
        list(
            compute_samples(
                warehouse,
                engine=engine,
                shares={day_number(day): share for day, share in _SHARES.items()},
                active_days=120,
                newest_rollup_id=newest_rollup_id(warehouse),
                limits=Limits(threads=2),
                spark=of_tests(tmp_path / "exchange"),
            )
        )
        for engine in ("duckdb", "spark")
    )
    assert [sample.customers_count for sample in here] == [s.customers_count for s in there]
    assert [sample.newest_input_at for sample in here] == [s.newest_input_at for s in there]
    for one, other in zip(here, there, strict=True):
        assert 0 < one.rows.num_rows < one.population_count
        assert one.rows.sort_by("customer_id").to_pylist() == (
            other.rows.select(one.rows.column_names).sort_by("customer_id").to_pylist()
        )
    assert list((tmp_path / "exchange").iterdir()) == []


@needs_spark
def test_labels_and_scores_are_those_of_this_process(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = in_zone(settings, "Europe/Berlin", active_days=120)
    late_shop(warehouse, settings, seed=7, passes=(3,), customers=40)
    for day in _DAYS:
        build(warehouse, settings=settings, as_of=day)
    folder = tmp_path / "exchange"
    both = (settings, on_spark(settings, folder))
    here, there = (
        labels_of(warehouse, settings=each, days=_DAYS, known_as_of=date(2025, 11, 1), share=0.8)
        for each in both
    )
    assert set(here["is_churned"].to_pylist()) == {True, False}
    assert here.equals(there)
    assert list(folder.iterdir()) == []
    folder.rmdir()  # so that it says whether scores went there too
    first, second = (score(warehouse, settings=each, as_of=_DAYS[1]).details for each in both)
    assert first["scores_digest"] == second["scores_digest"]
    assert first["arms"] == {"starter": sum(first["tiers"].values())}
    assert list(folder.iterdir()) == []
