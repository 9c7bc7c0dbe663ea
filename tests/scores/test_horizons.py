"""Risk by horizon and the next order: one curve for each customer, through the champion's point."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.errors import PublicationRefused
from retention_ml.models.btyd.gamma_gamma import SpendModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.bundle import timing
from retention_ml.schema import migrate as migrate_module
from retention_ml.schema.migrate import migrate
from retention_ml.scores import horizons, value
from retention_ml.scores import publish as publish_module
from retention_ml.scores.explain import explain
from retention_ml.scores.horizons import HORIZONS_DAYS, History
from retention_ml.settings import Settings
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests.worlds.btyd import simulate
from tests.worlds.scores import DAY, PlainBundle, World, make_world

pytestmark = pytest.mark.suites

PROCESS = BetaGeoNBD(r=0.8, alpha=30.0, a=0.7, b=3.0, modified=True)
SHOP = timing.Timing(
    process=PROCESS, spend=SpendModel(p=4.0, q=4.0, v=1500.0), lead_days=0, horizon_days=28
)
_COLUMNS = [*(f"no_order_probability_{days}d" for days in HORIZONS_DAYS), "next_order_expected_on"]

positive = st.floats(1e-3, 1e3)
processes = st.builds(
    BetaGeoNBD, r=positive, alpha=positive, a=positive, b=positive, modified=st.booleans()
)


@st.composite
def customers(draw: st.DrawFn) -> tuple[History, np.ndarray]:
    """Histories of any kind, also impossible and unknown ones, and the champion's probabilities."""
    n = draw(st.integers(1, 8))
    day_counts = st.one_of(st.integers(0, 2_000).map(float), st.just(float("nan")))
    parts = [np.array(draw(st.lists(day_counts, min_size=n, max_size=n))) for _ in range(3)]
    probability_values = st.floats(0, 1, exclude_min=True, exclude_max=True)
    return History.of(*parts), np.array(draw(st.lists(probability_values, min_size=n, max_size=n)))


@given(processes, customers(), st.sampled_from((1, 7, 28, 30, 90, 400)))
def test_the_curve_falls_with_the_horizon_and_passes_through_the_champions_point(
    process: BetaGeoNBD, history_and_probability: tuple[History, np.ndarray], reach: int
) -> None:
    history, probability = history_and_probability
    spans = (1, 7, 14, 28, 30, 60, 90, 400)
    curve = horizons.no_order_probabilities(
        process, history, probability, reach_days=reach, horizons_days=spans
    )
    is_known = np.isfinite(history.T)
    assert curve.shape == (len(probability), len(spans))
    assert np.isnan(curve[~is_known]).all()
    assert ((curve[is_known] > 0) & (curve[is_known] < 1)).all()
    assert (np.diff(curve[is_known], axis=1) <= 0).all()
    champion = np.clip(probability[is_known], 1e-9, 1 - 1e-9)
    assert (curve[is_known, spans.index(reach)] == champion).all()


@given(customers(), st.randoms(use_true_random=False))
def test_every_customer_is_scored_alone(
    history_and_probability: tuple[History, np.ndarray], random: Any
) -> None:
    history, probability = history_and_probability
    order = np.array(random.sample(range(len(probability)), len(probability)))
    mixed = History(
        frequency=history.frequency[order],
        recency=history.recency[order],
        T=history.T[order],
    )
    ordered = horizons.columns(DAY, probability, SHOP, history)
    permuted = horizons.columns(DAY, probability[order], SHOP, mixed)
    for name in _COLUMNS:
        assert permuted[name].equals(ordered[name].take(pa.array(order)))


def test_a_champion_that_agrees_with_the_process_leaves_its_curve_as_it_is() -> None:
    history = History.of(np.array([1.0, 6.0]), np.array([20.0, 5.0]), np.array([20.0, 200.0]))
    parts = (history.frequency, history.recency, history.T)
    curve = horizons.no_order_probabilities(
        PROCESS, history, PROCESS.p_no_order(*parts, 28.0), reach_days=28
    )
    for place, days in enumerate(HORIZONS_DAYS):
        assert curve[:, place] == pytest.approx(PROCESS.p_no_order(*parts, float(days)))


def test_a_higher_probability_lifts_the_whole_curve() -> None:
    history = History.of(np.full(2, 3.0), np.full(2, 20.0), np.full(2, 100.0))
    low, high = horizons.no_order_probabilities(
        PROCESS, history, np.array([0.3, 0.6]), reach_days=28
    )
    assert (high > low).all()


