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


@pytest.mark.parametrize(
    "receipt",
    [
        {"door": "land", "batch_id": None},
        {"door": "stage", "batch_id": 7, "status": "held"},
        {"door": "check", "batch_id": 7, "status": "held"},
    ],
)
def test_a_step_is_skipped_where_the_one_before_left_nothing_to_do(
    receipt: dict[str, object],
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    assert doors.open_batch({"door": "stage", "batch_id": 7, "status": "staged"}) == 7
    with pytest.raises(AirflowSkipException, match=f"{receipt['door']} left nothing to do"):
        doors.open_batch(receipt)


def test_of_files_that_were_not_landed_the_ledger_says_nothing() -> None:
    assert doors.file_states(["a.csv"], None) == {}
