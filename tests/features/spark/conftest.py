"""Spark ends with the tests that began it."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def _the_session_ends() -> Iterator[None]:
    """Stop Spark and its Java process with these tests: a process of the platform ends with both."""
    yield
    context = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    gateway = getattr(context, "_gateway", None)
    if gateway is not None:
        context._active_spark_context.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=60)
