"""Figures of pages from stored sums are those of the plain queries over all customers."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from retention_ml.outcomes.measure import measure
from retention_ml.reports.site.days import published_days
from retention_ml.reports.site.figures.matured import (
    by_tier,
    matured_day,
    matured_outcomes,
    reliability,
)
from retention_ml.reports.site.figures.tier_totals import tier_totals
from retention_ml.reports.site.reading import Row, Select, reading
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.outcomes import Shop, weeks
from tests.worlds.totals import total_again

_TIERS = (
    "SELECT pointer.as_of, tier.risk_tier, count(score.customer_id) AS customers_count, "
    "coalesce(sum(score.expected_value_at_risk_cents), 0) / 100.0 AS value, "
    "avg(score.churn_probability) AS mean_probability FROM scores.published AS pointer "
    "CROSS JOIN (VALUES ('critical', 1), ('high', 2), ('medium', 3), ('low', 4)) "
    "AS tier (risk_tier, rank) LEFT JOIN scores.customer_daily AS score "
    "ON score.snapshot_id = pointer.snapshot_id AND score.risk_tier = tier.risk_tier "
    "GROUP BY 1, 2, tier.rank ORDER BY 1, tier.rank"
)
_BINS = (
    "SELECT least(floor(20 * churn_probability), 19)::int AS place, risk_tier, count(*) AS "
    "customers_count FROM reports.customer_risk_history WHERE snapshot_id = :snapshot "
    "GROUP BY 1, 2 ORDER BY 1, 2"
)
_STORED_BINS = (
    "SELECT probability_place AS place, risk_tier, sum(customers_count)::bigint AS "
    "customers_count FROM scores.tier_totals WHERE snapshot_id = :snapshot "
    "GROUP BY 1, 2 ORDER BY 1, 2"
)
_JOINED = (
    "FROM reports.customer_risk_history AS score JOIN models.labels AS label "
    "ON label.as_of = :as_of AND label.definition_hash = :definition_hash "
    "AND label.customer_id = score.customer_id AND NOT label.is_abnormal "
    "WHERE score.snapshot_id = :snapshot_id "
)
_BY_TIER = (
    "SELECT risk_tier, count(*) AS customers_count, count(*) FILTER (WHERE label.is_churned) "
    f"AS churned_count, avg(churn_probability) AS mean_probability {_JOINED} "
    "GROUP BY 1 ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], risk_tier)"
)
_RELIABILITY = (
    "SELECT least(floor(10 * churn_probability), 9)::int AS place, count(*) AS customers_count, "
    "avg(churn_probability) AS mean_probability, "
    f"avg(label.is_churned::int)::double precision AS churned_share {_JOINED} "
    "GROUP BY 1 ORDER BY 1"
)


@pytest.fixture(scope="module")
def varied(
    new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """Two arms, every tier but one, values, probabilities of 0, of 1 and on the borders of bins."""
    settings = load({"RETENTION_HOME": str(tmp_path_factory.mktemp("home"))})
    with new_warehouse() as warehouse:
        _fill(warehouse, settings)
        yield warehouse


def _fill(warehouse: Warehouse, settings: Settings) -> None:
    shop = Shop(warehouse, settings, customers=200, days=120)
    days = weeks(8)
    borders = np.array([0, 1, *(place / 20 for place in range(1, 20))])
    for seed, day in enumerate(days):
        champion = shop.noisy(1.0, seed=seed)
        champion[: len(borders)] = borders
        shop.publish(day, champion, shop.noisy(2.0, seed=seed + 50))
    measure(warehouse, settings=settings, as_of=days[-1])
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.customer_daily SET risk_tier = CASE WHEN churn_probability >= 0.8 "
            "THEN 'critical' WHEN churn_probability >= 0.35 THEN 'medium' ELSE 'low' END, "
            "expected_value_at_risk_cents = (123457 * churn_probability)::bigint"
        )
        transaction.execute(
            "UPDATE models.labels SET is_abnormal = customer_id LIKE '%7', "
            "is_churned = is_churned OR customer_id LIKE '%3'"
        )
        total_again(transaction)


def _alike(rows: list[Row], plain: list[Row]) -> None:
    """Equal rows; means but for the order in which a computer adds."""
    assert len(plain) > 1
    assert rows == [
        {
            name: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in plain
    ]


def test_tiers_and_bins_from_stored_sums_are_those_of_all_customers(varied: Warehouse) -> None:
    with reading(varied) as select:
        days = published_days(select)
        _alike(tier_totals(select, days), select(_TIERS))
        for day in days:
            plain = select(_BINS, snapshot=day.snapshot_id)
            assert len(plain) > 15
            _alike(select(_STORED_BINS, snapshot=day.snapshot_id), plain)


@pytest.mark.parametrize(("figure", "plain"), [(by_tier, _BY_TIER), (reliability, _RELIABILITY)])
def test_outcomes_of_tiers_and_tenths_are_those_of_all_customers(
    varied: Warehouse, figure: Callable[[Any], list[Row]], plain: str
) -> None:
    with reading(varied) as select:
        days = published_days(select)
        matured = matured_day(select, days, days[0])
        assert matured is not None
        key = {name: matured[name] for name in ("as_of", "definition_hash", "snapshot_id")}
        _alike(figure(matured_outcomes(select, matured)), select(plain, **key))


def test_outcomes_that_were_counted_again_are_not_those_that_are_stored(varied: Warehouse) -> None:
    with reading(varied) as select:
        days = published_days(select)
        matured = matured_day(select, days, days[0])
    assert matured is not None
    key = {name: matured[name] for name in ("as_of", "definition_hash", "snapshot_id")}
    plain = (
        "SELECT risk_tier, least(floor(10 * churn_probability), 9)::int AS place, count(*) AS "
        "customers_count, count(*) FILTER (WHERE label.is_churned) AS churned_count, "
        f"sum(churn_probability) AS probability_sum {_JOINED} GROUP BY 1, 2"
    )
    with varied.transaction() as transaction:
        stored = transaction.execute(
            "SELECT count(*) FROM outcomes.tier_outcomes WHERE snapshot_id = :snapshot_id", **key
        )
        assert stored[0][0] > 10
    with suppress(_Undo), varied.transaction() as transaction:
        select = Select(transaction)
        before = sorted(matured_outcomes(select, matured), key=_place)
        _alike(before, sorted(select(plain, **key), key=_place))
        transaction.execute("UPDATE models.labels SET is_churned = NOT is_churned")
        assert sorted(matured_outcomes(select, matured), key=_place) == before
        transaction.execute(
            "UPDATE models.label_windows SET matured_at = matured_at + interval '1 s'"
        )
        after = sorted(matured_outcomes(select, matured), key=_place)
        assert after != before
        _alike(after, sorted(select(plain, **key), key=_place))
        raise _Undo


def _place(row: Row) -> tuple[str, int]:
    return row["risk_tier"], row["place"]


class _Undo(Exception):
    """Leaves a transaction, so that nothing of it is kept."""


def test_tiers_by_day_read_no_customer(varied: Warehouse) -> None:
    with varied.transaction() as transaction:
        plan = transaction.execute("EXPLAIN SELECT * FROM reports.risk_tier_daily")
    assert "customer_daily" not in "\n".join(row[0] for row in plan)
