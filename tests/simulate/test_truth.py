"""The closed forms against what the simulation really did, and against other derivations."""

from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from retention_ml.clock import day_number
from retention_ml.simulate import truth
from retention_ml.simulate.campaigns import Campaign
from retention_ml.simulate.seasons import season_factor
from tests.simulate.conftest import Shop

FIRST = date(2024, 1, 1)


def _truth(**changed: object) -> pa.Table:
    row: dict[str, object] = {
        "customer_id": "C1",
        "purchase_rate_per_day": 0.03,
        "dropout_rate_per_day": 0.01,
        "contact_multiplier": 1.0,
        "first_day": FIRST,
        "registered_at_days": 0.0,
        "first_order_at_days": 0.5,
        "dropped_out_at_days": 500.0,
    }
    return pa.Table.from_pylist([row | changed])


def _bought(shop: Shop, start: date, days: int) -> set[str]:
    rows = duckdb.connect().execute(
        "SELECT DISTINCT customer_id FROM read_csv(?, header = true) WHERE order_id LIKE 'O%' "
        "AND ordered_at >= ? AND ordered_at < ?",
        [str(shop.folder / "order_lines_*.csv"), start, start + timedelta(days=days)],
    )
    return {row[0] for row in rows.fetchall()}


def _z(outcome: np.ndarray, probability: np.ndarray) -> float:
    """How many standard errors outcomes lie from their probabilities."""
    spread = np.sqrt((probability * (1 - probability)).sum())
    return float((outcome - probability).sum() / spread)


@pytest.mark.parametrize(("day", "horizon"), [(60, 28), (120, 90), (200, 28), (205, 60)])
def test_customers_stay_away_as_often_as_the_truth_says(shop: Shop, day: int, horizon: int) -> None:
    customers = shop.truth("customers")
    planned = truth.read_campaigns(shop.folder / "truth" / "campaigns.parquet")
    as_of = FIRST + timedelta(days=day)
    probability = truth.churn_probability(customers, as_of, horizon, campaigns=planned)
    bought = _bought(shop, as_of, horizon)
    stayed_away = np.array([name not in bought for name in customers["customer_id"].to_pylist()])
    present = ~np.isnan(probability)
    assert present.sum() > 1_500
    unsure = present & (probability < 1)
    assert stayed_away[present & (probability == 1)].all()
    assert abs(_z(stayed_away[unsure], probability[unsure])) < 3.5
    for chunk in np.array_split(np.flatnonzero(unsure)[np.argsort(probability[unsure])], 5):
        assert abs(_z(stayed_away[chunk], probability[chunk])) < 3.5


def test_a_truth_without_dropout_would_be_caught(shop: Shop) -> None:
    customers = shop.truth("customers")
    immortal = customers.set_column(
        customers.column_names.index("dropout_rate_per_day"),
        "dropout_rate_per_day",
        pa.array(np.full(customers.num_rows, 1e-9)),
    )
    as_of = FIRST + timedelta(days=120)
    planned = truth.read_campaigns(shop.folder / "truth" / "campaigns.parquet")
    probability = truth.churn_probability(immortal, as_of, 90, campaigns=planned)
    unsure = ~np.isnan(probability) & (probability < 1)
    bought = _bought(shop, as_of, 90)
    stayed_away = np.array([name not in bought for name in customers["customer_id"].to_pylist()])
    assert abs(_z(stayed_away[unsure], probability[unsure])) > 5


def test_without_dropout_the_probability_is_that_of_poisson() -> None:
    customers = _truth(dropout_rate_per_day=1e-12)
    season = season_factor(day_number(FIRST) + np.arange(10, 38)).sum()
    probability = truth.churn_probability(customers, FIRST + timedelta(days=10), 28)
    assert probability == pytest.approx(np.exp(-0.03 * season), rel=1e-9)


def test_without_orders_nobody_comes_back() -> None:
    customers = _truth(purchase_rate_per_day=0.0)
    assert truth.churn_probability(customers, FIRST + timedelta(days=10), 28) == pytest.approx(1.0)


