"""What the examples in the library's docstrings may use without importing it."""

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

# MLflow runs this file by itself, outside the package; importing it imports MLflow.
collect_ignore = ["retention_ml/models/bundle/serving.py"]


@pytest.fixture(scope="session", autouse=True)
def _names_for_doctests(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace.update(np=np, pa=pa, date=date, datetime=datetime, timedelta=timedelta)
