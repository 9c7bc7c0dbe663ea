"""Decides about the champion in a process of its own, to be killed at a failpoint."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retention_ml.models.promotion.promote import promote
from retention_ml.models.training.train import select
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

DOORS: dict[str, Callable[[Warehouse, Settings, str], object]] = {
    "select": lambda warehouse, settings, training_id: select(
        warehouse, settings=settings, training_id=training_id, trial_between=trial_between
    ),
    "promote": lambda warehouse, settings, version: promote(
        warehouse, settings=settings, version=version, decided_by="ann", reason="because"
    ),
}


def decide(url: str, settings: dict[str, Any], door: str, which: str, place: str) -> None:
    """Select the best of a training, or promote a version, and die at the failpoint.

    Parameters
    ----------
    door : str
        One of `DOORS`.
    which : str
        The training or the version.
    """
    os.environ["RETENTION_FAILPOINT"] = place
    warehouse = Warehouse(url)
    DOORS[door](warehouse, Settings(**{**settings, "home": Path(settings["home"])}), which)
    warehouse.close()
