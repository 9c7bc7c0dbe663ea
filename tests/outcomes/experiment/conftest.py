"""Looks without drawing the page of each experiment."""

import pytest

from retention_ml.outcomes.experiment import look as look_module


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look without drawing pages."""
    monkeypatch.setattr(look_module, "_report", lambda *args: None)
