"""A legal hold: kept, hidden and used for nothing until a date, and forgotten the night after."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from retention_ml import clock
from retention_ml.abnormal.excluded import excluded_customers
from retention_ml.actions.permissions import permitted
from retention_ml.audit.read_log import newest_entries
from retention_ml.errors import UnknownCustomer, UsageError
from retention_ml.maintenance.erasure.export_person import export_person
from retention_ml.maintenance.erasure.forget import forget
from retention_ml.maintenance.erasure.hold import end_holds, hold
from retention_ml.maintenance.erasure.prove import prove
from retention_ml.maintenance.invariants import violations
from retention_ml.people.holds import held_customers, require_visible
from retention_ml.people.lookup import customer_id_of
from retention_ml.receipts import Receipt
from tests.maintenance.erasure.conftest import Filled
from tests.maintenance.erasure.test_commands import people
from tests.people.conftest import take_in
from tests.worlds.shops import fill

REASON = "lawsuit 12 O 345/25"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Sets the day that it is."""

    def set_day(day: date) -> None:
        monkeypatch.setattr(
            clock, "now", lambda: datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        )

    set_day(date(2026, 5, 1))
    return set_day


def _hold(
    shop: Filled, *numbers: str, until: date = date(2026, 6, 30), reason: str = REASON
) -> Receipt:
    return hold(
        shop.warehouse,
        settings=shop.settings,
        numbers=numbers,
        until=until,
        reason=reason,
        by="test",
    )


def _id(shop: Filled, number: str) -> str:
    return customer_id_of(shop.warehouse, shop.settings, number)


def test_a_person_on_hold_is_kept_and_used_for_nothing(
    filled: Filled, at: Callable[[date], None]
) -> None:
    hidden, other = filled.gone[0], filled.others[0]
    grants = [
        {
            "customer_id": _id(filled, number), "channel": "email", "purpose": "marketing",
            "kind": "granted", "event_at": datetime(2024, 1, 1, tzinfo=UTC), "address": None,
        }
        for number in (hidden, other)
    ]  # fmt: skip
    fill(filled.warehouse, "contact_permissions", grants)
    rows = filled.values("SELECT count(*) FROM curated.orders")
    assert _hold(filled, hidden).written == 1
    assert filled.values("SELECT count(*) FROM curated.orders") == rows, "nothing is erased"
    assert held_customers(filled.warehouse).to_pylist() == [_id(filled, hidden)]
    # The one question that training, profiles, lists, actions and outcomes ask, of every day.
    assert excluded_customers(filled.warehouse, date(2020, 1, 1)).to_pylist() == [
        _id(filled, hidden)
    ]
    allowed = filled.warehouse.read(permitted(clock.now()))["customer_id"].to_pylist()
    assert _id(filled, other) in allowed
    assert _id(filled, hidden) not in allowed
    with pytest.raises(UsageError, match=rf"on legal hold until 2026-06-30 \({REASON}\)"):
        require_visible(filled.warehouse, _id(filled, hidden))
    require_visible(filled.warehouse, _id(filled, other))
    assert violations(filled.warehouse) == []


def test_what_is_delivered_of_a_person_on_hold_is_kept_with_the_rest(
    filled: Filled, at: Callable[[date], None]
) -> None:
    hidden = filled.gone[0]
    _hold(filled, hidden)
    mine = f"SELECT count(*) FROM curated.events WHERE customer_id = '{_id(filled, hidden)}'"
    before = filled.values(mine)
    file = filled.deliver(
        "events_later.csv",
        "event_at,customer_id,session_id,event_type,product_id,detail\n"
        f"2024-03-02 18:00:00,{hidden},990,login,,\n",
    )
    take_in(filled.warehouse, filled.settings, (file,))
    assert filled.values(mine) == [before[0] + 1]  # type: ignore[operator]


def test_the_night_after_the_hold_the_person_is_forgotten_and_nobody_else(
    filled: Filled, at: Callable[[date], None]
) -> None:
    hidden, extended = filled.gone[0], filled.gone[1]
    _hold(filled, hidden, extended)
    _hold(filled, extended, until=date(2026, 12, 31))
    at(date(2026, 6, 30))
    assert end_holds(filled.warehouse, settings=filled.settings).written == 0, "that day included"
    at(date(2026, 7, 1))
    assert end_holds(filled.warehouse, settings=filled.settings).written == 1
    proof = prove(filled.warehouse, settings=filled.settings, numbers=[hidden])
    assert proof.details["hits"] == {}
    assert held_customers(filled.warehouse).to_pylist() == [_id(filled, extended)]
    assert end_holds(filled.warehouse, settings=filled.settings).written == 0, "safe to repeat"
    assert violations(filled.warehouse) == []
    events = [entry.event for entry in newest_entries(filled.warehouse, filled.settings, limit=9)]
    assert sorted(set(events)) == ["person_forgotten", "person_held", "person_proved"]
    assert hidden not in str(filled.values("SELECT log::text FROM audit.log AS log"))
    again = forget(filled.warehouse, settings=filled.settings, numbers=[hidden])
    assert list(again.details["done_before"]) == ["1"], "the second says when it was done"


