"""Registered versions to decide about, from the tests of models; pages of trials are left out."""

import pytest

from retention_ml.outcomes import measure as measure_module
from tests.models.conftest import shelf, stocked

__all__ = ["shelf", "stocked"]


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure without drawing the page of the trial."""
    monkeypatch.setattr(measure_module, "_report", lambda *args: None)
