"""Trains in a process that may use little more memory than it has."""

import resource
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import lightgbm  # noqa: F401  what is imported takes memory too
import matplotlib.figure  # noqa: F401
import mlflow  # noqa: F401

from retention_ml.errors import RetentionError, machine_errors
from retention_ml.models.training.train import train
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

MEGABYTE = 1 << 20


def train_in(
    url: str, settings: dict[str, Any], as_of: Any, more_mb: int, words: Connection
) -> None:
    """Train with so many MB more than the process has; send the sentence it ends with, or ''."""
    warehouse = Warehouse(url)
    warehouse.read("SELECT 1 AS one")  # loads a library
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + more_mb * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        with machine_errors():
            train(
                warehouse,
                settings=Settings(**{**settings, "home": Path(settings["home"])}),
                as_of=as_of,
                trial_between=trial_between,
            )
        words.send("")
    except RetentionError as error:
        words.send(f"{type(error).__name__}: {error}")