def test_the_next_order_comes_as_probably_before_as_after_the_day_said() -> None:
    days_count = np.array([1.0, 6.0, 2.0, np.nan])
    history = History.of(days_count, np.array([4.0, 4.0, 5.0, 3.0]), np.array([4, 100.0, 1900, 9]))
    days = horizons.days_to_next_order(PROCESS, history, reach_days=28)
    assert days[0] == pytest.approx(34.0 * (2 ** (1 / 0.8) - 1))
    assert days[1] == pytest.approx(130.0 * (2 ** (1 / 5.8) - 1))
    assert days[2] == 84.0  # once in years: three outcome windows at most
    assert np.isnan(days[3])
    expected = horizons.next_order_expected_on(DAY, days).to_pylist()
    assert expected == [
        DAY + timedelta(days=46),
        DAY + timedelta(days=16),
        DAY + timedelta(days=84),
        None,
    ]


def test_nobody_waits_for_an_order_of_a_customer_who_has_left() -> None:
    gone = History.of(np.array([40.0]), np.array([300.0]), np.array([400.0]))
    assert PROCESS.p_alive(gone.frequency, gone.recency, gone.T)[0] < 0.05
    assert np.isnan(horizons.days_to_next_order(PROCESS, gone, reach_days=28)[0])


def test_a_median_of_centuries_is_cut_without_a_warning() -> None:
    rare = BetaGeoNBD(r=1e-4, alpha=1.0, a=0.1, b=9.0, modified=True)
    once = History.of(np.array([1.0]), np.array([5.0]), np.array([5.0]))
    assert horizons.days_to_next_order(rare, once, reach_days=30)[0] == 90.0


def test_without_timing_every_column_is_null() -> None:
    history = History.of(np.array([2.0]), np.array([5.0]), np.array([50.0]))
    columns = horizons.columns(DAY, np.array([0.4]), None, history)
    assert list(columns) == _COLUMNS
    assert all(column.null_count == 1 for column in columns.values())


def test_a_fitted_shop_foretells_orders_and_silence_of_the_next_90_days_in_the_mean() -> None:
    # 12,000 customers followed purchase by purchase: orders to 4 %, shares to two points.
    draw = np.random.default_rng(5)
    T = np.floor(draw.uniform(1, 400, 12_000))
    frequency, recency, later = simulate(PROCESS, T, 90.0, seed=6)
    fitted = timing.fit(PurchaseSummary.of(frequency, recency, T), lead_days=0, horizon_days=90)
    orders = fitted.process.expected_orders(frequency, recency, T, 90.0)
    assert orders.mean() == pytest.approx(later.mean(), rel=0.04)
    history = History.of(frequency + 1, T - recency, T)
    silent = fitted.process.p_no_order(frequency, recency, T, 90.0)
    curve = horizons.no_order_probabilities(fitted.process, history, silent, reach_days=90)
    assert curve[:, -1].mean() == pytest.approx((later == 0).mean(), abs=0.02)
    for place, days in enumerate(HORIZONS_DAYS):
        orders_later = simulate(PROCESS, T, float(days), seed=6)[2]
        assert curve[:, place].mean() == pytest.approx((orders_later == 0).mean(), abs=0.02)
    # Negative control: whoever counts on everybody to go on buying expects far too much.
    everybody = fitted.process.expected_orders_if_alive(frequency, T, 90.0)
    assert everybody.mean() > 1.3 * later.mean()


def _bundle(**more: Any) -> PlainBundle:
    return PlainBundle(manifest={"definition_hash": "d" * 16, "timing": SHOP.to_dict(), **more})


def _with_histories(world: World) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(2)
    days = draw.integers(1, 9, 60).astype(float)
    recency = draw.integers(1, 90, 60).astype(float)
    columns = {
        "purchase_days_count": days,
        "recency_days": recency,
        "tenure_days": recency + (days - 1) * 20,
        "revenue_cents": days * draw.integers(500, 20_000, 60),
    }
    world.features(**columns)
    return columns


