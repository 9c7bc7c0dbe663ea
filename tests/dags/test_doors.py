"""How a task goes through a door."""

from datetime import date

import pytest
from retention_airflow import doors

from retention_ml.errors import NotReady, QualityError, WarehouseError
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings


class OpenedWarehouse:
    """Notes that it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> OpenedWarehouse:  # type: ignore[override]
    from retention_ml.stack import address

    opened = OpenedWarehouse()
    monkeypatch.setattr(address, "warehouse", lambda _: opened)
    monkeypatch.setattr(doors, "settings", lambda: settings)
    return opened


def test_a_door_gets_the_warehouse_and_gives_its_receipt_as_plain_values(
    warehouse: OpenedWarehouse, settings: Settings
) -> None:
    def door(opened: object, *, settings: Settings, as_of: date) -> Receipt:
        assert opened is warehouse
        return Receipt(
            door="door", as_of=as_of, read=1, written=1, seconds=0.0, details={"batch_id": 7}
        )

    receipt = doors.call(door, as_of=date(2026, 3, 1))  # type: ignore[arg-type]
    assert (receipt["as_of"], receipt["batch_id"]) == ("2026-03-01", 7)
    assert warehouse.closed == 1


def test_a_refusal_that_is_no_fault_skips_the_task_with_its_sentence(
    warehouse: OpenedWarehouse,
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    def door(*_: object, **__: object) -> Receipt:
        raise NotReady("There is no champion yet.")

    with pytest.raises(AirflowSkipException, match="There is no champion yet"):
        doors.call(door, skip_on=(NotReady,))
    with pytest.raises(NotReady):
        doors.call(door)


@pytest.mark.parametrize("error", [QualityError("held"), WarehouseError("gone")])
def test_other_errors_pass_as_they_are_and_the_warehouse_is_given_back(
    warehouse: OpenedWarehouse, error: Exception
) -> None:
    def door(*_: object, **__: object) -> Receipt:
        raise error

    with pytest.raises(type(error)):
        doors.call(door, skip_on=(NotReady,))
    assert warehouse.closed == 1


def test_a_door_that_is_not_ready_gives_no_receipt_and_stops_nothing(
    warehouse: OpenedWarehouse,
) -> None:
    def early(*_: object, **__: object) -> Receipt:
        raise NotReady("There is no champion yet.")

    def door(*_: object, **__: object) -> Receipt:
        return Receipt(door="door", as_of=date(2026, 3, 1), read=0, written=0, seconds=0.0)

    assert doors.call_if_ready(early) == []
    assert [one["door"] for one in doors.call_if_ready(door)] == ["door"]


def test_a_step_that_fails_keeps_none_of_the_others_and_its_error_is_raised() -> None:
    called = []

    def step(name: str) -> list[dict[str, object]]:
        called.append(name)
        if name != "second":
            raise ValueError(name)
        return [{"door": name}]

    with pytest.raises(ValueError, match="first"):
        doors.each(lambda: step("first"), lambda: step("second"), lambda: step("third"))
    assert called == ["first", "second", "third"]
    assert doors.each(lambda: step("second")) == [{"door": "second"}]


def test_of_several_receipts_the_last_of_a_door_counts() -> None:
    receipts = [{"door": "assign", "n": 1}, {"door": "other"}, {"door": "assign", "n": 2}]
    assert doors.receipt_of(receipts, "assign")["n"] == 2


def test_of_files_that_were_not_landed_the_ledger_says_nothing() -> None:
    assert doors.file_states(["a.csv"], None) == {}
