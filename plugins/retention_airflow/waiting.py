"""Messages that wait between the runs of `assign_actions`: what is due is sent, and nothing else."""

import logging
from typing import Any

from retention_airflow import doors
from retention_ml import clock
from retention_ml.errors import ChannelError

logger = logging.getLogger(__name__)


def send_due() -> dict[str, Any]:
    """Send what is due on the channels that have something to do; called within a task.

    A channel that takes no messages is in the receipt of the door, and `watch_actions` alerts to it
    once: failing the task every ten minutes would say no more.

    Returns
    -------
    dict
        `waiting`: the channels on which messages still wait.

    Raises
    ------
    AirflowSkipException
        Actions are off, or nothing waits.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from retention_ml.actions.outbox.dispatch import dispatch
    from retention_ml.actions.outbox.waiting import waiting_channels

    if not doors.settings().actions.enabled:
        raise AirflowSkipException("[actions] enabled is false: nothing leaves the house.")
    waiting = doors.read(waiting_channels, now=clock.now())
    if not waiting:
        raise AirflowSkipException("No message waits.")
    if due := [channel for channel, is_due in waiting.items() if is_due]:
        try:
            doors.call(dispatch, channels=due)
        except ChannelError:
            logger.warning("The messages wait for the next run.")
    return {"waiting": list(doors.read(waiting_channels, now=clock.now()))}