def test_scores_carry_the_curve_and_the_expected_value_up_to_the_reader(world: World) -> None:
    features = _with_histories(world)
    world.champion(_bundle(), version="2")
    world.score_and_publish()
    rows = world.rows("SELECT * FROM reports.customer_risk ORDER BY customer_id")
    history = History.of(
        features["purchase_days_count"], features["recency_days"], features["tenure_days"]
    )
    probability = np.array([row["churn_probability"] for row in rows])
    expected = horizons.columns(DAY, probability, SHOP, history)
    for name in _COLUMNS:
        assert [row[name] for row in rows] == expected[name].to_pylist()
    revenue = value.revenue_if_retained_cents(
        SHOP, history, features["revenue_cents"], horizon_days=world.settings.value.horizon_days
    )
    at_risk = value.expected_value_at_risk_cents(probability, revenue, margin_share=0.3)
    assert [round(float(row["expected_value_at_risk"]) * 100) for row in rows] == at_risk.tolist()
    one = explain(world.warehouse, settings=world.settings, customer_id=rows[0]["customer_id"])
    assert [one[name] for name in _COLUMNS] == [rows[0][name] for name in _COLUMNS]
    past = world.rows("SELECT * FROM reports.customer_risk_history ORDER BY customer_id")
    assert [[row[name] for name in _COLUMNS] for row in past] == [
        [row[name] for name in _COLUMNS] for row in rows
    ]


def test_a_probability_that_rises_with_the_horizon_is_not_published(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = publish_module._check_expectations
    world = make_world(warehouse, settings, monkeypatch)
    monkeypatch.setattr(publish_module, "_check_expectations", real)
    _with_histories(world)
    world.champion(_bundle(), version="2")
    spoilt = int(world.score().details["snapshot_id"])
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.customer_daily SET no_order_probability_60d = 1")
    with pytest.raises(PublicationRefused, match="no_order_probability_30d"):
        world.publish(spoilt)
    world.score_and_publish()
    assert len(world.rows("SELECT * FROM reports.customer_risk")) == 60


def test_a_bundle_made_without_timing_scores_as_ever(world: World) -> None:
    _with_histories(world)
    world.score_and_publish()
    rows = world.rows("SELECT * FROM reports.customer_risk")
    assert len(rows) == 60
    assert all(row[name] is None for row in rows for name in _COLUMNS)
    assert sum(float(row["expected_value_at_risk"]) for row in rows) > 0


def test_customers_of_unknown_history_are_scored_with_empty_columns(world: World) -> None:
    features = _with_histories(world)
    tenure = features["tenure_days"].tolist()
    tenure[0] = None
    world.features(**{**features, "tenure_days": tenure})
    world.champion(_bundle(), version="2")
    world.score_and_publish()
    rows = world.rows("SELECT * FROM reports.customer_risk ORDER BY customer_id")
    assert len(rows) == 60
    assert [row["no_order_probability_30d"] is None for row in rows] == [True] + [False] * 59
    assert all(rows[0][name] is None for name in _COLUMNS)
    assert float(rows[0]["expected_value_at_risk"]) > 0


def test_a_warehouse_of_before_is_migrated_with_its_scores(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Warehouse(postgres.url())
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE DATABASE before_timing")
    admin.close()
    old = Warehouse(postgres.url("before_timing"))
    with old.transaction() as transaction:
        transaction.execute("CREATE SCHEMA reports")
    every = migrate_module.sql_files

    def until_0004(folder: str) -> list[tuple[str, str]]:
        return [file for file in every(folder) if folder == "migrations" and file[0] < "0005"]

    monkeypatch.setattr(migrate_module, "sql_files", until_0004)
    assert migrate(old)[-1] == "0004_column_comments.sql"
    with old.transaction() as transaction:
        transaction.execute(
            "INSERT INTO scores.snapshots (as_of, status, epoch, definition_hash, policy_sha256, "
            "features_digest, model_name, model_version, bundle_sha256, library_version, "
            "population_count, scored_count, excluded_count, scores_digest, run_id, built_at) "
            "VALUES ('2025-03-01', 'published', 1, 'd', 'p', 'f', 'm', '1', 'b', '1', 1, 1, 0, "
            "'s', 'r', '2025-03-01')"
        )
        transaction.execute(
            "INSERT INTO scores.customer_daily VALUES (1, '2025-03-01', 'c', 0.5, 1, 'medium', "
            "'2025-03-01', 100, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'champion', 'm', '1', "
            "'r', '2025-03-01')"
        )
        transaction.execute(
            "INSERT INTO scores.published VALUES ('2025-03-01', 1, 1, '2025-03-01')"
        )
    monkeypatch.setattr(migrate_module, "sql_files", every)
    assert "0005_timing.sql" in migrate(old)
    row = old.read("SELECT * FROM reports.customer_risk").to_pylist()[0]
    assert (row["as_of"], row["churn_probability"]) == (date(2025, 3, 1), 0.5)
    assert [row[name] for name in _COLUMNS] == [None] * len(_COLUMNS)
    query = (
        "SELECT risk_tier, customers_count FROM reports.risk_tier_daily WHERE customers_count > 0"
    )
    assert old.read(query).to_pylist() == [{"risk_tier": "medium", "customers_count": 1}]
    old.close()
