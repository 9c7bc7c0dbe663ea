"""How a task calls a door of the library: settings, warehouse, receipt, errors."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from retention_ml.errors import HeldBack, NotReady, RetentionError, machine_errors
from retention_ml.receipts import DoorReceipt
from retention_ml.settings import Settings, load

if TYPE_CHECKING:
    from retention_ml.deliveries.ledger.files import FileState
    from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


def settings() -> Settings:
    """The settings, with the run they serve as `run_id`."""
    from airflow.sdk import get_current_context

    run = get_current_context()["dag_run"]
    return load().model_copy(update={"run_id": f"{run.dag_id}/{run.run_id}"})


def call(
    door: Callable[..., DoorReceipt], *, skip_on: tuple[type[HeldBack], ...] = (), **arguments: Any
) -> dict[str, Any]:
    """Call a door and return its receipt as plain values.

    Parameters
    ----------
    door : callable
        Takes the warehouse, `settings` and `arguments`.
    skip_on : tuple of HeldBack classes
        Refusals that are no fault of this run: the task is skipped with their sentence.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    with _warehouse() as (warehouse, configured):
        try:
            with machine_errors():
                receipt = door(warehouse, settings=configured, **arguments)
        except skip_on as refusal:
            raise AirflowSkipException(str(refusal)) from refusal
        except RetentionError as error:
            logger.error("%s", error)
            raise
    return receipt.to_dict()


def call_if_ready(door: Callable[..., DoorReceipt], **arguments: Any) -> list[dict[str, Any]]:
    """The receipt of a door; none where there is nothing for it to work on yet, which is logged."""
    from airflow.sdk.exceptions import AirflowSkipException

    try:
        return [call(door, skip_on=(NotReady,), **arguments)]
    except AirflowSkipException as refusal:
        logger.info("%s", refusal)
        return []


def each(*steps: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The receipts of steps that do not depend on each other.

    One that fails keeps none of the others from being taken; then the first error is raised.
    """
    receipts: list[dict[str, Any]] = []
    errors: list[Exception] = []
    for step in steps:
        try:
            receipts += step()
        except Exception as error:  # whatever it is, the others are taken
            errors.append(error)
    for other in errors[1:]:
        logger.error("Besides: %s: %s", type(other).__name__, other)
    if errors:
        raise errors[0]
    return receipts


def read(reading: Callable[..., Answer], **arguments: Any) -> Answer:
    """What a reading function answers; it takes the warehouse and `arguments`."""
    with _warehouse() as (warehouse, _), machine_errors():
        return reading(warehouse, **arguments)


def skip_unless(is_wanted: bool, sentence: str) -> None:
    """Skip the calling task with a sentence that says why, unless it is wanted."""
    from airflow.sdk.exceptions import AirflowSkipException

    if not is_wanted:
        raise AirflowSkipException(sentence)


def go_on_without(*task_ids: str, result: Any) -> Any:
    """End the calling task with its result, and skip tasks after it that have nothing to do.

    It does not return.

    A task that starts only to find that out costs a process: a second or two of every day.
    """
    from airflow.sdk import get_current_context
    from airflow.sdk.exceptions import DownstreamTasksSkipped

    get_current_context()["ti"].xcom_push(key="return_value", value=result)
    raise DownstreamTasksSkipped(tasks=list(task_ids))


def receipts_of(task_id: str, door: str) -> list[dict[str, Any]]:
    """The receipts of a door among what the instances of a mapped task of this run returned."""
    from airflow.sdk import get_current_context

    # A list asks for a list: of a single name and a single instance Airflow gives the value alone.
    returned = get_current_context()["ti"].xcom_pull(task_ids=[task_id])
    return [dict(one) for receipts in returned for one in receipts or () if one["door"] == door]


def receipt_of(receipts: Sequence[Mapping[str, Any]], door: str) -> dict[str, Any]:
    """The last receipt of a door among those that a task returned."""
    return dict([one for one in receipts if one["door"] == door][-1])


def paths(names: Sequence[str]) -> list[Path]:
    """Names of files, which went through Airflow as text, as paths."""
    return [Path(name) for name in names]


def sources() -> list[str]:
    """The names of the sources that are described."""
    from retention_ml.deliveries.source_names import all_source_names

    return all_source_names(settings().sources)


def file_states(files: Sequence[str], landed: Mapping[str, Any] | None) -> dict[str, "FileState"]:
    """What the ledger says of files by path, given the receipt of `land`; nothing without one.

    Of a file that several feeds read, the entry that decides where it goes.
    """
    if landed is None:
        return {}
    from retention_ml.deliveries.ledger import files as ledger

    with _warehouse() as (warehouse, _), warehouse.transaction() as transaction:
        states = ledger.file_states(transaction, landed["delivery_ids"])
    return {
        path: ledger.decisive([states[number] for number in numbers])
        for path, numbers in zip(files, landed["entries"], strict=True)
    }


@contextmanager
def _warehouse() -> Iterator[tuple["Warehouse", Settings]]:
    """The warehouse and the settings, for one block."""
    from retention_ml.stack import address

    configured = settings()
    warehouse = address.warehouse(configured)
    try:
        yield warehouse, configured
    finally:
        warehouse.close()
