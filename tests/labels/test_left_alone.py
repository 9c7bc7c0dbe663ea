"""Outcomes of customers whom the platform might have contacted: what they say without it."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.left_alone import WEIGHT_MAX, left_alone_weights, own_contacts
from retention_ml.warehouse import Warehouse
from tests.worlds.daily_campaign import DailyCampaign
from tests.worlds.shops import fill

DAY = date(2026, 3, 1)
DEFINITION = ChurnDefinition(active_days=90, lead_days=0, horizon_days=28)
NEVER = np.inf
Row = tuple[str, str, str, float]


def _at(day: float) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day)


def _contacts(*rows: Row) -> pa.Table:
    names = ("campaign_id", "customer_id", "kind")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    times = pa.array([_at(row[3]) for row in rows], pa.timestamp("us", tz="UTC"))
    return pa.table({**columns, "event_at": times})


def _weights(orders: dict[str, float], *rows: Row) -> list[float]:
    times = np.array(list(orders.values()))
    result = left_alone_weights(DEFINITION, DAY, pa.array(list(orders)), times, _contacts(*rows))
    return [float(value) for value in result.round(9)]


def test_who_was_left_alone_stands_for_those_who_were_contacted() -> None:
    rows = [("k", f"s{i}", "sent", 3.5) for i in range(3)] + [("k", "h", "holdout", 3.0)]
    orders = dict.fromkeys(["s0", "s1", "s2", "h", "other"], NEVER)
    assert _weights(orders, *rows) == [0, 0, 0, 4, 1]


def test_lots_of_several_days_multiply() -> None:
    rows = [("k", "a", "sent", 1.0), ("k", "b", "holdout", 1.0)]
    rows += [(f"l{day}", "b", "holdout", float(day)) for day in (2, 3)]
    rows += [(f"l{day}", f"x{i}", "sent", float(day)) for day in (2, 3) for i in range(2)]
    assert _weights({"b": NEVER}, *rows) == [18]


def test_what_comes_after_the_next_order_changes_nothing() -> None:
    rows = [("k", "a", "sent", 5.4), ("k", "b", "holdout", 5.0)]
    assert _weights({"a": 4, "b": 4}, *rows) == [1, 1]
    # A contact of the same day may have come first.
    assert _weights({"a": 5, "b": 5}, *rows) == [0, 2]


def test_only_the_window_counts() -> None:
    rows = [("k", "a", "sent", day) for day in (-0.1, 28.0)]
    assert _weights({"a": NEVER}, *rows) == [1]
    assert _weights({"a": NEVER}, ("k", "a", "sent", 0.0)) == [0]
    assert _weights({"a": NEVER}, ("k", "a", "sent", 27.9)) == [0]


def test_nobody_stands_for_more_than_a_limit() -> None:
    rows = [("k", f"s{i}", "sent", 1.0) for i in range(99)] + [("k", "h", "holdout", 1.0)]
    assert _weights({"h": NEVER}, *rows) == [WEIGHT_MAX]


def test_without_contacts_everybody_counts_once() -> None:
    assert _weights({"a": 3, "b": NEVER}) == [1, 1]


def test_only_own_contacts_that_were_known_are_read(warehouse: Warehouse) -> None:
    def write(who: str, available: float, source: str = "actions", kind: str = "sent") -> None:
        row = {
            "campaign_id": "k",
            "customer_id": who,
            "kind": kind,
            "event_at": _at(2),
            "source": source,
        }
        fill(warehouse, "campaign_contacts", [row], available_at=_at(available))

    write("own", 3)
    write("left", 3, kind="holdout")
    write("late", 9)
    write("foreign", 3, source="shop")
    write("opened", 3, kind="opened")
    query = own_contacts(DEFINITION, DAY, DAY, known_as_of=date(2026, 3, 8))
    assert sorted(warehouse.read(query)["customer_id"].to_pylist()) == ["left", "own"]
    later = own_contacts(DEFINITION, date(2026, 3, 4), DAY, known_as_of=date(2026, 3, 8))
    assert warehouse.read(later).num_rows == 0


@pytest.fixture(scope="module")
def campaigns() -> list[DailyCampaign]:
    return [DailyCampaign(seed) for seed in (1, 2, 3)]


def test_weighted_outcomes_are_those_of_a_world_without_the_platform(
    campaigns: list[DailyCampaign],
) -> None:
    biases: dict[str, list[tuple[float, float]]] = {}
    for world in campaigns:
        everybody = np.ones(len(world.rate), dtype=bool)
        risky = world.rate < np.quantile(world.rate, 0.4)
        weighted = left_alone_weights(
            DEFINITION, DAY, world.names, world.time_to_next_order, world.contacts
        )
        methods = {
            "weighted": weighted,
            "contacts ignored": everybody.astype(float),
            "contacted left out": np.isinf(world.contacted_at).astype(float),
        }
        for name, weights in methods.items():
            both = (world.bias(weights, everybody), world.bias(weights, risky))
            biases.setdefault(name, []).append(both)
    means = {name: np.mean(pairs, axis=0).round(4) for name, pairs in biases.items()}
    assert (np.abs(means["weighted"]) <= (0.003, 0.005)).all(), means
    # The naive ways are far off: who orders by themselves is not contacted.
    assert (means["contacts ignored"] > (0.008, 0.015)).all(), means
    assert (means["contacted left out"] > (0.03, 0.08)).all(), means
