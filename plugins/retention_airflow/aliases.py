"""The aliases of the registered model in MLflow, and the trigger that says when one was moved."""

import asyncio
import base64
import json
import logging
import os
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
_MODEL = "churn"
Aliases = dict[str, str]  # the version of each alias


def look(address: str) -> Aliases | None:
    """The aliases as MLflow at that address has them; None where it does not answer.

    Asked without MLflow's client: importing that would double what the triggerer needs of memory.
    """
    url = f"{address.rstrip('/')}/api/2.0/mlflow/registered-models/get?name={_MODEL}"
    request = urllib.request.Request(url)  # noqa: S310  (only http and https: see defaults)
    user, password = (
        os.environ.get(f"MLFLOW_TRACKING_{each}") for each in ("USERNAME", "PASSWORD")
    )
    if user and password:
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            model = json.load(response)["registered_model"]
        return {each["alias"]: str(each["version"]) for each in model.get("aliases", ())}
    except (OSError, ValueError, KeyError, TypeError) as error:  # also: there is no model yet
        logger.debug("MLflow did not say where its aliases are: %s", error)
        return None


class AliasTrigger(BaseEventTrigger):  # type: ignore[misc]  # airflow is untyped here
    """Says when an alias is elsewhere than at the look before: one event for each such look.

    What moved while nobody looked is noticed by the next training or scoring.

    Parameters
    ----------
    address : str
        Of MLflow.
    poll_seconds : float
        Time between two looks.
    """

    def __init__(self, address: str, poll_seconds: float = LOOK_SECONDS) -> None:
        super().__init__()
        self.address = address
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and arguments from which the triggerer makes it again."""
        return (
            "retention_airflow.aliases.AliasTrigger",
            {"address": self.address, "poll_seconds": self.poll_seconds},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, wait, look again; never ends."""
        before: Aliases | None = None
        while True:
            after = await asyncio.to_thread(look, self.address)
            if after is not None:
                if before is not None and after != before:
                    yield TriggerEvent({"aliases": after})
                before = after
            await asyncio.sleep(self.poll_seconds)