def test_the_closed_form_equals_its_integral() -> None:
    rate, dropout, start, horizon = 0.05, 0.02, 17, 30
    grid = np.linspace(0, horizon, 300_001)
    daily = season_factor(day_number(FIRST) + start + np.arange(horizon))
    season = np.interp(grid, np.arange(horizon + 1), np.concatenate([[0], np.cumsum(daily)]))
    density = dropout * np.exp(-dropout * grid - rate * season)
    integral = np.trapezoid(density, grid) + np.exp(-dropout * horizon - rate * season[-1])
    customers = _truth(purchase_rate_per_day=rate, dropout_rate_per_day=dropout)
    probability = truth.churn_probability(customers, FIRST + timedelta(days=start), horizon)
    assert probability == pytest.approx(integral, rel=1e-8)


def test_those_who_have_left_are_certain_and_those_to_come_unknown() -> None:
    customers = pa.concat_tables(
        [_truth(dropped_out_at_days=9.9), _truth(first_order_at_days=10.5), _truth()]
    )
    probability = truth.churn_probability(customers, FIRST + timedelta(days=10), 28)
    assert probability[0] == 1.0
    assert np.isnan(probability[1])
    assert 0 < probability[2] < 1


def test_two_simulations_in_one_table_are_refused() -> None:
    both = pa.concat_tables([_truth(), _truth(first_day=date(2025, 1, 1))])
    with pytest.raises(ValueError, match="holds 2 simulations"):
        truth.churn_probability(both, FIRST, 28)


def test_a_campaign_is_averaged_over_its_lot() -> None:
    customers = _truth(contact_multiplier=3.0)
    start = FIRST + timedelta(days=40)

    def churn_probability_at(probability: float) -> float:
        campaign = Campaign(
            campaign_id="K",
            campaign_type="t",
            first_day=45,
            days=14,
            contact_probability=probability,
        )
        return float(truth.churn_probability(customers, start, 28, campaigns=(campaign,))[0])

    assert churn_probability_at(0.0) == pytest.approx(
        float(truth.churn_probability(customers, start, 28)[0])
    )
    assert churn_probability_at(0.25) == pytest.approx(
        0.75 * churn_probability_at(0.0) + 0.25 * churn_probability_at(1.0)
    )
    assert churn_probability_at(1.0) < churn_probability_at(0.0)


def test_contacts_change_orders_as_the_truth_says(shop: Shop) -> None:
    effects = shop.truth("contacts")
    campaigns = shop.truth("campaigns").to_pylist()
    kinds = dict(
        zip(
            *(
                shop.truth("customers")[name].to_pylist()
                for name in ("customer_id", "customer_type")
            ),
            strict=True,
        )
    )
    assert len(campaigns) == 10
    expected: dict[str, list[float]] = {}
    outcome: dict[str, list[float]] = {}
    for campaign in campaigns:
        bought = _bought(shop, FIRST + timedelta(days=campaign["first_day"]), campaign["days"])
        mine = effects.filter(pa.compute.equal(effects["campaign_id"], campaign["campaign_id"]))
        for row in mine.to_pylist():
            arm = "contacted" if row["is_contacted"] else "left_alone"
            probability = row[f"purchase_probability_{arm}"]
            if np.isnan(probability) or probability == 0:
                continue
            key = f"{kinds[row['customer_id']]} {arm}"
            expected.setdefault(key, []).append(probability)
            outcome.setdefault(key, []).append(row["customer_id"] in bought)
    assert len(expected) == 8
    for key, probabilities in expected.items():
        assert abs(_z(np.array(outcome[key], dtype=float), np.array(probabilities))) < 3.5, key
    uplift = {
        kind: float(
            np.mean(expected[f"{kind} contacted"]) - np.mean(expected[f"{kind} left_alone"])
        )
        for kind in ("persuadable", "do_not_disturb")
    }
    assert uplift["persuadable"] > 0.05
    assert uplift["do_not_disturb"] < -0.03


def test_the_lot_is_fair(shop: Shop) -> None:
    effects = shop.truth("contacts")
    reached = effects["is_contacted"].to_numpy()
    assert abs(_z(reached.astype(float), effects["contact_probability"].to_numpy())) < 3.5
