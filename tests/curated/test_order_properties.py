"""For any life of orders: what was paid less what went back is the sum of their current lines."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.curated.test_properties import clear
from tests.worlds.order_shop import OrderShop

HEADER = "order,sku,customer,placed,qty,price,state,postage,refunded"
SHOP = """
title = "A shop that tells its orders whole, as they stand"
timezone = "UTC"
currency = "EUR"

[feeds.lines]
files = ["lines*.csv"]
table = "order_lines"
replaces = "order"
fill_down = ["customer", "state"]

[feeds.lines.columns]
order_id = "order"
product_id = "sku"
customer_id = "customer"
event_at = "placed"
quantity = "qty"
line_amount_cents = { product_of = ["qty", "price"], money = true }

[[feeds.lines.rules]]
when = { state = "^cancelled$" }
kind = "cancellation"
in_place = true

[[feeds.lines.per_order]]
amount = "postage"
product_id = "postage"

[[feeds.lines.per_order]]
amount = "refunded"
product_id = "refund"
kind = "return"
"""

State = tuple[dict[str, int], bool, int, int]
"""Pieces by product, whether it is cancelled, postage and what was refunded, in units of money."""

STATES: st.SearchStrategy[State] = st.tuples(
    st.dictionaries(st.sampled_from(["TEA", "CUP", "POT"]), st.integers(1, 3), min_size=1),
    st.booleans(),
    st.integers(0, 2),
    st.integers(0, 2),
)
FILES = st.dictionaries(st.sampled_from(["1", "2", "3"]), STATES, max_size=3)
BATCHES = st.lists(
    st.tuples(st.lists(FILES, min_size=1, max_size=3), st.booleans()), min_size=1, max_size=4
)


def rows(order: str, state: State) -> list[str]:
    pieces, is_cancelled, postage, refunded = state
    lines = [f"{order},{sku},,2025-03-01,{qty},4.00,,," for sku, qty in pieces.items()]
    lines[0] = (
        lines[0]
        .replace(",,2025", f",c{order},2025")
        .replace(
            "4.00,,,", f"4.00,{'cancelled' if is_cancelled else 'paid'},{postage}.00,{refunded}.00"
        )
    )
    return lines


def paid(state: State) -> int:
    pieces, is_cancelled, postage, refunded = state
    return 0 if is_cancelled else 400 * sum(pieces.values()) + 100 * (postage - refunded)


def sums(lines: dict[tuple[str, str], int]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for (order, _), amount in lines.items():
        totals[order] = totals.get(order, 0) + amount
    return totals


@pytest.mark.fault(
    "any life of orders: edited, cancelled, refunded, told again",
    promises="P1 P2",
    counted="lives of orders",
)
@hypothesis_settings(
    max_examples=count("lives of orders"),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=BATCHES)
def test_what_was_paid_less_what_went_back_is_the_sum_of_the_current_lines(
    warehouse: Warehouse,
    settings: Settings,
    tmp_path: Path,
    batches: list[tuple[list[dict[str, State]], bool]],
) -> None:
    clear(warehouse)
    shop = OrderShop(warehouse, settings, tmp_path).describe(SHOP)
    states: dict[str, State] = {}
    answers: list[tuple[datetime, dict[str, int]]] = []
    for number, (files, is_history) in enumerate(batches):
        # An order of its own in each file: the same bytes again would not be read.
        for place, file in enumerate(files):
            states |= file | {f"{number}.{place}": ({"TEA": 1}, False, 0, 0)}
        shop.deliver(
            *(
                [line for order in file for line in rows(order, file[order])]
                + rows(f"{number}.{place}", ({"TEA": 1}, False, 0, 0))
                for place, file in enumerate(files)
            ),
            header=HEADER,
            history=is_history,
        )
        assert sums(shop.lines()) == {order: paid(state) for order, state in states.items()}
        assert {order for order, (_, kind) in shop.orders().items() if kind == "purchase"} == {
            order for order, state in states.items() if not state[1]
        }
        # Versions of one batch follow each other by a microsecond.
        now = shop.newest_load() + timedelta(microseconds=50)
        answers.append((now, sums(shop.lines())))
    assert violations(warehouse) == []
    for instant, expected in answers:
        before = sums(shop.lines(instant))
        assert {order: before[order] for order in expected} == expected
