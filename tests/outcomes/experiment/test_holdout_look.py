"""Looks at the long-run holdout, written once per closed window."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.outcomes.experiment.holdout_look import look_at_holdout
from retention_ml.outcomes.experiment.look import look
from retention_ml.settings import Settings
from retention_ml.statistics.lots import places
from retention_ml.warehouse import Warehouse
from tests.worlds.excluded import exclude
from tests.worlds.outcomes import FIRST, Shop

BEGAN = FIRST + timedelta(days=28)
ENDS = BEGAN + timedelta(days=84)
SALT = "holdout:h1"


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings) -> Shop:
    """400 customers, a fifth held out for 84 days, their features at the start of each window."""
    result = Shop(warehouse, settings, customers=400, days=160)
    for number in range(3):
        result.features(BEGAN + timedelta(days=28 * number))
    _draw(warehouse, SALT, BEGAN, ENDS)
    return result


def _draw(warehouse: Warehouse, salt: str, began_on: date, ends_on: date | None) -> None:
    with warehouse.transaction() as transaction:
        transaction.insert_row(
            "actions.holdouts",
            {
                "salt": salt,
                "share": 0.2,
                "began_on": began_on,
                "ends_on": ends_on,
                "purpose": "test",
                "drawn_at": datetime(2025, 1, 1, tzinfo=UTC),
                "drawn_by": "test",
                "run_id": "test",
            },
        )


def _look(shop: Shop, as_of: date) -> list[dict[str, Any]]:
    rows = look_at_holdout(shop.warehouse, settings=shop.settings, as_of=as_of)
    return [row for row in rows if row["metric"] == "orders"]


def test_a_window_counts_when_it_has_closed_and_settled(shop: Shop) -> None:
    assert _look(shop, BEGAN + timedelta(days=28)) == []
    assert [row["window_number"] for row in _look(shop, BEGAN + timedelta(days=29))] == [1]
    looks = _look(shop, BEGAN + timedelta(days=100))
    assert [row["window_number"] for row in looks] == [1, 2, 3]
    assert {row["windows_planned"] for row in looks} == {3}
    held_out = int((places(shop.names, SALT) < 0.2).sum())
    assert {row["holdout_count"] for row in looks} == {held_out}
    assert {row["customers_count"] for row in looks} == {400}


def test_what_contacts_bring_is_reported_in_orders(shop: Shop) -> None:
    others = places(shop.names, SALT) >= 0.2
    before = _look(shop, BEGAN + timedelta(days=100))[-1]
    who = [shop.names[i] for i in np.flatnonzero(others)]
    at = datetime(BEGAN.year, BEGAN.month, BEGAN.day, tzinfo=UTC) + timedelta(days=3)
    for _ in range(3):
        shop.order(who, [at] * len(who))
    after = _look(shop, BEGAN + timedelta(days=100))[-1]
    assert after["effect"] - before["effect"] == pytest.approx(3.0, abs=0.05)
    assert after["verdict"] == "better"
    assert before["verdict"] == "open"


def test_looks_are_written_once_and_never_replaced_by_older_knowledge(shop: Shop) -> None:
    _look(shop, BEGAN + timedelta(days=100))
    _look(shop, BEGAN + timedelta(days=60))
    rows = shop.rows("SELECT * FROM experiments.holdout_looks")
    assert len(rows) == 6
    assert {row["known_as_of"] for row in rows} == {BEGAN + timedelta(days=100)}


def test_the_last_window_is_looked_at_although_the_next_period_has_begun(shop: Shop) -> None:
    _draw(shop.warehouse, "holdout:h1/2", ENDS, None)
    shop.features(ENDS)
    settled = ENDS + timedelta(days=1)
    assert [row["window_number"] for row in _look(shop, settled)] == [1, 2, 3]
    both = _look(shop, settled + timedelta(days=28))
    assert [row["window_number"] for row in both] == [1, 2, 3, 1]
    assert len({row["holdout_id"] for row in both}) == 2
    receipt = look(shop.warehouse, settings=shop.settings, as_of=settled + timedelta(days=28))
    newest = [
        row["window_number"] for row in receipt.details["holdout"] if row["metric"] == "orders"
    ]
    assert newest == [3, 1]
    # What settled long ago is not computed again.
    assert {row["window_number"] for row in _look(shop, settled + timedelta(days=29))} == {1}


def test_a_period_cut_short_spends_its_error_rate_no_faster(shop: Shop) -> None:
    _look(shop, BEGAN + timedelta(days=60))
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE actions.holdouts SET ends_on = :day", day=BEGAN + timedelta(days=61)
        )
    looks = _look(shop, BEGAN + timedelta(days=85))
    assert [row["window_number"] for row in looks] == [1, 2]  # the third would reach beyond the end
    assert {row["windows_planned"] for row in looks} == {3}


def test_what_the_holdout_does_not_need_is_not_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    read = Warehouse.read

    def recorded(self: Warehouse, query: Any) -> pa.Table:
        texts.append(str(query))
        return read(self, query)

    monkeypatch.setattr(Warehouse, "read", recorded)
    _look(shop, BEGAN + timedelta(days=100))
    assert any("order_lines" in text for text in texts)
    assert not any("contact_permissions" in text or "'return'" in text for text in texts)


def test_without_a_holdout_there_is_nothing_to_look_at(
    warehouse: Warehouse, settings: Settings
) -> None:
    assert look_at_holdout(warehouse, settings=settings, as_of=BEGAN) == []


def test_who_is_excluded_when_a_window_begins_does_not_join_and_who_has_joined_stays(
    shop: Shop,
) -> None:
    exclude(shop.warehouse, shop.names[:7], since=BEGAN)
    exclude(shop.warehouse, shop.names[7:20], since=BEGAN + timedelta(days=28))
    looks = _look(shop, BEGAN + timedelta(days=100))
    assert [row["customers_count"] for row in looks] == [393, 393, 393]
    assert {row["abnormal_count"] for row in looks} == {7}
