"""What the ledgers say: sums equal to SQL, nothing before there is something, no customer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from retention_ml import clock
from retention_ml.metrics.catalogue import SERIES_MAX
from retention_ml.metrics.exposition import render
from retention_ml.metrics.families import Family, count_samples
from retention_ml.metrics.ledgers import read_ledgers
from retention_ml.warehouse import Warehouse
from tests.metrics.conftest import ADDRESS

Series = dict[tuple[str, ...], float]


def _look(warehouse: Warehouse, at: datetime | None = None) -> dict[str, Series]:
    """Values by family and the values of the labels, in the order of the labels' names."""
    with warehouse.transaction() as transaction:
        transaction.only_read(seconds_max=10)
        families = read_ledgers(transaction, at=at or clock.now(), cooldown_days=7)
    return {
        family.name: {
            tuple(value for _, value in sample.labels): sample.value for sample in family.samples
        }
        for family in families
    }


def _rows(warehouse: Warehouse, sql: str) -> Iterator[tuple[object, ...]]:
    with warehouse.transaction() as transaction:
        yield from (tuple(row) for row in transaction.execute(sql))


def test_sums_are_those_of_the_receipts(shop: Warehouse) -> None:
    figures = _look(shop)
    sums = list(
        _rows(
            shop,
            "SELECT door, sum(read_count), sum(written_count), sum(quarantined_count), "
            "sum(left_out_count), sum(duplicate_count), count(*), sum(seconds) "
            "FROM ops.receipts GROUP BY door",
        )
    )
    assert {"stage", "curate", "decide"} <= {row[0] for row in sums}
    for door, read, written, quarantined, left_out, duplicates, runs, seconds in sums:
        rows = figures["retention_rows_total"]
        assert figures["retention_rows_read_total"][door,] == read
        assert rows["written", door] == written
        assert rows["quarantined", door] == quarantined
        assert rows["left_out", door] == left_out
        assert rows["duplicates", door] == duplicates
        assert figures["retention_stage_runs_total"][door,] == runs
        assert figures["retention_stage_seconds_total"][door,] == seconds
    assert figures["retention_rows_read_total"]["stage",] == 1_500


def test_rows_read_are_those_written_and_otherwise_accounted_for(shop: Warehouse) -> None:
    figures = _look(shop)
    for (stage,), read in figures["retention_rows_read_total"].items():
        of_stage = [n for (_, each), n in figures["retention_rows_total"].items() if each == stage]
        assert len(of_stage) == 4
        assert sum(of_stage) == read


def test_the_newest_batch_of_a_source_stands_alone(shop: Warehouse) -> None:
    figures = _look(shop)
    assert figures["retention_batch_rows"]["quarantined", "shop"] == 20
    assert figures["retention_batch_rows"]["accepted", "shop"] == 180
    assert figures["retention_delivered_rows_total"]["quarantined", "shop"] == 25
    assert figures["retention_deliveries_total"]["shop", "accepted"] == 2
    assert figures["retention_deliveries_total"]["shop", "refused"] == 1
    assert figures["retention_unusable_files"]["shop",] == 1
    assert figures["retention_unusable_files"]["test",] == 0


def test_ages_are_of_the_moment_of_the_look(shop: Warehouse) -> None:
    [(published,)] = _rows(
        shop, "SELECT published_at FROM scores.published ORDER BY as_of DESC LIMIT 1"
    )
    assert isinstance(published, datetime)
    figures = _look(shop, at=published + timedelta(hours=5))
    assert figures["retention_scores_age_seconds"] == {(): 5 * 3600}
    assert figures["retention_scores_published_timestamp_seconds"] == {(): published.timestamp()}


def test_customers_by_tier_are_those_of_the_newest_day(shop: Warehouse) -> None:
    counts = dict(
        _rows(
            shop,
            "SELECT risk_tier, count(*) FROM scores.customer_daily WHERE snapshot_id = (SELECT "
            "snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1) GROUP BY risk_tier",
        )  # type: ignore[arg-type]
    )
    figures = _look(shop)["retention_scores_customers"]
    assert {tier: n for (tier,), n in figures.items() if n} == counts
    assert set(figures) == {("critical",), ("high",), ("medium",), ("low",)}


def test_before_the_first_publication_there_is_no_age(warehouse: Warehouse) -> None:
    figures = _look(warehouse)
    assert not [
        name for name, series in figures.items() if name.startswith("retention_scores") and series
    ]
    assert figures["retention_model_grade"] == {}
    assert figures["retention_rows_total"] == {}


def test_the_grade_of_the_model_is_one_of_three(shop: Warehouse) -> None:
    grades = _look(shop)["retention_model_grade"]
    assert set(grades) == {("A",), ("B",), ("C",)}
    assert sum(grades.values()) == 1


def _raise_alert(
    warehouse: Warehouse, kind: str, raised_at: datetime, cleared: bool = False
) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO ops.alerts (as_of, kind, subject, severity, sentence, runbook, evidence, "
            "run_id, raised_at, cleared_at) VALUES (:day, :kind, :subject, 'critical', :sentence, "
            "'r', '{}', 'test', :at, :cleared)",
            day=raised_at.date(),
            kind=kind,
            subject=f"{kind} {raised_at}",
            sentence=f"Of {ADDRESS}.",
            at=raised_at,
            cleared=raised_at if cleared else None,
        )


def test_alerts_are_open_while_they_stand_or_are_recent(warehouse: Warehouse) -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC)
    long_ago = now - timedelta(days=8)
    _raise_alert(warehouse, "failing_channel", long_ago)  # watched until it ends
    _raise_alert(warehouse, "failing_channel", now - timedelta(days=1), cleared=True)
    _raise_alert(warehouse, "input_drift", long_ago)
    _raise_alert(warehouse, "input_drift", now - timedelta(days=6))
    assert _look(warehouse, at=now)["retention_alerts_open"] == {
        ("failing_channel", "critical"): 1,
        ("input_drift", "critical"): 1,
    }


def test_no_customer_and_no_address_stands_in_any_label(shop: Warehouse) -> None:
    with shop.transaction() as transaction:
        families = read_ledgers(transaction, at=clock.now(), cooldown_days=7)
    text = render(families)
    ids = [
        str(row[0]) for row in _rows(shop, "SELECT DISTINCT customer_id FROM scores.customer_daily")
    ]
    assert len(ids) == 120
    assert ADDRESS in str(list(_rows(shop, "SELECT file_name FROM raw.deliveries")))
    assert not [each for each in (*ids, ADDRESS, "@", "<") if each in text]


def test_a_shop_of_many_stages_and_sources_stays_below_the_largest_number(shop: Warehouse) -> None:
    with shop.transaction() as transaction:
        families: list[Family] = read_ledgers(transaction, at=clock.now(), cooldown_days=7)
    assert 50 < count_samples(families) < SERIES_MAX / 4
