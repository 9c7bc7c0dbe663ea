"""How a task calls a door of the library: settings, warehouse, receipt, errors."""

import logging
from collections.abc import Callable
from typing import Any

from retention_ml.errors import HeldBack, RetentionError
from retention_ml.receipts import DoorReceipt
from retention_ml.settings import Settings, load

logger = logging.getLogger(__name__)


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

    from retention_ml.stack import address

    configured = settings()
    warehouse = address.warehouse(configured)
    try:
        receipt = door(warehouse, settings=configured, **arguments)
    except skip_on as refusal:
        raise AirflowSkipException(str(refusal)) from refusal
    except RetentionError as error:
        logger.error("%s", error)
        raise
    finally:
        warehouse.close()
    return receipt.to_dict()
