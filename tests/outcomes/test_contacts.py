"""Whom campaigns reached, who stands for them, and who does not count as reached."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml import clock, tables
from retention_ml.clock import day_number
from retention_ml.features.engines import compute
from retention_ml.features.roll_up import roll_up
from retention_ml.labels.definition import churn_definition
from retention_ml.limits import Limits
from retention_ml.outcomes.contacts import Contamination, contacts, contamination
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import score
from retention_ml.warehouse import Warehouse
from tests.worlds.outcomes import FIRST, Shop
from tests.worlds.shops import at, fill

DAY = FIRST + timedelta(days=30)
CLOSES = DAY + timedelta(days=28)


def _table(*rows: tuple[str, str, str], is_own: bool = False) -> pa.Table:
    names = ("campaign_id", "customer_id", "kind")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return pa.table({**columns, "is_own": pa.repeat(is_own, len(rows))})


def _contamination(names: list[str], *rows: tuple[str, str, str]) -> Contamination:
    return contamination(pa.array(names), _table(*rows))


def _read(shop: Shop, known_on: date = CLOSES) -> list[tuple[str, str]]:
    rows = shop.warehouse.read(
        contacts(churn_definition(shop.settings), DAY, known_as_of=known_on)
    ).to_pylist()
    return sorted((row["customer_id"], row["kind"]) for row in rows)


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings) -> Shop:
    return Shop(warehouse, settings, customers=20, days=80)


def test_only_contacts_between_score_and_outcome_count(shop: Shop) -> None:
    for name, day in (("c1", -0.01), ("c2", 0.0), ("c3", 27.99), ("c4", 28.0)):
        shop.contact([name], shop.moment(30 + day))
    assert _read(shop) == [("c2", "sent"), ("c3", "sent")]


def test_a_contact_that_became_known_later_is_not_known_before(shop: Shop) -> None:
    late = clock.midnight(CLOSES + timedelta(days=3), "UTC")
    shop.contact(["c1"], shop.moment(35), available_at=late)
    assert _read(shop) == []
    assert _read(shop, CLOSES + timedelta(days=3)) == [("c1", "sent")]


def test_who_redeems_does_not_count_as_reached(shop: Shop) -> None:
    # Sent before the day; the redemption is an order, so leaving it out would leave out buyers.
    shop.contact(["c1"], shop.moment(29))
    for kind in ("opened", "clicked", "redeemed"):
        shop.contact(["c1"], shop.moment(32), kind=kind)
    assert _read(shop) == []


def test_without_a_holdout_nobody_stands_for_anybody() -> None:
    result = _contamination(["a", "b", "c"], ("k", "a", "sent"))
    assert result.is_contacted.tolist() == [True, False, False]
    assert result.weights is None
    assert result.without_holdout_count == 1


def test_holdouts_stand_for_those_who_were_reached() -> None:
    rows = [("k", f"s{i}", "sent") for i in range(3)] + [("k", "h", "holdout")]
    result = _contamination(["s0", "s1", "s2", "h", "other"], *rows)
    assert result.weights is not None
    assert result.weights.round(9).tolist() == [0, 0, 0, 4, 1]
    assert result.without_holdout_count == 0


def test_who_was_left_alone_twice_stands_for_more() -> None:
    rows = [
        *(("k", name, "sent") for name in "ab"),
        *(("k", name, "holdout") for name in "cd"),
        *(("l", name, "sent") for name in "ac"),
        *(("l", name, "holdout") for name in "bd"),
    ]
    result = _contamination(list("abcd"), *rows)
    assert result.weights is not None
    assert result.weights.round(9).tolist() == [0, 0, 0, 4]


def test_weighted_metrics_are_those_of_customers_left_alone() -> None:
    draw = np.random.default_rng(3)
    n = 40_000
    truth = draw.uniform(0.05, 0.95, n)
    if_left = (draw.random(n) < truth).astype(float)
    # The campaign goes to customers at risk, and one in three of them stays because of it.
    is_wanted = draw.random(n) < truth
    is_holdout = is_wanted & (draw.random(n) < 0.2)
    is_sent = is_wanted & ~is_holdout
    churned = np.where(is_sent & (draw.random(n) < 1 / 3), 0.0, if_left)
    names = [f"c{i}" for i in range(n)]
    rows = [("k", names[i], "sent") for i in np.flatnonzero(is_sent)]
    rows += [("k", names[i], "holdout") for i in np.flatnonzero(is_holdout)]
    result = _contamination(names, *rows)
    assert result.weights is not None

    def brier(weights: np.ndarray) -> float:
        return float(score(truth, churned, weights[None, :])["brier"][0])

    target = float(score(truth, if_left)["brier"][0])
    assert abs(brier(result.weights) - target) < 0.004
    # Mixing everybody, as if no campaign had been, is far off.
    assert abs(brier(np.ones(n)) - target) > 0.02


def test_holdouts_are_counted_in_no_feature(warehouse: Warehouse, settings: Settings) -> None:
    def built() -> list[dict[str, object]]:
        roll_up(warehouse, settings=settings)
        result = compute(
            warehouse,
            engine="duckdb",
            days=[day_number(date(2025, 3, 1))],
            active_days=90,
            newest_rollup_id=99,
            limits=Limits(threads=1),
        )
        return result.to_pylist()

    fill(
        warehouse,
        "orders",
        [{"order_id": "o1", "customer_id": "c1", "event_at": at("2025-02-01")}],
    )
    contact = {"campaign_id": "k", "customer_id": "c1", "event_at": at("2025-02-10")}
    fill(warehouse, "campaign_contacts", [{**contact, "kind": "opened"}])
    before = built()
    assert len(before) == 1
    fill(warehouse, "campaign_contacts", [{**contact, "kind": "holdout"}])
    fill(
        warehouse,
        "campaign_contacts",
        [{**contact, "kind": "holdout", "campaign_id": "l", "event_at": at("2025-02-12")}],
    )
    assert built() == before
    fill(warehouse, "campaign_contacts", [{**contact, "kind": "sent"}])
    assert built() != before


def test_holdout_is_a_kind_that_sources_may_deliver() -> None:
    assert tables.CLOSED_SETS["campaign_contacts", "kind"] == (
        "sent", "opened", "clicked", "redeemed", "holdout",
    )  # fmt: skip
