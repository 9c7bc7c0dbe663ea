"""Who may be contacted, by the rules of the assignment: one case for each of them."""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from retention_ml import clock
from retention_ml.actions.holdout.membership import in_holdout
from retention_ml.warehouse import Warehouse
from tests.actions.decided_days import Decisions
from tests.reports.conftest import NEXT
from tests.worlds.scores import World
from tests.worlds.shops import fill

_LIMITS = (
    "fatigue_days = 28, window_days = 35, contacts_per_year_max = 2, quiet_after_order_days = 7"
)


def _change(warehouse: Warehouse, sql: str, **parameters: Any) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(sql, **parameters)


def _listed(world: World) -> dict[str, dict[str, Any]]:
    rows = world.rows("SELECT * FROM reports.contact_list ORDER BY customer_id")
    return {row["customer_id"]: row for row in rows}


def _blocked(world: World) -> list[str]:
    return [name for name, row in _listed(world).items() if not row["may_contact"]]


def _before(days: int) -> date:
    return NEXT - timedelta(days=days)


@pytest.fixture
def names(fresh_shop: World) -> list[str]:
    """Customers of the newest day, all of whom permit mail."""
    names = list(_listed(fresh_shop))
    rows = [
        {
            "customer_id": name,
            "channel": "email",
            "purpose": "marketing",
            "kind": "granted",
            "event_at": clock.midnight(_before(300), "UTC"),
            "address": f"{name}@example.com",
        }
        for name in names
    ]
    fill(fresh_shop.warehouse, "contact_permissions", pa.Table.from_pylist(rows))
    return names


@pytest.fixture
def decisions(fresh_shop: World, names: list[str]) -> Decisions:
    """The newest day is released; of earlier ones, what a test decides."""
    made = Decisions(fresh_shop.warehouse)
    made.day(NEXT)
    _change(fresh_shop.warehouse, f"UPDATE actions.days SET {_LIMITS}")
    return made


def _contacted(world: World, name: str, *days: date) -> None:
    rows = {
        "campaign_id": [f"campaign of {day}" for day in days],
        "customer_id": [name] * len(days),
        "event_at": [clock.midnight(day, "UTC") for day in days],
        "kind": ["sent"] * len(days),
    }
    fill(world.warehouse, "campaign_contacts", pa.table(rows))


def test_where_nothing_was_ever_decided_permission_is_enough(
    fresh_shop: World, names: list[str]
) -> None:
    assert len(names) > 20
    assert _blocked(fresh_shop) == []


def test_until_the_day_is_decided_nobody_may_be_contacted(
    fresh_shop: World, names: list[str]
) -> None:
    Decisions(fresh_shop.warehouse).day(_before(7))
    assert _blocked(fresh_shop) == names
    assert not any(row["is_decided"] for row in _listed(fresh_shop).values())


def test_a_contact_of_the_day_itself_is_no_earlier_contact(
    fresh_shop: World, names: list[str], decisions: Decisions
) -> None:
    decisions.send(names[0], day=NEXT)
    decisions.send(names[1], day=_before(28))
    decisions.send(names[2], day=_before(29))
    decisions.send(names[3], "failed", day=_before(1))
    _contacted(fresh_shop, names[4], NEXT)
    _contacted(fresh_shop, names[5], _before(1))
    _change(fresh_shop.warehouse, f"UPDATE actions.days SET {_LIMITS}")
    rows = _listed(fresh_shop)
    assert {name: rows[name]["last_contact_days"] for name in names[:6]} == dict(
        zip(names, (None, 28, 29, None, None, 1), strict=False)
    )
    assert _blocked(fresh_shop) == [names[1], names[5]]
    assert [rows[name]["is_rested"] for name in names[:3]] == [True, False, True]


def test_whom_a_lot_drew_is_left_alone_while_the_window_is_open(
    fresh_shop: World, names: list[str], decisions: Decisions
) -> None:
    decisions.assign(names[0], day=NEXT, is_explored=True)  # left alone by lot today
    decisions.assign(names[1], day=NEXT)  # nothing chosen: no lot
    decisions.assign(names[2], day=_before(35), is_explored=True)
    decisions.assign(names[3], day=_before(36), is_explored=True)
    decisions.assign(names[4], day=_before(30), experiment_id="spring", is_explored=True)
    decisions.send(names[5], day=_before(30), is_explored=True)
    decisions.send(names[6], day=_before(30))  # chosen, and rested since
    decisions.send(names[7], "failed", day=_before(30), is_explored=True)
    decisions.day(_before(20), status="shadow")
    decisions.assign(names[8], day=_before(20), is_explored=True)
    _change(fresh_shop.warehouse, f"UPDATE actions.days SET {_LIMITS}")
    drawn = [names[place] for place in (0, 2, 4, 5)]
    assert _blocked(fresh_shop) == drawn
    assert [name for name, row in _listed(fresh_shop).items() if row["has_open_lot"]] == drawn


def test_all_of_the_holdout_are_left_alone_assigned_or_not(
    fresh_shop: World, names: list[str], decisions: Decisions
) -> None:
    _change(
        fresh_shop.warehouse,
        "INSERT INTO actions.holdouts (salt, share, began_on, purpose, drawn_at, drawn_by, run_id) "
        "VALUES ('holdout:h1', 0.3, :day, 'test', '2025-01-01', 'assign', 'test')",
        day=_before(60),
    )
    members = in_holdout(names, "holdout:h1", 0.3)
    expected = [name for name, is_member in zip(names, members, strict=True) if is_member]
    assert 0 < len(expected) < len(names)
    assert fresh_shop.rows("SELECT 1 FROM actions.assignments") == []
    assert _blocked(fresh_shop) == expected
    assert [name for name, row in _listed(fresh_shop).items() if row["is_holdout"]] == expected


def test_the_yearly_limit_and_the_days_after_an_order_hold(
    fresh_shop: World, names: list[str], decisions: Decisions
) -> None:
    _contacted(fresh_shop, names[0], _before(100), _before(200))
    _contacted(fresh_shop, names[1], _before(100), _before(366))
    for name, days in ((names[2], 6), (names[3], 7), (names[4], 0)):
        _change(
            fresh_shop.warehouse,
            "DELETE FROM features.customer_day WHERE customer_id = :name",
            name=name,
        )
        _ordered(fresh_shop.warehouse, name, _before(days))
    assert _blocked(fresh_shop) == [names[0], names[2]]
    rows = _listed(fresh_shop)
    assert [name for name, row in rows.items() if row["is_at_yearly_limit"]] == [names[0]]
    assert [name for name, row in rows.items() if row["has_just_ordered"]] == [names[2]]


def _ordered(warehouse: Warehouse, name: str, day: date) -> None:
    counts = [
        row["column_name"]
        for row in warehouse.read(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'features' "
            "AND table_name = 'customer_day' AND data_type = 'bigint' "
            "AND column_name NOT IN ('rollup_id', 'orders_count')"
        ).to_pylist()
    ]
    number = (day - date(1970, 1, 1)).days
    _change(
        warehouse,
        "INSERT INTO features.customer_day (customer_id, event_day, known_from_day, rollup_id, "
        f"newest_event_at, orders_count, {', '.join(counts)}) VALUES (:name, :day, :day, 1, "
        f"'2025-01-01', 1, {', '.join('0' for _ in counts)})",
        name=name,
        day=number,
    )