def test_forgetting_a_person_on_hold_says_until_when(
    filled: Filled, at: Callable[[date], None]
) -> None:
    hidden, free = filled.gone[:2]
    _hold(filled, hidden)
    with pytest.raises(UsageError, match=r"asked to be forgotten on 2026-05-01 .* 2026-06-30"):
        forget(filled.warehouse, settings=filled.settings, numbers=[hidden])
    with pytest.raises(UsageError, match=r"^Line 2 of the list: on legal hold, until 2026-06-30"):
        forget(filled.warehouse, settings=filled.settings, numbers=[free, hidden])
    assert filled.values("SELECT count(*) FROM privacy.tombstones") == [0]
    outcomes = filled.values("SELECT outcome FROM privacy.requests ORDER BY request_id")
    assert outcomes == ["accepted", "on hold", "accepted", "on hold"]
    at(date(2026, 7, 2))  # over, and the night's run has not come by yet
    assert forget(filled.warehouse, settings=filled.settings, numbers=[hidden]).written == 1
    assert filled.values("SELECT count(*) FROM privacy.holds") == [0]


@pytest.mark.parametrize(
    ("until", "reason", "words"),
    [
        (date(2026, 6, 30), " ", "without a reason is not accepted"),
        (date(2026, 5, 1), REASON, "would end on 2026-05-01, and today is 2026-05-01"),
        (date(2025, 1, 1), REASON, "expected is a later day"),
        (date(2026, 6, 30), "x" * 501, "The reason has 501 letters; at most 500"),
    ],
)
def test_a_hold_without_reason_or_with_a_date_that_has_passed_is_refused(
    filled: Filled, at: Callable[[date], None], until: date, reason: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        _hold(filled, filled.gone[0], until=until, reason=reason)
    assert filled.values("SELECT count(*) FROM privacy.holds") == [0]
    assert filled.values("SELECT count(*) FROM audit.log") == [0]


def test_nobody_unknown_and_nobody_forgotten_is_held(
    filled: Filled, at: Callable[[date], None]
) -> None:
    with pytest.raises(UnknownCustomer, match="line 2 of the list"):
        _hold(filled, filled.gone[0], "C9999999")
    forget(filled.warehouse, settings=filled.settings, numbers=[filled.gone[1]])
    with pytest.raises(UsageError, match="Line 2 of the list: forgotten already"):
        _hold(filled, filled.gone[0], filled.gone[1])
    assert filled.values("SELECT count(*) FROM privacy.holds") == [0]


def test_the_same_hold_again_changes_nothing_and_another_date_counts(
    filled: Filled, at: Callable[[date], None]
) -> None:
    assert _hold(filled, filled.gone[0]).written == 1
    again = _hold(filled, filled.gone[0])
    assert (again.written, again.duplicates) == (0, 1)
    at(date(2026, 5, 9))
    assert _hold(filled, filled.gone[0], until=date(2026, 9, 1)).written == 1
    assert filled.values("SELECT hold_until::text FROM privacy.holds") == ["2026-09-01"]
    assert filled.values("SELECT requested_at::date::text FROM privacy.holds") == ["2026-05-01"]
    entries = newest_entries(filled.warehouse, filled.settings, limit=9)
    assert [entry.details["hold_until"] for entry in entries] == ["2026-09-01", "2026-06-30"]
    assert {entry.details["reason"] for entry in entries} == {REASON}


def test_a_person_on_hold_has_the_right_to_see_all_of_it(
    filled: Filled, at: Callable[[date], None], tmp_path: Path
) -> None:
    _hold(filled, filled.gone[0])
    receipt = export_person(
        filled.warehouse, settings=filled.settings, number=filled.gone[0], folder=tmp_path / "out"
    )
    assert receipt.written > 1
    content = json.loads((tmp_path / "out" / "person.json").read_text())["tables"]
    [row] = content["privacy.holds"]
    assert (row["hold_until"], row["reason"]) == ("2026-06-30", REASON)


def test_the_command_holds_and_says_until_when(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_HOME", str(filled.settings.home))
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", filled.warehouse.url)
    monkeypatch.setenv(
        "RETENTION_PRIVACY__PSEUDONYMS", str(filled.settings.privacy.pseudonyms).lower()
    )
    until = (clock.now() + timedelta(days=90)).date().isoformat()
    number = filled.gone[0]
    answer = people("forget", number, "--hold-until", until, "--reason", REASON)
    assert answer.exit_code == 0, answer.output
    assert f"1 person is hidden until {until}" in answer.stdout
    asked = people("forget", number)
    assert asked.exit_code == 2
    assert until in asked.output
    assert people("forget", number, "--hold-until", until).exit_code == 2, "no reason"
    assert people("forget", number, "--reason", REASON).exit_code == 2, "no date"
    assert people("forget", number, "--hold-until", "soon", "--reason", REASON).exit_code == 2


def test_held_customers_of_an_empty_warehouse_are_none(filled: Filled) -> None:
    assert held_customers(filled.warehouse).equals(pa.array([], pa.string()))
