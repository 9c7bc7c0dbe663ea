"""Own answers against a count by hand, on random shops, point in time, on both engines."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from math import log
from typing import Any

import numpy as np
import pytest

from retention_ml.clock import day_number
from retention_ml.features import freshness
from retention_ml.features.answers import ANSWER_NAMES, ANSWERS, EFFECT_DAYS, compute_answers
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.document import as_markdown
from retention_ml.features.engines import ENGINES
from retention_ml.features.roll_up import roll_up
from retention_ml.limits import Limits
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill

START = date(2025, 1, 1)
OWN_DAYS = {"mail": 7, "coupon": 14}
Rows = list[dict[str, Any]]


def _at(day: float) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=int(day * 86_400))


def _order(day: float, customer: str = "c1") -> dict[str, Any]:
    return {"order_id": f"{customer}-{day}", "customer_id": customer, "event_at": _at(day)}


def _contact(day: float, kind: str = "sent", **other: Any) -> dict[str, Any]:
    return {
        "campaign_id": f"k{day}",
        "customer_id": "c1",
        "kind": kind,
        "event_at": _at(day),
        "campaign_type": None,
        **other,
    }


def _read(
    warehouse: Warehouse,
    settings: Settings,
    *days: int,
    engine: str = "duckdb",
    effect_days: Mapping[str, int] = OWN_DAYS,
) -> dict[tuple[int, str], dict[str, float]]:
    """Features by day (counted from the first) and customer."""
    calendar = settings.calendar.model_copy(update={"timezone": "UTC"})
    roll_up(warehouse, settings=settings.model_copy(update={"calendar": calendar}))
    rows = compute_answers(
        warehouse,
        engine=engine,
        days=[day_number(START) + day for day in days],
        newest_rollup_id=freshness.newest_rollup_id(warehouse),
        limits=Limits(threads=1),
        effect_days=effect_days,
    ).to_pylist()
    keyed = {(row["as_of_day"] - day_number(START), row["customer_id"]): row for row in rows}
    assert len(keyed) == len(rows)
    return {key: {name: row[name] for name in ANSWER_NAMES} for key, row in keyed.items()}


def test_an_example_by_hand(warehouse: Warehouse, settings: Settings) -> None:
    # Ten orders in 100 days; two while a contact had its effect, none while left alone.
    days = (0, 30.5, 33, 61, 65, 66, 70, 75, 90, 95)
    fill(warehouse, "orders", [_order(day) for day in days])
    fill(warehouse, "campaign_contacts", [_contact(10, "holdout"), _contact(30.2)])
    [row] = _read(warehouse, settings, 100).values()
    left = log(1 / (20 * 10 / 100 + 1))  # of 28 days from day 10, 20 before the contact
    sent = log(3 / (28 * 10 / 100 + 1))
    expected = (28, 20, sent, left, sent - left)
    assert list(row.values()) == pytest.approx(expected, abs=1e-8)


def test_a_window_counts_once_it_has_closed(warehouse: Warehouse, settings: Settings) -> None:
    fill(warehouse, "orders", [_order(0), _order(12)])
    fill(warehouse, "campaign_contacts", [_contact(10)])
    assert _read(warehouse, settings, 10 + EFFECT_DAYS - 1) == {}
    [row] = _read(warehouse, settings, 10 + EFFECT_DAYS).values()
    assert (row["answer_contacted_days"], row["answer_left_alone_days"]) == (28, 0)


def test_own_actions_have_their_own_windows_and_others_the_default(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "orders", [_order(0)])
    of_platform = {"campaign_type": "mail", "source": "actions"}
    fill(warehouse, "campaign_contacts", [_contact(10, **of_platform)])
    [row] = _read(warehouse, settings, 17).values()
    assert row["answer_contacted_days"] == 7
    # A foreign campaign may have the same word for its type.
    fill(warehouse, "campaign_contacts", [_contact(40, campaign_type="mail")])
    rows = _read(warehouse, settings, 60, 68)
    assert [row["answer_contacted_days"] for _, row in sorted(rows.items())] == [7, 35]
    rows = _read(warehouse, settings, 68, effect_days={})
    assert [row["answer_contacted_days"] for row in rows.values()] == [56]


def test_a_contact_and_a_holdout_that_came_late_count_from_then_on(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "orders", [_order(0)])
    late = _at(60)
    fill(warehouse, "campaign_contacts", [_contact(10)], available_at=late)
    fill(warehouse, "campaign_contacts", [_contact(5, "holdout")], available_at=_at(60.5))
    rows = _read(warehouse, settings, 59, 60, 61)
    assert sorted(key for key, _ in rows) == [60, 61]
    assert [rows[day, "c1"]["answer_left_alone_days"] for day in (60, 61)] == [0, 5]


def test_what_happens_at_or_after_the_day_changes_nothing(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "orders", [_order(0), _order(12)])
    fill(warehouse, "campaign_contacts", [_contact(10)])
    before = _read(warehouse, settings, 40)
    fill(warehouse, "orders", [_order(40), _order(41)])
    fill(warehouse, "orders", [_order(13)], available_at=_at(40.1))
    fill(warehouse, "campaign_contacts", [_contact(40), _contact(41, "holdout")])
    assert _read(warehouse, settings, 40) == before != {}


def test_a_contact_corrected_to_another_type_has_its_new_window_from_then_on(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "orders", [_order(0)])
    of_platform = {"source": "actions", "campaign_type": "mail"}
    fill(warehouse, "campaign_contacts", [_contact(10, **of_platform)])
    corrected = _contact(10, **of_platform | {"campaign_type": "coupon"})
    fill(warehouse, "campaign_contacts", [corrected], available_at=_at(50))
    rows = _read(warehouse, settings, 49, 50)
    assert [rows[day, "c1"]["answer_contacted_days"] for day in (49, 50)] == [7, 14]


def test_what_was_opened_or_redeemed_is_no_contact(
    warehouse: Warehouse, settings: Settings
) -> None:
    fill(warehouse, "orders", [_order(0)])
    kinds = ("opened", "clicked", "redeemed")
    fill(warehouse, "campaign_contacts", [_contact(10 + i, kind) for i, kind in enumerate(kinds)])
    assert _read(warehouse, settings, 90) == {}


class RandomShop:
    """Deliveries of random orders, contacts and holdouts, some late, some corrected."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.deliveries: list[tuple[str, Rows, float]] = []
        for number in range(6):
            orders = []
            for _ in range(25):
                day = float(np.round(draw.uniform(0, 150), 2))
                orders.append(_order(day, f"c{draw.integers(8)}") | {"available": day})
            contacts = {}
            for _ in range(14):
                day = float(draw.integers(0, 150))
                kind = str(draw.choice(["sent", "sent", "holdout", "opened"]))
                source = str(draw.choice(["actions", "test"]))
                row = _contact(day, kind, source=source, customer_id=f"c{draw.integers(8)}")
                row["campaign_type"] = str(draw.choice(["mail", "coupon", "other"]))
                contacts[row["campaign_id"], row["customer_id"], kind] = row
            late = float(draw.integers(60, 160))
            unique = {row["order_id"]: row for row in orders}
            for row in unique.values():
                del row["available"]
            self.deliveries.append(("orders", list(unique.values()), late if number % 2 else 0))
            self.deliveries.append(("campaign_contacts", list(contacts.values()), late))

    def write(self, warehouse: Warehouse, settings: Settings, *, rolls_up_between: bool) -> None:
        """All deliveries, in order; later ones correct equal keys."""
        for table, rows, late in self.deliveries:
            fill(warehouse, table, rows, available_at=_at(late))
            if rolls_up_between:
                _read(warehouse, settings, 100)

    def expected(self, as_of: int) -> dict[tuple[int, str], dict[str, float]]:
        """The features of a day, counted day by day."""
        available: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {
            "orders": {}, "campaign_contacts": {},
        }  # fmt: skip
        keys = {
            "orders": ("order_id",),
            "campaign_contacts": ("campaign_id", "customer_id", "kind", "event_at"),
        }
        for table, rows, late in self.deliveries:
            if _at(late) > _at(as_of):
                continue
            for row in rows:
                available[table][tuple(row[name] for name in keys[table])] = row
        values = {}
        for customer in {f"c{number}" for number in range(8)}:
            bought = [
                (row["event_at"] - _at(0)).days
                for row in available["orders"].values()
                if row["customer_id"] == customer and row["event_at"] < _at(as_of)
            ]
            reached: set[int] = set()
            contacted: set[int] = set()
            alone: set[int] = set()
            for row in available["campaign_contacts"].values():
                opens = (row["event_at"] - _at(0)).days
                if row["customer_id"] != customer or opens >= as_of or row["kind"] == "opened":
                    continue
                length = EFFECT_DAYS
                if row["source"] == "actions":
                    length = OWN_DAYS.get(row["campaign_type"], EFFECT_DAYS)
                window = set(range(opens, min(opens + length, as_of)))
                if row["kind"] == "sent":
                    reached |= window
                if opens + length <= as_of:
                    (contacted if row["kind"] == "sent" else alone).update(window)
            alone -= reached
            if contacted or alone:
                rate = len(bought) / (as_of - min(bought)) if bought else 0.0
                ratios = [
                    log((sum(day in days for day in bought) + 1) / (len(days) * rate + 1))
                    for days in (contacted, alone)
                ]
                numbers = (len(contacted), len(alone), *ratios, ratios[0] - ratios[1])
                values[as_of, customer] = dict(zip(ANSWER_NAMES, numbers, strict=True))
        return values


@pytest.mark.parametrize("seed", [1, 2])
def test_random_shops_agree_with_a_count_by_hand_on_both_engines_and_in_any_passes(
    warehouse: Warehouse, settings: Settings, seed: int
) -> None:
    shop = RandomShop(seed)
    shop.write(warehouse, settings, rolls_up_between=seed == 2)
    days = (40, 80, 110, 155, 200)
    expected = {key: row for day in days for key, row in shop.expected(day).items()}
    assert len(expected) > 20
    in_process, in_database = (_read(warehouse, settings, *days, engine=e) for e in ENGINES)
    assert in_process == in_database
    assert in_process.keys() == expected.keys()
    for key, row in expected.items():
        assert in_process[key] == pytest.approx(row, abs=1e-8), key


def test_they_are_documented_and_no_columns_of_the_customers_of_a_day() -> None:
    assert not set(ANSWER_NAMES) & set(FEATURE_NAMES)
    for feature in ANSWERS:
        assert f"| `{feature.name}` | {feature.unit} | – | {feature.meaning} |" in as_markdown()
