"""Spark in the tests: two threads of this machine, and only where it is installed."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from retention_ml.settings import Settings, Spark

needs_spark = pytest.mark.skipif(
    find_spec("pyspark") is None and "RETENTION_SPARK" not in os.environ,
    reason="PySpark is not installed here; `make spark-test` makes an environment with it.",
)


def of_tests(folder: Path) -> Spark:
    """A small Spark that exchanges its files in a folder."""
    return Spark(partitions=2, memory_gb=1, folder=str(folder))


def on_spark(settings: Settings, folder: Path) -> Settings:
    """The settings of a shop that computes and scores on it."""
    engine = {"engine": "spark"}
    return settings.model_copy(
        update={
            "features": settings.features.model_copy(update=engine),
            "scoring": settings.scoring.model_copy(update=engine),
            "spark": of_tests(folder),
        }
    )
